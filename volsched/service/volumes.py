"""The API side: what a user asks of volumes. Every request is checked, written down, and then carried out by others."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from volsched.db.decisions import Decisions
from volsched.db.messages import MessageRecord, Messages
from volsched.db.quotas import Quotas
from volsched.db.volume_types import VolumeTypes
from volsched.db.volumes import Volumes
from volsched.domain.decision import Decision
from volsched.domain.identity import derived_id
from volsched.domain.ports import VolumeCaster
from volsched.domain.report import ServiceState
from volsched.domain.request import VolumeType
from volsched.domain.volume import Volume, VolumeStatus
from volsched.domain.work import SCHEDULER_QUEUE, WorkRequest, agent_queue
from volsched.engine.scheduling import backend_part
from volsched.exceptions import BackendNotFound, InvalidRequest, NotFound
from volsched.flows.context import plain_context
from volsched.service.casting import QueuedScheduler, scheduler_work

if TYPE_CHECKING:
    from volsched.engine.scheduling import PlacingScheduler

#: The largest volume that is asked for in earnest: 1 EiB.
MOST_GB = 1 << 30
MOST_TEXT = 255
MOST_ENTRIES = 128

DELETABLE = (
    VolumeStatus.AVAILABLE,
    VolumeStatus.ERROR,
    VolumeStatus.ERROR_EXTENDING,
    VolumeStatus.ERROR_DELETING,
    VolumeStatus.ERROR_MANAGING,
)


def size_from(value: object, field: str = "size") -> int:
    """A whole number of GiB from 1 to MOST_GB, given as a number or as its digits. Raises InvalidRequest."""
    mend = f"must be a whole number of GiB from 1 to {MOST_GB}"
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(MOST_GB)):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_GB:
        raise InvalidRequest(field, f"{str(value)[:40]!r} {mend}")
    return value


def _text(field: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MOST_TEXT or not value.isprintable():
        raise InvalidRequest(field, f"{str(value)[:40]!r} must be printable text of at most {MOST_TEXT} characters")
    return value


def _entries(field: str, value: Mapping[str, Any] | None) -> dict[str, str]:
    given = dict(value or {})
    if len(given) > MOST_ENTRIES:
        raise InvalidRequest(field, f"{len(given)} entries given, at most {MOST_ENTRIES} are kept")
    for key, item in given.items():
        if _text(f"{field}.{key}", key) in (None, "") or _text(f"{field}.{key}", item) is None:
            raise InvalidRequest(field, f"{key!r}={item!r} is not a name and a text")
    return given


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeDatabase:
    """The stores that the API side needs, in one place; the flows' `db_api`."""

    volumes: Volumes
    types: VolumeTypes
    quotas: Quotas
    messages: Messages
    decisions: Decisions


