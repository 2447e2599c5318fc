"""The API's manage_existing flow: create a row for existing storage, and request its scheduling."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

from oslo_context.context import RequestContext
from taskflow.engines.base import Engine
from taskflow.patterns import linear_flow
from taskflow.types.failure import Failure

from volsched.exceptions import VolumeNotFound
from volsched.flows import engine
from volsched.flows.task import VolschedTask
from volsched.model import parsing
from volsched.model.context import plain_context
from volsched.model.ports import QuotaStore, VolumeStore
from volsched.model.serialization import plain
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import WorkRequest

LOG = logging.getLogger(__name__)

ACTION = "volume:manage_existing"
#: The statuses before an agent has the volume: a late revert must not change a volume that is in use.
UNMANAGED = (VolumeStatus.MANAGING, VolumeStatus.ERROR_MANAGING)

KeepRequest = Callable[[Any, Mapping[str, Any], Mapping[str, Any]], WorkRequest]


class SchedulerCaster(Protocol):
    """The part of the scheduler's RPC API that the flow calls."""

    def manage_existing(self, context: Any, volume: Mapping[str, Any], request_spec: Mapping[str, Any]) -> None:
        """Request that the scheduler checks the backend and casts to its agent. Return at once."""
        ...


@runtime_checkable
class DurableCaster(Protocol):
    """A SchedulerCaster whose requests can be stored together with the volume's row."""

    def kept(self, context: Any, volume: Mapping[str, Any], request_spec: Mapping[str, Any]) -> WorkRequest:
        """Return the request; it is taken after `manage_existing` has cast it, or when this process is dead."""
        ...


class ApiDatabase(Protocol):
    """The stores that the flow needs."""

    @property
    def volumes(self) -> VolumeStore: ...

    @property
    def quotas(self) -> QuotaStore: ...


class ExtractManageSpecTask(VolschedTask):
    """Validates the inputs, and chooses the volume's id.

    The id is a result of its own, so that a flow that is resumed creates the row only once.

    Reversion strategy: N/A
    """

    default_provides = {"volume_id"}  # noqa: RUF012 - as the other tasks state it

    def execute(
        self,
        context: RequestContext,
        host: str,
        ref: dict[str, str],
        name: str | None = None,
        description: str | None = None,
    ) -> dict[str, Any]:
        """Return the volume's id. Raise InvalidRequest naming the field."""
        parsing.backend_from(host)
        parsing.reference_from(ref)
        parsing.optional_name(name, "name")
        parsing.optional_name(description, "description")
        return {"volume_id": str(uuid.uuid4())}


class ReserveQuotaTask(VolschedTask):
    """Reserves quota for one volume; its size counts once it is known.

    Reversion strategy: cancel the reservation.
    """

    default_provides = {"reservation"}  # noqa: RUF012 - as the other tasks state it

    def __init__(self, quotas: QuotaStore, **kwargs: Any) -> None:
        super().__init__(addons=[ACTION], **kwargs)
        self.quotas = quotas

    def execute(self, context: RequestContext, volume_type: dict[str, Any] | None) -> dict[str, Any]:
        """Return the reservation's id. Raise QuotaExceeded."""
        project_id = plain_context(context).get("project_id") or ""
        type_id = (volume_type or {}).get("id")
        return {"reservation": self.quotas.reserve(project_id, volumes=1, gigabytes=0, volume_type_id=type_id)}

    def revert(self, context: RequestContext, result: Any, **kwargs: Any) -> None:
        if not isinstance(result, Failure):
            self.quotas.cancel(result["reservation"])


