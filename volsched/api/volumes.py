"""Volumes: each request is validated, stored with the work that carries it out, and left to scheduler and agent."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from volsched.api.validation import check_zone, entries, hints, plain_type, scheduler_request, size_from, text
from volsched.api.volume_queries import VolumeQueries
from volsched.api.volume_source import find_source
from volsched.exceptions import BackendNotFound, InvalidRequest
from volsched.flows.scheduler_queue import scheduler_work
from volsched.model.claim import create_key
from volsched.model.decision import Decision
from volsched.model.event import Event, Priority
from volsched.model.identity import backend_of, derived_id
from volsched.model.observer import observed
from volsched.model.report import ServiceState
from volsched.model.request import VolumeType
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.volume_request import CreateVolumeRequest
from volsched.model.work import SCHEDULER_QUEUE, WorkRequest, agent_queue

#: Whether a volume may be moved when its type changes; the first is the default.
MIGRATION_POLICIES = ("never", "on-demand")
DELETABLE = (
    VolumeStatus.AVAILABLE,
    VolumeStatus.ERROR,
    VolumeStatus.ERROR_EXTENDING,
    VolumeStatus.ERROR_DELETING,
    VolumeStatus.ERROR_MANAGING,
)


class VolumeService(VolumeQueries):
    """Volumes. A volume is named by its id, its name, or a `Volume` that an earlier call returned.

    Each method raises NotAuthorized if the policy does not allow it, VolumeNotFound if the volume does not exist for
    this context, InvalidRequest if an argument is wrong, and DatabaseUnavailable. A method that changes a volume
    returns at once, with the volume in a status that ends in -ing; `wait` returns when the work is done.
    """

    def dry_run(self, request: CreateVolumeRequest | object = None, /, **fields: Any) -> Decision:
        """Return what `create` with the same arguments would decide now; nothing is stored."""
        self._check("volume:dry_run")
        worker = self._resources.request_worker
        worker.prepare()
        with worker.exclusive():
            self._resources.pools.renew()
            _, spec, properties = self._new_volume(_create_request(request, fields))
            return self._resources.driver.dry_run(self._context, spec, properties)

    def backup_host(
        self, *, volume: Volume | str | None = None, zone: str | None = None, driver: str | None = None
    ) -> str:
        """Return the host whose backup service would take a backup now. Raises ServiceNotFound, InvalidRequest."""
        self._check("backup:place")
        source = self._find("volume:get", volume).plain() if volume is not None else None
        return self._resources.driver.get_backup_host(source, zone, driver)

    # -- requests --------------------------------------------------------------------------------------------------

    @observed("volume create")
    def create(self, request: CreateVolumeRequest | object = None, /, **fields: Any) -> Volume:
        """Return a new volume in status `creating`; the scheduler chooses its pool. Raises QuotaExceeded.

        Takes a CreateVolumeRequest, or its fields as keyword arguments; the size may be the first argument.
        """
        self._check("volume:create")
        self._resources.request_worker.prepare()
        volume, spec, properties = self._new_volume(_create_request(request, fields))
        payload = {"request_spec": spec, "filter_properties": properties, "volume": volume.plain()}
        work = scheduler_work("create", volume.id, self._context, payload)
        reservation = self._db.quotas.reserve(
            volume.project_id, volumes=1, gigabytes=volume.size_gb, volume_type_id=volume.volume_type_id
        )
        with self._cancelled_on_refusal(reservation):
            created = self._db.volumes.create(volume, [work])
        self._db.quotas.commit(reservation)
        self._resources.caster.wake(SCHEDULER_QUEUE)
        return self._shown(created)

    @observed("volume delete")
    def delete(self, volume: Volume | str) -> Volume:
        """Return the volume in status `deleting`, or unchanged if it had no pool and is gone already."""
        found = self._find_to_change("volume:delete", volume)
        if found.host is None:
            self._db.volumes.discard(found.id, only_from=DELETABLE, events=[_deleted_event(found)])
            return found
        self._check_not_frozen(found)
        queue = agent_queue(backend_of(found.host))
        work = WorkRequest(
            id=derived_id("work", found.id, "delete", found.updated_at),
            queue=queue,
            operation="delete",
            volume_id=found.id,
            payload={"volume": found.plain(), "pool_id": found.host, "claim_key": create_key(found.id)},
        )
        deleting = self._db.volumes.begin(
            found.id, VolumeStatus.DELETING, only_from=DELETABLE, work=[work], without_snapshots=True
        )
        self._resources.caster.wake(queue)
        return self._shown(deleting)

    @observed("volume extend")
    def extend(self, volume: Volume | str, new_size_gb: object) -> Volume:
        """Return the volume in status `extending`; it stays in its pool. Raises QuotaExceeded."""
        found = self._find_to_change("volume:extend", volume)
        new_size = size_from(new_size_gb, "new_size")
        if new_size <= found.size_gb:
            raise InvalidRequest(
                "new_size", f"expected more than the {found.size_gb} GiB of volume {found.id}, got {new_size} GiB"
            )
        self._check_not_frozen(found)
        reservation = self._db.quotas.reserve(
            found.project_id,
            volumes=0,
            gigabytes=new_size - found.size_gb,
            volume_type_id=found.volume_type_id,
        )
        spec, properties = scheduler_request(found, self._type_of(found))
        payload = {
            "request_spec": {**spec, "operation": "extend_volume"},
            "filter_properties": {**properties, "new_size": new_size},
            "volume": found.plain(),
            "new_size_gb": new_size,
            "reservation": reservation,
        }
        with self._cancelled_on_refusal(reservation):
            return self._schedule("extend", found, VolumeStatus.EXTENDING, payload, mark=new_size)

    @observed("volume retype")
    def retype(self, volume: Volume | str, new_type: str, *, migration_policy: str = MIGRATION_POLICIES[0]) -> Volume:
        """Return the volume in status `retyping`. Raises QuotaExceeded.

        `migration_policy`: whether it may be moved if its pool does not fit the new type, `never` or `on-demand`.
        """
        found = self._find_to_change("volume:retype", volume)
        found_type = self._find_type(new_type)
        if migration_policy not in MIGRATION_POLICIES:
            raise InvalidRequest(
                "migration_policy", f"expected one of {', '.join(MIGRATION_POLICIES)}, got {migration_policy!r}"
            )
        if found_type.id is None or found_type.id == found.volume_type_id:
            raise InvalidRequest("type", f"volume {found.id} is of type {found_type.name} already")
        self._check_not_frozen(found)
        may_move = migration_policy != MIGRATION_POLICIES[0]
        if may_move:
            _check_detached(found)
        reservation = self._db.quotas.reserve_retype(
            found.project_id, gigabytes=found.size_gb, volume_type_id=found_type.id
        )
        spec, properties = scheduler_request(found, found_type)
        payload = {
            "request_spec": {**spec, "operation": "retype_volume", "migration_policy": migration_policy},
            "filter_properties": properties,
            "new_type_id": found_type.id,
            "migration_policy": migration_policy,
            "reservation": reservation,
        }
        with self._cancelled_on_refusal(reservation):
            return self._schedule(
                "retype", found, VolumeStatus.RETYPING, payload, mark=found_type.id, without_snapshots=may_move
            )

    @observed("volume migrate")
    def migrate(self, volume: Volume | str, host: str) -> Volume:
        """Return the volume in status `migrating` to a pool, or to another pool of a backend."""
        found = self._find_to_change("volume:migrate", volume)
        if host == found.host:
            raise InvalidRequest("host", f"volume {found.id} is in {host} already")
        target = self._find_target(host)
        if target.disabled or target.frozen or not target.up:
            state = "disabled" if target.disabled else "frozen" if target.frozen else "down"
            reason = f" ({target.disabled_reason})" if target.disabled and target.disabled_reason else ""
            raise InvalidRequest("host", f"backend {target.backend_id} is {state}{reason}; it takes no volumes now")
        if found.host is not None and not self._find_service(found.host).up:
            raise InvalidRequest(
                "volume", f"volume {found.id} is in {found.host}, which is down; it can be moved once its agent runs"
            )
        self._check_not_frozen(found)
        _check_detached(found)
        spec, properties = scheduler_request(found, self._type_of(found))
        payload = {
            # A volume that an operator moves may leave its zone.
            "request_spec": {**spec, "operation": "migrate_volume", "availability_zones": None},
            "filter_properties": properties,
            "backend": host,
        }
        return self._schedule("migrate", found, VolumeStatus.MIGRATING, payload, mark=host, without_snapshots=True)

    @observed("volume manage")
    def manage(
        self,
        host: str,
        ref: Mapping[str, str],
        *,
        name: str | None = None,
        description: str | None = None,
        volume_type: str | None = None,
        zone: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Volume:
        """Return a volume in status `managing`, for existing storage that a backend has under the name `ref`.

        Its size is 0 until its agent has read it. `host`: host@backend#pool, or host@backend.
        """
        self._check("volume:manage")
        from volsched.flows import manage_existing  # imported here because importing TaskFlow is slow

        self._resources.request_worker.prepare()
        found_type = self._find_type(volume_type) if volume_type is not None else None
        check_zone(zone, self._resources.backends.services)
        self._find_target(host)
        engine = manage_existing.get_flow(
            self._resources.queued_scheduler,
            self._db,
            {
                "context": self._context,
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
        return self._shown(Volume.parse(engine.storage.fetch("volume")))

    # -- steps -----------------------------------------------------------------------------------------------------

    def _new_volume(self, request: CreateVolumeRequest) -> tuple[Volume, dict[str, Any], dict[str, Any]]:
        """Return the volume of a valid request, with the request_spec and filter_properties for the scheduler."""
        scheduler_hints = hints(request.hints)
        source = find_source(self._db, self._authorizer, self._context, request)
        if request.volume_type is not None:
            found_type: VolumeType | None = self._find_type(request.volume_type)
        else:  # the source's own type needs no further right
            found_type = self._db.types.find(source.volume_type_id) if source.volume_type_id is not None else None
        source.check_type(found_type)
        check_zone(request.zone, self._resources.backends.services)
        volume = Volume(
            id=str(uuid.uuid4()),
            project_id=self._project_id,
            user_id=self._user_id,
            size_gb=source.size_from(request.size_gb),
            status=VolumeStatus.CREATING,
            name=text("name", request.name),
            description=text("description", request.description),
            volume_type_id=found_type.id if found_type is not None else None,
            availability_zone=request.zone,
            metadata=entries("metadata", request.metadata),
            **source.volume_fields,
        )
        spec, properties = scheduler_request(volume, found_type, scheduler_hints)
        return volume, {**spec, **source.spec_fields}, properties

    def _schedule(
        self,
        operation: str,
        volume: Volume,
        status: VolumeStatus,
        payload: Mapping[str, Any],
        *,
        mark: object,
        without_snapshots: bool = False,
    ) -> Volume:
        """Store the request for the scheduler together with the volume's new status."""
        work = scheduler_work(operation, volume.id, self._context, payload, mark=f"{mark}-{volume.updated_at}")
        changing = self._db.volumes.begin(
            volume.id,
            status,
            only_from=(VolumeStatus.AVAILABLE,),
            work=[work],
            without_snapshots=without_snapshots,
        )
        self._resources.caster.wake(SCHEDULER_QUEUE)
        return self._shown(changing)

    @contextmanager
    def _cancelled_on_refusal(self, reservation: str) -> Iterator[None]:
        """Cancel a quota reservation if the block raises InvalidRequest.

        After DatabaseUnavailable the request may have been stored; the reservation then expires by itself.
        """
        try:
            yield
        except InvalidRequest:
            self._db.quotas.cancel(reservation)
            raise

    def _find_to_change(self, rule: str, volume: Volume | str) -> Volume:
        """Return the stored volume, with the state of the backends up to date."""
        found = self._find(rule, volume)
        self._resources.request_worker.prepare()
        return found

    def _find_service(self, host: str) -> ServiceState:
        """Return the storage service of a backend or pool. Raises BackendNotFound, InvalidRequest."""
        if not isinstance(host, str) or "@" not in host:
            raise InvalidRequest("host", f"expected host@backend or host@backend#pool, got {host!r}")
        for service in self._resources.backends.services():
            if service.kind == "volume" and service.backend_id == backend_of(host):
                return service
        raise BackendNotFound(backend_of(host))

    def _find_target(self, host: str) -> ServiceState:
        """Return the storage service of an existing backend or pool. Raises PoolNotFound too."""
        service = self._find_service(host)
        if host != backend_of(host):
            self._resources.backends.pool(host)
        return service

    def _check_not_frozen(self, volume: Volume) -> None:
        """Raise InvalidRequest if an operator has frozen the volume's backend."""
        backend_id = backend_of(volume.host) if volume.host else None
        services = self._resources.backends.services()
        if any(service.frozen and service.backend_id == backend_id for service in services):
            raise InvalidRequest(
                "volume", f"volume {volume.id} cannot be changed now: its storage is frozen; try again later"
            )

    def _type_of(self, volume: Volume) -> VolumeType | None:
        return self._db.types.find(volume.volume_type_id) if volume.volume_type_id else None


def _create_request(request: CreateVolumeRequest | object, fields: dict[str, Any]) -> CreateVolumeRequest:
    """Return the request, or one of these fields; a first argument that is no request is its size."""
    if isinstance(request, CreateVolumeRequest):
        if fields:
            raise TypeError(f"expected a CreateVolumeRequest or its fields, got both: {', '.join(sorted(fields))}")
        return request
    given = dict(fields) if request is None else {"size_gb": request, **fields}
    if isinstance(given.get("source"), Volume):
        given["source"] = given["source"].id
    return CreateVolumeRequest(**given)


def _check_detached(volume: Volume) -> None:
    if volume.attach_status != "detached":
        raise InvalidRequest("volume", f"volume {volume.id} is {volume.attach_status}; detach it before it is moved")


def _deleted_event(volume: Volume) -> Event:
    """Return the event for a volume that is deleted before it had a pool."""
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
