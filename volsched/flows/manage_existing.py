"""The API's manage_existing flow: make a row for a volume that exists already, and ask the scheduler to place it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from taskflow.patterns import linear_flow
from taskflow.types.failure import Failure

from volsched.exceptions import InvalidRequest, VolumeNotFound
from volsched.flows import engine
from volsched.flows.task import VolschedTask
from volsched.model.context import plain_context
from volsched.model.serialization import plain
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import WorkRequest

if TYPE_CHECKING:
    from oslo_context.context import RequestContext
    from taskflow.engines.base import Engine

    from volsched.model.ports import QuotaStore, VolumeStore

LOG = logging.getLogger(__name__)

ACTION = "volume:manage_existing"
MOST_TEXT = 255
MOST_REF = 4096
#: Where a volume is for as long as no agent has it: a flow that is reverted late must not touch one that is in use.
UNMANAGED = (VolumeStatus.MANAGING, VolumeStatus.ERROR_MANAGING)

Keeping = Callable[[Any, Mapping[str, Any], Mapping[str, Any]], WorkRequest]


class SchedulerCaster(Protocol):
    """What the flow needs of the scheduler's RPC API."""

    def manage_existing(self, context: Any, volume: Mapping[str, Any], request_spec: Mapping[str, Any]) -> None:
        """Ask the scheduler to check the backend and hand the volume to its agent. Returns at once."""
        ...


@runtime_checkable
class DurableCaster(Protocol):
    """One whose requests can be written down with the row that they are about."""

    def kept(self, context: Any, volume: Mapping[str, Any], request_spec: Mapping[str, Any]) -> WorkRequest:
        """The request; it is taken up when `manage_existing` casts it, or when this process is dead."""
        ...


class ApiDatabase(Protocol):
    """What the flow needs of the database."""

    @property
    def volumes(self) -> VolumeStore: ...

    @property
    def quotas(self) -> QuotaStore: ...


class ExtractManageSpecTask(VolschedTask):
    """Extracts and validates the input keys and values.

    Reversion strategy: N/A
    """

    default_provides = {"manage_spec"}  # noqa: RUF012 - as the other tasks state it

    def execute(
        self,
        context: RequestContext,
        host: str,
        ref: dict[str, str],
        name: str | None = None,
        description: str | None = None,
        metadata: dict[str, str] | None = None,
        availability_zone: str | None = None,
        volume_type: dict[str, Any] | None = None,
        bootable: bool = False,
    ) -> dict[str, Any]:
        """Plain data for the tasks that follow. Raises InvalidRequest naming the field."""
        if not isinstance(host, str) or "@" not in host:
            raise InvalidRequest("host", f"{host!r} is not host@backend or host@backend#pool")
        if not isinstance(ref, Mapping) or not ref:
            raise InvalidRequest("ref", f"{ref!r} must name the existing volume, e.g. source-name=FILE")
        for key, value in ref.items():
            if not isinstance(value, str) or not value or len(value) > MOST_REF or "\0" in value:
                raise InvalidRequest(f"ref.{key}", f"{str(value)[:80]!r} must be text of 1 to {MOST_REF} characters")
        for field, text in (("name", name), ("description", description)):
            if text is not None and (not isinstance(text, str) or len(text) > MOST_TEXT):
                raise InvalidRequest(field, f"must be text of at most {MOST_TEXT} characters")
        return {
            "manage_spec": {
                "volume_id": str(uuid.uuid4()),  # here, so that the row made from it is made once, whoever makes it
                "host": host,
                "ref": plain(ref),
                "name": name,
                "description": description,
                "metadata": plain(metadata or {}),
                "availability_zone": availability_zone,
                "volume_type": plain(volume_type) if volume_type else None,
                "bootable": bool(bootable),
            }
        }


class ReserveQuotaTask(VolschedTask):
    """Reserves one volume of the project's quota; its size counts once it is known.

    Reversion strategy: cancel the reservation.
    """

    default_provides = {"reservation"}  # noqa: RUF012 - as the other tasks state it

    def __init__(self, quotas: QuotaStore, **kwargs: Any) -> None:
        super().__init__(addons=[ACTION], **kwargs)
        self.quotas = quotas

    def execute(self, context: RequestContext, manage_spec: dict[str, Any]) -> dict[str, Any]:
        """The reservation's id. Raises QuotaExceeded."""
        project_id = plain_context(context).get("project_id") or ""
        type_id = (manage_spec["volume_type"] or {}).get("id")
        return {"reservation": self.quotas.reserve(project_id, volumes=1, gigabytes=0, volume_type_id=type_id)}

    def revert(self, context: RequestContext, result: Any, **kwargs: Any) -> None:
        if not isinstance(result, Failure):
            self.quotas.cancel(result["reservation"])


