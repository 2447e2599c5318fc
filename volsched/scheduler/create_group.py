"""Create group: a backend must serve every volume type of the group."""

from __future__ import annotations

from volsched.model.group import GroupStatus
from volsched.model.work import Outcome, RowChange, WorkItem
from volsched.scheduler.operation import Operation


class CreateGroup(Operation):
    """Writes the pool into the group's row: the group's volumes are placed on its backend. Claims nothing."""

    def run(self, work: WorkItem) -> None:
        payload = work.payload
        decision = self.recorder.claim_best(
            lambda: self.driver.schedule_create_group(
                payload["context"],
                payload["group"],
                payload["group_spec"],
                payload["request_specs"],
                {},
                [{} for _ in payload["request_specs"]],
            ),
            lambda decision, pool: None,
        )
        pool = decision.chosen
        assert pool is not None  # noqa: S101 - the claim loop sets it
        changes = {"status": GroupStatus.AVAILABLE.value, "host": pool.pool_id, "availability_zone": pool.zone}
        outcome = Outcome(rows=(RowChange(kind="group", id=payload["group"]["id"], changes=changes),))
        self.recorder.finish(work, outcome, decision, {"pool": pool.pool_id})

    def fail(self, work: WorkItem, problem: BaseException) -> None:
        self.recorder.refuse_group(work, problem)