class VolumeService:
    """Volumes as a user sees them. Every call takes the request's context; a project sees its own volumes only."""

    def __init__(
        self,
        db: VolumeDatabase,
        *,
        scheduler: Callable[[], PlacingScheduler],
        scheduler_rpcapi: QueuedScheduler,
        caster: VolumeCaster,
        services: Callable[[], Sequence[ServiceState]],
    ) -> None:
        self._db = db
        self._scheduler = scheduler
        self._scheduler_rpcapi = scheduler_rpcapi
        self._caster = caster
        self._services = services

    # -- asking --------------------------------------------------------------------------------------------------

    def get(self, context: Any, name_or_id: str) -> Volume:
        """Raises VolumeNotFound, and InvalidRequest where several volumes have the name."""
        return self._db.volumes.find(name_or_id, _visible(context))

    def list(self, context: Any, *, all_projects: bool = False) -> Sequence[Volume]:
        """The project's volumes, oldest first; an admin may ask for everybody's."""
        return self._db.volumes.list(None if all_projects and _is_admin(context) else _project(context))

    def messages(self, context: Any, name_or_id: str) -> Sequence[MessageRecord]:
        """What the volume's owner was told, oldest first; also of a volume that is gone, by its id."""
        return self._db.messages.of(self._id_of(context, name_or_id), _visible(context))

    def explain(self, context: Any, name_or_id: str) -> Mapping[str, Any]:
        """The last decision about the volume, as `Decision.plain()`; also of a volume that is gone, by its id."""
        volume_id = self._id_of(context, name_or_id)
        found = self._db.decisions.latest(volume_id)
        if found is None:
            raise NotFound("decision", volume_id, "nothing was decided about this volume yet")
        return {
            "volume_id": volume_id,
            "outcome": found.outcome,
            "made_at": found.made_at.isoformat(),
            **found.document,
        }

    def dry_run(self, context: Any, **asked: Any) -> Decision:
        """What `create` with the same arguments would decide now; nothing is kept."""
        volume, volume_type = self._volume_from(context, **asked)
        spec, properties = _question(volume, volume_type, asked.get("hints"))
        return self._scheduler().dry_run(plain_context(context), spec, properties)

    # -- requests ------------------------------------------------------------------------------------------------

    def create(
        self,
        context: Any,
        *,
        size_gb: object,
        name: str | None = None,
        description: str | None = None,
        volume_type: str | None = None,
        zone: str | None = None,
        metadata: Mapping[str, str] | None = None,
        hints: Mapping[str, Any] | None = None,
    ) -> Volume:
        """A volume in status `creating`; a scheduler will place it. Raises InvalidRequest, QuotaExceeded."""
        volume, found_type = self._volume_from(
            context,
            size_gb=size_gb,
            name=name,
            description=description,
            volume_type=volume_type,
            zone=zone,
            metadata=metadata,
            hints=hints,
        )
        spec, properties = _question(volume, found_type, hints)
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
        return created

    def delete(self, context: Any, name_or_id: str) -> Volume:
        """The volume in status `deleting`, or as it was where it had never been placed and is gone already."""
        volume = self.get(context, name_or_id)
        if volume.host is None:
            self._db.volumes.begin(volume.id, VolumeStatus.DELETING, only_from=DELETABLE)
            self._db.volumes.remove(volume.id)
            return volume
        queue = agent_queue(backend_part(volume.host))
        work = WorkRequest(
            id=derived_id("work", volume.id, "delete", volume.updated_at),
            queue=queue,
            operation="delete",
            volume_id=volume.id,
            payload={"volume": volume.plain(), "pool_id": volume.host, "claim_key": volume.id},
        )
        deleting = self._db.volumes.begin(volume.id, VolumeStatus.DELETING, only_from=DELETABLE, work=[work])
        self._caster.wake(queue)
        return deleting

    def extend(self, context: Any, name_or_id: str, new_size_gb: object) -> Volume:
        """The volume in status `extending`. Raises InvalidRequest, QuotaExceeded."""
        volume = self.get(context, name_or_id)
        new_size = size_from(new_size_gb, "new_size")
        if new_size <= volume.size_gb:
            raise InvalidRequest(
                "new_size", f"{new_size} GiB is not more than the {volume.size_gb} GiB that {volume.id} has"
            )
        reservation = self._db.quotas.reserve(
            volume.project_id,
            volumes=0,
            gigabytes=new_size - volume.size_gb,
            volume_type_id=volume.volume_type_id,
        )
        spec, properties = _question(volume, self._type_of(volume), None)
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
        return extending

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
        from volsched.flows import manage_existing  # TaskFlow is slow to import, and every other call goes without

        found_type = self._db.types.find(volume_type) if volume_type is not None else None
        self._check_zone(zone)
        self._check_backend(host)
        engine = manage_existing.get_flow(
            self._scheduler_rpcapi,
            self._db,
            {
                "context": context,
                "host": host,
                "ref": dict(ref),
                "name": _text("name", name),
                "description": _text("description", description),
                "metadata": _entries("metadata", metadata),
                "availability_zone": zone,
                "volume_type": _plain_type(found_type),
                "bootable": False,
            },
        )
        engine.run()
        return Volume.parse(engine.storage.fetch("volume"))

    # -- checks --------------------------------------------------------------------------------------------------

    def _volume_from(
        self,
        context: Any,
        *,
        size_gb: object,
        name: str | None = None,
        description: str | None = None,
        volume_type: str | None = None,
        zone: str | None = None,
        metadata: Mapping[str, str] | None = None,
        hints: Mapping[str, Any] | None = None,
    ) -> tuple[Volume, VolumeType | None]:
        if hints is not None and not isinstance(hints, Mapping):
            raise InvalidRequest("hints", f"{hints!r} is not a mapping of names to values")
        found_type = self._db.types.find(volume_type) if volume_type is not None else None
        self._check_zone(zone)
        who = plain_context(context)
        volume = Volume(
            id=str(uuid.uuid4()),
            project_id=who.get("project_id") or "",
            user_id=who.get("user_id") or "",
            size_gb=size_from(size_gb),
            status=VolumeStatus.CREATING,
            name=_text("name", name),
            description=_text("description", description),
            volume_type_id=found_type.id if found_type is not None else None,
            availability_zone=zone,
            metadata=_entries("metadata", metadata),
        )
        return volume, found_type

    def _check_zone(self, zone: str | None) -> None:
        if zone is None:
            return
        known = sorted({service.zone for service in self._services() if service.zone})
        if zone not in known:
            raise InvalidRequest("zone", f"no zone {zone!r}; there are {', '.join(known) or 'none yet'}")

    def _check_backend(self, host: str) -> None:
        if not isinstance(host, str) or "@" not in host:
            raise InvalidRequest("host", f"{host!r} is not host@backend or host@backend#pool")
        if backend_part(host) not in {service.backend_id for service in self._services()}:
            raise BackendNotFound(backend_part(host))

    def _type_of(self, volume: Volume) -> VolumeType | None:
        return self._db.types.find(volume.volume_type_id) if volume.volume_type_id else None

    def _id_of(self, context: Any, name_or_id: str) -> str:
        """The id of a volume that is there, or the id that was given, for volumes that are gone."""
        try:
            return str(uuid.UUID(name_or_id))
        except ValueError:
            return self.get(context, name_or_id).id