class EntryCreateTask(VolschedTask):
    """Creates an entry for the given volume creation in the database.

    Reversion strategy: remove the volume_id created from the database.
    """

    default_provides = {"volume", "volume_properties"}  # noqa: RUF012 - the public contract

    #: The request as it is written down with the row, so that it outlives this process.
    keep: Keeping | None = None

    def __init__(self, db: VolumeStore) -> None:
        super().__init__(addons=[ACTION], requires=["manage_spec"])
        self.db = db

    def execute(self, context: RequestContext, **kwargs: Any) -> dict[str, Any]:
        """A row with status `managing` and size 0, and the properties it was made from, as plain data."""
        spec = kwargs["manage_spec"]
        who = plain_context(context)
        properties = {
            "id": spec.get("volume_id") or str(uuid.uuid4()),
            "project_id": who.get("project_id") or "",
            "user_id": who.get("user_id") or "",
            "size_gb": 0,
            "status": VolumeStatus.MANAGING.value,
            "name": spec["name"],
            "description": spec["description"],
            "volume_type_id": (spec["volume_type"] or {}).get("id"),
            "availability_zone": spec["availability_zone"],
            "host": spec["host"],
            "metadata": spec["metadata"],
            "bootable": spec["bootable"],
        }
        row = Volume.parse(properties)
        # Written down together: whoever finds the row of a process that died finds what it wanted with it.
        asked = [self.keep(context, row.plain(), _request_spec(row.id, spec, properties))] if self.keep else []
        volume = self.db.create(row, asked)
        return {"volume": volume.plain(), "volume_properties": properties}

    def revert(self, context: RequestContext, result: Any, optional_args: Any = None, **kwargs: Any) -> None:
        """Remove the row that execute() made, if it made one and nobody has taken it under management since."""
        if isinstance(result, Failure):  # or the process died before it could say that there is a row
            volume_id = kwargs.get("manage_spec", {}).get("volume_id")
        else:
            volume_id = result["volume"]["id"]
        try:
            status = self.db.get(volume_id or "").status
        except VolumeNotFound:
            return
        if status in UNMANAGED:
            self.db.remove(volume_id)
            LOG.info("volume %s: its row is removed, for it could not be taken under management", volume_id)


class CommitQuotaTask(VolschedTask):
    """Commits the reservation: from here on the row itself counts.

    Reversion strategy: N/A, usage is counted from the rows.
    """

    def __init__(self, quotas: QuotaStore, **kwargs: Any) -> None:
        super().__init__(addons=[ACTION], **kwargs)
        self.quotas = quotas

    def execute(self, context: RequestContext, reservation: str, volume: dict[str, Any]) -> None:
        self.quotas.commit(reservation)


class ManageCastTask(VolschedTask):
    """Performs a volume manage cast to the scheduler and the volume manager.

    This signals a transition of the API workflow to another child and/or related workflow.

    Reversion strategy: set the volume's status to error_managing.
    """

    def __init__(self, scheduler_rpcapi: SchedulerCaster, db: VolumeStore) -> None:
        super().__init__(addons=[ACTION], requires=["manage_spec", "volume_properties"])
        self.scheduler_rpcapi = scheduler_rpcapi
        self.db = db

    def execute(self, context: RequestContext, volume: dict[str, Any], **kwargs: Any) -> None:
        """Hand the request to the scheduler, which checks the backend and casts to its agent."""
        spec = kwargs["manage_spec"]
        properties = kwargs["volume_properties"]
        request_spec = _request_spec(volume["id"], spec, properties)
        self.scheduler_rpcapi.manage_existing(context, volume, request_spec=request_spec)

    def revert(
        self, context: RequestContext, result: Any, flow_failures: dict[str, Any], volume: dict[str, Any], **kwargs: Any
    ) -> None:
        """Mark the volume, so that nobody waits for it."""
        self.db.set_status(volume["id"], VolumeStatus.ERROR_MANAGING, only_from=UNMANAGED)
        for name, failure in flow_failures.items():
            LOG.error("volume %s: %s failed: %s", volume["id"], name, failure.exception_str)


def _request_spec(volume_id: str, spec: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """What the scheduler is asked."""
    return {
        "volume_id": volume_id,
        "operation": "manage_existing",
        "ref": spec["ref"],
        "volume_type": spec["volume_type"],
        "volume_properties": {
            "size": 0,
            "availability_zone": spec["availability_zone"],
            "volume_type_id": properties["volume_type_id"],
            "project_id": properties["project_id"],
            "user_id": properties["user_id"],
            "metadata": spec["metadata"],
        },
    }


def get_flow(scheduler_rpcapi: SchedulerCaster, db_api: ApiDatabase, create_what: Mapping[str, Any]) -> Engine:
    """Constructs and returns the api entrypoint flow.

    1. Inject keys & values for dependent tasks.
    2. Extracts and validates the input keys & values.
    3. Reserves quota, creates the database entry, commits the quota.
    4. Casts to volume manager and scheduler for further processing.

    `create_what`: context, host and ref; name, description, metadata, availability_zone, volume_type, bootable.
    """
    return engine.load(flow_of(scheduler_rpcapi, db_api), inputs_of(create_what))


def flow_of(scheduler_rpcapi: SchedulerCaster, db_api: ApiDatabase) -> linear_flow.Flow:
    """The five tasks, for whatever engine runs them; `inputs_of` makes what they take."""
    entry = EntryCreateTask(db_api.volumes)
    entry.keep = scheduler_rpcapi.kept if isinstance(scheduler_rpcapi, DurableCaster) else None
    flow = linear_flow.Flow(ACTION.replace(":", "_") + "_api")
    flow.add(
        ExtractManageSpecTask(addons=[ACTION]),
        ReserveQuotaTask(db_api.quotas),
        entry,
        CommitQuotaTask(db_api.quotas),
        ManageCastTask(scheduler_rpcapi, db_api.volumes),
    )
    return flow


def inputs_of(create_what: Mapping[str, Any]) -> dict[str, Any]:
    """What the flow is given, as plain data."""
    return {**create_what, "context": plain_context(create_what["context"]), "optional_args": None}
