"""The scheduler's create_volume flow: complete the request, then let the selected driver place it."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Any

from oslo_context.context import RequestContext
from taskflow.engines.base import Engine
from taskflow.patterns import linear_flow

from volsched.exceptions import DatabaseUnavailable, InvalidRequest, LeaseLost, NoValidBackend
from volsched.flows import engine
from volsched.flows.task import VolschedTask
from volsched.model.context import plain_context
from volsched.model.event import Event, Priority
from volsched.model.identity import derived_id
from volsched.model.refusal_messages import told
from volsched.model.serialization import plain
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import Lease, Message
from volsched.placement.scheduler import took_ms
from volsched.plugins import SchedulerDriver

LOG = logging.getLogger(__name__)

ACTION = "volume:create"

#: Codes of the messages that users read, stable for programs.
NO_POOL, BAD_REQUEST, FAILED = "VS-NO-POOL", "VS-BAD-REQUEST", "VS-FAILED"


class ExtractSchedulerSpecTask(VolschedTask):
    """Completes a partial or missing request spec from the volume.

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
        """`{"request_spec": …}` as plain data; what the caller gave wins over what the volume says."""
        spec = plain(request_spec or {})
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
            spec["volume_properties"] = {**properties, **(spec.get("volume_properties") or {})}
            spec["volume_id"] = spec.get("volume_id") or known.id
            spec["volume"] = known.plain()
        for key, value in (("snapshot_id", snapshot_id), ("image_id", image_id), ("backup_id", backup_id)):
            spec[key] = spec.get(key) or value
        if not spec.get("volume_id"):
            raise InvalidRequest("request_spec", "names no volume_id, and no volume was given to complete it from")
        return {"request_spec": spec}


class ScheduleCreateVolumeTask(VolschedTask):
    """Activates a scheduler driver and handles any subsequent failures.

    Notification strategy: on failure every configured notifier is told on `scheduler.create_volume` what errored, the
    reason, and the request (and other data) that caused the error. The volume's status becomes `error` and its owner
    gets a message. NoValidBackend ends here: it is an answer. Anything else is raised again.

    Reversion strategy: N/A
    """

    FAILURE_TOPIC = "scheduler.create_volume"

    def __init__(self, driver_api: SchedulerDriver, **kwargs: Any) -> None:
        super().__init__(addons=[ACTION], **kwargs)
        self.driver_api = driver_api

    def execute(
        self,
        context: RequestContext,
        request_spec: dict[str, Any],
        filter_properties: dict[str, Any],
        volume: Volume,
    ) -> None:
        """Delegate to the driver: it chooses, claims and hands the request over."""
        begun = time.perf_counter()
        try:
            self.driver_api.schedule_create_volume(context, request_spec, filter_properties)
        except LeaseLost:
            raise  # somebody else does this work now: touch nothing
        except DatabaseUnavailable:
            raise  # nothing could be written down; the work is taken up again when its lease expires
        except Exception as problem:  # whatever a driver raises, the volume must not stay in `creating`
            attempt = (filter_properties.get("retry") or {}).get("num_attempts", 0) + 1
            lease = filter_properties.get("lease")
            fence = {"fence": Lease.parse(lease)} if lease is not None else {}
            self._handle_failure(context, request_spec, volume, problem, attempt, begun, fence)
            if not isinstance(problem, NoValidBackend):
                raise

    def _handle_failure(
        self,
        context: RequestContext,
        request_spec: dict[str, Any],
        volume: Volume | None,
        problem: Exception,
        attempt: int,
        begun: float,
        fence: dict[str, Lease],
    ) -> None:
        volume_id = request_spec.get("volume_id") or (Volume.parse(volume).id if volume is not None else None)
        project_id = plain_context(context).get("project_id") or ""
        LOG.error("volume %s was not placed: %s", volume_id, problem)
        decision = getattr(problem, "decision", None)
        payload = {
            "request_spec": request_spec,
            "volume_properties": request_spec.get("volume_properties") or {},
            "volume_id": volume_id,
            "state": VolumeStatus.ERROR.value,
            "method": "create_volume",
            "error": type(problem).__name__,
            "reason": str(problem),
            "context": plain_context(context),
            "attempt": attempt,
            "driver": self.driver_api.resources.driver,
            "took_ms": took_ms(begun),
            "decision": decision.summary() if decision is not None else None,
        }
        code, text = _told(problem)
        self.driver_api.record_failure(
            volume_id=volume_id,
            event=Event(
                id=derived_id("event", volume_id, self.FAILURE_TOPIC, attempt),
                event_type=self.FAILURE_TOPIC,
                priority=Priority.ERROR,
                occurred_at=self.driver_api.resources.clock().isoformat(),
                publisher=self.driver_api.resources.publisher,
                volume_id=volume_id,
                project_id=project_id or None,
                payload=plain(payload),
            ),
            message=Message(volume_id=volume_id, project_id=project_id, code=code, text=text) if volume_id else None,
            decision=decision,
            **fence,
        )


def _told(problem: Exception) -> tuple[str, str]:
    """The code and the words for the volume's owner: the limit that was hit, and nothing of the operator's."""
    if isinstance(problem, NoValidBackend):
        return NO_POOL, told(problem)
    return BAD_REQUEST if isinstance(problem, InvalidRequest) else FAILED, told(problem)


def get_flow(
    context: RequestContext,
    driver_api: SchedulerDriver,
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
    """The same flow for one driver, request after request, compiled once. Safe for threads."""

    def __init__(self, driver_api: SchedulerDriver) -> None:
        self._engines = engine.Kept(partial(flow_of, driver_api))

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
        """As `get_flow(…).run()`."""
        self._engines.run(inputs_of(context, request_spec, filter_properties, volume, snapshot_id, image_id, backup_id))


def flow_of(driver_api: SchedulerDriver) -> linear_flow.Flow:
    """The two tasks, for whatever engine runs them; `inputs_of` makes what they take."""
    flow = linear_flow.Flow(ACTION.replace(":", "_") + "_scheduler")
    flow.add(ExtractSchedulerSpecTask(rebind={"request_spec": "raw_request_spec"}))
    flow.add(ScheduleCreateVolumeTask(driver_api))
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
    """What the flow is given, as plain data."""
    return {
        "context": plain_context(context),
        "raw_request_spec": plain(request_spec) if request_spec is not None else None,
        "filter_properties": plain(filter_properties or {}),
        "volume": Volume.parse(volume).plain() if volume is not None else None,
        "snapshot_id": snapshot_id,
        "image_id": image_id,
        "backup_id": backup_id,
    }
