"""Create: the tasks of the create_volume flow, under the lease of the work."""

from __future__ import annotations

import logging

from volsched.flows import create_volume
from volsched.model.volume import VolumeStatus
from volsched.model.work import WorkItem
from volsched.scheduler.checked_driver import CheckedDriver
from volsched.scheduler.operation import Operation
from volsched.scheduler.outcomes import OutcomeRecorder

LOG = logging.getLogger(__name__)


class Create(Operation):
    """Runs the tasks. The driver's claim ends the work in its own transaction; a failure ends it here."""

    def __init__(self, driver: CheckedDriver, recorder: OutcomeRecorder) -> None:
        super().__init__(driver, recorder)
        self._creation = create_volume.Creation(driver, recorder.record_failure)

    def run(self, work: WorkItem) -> None:
        payload = work.payload
        volume = self.volume(work)
        if volume is None or volume.status is not VolumeStatus.CREATING or volume.host is not None:
            self.recorder.end(work)  # an earlier holder got this far
            return
        self._creation.run(
            payload["context"],
            payload["request_spec"],
            {**payload["filter_properties"], "lease": work.lease.plain()},
            volume,
            volume.snapshot_id,
            volume.image_id,
            volume.backup_id,
        )
        placed = self.volume(work)
        if placed is not None and placed.host is not None:
            self.recorder.wake(placed.host)
        elif placed is not None and placed.status is VolumeStatus.CREATING:
            raise self.driver.broken("schedule_create_volume returned a decision, and claimed no room")
        self.recorder.end(work)

    def fail(self, work: WorkItem, problem: BaseException) -> None:
        """Record the failure, unless the flow has, and end the work."""
        payload, volume = work.payload, self.volume(work)
        if volume is not None and volume.status is VolumeStatus.CREATING and volume.host is None:
            LOG.error("volume %s was not placed: %s", volume.id, problem)
            failure = create_volume.failure_of(
                problem,
                payload.get("context"),
                payload.get("request_spec"),
                payload.get("filter_properties"),
                volume,
                begun=work.begun,
                fence=work.lease,
            )
            self.recorder.record_failure(failure)
        self.recorder.end(work, problem)