def _project(context: Any) -> str:
    return plain_context(context).get("project_id") or ""


def _is_admin(context: Any) -> bool:
    return bool(plain_context(context).get("is_admin"))


def _visible(context: Any) -> str | None:
    """The project whose volumes may be seen; None: every project's."""
    return None if _is_admin(context) else _project(context)


def _plain_type(volume_type: VolumeType | None) -> dict[str, Any] | None:
    if volume_type is None:
        return None
    return {
        "id": volume_type.id,
        "name": volume_type.name,
        "extra_specs": dict(volume_type.extra_specs),
        "qos_specs": dict(volume_type.qos_specs) if volume_type.qos_specs is not None else None,
    }


def _question(
    volume: Volume, volume_type: VolumeType | None, hints: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The request_spec and filter_properties that ask where a volume may live."""
    spec = {
        "volume_id": volume.id,
        "volume_type": _plain_type(volume_type),
        "volume_properties": {
            "size": volume.size_gb,
            "availability_zone": volume.availability_zone,
            "volume_type_id": volume.volume_type_id,
            "project_id": volume.project_id,
            "user_id": volume.user_id,
            "metadata": dict(volume.metadata),
            "attach_status": volume.attach_status,
            "host": volume.host,
            "qos_specs": dict(volume_type.qos_specs) if volume_type and volume_type.qos_specs else None,
        },
        "availability_zones": [volume.availability_zone] if volume.availability_zone else None,
    }
    return spec, {"scheduler_hints": dict(hints or {})}
