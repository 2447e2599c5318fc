"""The API side: what a user asks of volumes. Every request is checked, written down, and then carried out by others."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from volsched.api import volume_sources
from volsched.api.authorization import Authorizer
from volsched.api.queries import Looking, VolumeDatabase
from volsched.api.validation import check_zone, entries, plain_type, question, size_from, text
from volsched.exceptions import BackendNotFound, InvalidRequest
from volsched.flows.scheduler_queue import QueuedScheduler, scheduler_work
from volsched.model.context import plain_context
from volsched.model.decision import Decision
from volsched.model.event import Event, Priority
from volsched.model.identity import derived_id
from volsched.model.observer import NO_OBSERVER, Observer, observed
from volsched.model.ports import VolumeCaster
from volsched.model.report import ServiceState
from volsched.model.request import VolumeType
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import SCHEDULER_QUEUE, WorkRequest, agent_queue
from volsched.placement.scheduler import backend_part

if TYPE_CHECKING:
    from volsched.placement.scheduler import PlacingScheduler

#: Whether a volume may be moved when its type changes; the first one unless another is given.
MIGRATION_POLICIES = ("never", "on-demand")
DELETABLE = (
    VolumeStatus.AVAILABLE,
    VolumeStatus.ERROR,
    VolumeStatus.ERROR_EXTENDING,
    VolumeStatus.ERROR_DELETING,
    VolumeStatus.ERROR_MANAGING,
)


class VolumeService(Looking):
    """Volumes as a user sees them. Every call takes the request's context; a project sees its own volumes only."""

    def __init__(
        self,
        db: VolumeDatabase,
        *,
        scheduler: Callable[[], PlacingScheduler],
        scheduler_rpcapi: QueuedScheduler,
        caster: VolumeCaster,
        services: Callable[[], Sequence[ServiceState]],
        authorizer: Authorizer,
        observer: Observer = NO_OBSERVER,
    ) -> None:
        super().__init__(db, authorizer, observer)
        self._scheduler = scheduler
        self._scheduler_rpcapi = scheduler_rpcapi
        self._caster = caster
        self._services = services

    def dry_run(self, context: Any, **asked: Any) -> Decision:
        """What `create` with the same arguments would decide now; nothing is kept."""
        self._authority.check(context, "volume:dry_run")
        _, spec, properties = self._asked(context, **asked)
        return self._scheduler().dry_run(plain_context(context), spec, properties)

    # -- requests ------------------------------------------------------------------------------------------------

    @observed("volume create")
    def create(
        self,
        context: Any,
        *,
        size_gb: object = None,
        name: str | None = None,
        description: str | None = None,
        volume_type: str | None = None,
        zone: str | None = None,
        metadata: Mapping[str, str] | None = None,
        hints: Mapping[str, Any] | None = None,
        snapshot: str | None = None,
        source: str | None = None,
        group: str | None = None,
    ) -> Volume:
        """A volume in status `creating`; a scheduler will place it. Raises InvalidRequest, QuotaExceeded.

        `snapshot` or `source`, a volume: what it begins as a copy of; size and type are then theirs, unless given.
        """
        self._authority.check(context, "volume:create")
        volume, spec, properties = self._asked(
            context,
            size_gb=size_gb,
            name=name,
            description=description,
            volume_type=volume_type,
            zone=zone,
            metadata=metadata,
            hints=hints,
            snapshot=snapshot,
            source=source,
            group=group,
        )
        work = scheduler_work(
            "create",
            volume.id,
            context,
            {"request_spec": spec, "filter_properties": properties, "volume": volume.plain()},
        )
        reservation = self._db.quotas.reserve(
            volume.project_id, volumes=1, gigabytes=volume.size_gb, volume_type_id=volume.volume_type_id
        )
        created = self._db.volumes.create(volume, [work])
        self._db.quotas.commit(reservation)
        self._caster.wake(SCHEDULER_QUEUE)
        return self.shown(context, created)

    @observed("volume delete")
    def delete(self, context: Any, name_or_id: str) -> Volume:
        """The volume in status `deleting`, or as it was where it had never been placed and is gone already."""
        volume = self._found(context, "volume:delete", name_or_id)
        if volume.host is None:
            self._db.volumes.discard(volume.id, only_from=DELETABLE, events=[_removed(volume)])
            return volume
        self._check_not_frozen(volume)
        queue = agent_queue(backend_part(volume.host))
        work = WorkRequest(
            id=derived_id("work", volume.id, "delete", volume.updated_at),
            queue=queue,
            operation="delete",
            volume_id=volume.id,
            payload={"volume": volume.plain(), "pool_id": volume.host, "claim_key": volume.id},
        )
        deleting = self._db.volumes.begin(
            volume.id, VolumeStatus.DELETING, only_from=DELETABLE, work=[work], without_snapshots=True
        )
        self._caster.wake(queue)
        return self.shown(context, deleting)

    @observed("volume extend")
    def extend(self, context: Any, name_or_id: str, new_size_gb: object) -> Volume:
        """The volume in status `extending`. Raises InvalidRequest, QuotaExceeded."""
        volume = self._found(context, "volume:extend", name_or_id)
        new_size = size_from(new_size_gb, "new_size")
        if new_size <= volume.size_gb:
            raise InvalidRequest(
                "new_size", f"{new_size} GiB is not more than the {volume.size_gb} GiB that {volume.id} has"
            )
        self._check_not_frozen(volume)
        reservation = self._db.quotas.reserve(
            volume.project_id,
            volumes=0,
            gigabytes=new_size - volume.size_gb,
            volume_type_id=volume.volume_type_id,
        )
        spec, properties = question(volume, self._type_of(volume), None)
        work = scheduler_work(
            "extend",
            volume.id,
            context,
            {
                "request_spec": {**spec, "operation": "extend_volume"},
                "filter_properties": {**properties, "new_size": new_size},
                "volume": volume.plain(),
                "new_size_gb": new_size,
                "reservation": reservation,
            },
            mark=f"{new_size}-{volume.updated_at}",
        )
        try:
            extending = self._db.volumes.begin(
                volume.id, VolumeStatus.EXTENDING, only_from=(VolumeStatus.AVAILABLE,), work=[work]
            )
        except InvalidRequest:
            self._db.quotas.cancel(reservation)
            raise
        self._caster.wake(SCHEDULER_QUEUE)
        return self.shown(context, extending)

    @observed("volume retype")
    def retype(
        self, context: Any, name_or_id: str, new_type: str, *, migration_policy: str = MIGRATION_POLICIES[0]
    ) -> Volume:
        """The volume in status `retyping`. `migration_policy`: whether it may be moved for it, never or on-demand.

        Raises InvalidRequest, QuotaExceeded.
        """
        volume = self._found(context, "volume:retype", name_or_id)
        found_type = self._db.types.find(new_type)
        if migration_policy not in MIGRATION_POLICIES:
            known = ", ".join(MIGRATION_POLICIES)
            raise InvalidRequest("migration_policy", f"{migration_policy!r} is none; there are {known}")
        if found_type.id is None or found_type.id == volume.volume_type_id:
            raise InvalidRequest("type", f"volume {volume.id} is of type {found_type.name} already")
        self._check_not_frozen(volume)
        may_move = migration_policy != MIGRATION_POLICIES[0]
        if may_move:
            _check_detached(volume)
        reservation = self._db.quotas.reserve_retype(
            volume.project_id, gigabytes=volume.size_gb, volume_type_id=found_type.id
        )
        spec, properties = question(volume, found_type, None)
        work = scheduler_work(
            "retype",
            volume.id,
            context,
            {
                "request_spec": {**spec, "operation": "retype_volume", "migration_policy": migration_policy},
                "filter_properties": properties,
                "new_type_id": found_type.id,
                "migration_policy": migration_policy,
                "reservation": reservation,
            },
            mark=f"{found_type.id}-{volume.updated_at}",
        )
        try:
            retyping = self._db.volumes.begin(
                volume.id,
                VolumeStatus.RETYPING,
                only_from=(VolumeStatus.AVAILABLE,),
                work=[work],
                without_snapshots=may_move,
            )
        except InvalidRequest:
            self._db.quotas.cancel(reservation)
            raise
        self._caster.wake(SCHEDULER_QUEUE)
        return self.shown(context, retyping)

    @observed("volume migrate")
    def migrate(self, context: Any, name_or_id: str, host: str) -> Volume:
        """The volume in status `migrating`, to a pool, or to another pool of a backend. For administrators.

        Raises InvalidRequest, NotAuthorized.
        """
        volume = self._found(context, "volume:migrate", name_or_id)
        if host == volume.host:
            raise InvalidRequest("host", f"volume {volume.id} is in {host} already")
        target = self._check_backend(host)
        if target.disabled or target.frozen or not target.up:
            why = "disabled" if target.disabled else "frozen" if target.frozen else "down"
            because = f" ({target.disabled_reason})" if target.disabled and target.disabled_reason else ""
            raise InvalidRequest("host", f"backend {target.backend_id} is {why}{because}; it takes no volumes now")
        if volume.host is not None and not self._check_backend(volume.host).up:
            raise InvalidRequest("volume", f"it is in {volume.host}, which is down: nobody can read it there")
        self._check_not_frozen(volume)
        _check_detached(volume)
        spec, properties = question(volume, self._type_of(volume), None)
        work = scheduler_work(
            "migrate",
            volume.id,
            context,
            {
                # Who moves a volume may move it to another zone.
                "request_spec": {**spec, "operation": "migrate_volume", "availability_zones": None},
                "filter_properties": properties,
                "backend": host,
            },
            mark=f"{host}-{volume.updated_at}",
        )
        migrating = self._db.volumes.begin(
            volume.id,
            VolumeStatus.MIGRATING,
            only_from=(VolumeStatus.AVAILABLE,),
            work=[work],
            without_snapshots=True,
        )
        self._caster.wake(SCHEDULER_QUEUE)
        return self.shown(context, migrating)

    def backup_host(
        self, context: Any, *, volume: str | None = None, zone: str | None = None, driver: str | None = None
    ) -> str:
        """The host whose backup service would take a backup now. Raises ServiceNotFound, InvalidRequest."""
        self._authority.check(context, "backup:place")
        of = self._found(context, "volume:get", volume).plain() if volume is not None else None
        return self._scheduler().get_backup_host(of, zone, driver)

    @observed("volume manage")
    def manage(
        self,
        context: Any,
        *,
        host: str,
        ref: Mapping[str, str],
        name: str | None = None,
        description: str | None = None,
        volume_type: str | None = None,
        zone: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Volume:
        """A volume in status `managing`, of size 0 until its backend has looked at it: runs manage_existing."""
        self._authority.check(context, "volume:manage")
        from volsched.flows import manage_existing  # TaskFlow is slow to import, and every other call goes without

        found_type = self._db.types.find(volume_type) if volume_type is not None else None
        check_zone(zone, self._services)
        self._check_backend(host)
        engine = manage_existing.get_flow(
            self._scheduler_rpcapi,
            self._db,
            {
                "context": context,
                "host": host,
                "ref": dict(ref),
                "name": text("name", name),
                "description": text("description", description),
                "metadata": entries("metadata", metadata),
                "availability_zone": zone,
                "volume_type": plain_type(found_type),
                "bootable": False,
            },
        )
        engine.run()
        return self.shown(context, Volume.parse(engine.storage.fetch("volume")))

    # -- checks --------------------------------------------------------------------------------------------------

    def _asked(
        self,
        context: Any,
        *,
        size_gb: object = None,
        name: str | None = None,
        description: str | None = None,
        volume_type: str | None = None,
        zone: str | None = None,
        metadata: Mapping[str, str] | None = None,
        hints: Mapping[str, Any] | None = None,
        snapshot: str | None = None,
        source: str | None = None,
        group: str | None = None,
    ) -> tuple[Volume, dict[str, Any], dict[str, Any]]:
        """A volume to be made, with the request_spec and filter_properties that ask where it may live."""
        if hints is not None and not isinstance(hints, Mapping):
            raise InvalidRequest("hints", f"{hints!r} is not a mapping of names to values")
        begins = volume_sources.beginning(
            self._db, self._authority, context, snapshot=snapshot, source=source, group=group
        )
        type_name = volume_type if volume_type is not None else begins.volume_type_id
        found_type = self._db.types.find(type_name) if type_name is not None else None
        begins.check_type(found_type)
        check_zone(zone, self._services)
        who = plain_context(context)
        volume = Volume(
            id=str(uuid.uuid4()),
            project_id=who.get("project_id") or "",
            user_id=who.get("user_id") or "",
            size_gb=begins.size_from(size_gb),
            status=VolumeStatus.CREATING,
            name=text("name", name),
            description=text("description", description),
            volume_type_id=found_type.id if found_type is not None else None,
            availability_zone=zone,
            metadata=entries("metadata", metadata),
            **begins.fields,
        )
        spec, properties = question(volume, found_type, hints)
        return volume, {**spec, **begins.spec}, properties

    def _check_backend(self, host: str) -> ServiceState:
        if not isinstance(host, str) or "@" not in host:
            raise InvalidRequest("host", f"{host!r} is not host@backend or host@backend#pool")
        for service in self._services():
            if service.kind == "volume" and service.backend_id == backend_part(host):
                return service
        raise BackendNotFound(backend_part(host))

    def _check_not_frozen(self, volume: Volume) -> None:
        """Raises InvalidRequest where the operator wants nothing changed on the volume's backend."""
        where = backend_part(volume.host) if volume.host else None
        if any(service.frozen and service.backend_id == where for service in self._services()):
            raise InvalidRequest("volume", f"{volume.id} cannot be changed now: its storage is frozen; try again later")

    def _type_of(self, volume: Volume) -> VolumeType | None:
        return self._db.types.find(volume.volume_type_id) if volume.volume_type_id else None


def _check_detached(volume: Volume) -> None:
    if volume.attach_status != "detached":
        raise InvalidRequest(
            "volume", f"{volume.id} is {volume.attach_status}; detach it first, it cannot be moved now"
        )


def _removed(volume: Volume) -> Event:
    """What is told of a volume that goes away without having been anywhere."""
    return Event(
        id=derived_id("event", volume.id, "volume.delete.end"),
        event_type="volume.delete.end",
        priority=Priority.INFO,
        occurred_at=datetime.now(UTC).replace(tzinfo=None).isoformat(),
        publisher=f"api.{socket.gethostname()}",
        volume_id=volume.id,
        project_id=volume.project_id,
        payload={"volume": volume.plain(), "pool_id": None},
    )
