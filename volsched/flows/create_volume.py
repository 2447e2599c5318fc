"""The scheduler's create_volume flow: complete the request, then let the selected driver place it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from oslo_context.context import RequestContext
from taskflow.engines.base import Engine
from taskflow.patterns import linear_flow

from volsched.exceptions import DatabaseUnavailable, InvalidRequest, LeaseLost, NoValidBackend
from volsched.flows import engine
from volsched.flows.task import VolschedTask
from volsched.model.context import plain_context
from volsched.model.parsing import lease_from, retry_from
from volsched.model.serialization import plain
from volsched.model.volume import Volume
from volsched.model.work import Lease
from volsched.placement.scheduler import took_ms
from volsched.plugins.schedulers import CREATE_FAILED, CreateFailure

LOG = logging.getLogger(__name__)

ACTION = "volume:create"


class CreateDriver(Protocol):
    """A scheduler driver, as far as the flow calls it."""

    def schedule_create_volume(
        self, context: Any, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]
    ) -> object: ...


RecordFailure = Callable[[CreateFailure], None]


class ExtractSchedulerSpecTask(VolschedTask):
    """Completes a partial or missing request spec from the volume.

    What is malformed in the request spec stays as it is: ScheduleCreateVolumeTask refuses it, and records that.

    Reversion strategy: N/A
    """

    default_provides = {"request_spec"}  # noqa: RUF012 - the public contract

    def execute(
        self,
        context: RequestContext,
        request_spec: dict[str, Any] | None,
        volume: Volume,
        snapshot_id: str | None,
        image_id: str | None,
        backup_id: str | None,
    ) -> dict[str, Any]:
        """Return `{"request_spec": …}` as plain data; what the caller gave takes precedence over the volume."""
        spec = plain({} if request_spec is None else request_spec)
        if not isinstance(spec, dict):
            return {"request_spec": spec}
        if volume is not None:
            known = Volume.parse(volume)
            properties = {
                "size": known.size_gb,
                "availability_zone": known.availability_zone,
                "volume_type_id": known.volume_type_id,
                "project_id": known.project_id,
                "user_id": known.user_id,
                "metadata": dict(known.metadata),
            }
            given = spec.get("volume_properties")
            if given is None or isinstance(given, dict):
                spec["volume_properties"] = {**properties, **(given or {})}
            spec["volume_id"] = spec.get("volume_id") or known.id
            spec["volume"] = known.plain()
        for key, value in (("snapshot_id", snapshot_id), ("image_id", image_id), ("backup_id", backup_id)):
            spec[key] = spec.get(key) or value
        if not spec.get("volume_id"):
            raise InvalidRequest("request_spec.volume_id", "expected a volume's id, or a volume, got neither")
        return {"request_spec": spec}


class ScheduleCreateVolumeTask(VolschedTask):
    """Activates a scheduler driver and handles any subsequent failures.

    Notification strategy: on failure every configured notifier gets an event on `scheduler.create_volume` with what
    errored, the reason, and the request (and other data) that caused the error. The volume's status becomes `error` and
    its owner gets a message. NoValidBackend ends here once it is recorded: it is an answer. Anything else is raised
    again, and so is NoValidBackend where nothing can record it.

    `record_failure`: records failures; by default the driver's own method of this name, where it has one.

    Reversion strategy: N/A
    """

    FAILURE_TOPIC = CREATE_FAILED

    def __init__(self, driver_api: CreateDriver, **kwargs: Any) -> None:
        own: RecordFailure | None = getattr(driver_api, "record_failure", None)
        self._record_failure: RecordFailure | None = kwargs.pop("record_failure", None) or own
        super().__init__(addons=[ACTION], **kwargs)
        self.driver_api = driver_api

    def execute(
        self,
        context: RequestContext,
        request_spec: dict[str, Any],
        filter_properties: dict[str, Any],
        volume: Volume,
    ) -> None:
        """Delegate to the driver: it chooses, claims and queues the agent's work."""
        begun = time.perf_counter()
        fence = None
        try:
            fence = _checked(request_spec, filter_properties, volume)
            self.driver_api.schedule_create_volume(context, request_spec, filter_properties)
        except (LeaseLost, DatabaseUnavailable):
            raise  # another process does this work now, or nothing can be recorded: the work is taken up again
        except Exception as problem:  # whatever a driver raises, the volume must not stay in `creating`
            failure = failure_of(problem, context, request_spec, filter_properties, volume, begun=begun, fence=fence)
            LOG.error("volume %s was not placed: %s", failure.volume_id, problem)
            if self._record_failure is None:
                raise
            self._record_failure(failure)
            if not isinstance(problem, NoValidBackend):
                raise