class EntryCreateTask(VolschedTask):
    """Creates an entry for the given volume creation in the database.

    Reversion strategy: remove the volume_id created from the database.
    """

    default_provides = {"volume", "volume_properties"}  # noqa: RUF012 - the public contract

    #: The inputs, as in Cinder.
    REQUIRES: ClassVar[tuple[str, ...]] = (
        "availability_zone",
        "description",
        "metadata",
        "name",
        "host",
        "bootable",
        "volume_type",
        "ref",
    )

    def __init__(self, db: VolumeStore) -> None:
        super().__init__(name=f"{__name__}.EntryCreateTask;{ACTION}", requires=self.REQUIRES)
        self.db = db

    def execute(self, context: RequestContext, **kwargs: Any) -> dict[str, Any]:
        """Create a row with status `managing` and size 0; return it and its properties as plain data."""
        credentials = plain_context(context)
        properties = {
            "size": 0,
            "user_id": credentials.get("user_id") or "",
            "project_id": credentials.get("project_id") or "",
            "status": VolumeStatus.MANAGING.value,
            "attach_status": "detached",
            "display_description": kwargs.get("description"),
            "display_name": kwargs.get("name"),
            "host": kwargs["host"],
            "availability_zone": kwargs.get("availability_zone"),
            "volume_type_id": (kwargs.get("volume_type") or {}).get("id"),
            "metadata": plain(kwargs.get("metadata") or {}),
            "bootable": bool(kwargs.get("bootable")),
        }
        row = Volume(
            id=kwargs.get("volume_id") or str(uuid.uuid4()),
            project_id=properties["project_id"],
            user_id=properties["user_id"],
            size_gb=0,
            status=VolumeStatus.MANAGING,
            name=properties["display_name"],
            description=properties["display_description"],
            volume_type_id=properties["volume_type_id"],
            availability_zone=properties["availability_zone"],
            host=properties["host"],
            metadata=properties["metadata"],
            bootable=properties["bootable"],
        )
        volume = self.create(context, row, properties, kwargs)
        return {"volume": volume.plain(), "volume_properties": properties}

    def create(
        self, context: RequestContext, row: Volume, properties: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> Volume:
        """Store the row."""
        return self.db.create(row)

    def revert(self, context: RequestContext, result: Any, optional_args: Any = None, **kwargs: Any) -> None:
        """Remove the row that execute() created, unless an agent manages it by now."""
        # After a failure there is no result, but the process may have died after it had created the row.
        volume_id = kwargs.get("volume_id", "") if isinstance(result, Failure) else result["volume"]["id"]
        try:
            status = self.db.get(volume_id).status
        except VolumeNotFound:
            return
        if status in UNMANAGED:
            self.db.remove(volume_id)
            LOG.info("volume %s: its row is removed, because it could not be taken under management", volume_id)


class _ResumableEntryCreateTask(EntryCreateTask):
    """The same with the volume's id as an input, and the scheduler's request stored together with the row.

    Whoever finds the row of a dead process finds the request with it.
    """

    REQUIRES: ClassVar[tuple[str, ...]] = (*EntryCreateTask.REQUIRES, "volume_id")

    def __init__(self, db: VolumeStore, keep: KeepRequest | None) -> None:
        super().__init__(db)
        self.keep = keep

    def create(
        self, context: RequestContext, row: Volume, properties: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> Volume:
        if self.keep is None:
            return super().create(context, row, properties, inputs)
        request_spec = _request_spec(row.id, properties, inputs)
        return self.db.create(row, [self.keep(context, row.plain(), request_spec)])


class CommitQuotaTask(VolschedTask):
    """Commits the reservation: from now on, the row counts.

    Reversion strategy: N/A, because usage is counted from the rows.
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
        super().__init__(addons=[ACTION], requires=["volume_properties", "volume_type", "ref"])
        self.scheduler_rpcapi = scheduler_rpcapi
        self.db = db

    def execute(self, context: RequestContext, volume: dict[str, Any], **kwargs: Any) -> None:
        """Request that the scheduler checks the backend and casts to its agent."""
        request_spec = _request_spec(volume["id"], kwargs["volume_properties"], kwargs)
        self.scheduler_rpcapi.manage_existing(context, volume, request_spec=request_spec)

    def revert(
        self, context: RequestContext, result: Any, flow_failures: dict[str, Any], volume: dict[str, Any], **kwargs: Any
    ) -> None:
        """Set the volume to error_managing, so that waiting for it ends."""
        self.db.set_status(volume["id"], VolumeStatus.ERROR_MANAGING, only_from=UNMANAGED)
        for name, failure in flow_failures.items():
            LOG.error("volume %s: %s failed: %s", volume["id"], name, failure.exception_str)


def _request_spec(volume_id: str, properties: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scheduler's request: Cinder's four entries, and the operation."""
    return {
        "volume_id": volume_id,
        "operation": "manage_existing",
        "ref": plain(inputs["ref"]),
        "volume_type": plain(inputs.get("volume_type")),
        "volume_properties": properties,
    }


def get_flow(scheduler_rpcapi: SchedulerCaster, db_api: ApiDatabase, create_what: Mapping[str, Any]) -> Engine:
    """Constructs and returns the api entrypoint flow.

    1. Inject keys & values for dependent tasks.
    2. Extracts and validates the input keys & values.
    3. Reserves quota, creates the database entry, commits the quota.
    4. Casts to volume manager and scheduler for further processing.

    `create_what`: context, host and ref; and optionally name, description, metadata, availability_zone, volume_type
    (as plain data) and bootable.
    """
    return engine.load(flow_of(scheduler_rpcapi, db_api), inputs_of(create_what))


def flow_of(scheduler_rpcapi: SchedulerCaster, db_api: ApiDatabase) -> linear_flow.Flow:
    """Return the five tasks, for any engine; `inputs_of` returns their inputs."""
    keep = scheduler_rpcapi.kept if isinstance(scheduler_rpcapi, DurableCaster) else None
    flow = linear_flow.Flow(ACTION.replace(":", "_") + "_api")
    flow.add(
        ExtractManageSpecTask(addons=[ACTION]),
        ReserveQuotaTask(db_api.quotas),
        _ResumableEntryCreateTask(db_api.volumes, keep),
        CommitQuotaTask(db_api.quotas),
        ManageCastTask(scheduler_rpcapi, db_api.volumes),
    )
    return flow


def inputs_of(create_what: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of the flow as plain data, with defaults for the optional ones."""
    return {
        "name": None,
        "description": None,
        "metadata": {},
        "availability_zone": None,
        "volume_type": None,
        "bootable": False,
        **create_what,
        "context": plain_context(create_what["context"]),
        "optional_args": None,
    }
