"""The scheduler's end of the queue: take work under a lease, carry out its operation, make the outcome durable."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from volsched.db.leases import held
from volsched.exceptions import DatabaseUnavailable, LeaseLost, VolschedError
from volsched.model.ports import VolumeCaster, WorkStore
from volsched.model.work import SCHEDULER_QUEUE, Outcome, WorkItem, WorkState
from volsched.plugins import SchedulerDriver, SchedulerResources
from volsched.scheduler.checked_driver import CheckedDriver
from volsched.scheduler.create import Create
from volsched.scheduler.create_group import CreateGroup
from volsched.scheduler.extend import Extend
from volsched.scheduler.manage import Manage
from volsched.scheduler.migrate import Migrate
from volsched.scheduler.operation import Operation
from volsched.scheduler.outcomes import OutcomeRecorder
from volsched.scheduler.retype import Retype
from volsched.scheduler.snapshot import TakeSnapshot

LOG = logging.getLogger(__name__)

OPERATIONS: Mapping[str, type[Operation]] = {
    "create": Create,
    "extend": Extend,
    "manage": Manage,
    "retype": Retype,
    "migrate": Migrate,
    "snapshot": TakeSnapshot,
    "group": CreateGroup,
}

#: Work that was taken so often and never ended is refused: the processes that took it died in it.
MOST_ATTEMPTS = 10


class SchedulerWorker:
    """Serves the scheduler's queue. Safe to run in any number of processes: each piece of work is under one lease."""

    def __init__(
        self,
        *,
        driver: SchedulerDriver,
        resources: SchedulerResources,
        work: WorkStore,
        caster: VolumeCaster,
        owner: str,
        lease_seconds: float,
    ) -> None:
        checked = CheckedDriver(driver, name=resources.driver, package=resources.driver_package)
        self._recorder = OutcomeRecorder(
            resources=resources, work=work, caster=caster, further_events=checked.further_events
        )
        self._operations = {name: operation(checked, self._recorder) for name, operation in OPERATIONS.items()}
        self._work = work
        self._owner = owner
        self._lease_seconds = lease_seconds

    def work_once(self) -> bool:
        """Take one piece of work and end it. False where there was none. Raises DatabaseUnavailable."""
        work = self._work.take([SCHEDULER_QUEUE], self._owner, self._lease_seconds, self._recorder.starting)
        if work is None:
            return False
        try:
            with held(self._work, work.lease, self._lease_seconds):
                self._carry_out(work)
        except LeaseLost as lost:
            LOG.warning("%s; the process that took it over ends it", lost)
        return True

    def _carry_out(self, work: WorkItem) -> None:
        """Carry out the operation. Whatever it raises ends the work, except the loss of lease or database."""
        operation = self._operations.get(work.operation)
        if operation is None:
            self._recorder.end(
                work, VolschedError(f"operation: expected one of {', '.join(OPERATIONS)}, got {work.operation}")
            )
            return
        try:
            if work.lease.attempt > MOST_ATTEMPTS:
                raise VolschedError(f"{MOST_ATTEMPTS} attempts at this work did not end; the scheduler died in them")
            operation.run(work)
        except (DatabaseUnavailable, LeaseLost):
            raise
        except (Exception, SystemExit) as problem:
            if not isinstance(problem, VolschedError):
                LOG.exception("work %s: %s failed", work.id, work.operation)
            self._fail(operation, work, problem)

    def _fail(self, operation: Operation, work: WorkItem, problem: BaseException) -> None:
        try:
            operation.fail(work, problem)
        except (DatabaseUnavailable, LeaseLost):
            raise
        except Exception:
            LOG.exception("work %s: the refusal could not be recorded in full", work.id)
            self._work.finish(work.lease, Outcome(state=WorkState.FAILED, problem=str(problem)))