def _checked(request_spec: Any, filter_properties: Any, volume: Any) -> Lease | None:
    """Return the lease that the request is made under. Raises InvalidRequest where no driver could read the request."""
    for field, value in (("request_spec", request_spec), ("filter_properties", filter_properties)):
        if not isinstance(value, Mapping):
            raise InvalidRequest(field, f"expected a mapping, got {value!r:.60}")
    fence = lease_from(filter_properties)
    retry_from(filter_properties.get("retry"))
    if not isinstance(request_spec.get("volume_properties"), Mapping):
        got = f"{request_spec.get('volume_properties')!r:.60}"
        raise InvalidRequest("request_spec.volume_properties", f"expected a mapping, got {got}")
    named, given = request_spec.get("volume_id"), Volume.parse(volume).id if volume is not None else None
    if not isinstance(named, str) or given not in (None, named):
        expected = "a volume's id" if given is None else f"{given}, the volume that was given"
        raise InvalidRequest("request_spec.volume_id", f"expected {expected}, got {named!r:.60}")
    return fence


def failure_of(
    problem: BaseException,
    context: Any,
    request_spec: Any,
    filter_properties: Any,
    volume: Any,
    *,
    begun: float,
    fence: Lease | None,
) -> CreateFailure:
    """Return the failure as it is recorded, whatever is malformed in the request. `begun`: by time.perf_counter.

    The failed volume is the one that was given; only without one it is the one that the request spec names.
    """
    spec, properties = plain(request_spec), plain(filter_properties)
    named = spec.get("volume_id") if isinstance(spec, dict) else None
    retry = properties.get("retry") if isinstance(properties, dict) else None
    attempts = retry.get("num_attempts") if isinstance(retry, dict) else None
    who = plain_context(context) if context is not None else {}
    project_id = who.get("project_id")
    return CreateFailure(
        problem=problem,
        volume_id=Volume.parse(volume).id if volume is not None else named if isinstance(named, str) else None,
        project_id=project_id if isinstance(project_id, str) else "",
        request_spec=spec,
        context=who,
        attempt=attempts + 1 if isinstance(attempts, int) else 1,
        took_ms=took_ms(begun),
        fence=fence,
    )


def get_flow(
    context: RequestContext,
    driver_api: CreateDriver,
    request_spec: dict[str, Any] | None = None,
    filter_properties: dict[str, Any] | None = None,
    volume: Volume | None = None,
    snapshot_id: str | None = None,
    image_id: str | None = None,
    backup_id: str | None = None,
) -> Engine:
    """Constructs and returns the scheduler entrypoint flow.

    1. Inject keys & values for dependent tasks.
    2. Extract a scheduler specification from the provided inputs.
    3. Use the provided scheduler driver to select a pool and pass the creation request further.
    """
    store = inputs_of(context, request_spec, filter_properties, volume, snapshot_id, image_id, backup_id)
    return engine.load(flow_of(driver_api), store)


class Creation:
    """The same flow for one driver, request after request, without an engine. Safe for threads.

    Its tasks have nothing to revert, and what must outlast the process is in the database: an engine would only cost
    time, as doc/adr/0010 shows.
    """

    def __init__(self, driver_api: CreateDriver, record_failure: RecordFailure | None = None) -> None:
        self._runner = engine.InlineRunner(flow_of(driver_api, record_failure))

    def run(
        self,
        context: RequestContext,
        request_spec: dict[str, Any] | None = None,
        filter_properties: dict[str, Any] | None = None,
        volume: Volume | None = None,
        snapshot_id: str | None = None,
        image_id: str | None = None,
        backup_id: str | None = None,
    ) -> None:
        """Do what `get_flow(…).run()` does."""
        self._runner.run(inputs_of(context, request_spec, filter_properties, volume, snapshot_id, image_id, backup_id))


def flow_of(driver_api: CreateDriver, record_failure: RecordFailure | None = None) -> linear_flow.Flow:
    """Return the two tasks, for any engine; `inputs_of` makes their inputs."""
    flow = linear_flow.Flow(ACTION.replace(":", "_") + "_scheduler")
    flow.add(ExtractSchedulerSpecTask(rebind={"request_spec": "raw_request_spec"}))
    flow.add(ScheduleCreateVolumeTask(driver_api, record_failure=record_failure))
    return flow


def inputs_of(
    context: RequestContext,
    request_spec: dict[str, Any] | None = None,
    filter_properties: dict[str, Any] | None = None,
    volume: Volume | None = None,
    snapshot_id: str | None = None,
    image_id: str | None = None,
    backup_id: str | None = None,
) -> dict[str, Any]:
    """Return the inputs of the flow as plain data."""
    return {
        "context": plain_context(context),
        "raw_request_spec": plain(request_spec) if request_spec is not None else None,
        "filter_properties": plain({} if filter_properties is None else filter_properties),
        "volume": Volume.parse(volume).plain() if volume is not None else None,
        "snapshot_id": snapshot_id,
        "image_id": image_id,
        "backup_id": backup_id,
    }
