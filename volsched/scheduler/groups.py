"""The scheduler's part in groups: a backend that serves every type of the group."""

from __future__ import annotations

from volsched.exceptions import DatabaseUnavailable, LeaseLost, NoValidBackend, VolschedError
from volsched.model.group import GroupStatus
from volsched.model.work import Outcome, RowChange, WorkItem
from volsched.scheduler.outcomes import OutcomeRecorder


def create_group(answers: OutcomeRecorder, work: WorkItem) -> None:
    """Write the pool into the group's row: its volumes will be placed on that pool's backend. Nothing is claimed."""
    payload = work.payload
    group_id = payload["group"]["id"]
    try:
        decision = answers.driver.schedule_create_group(
            payload["context"],
            payload["group"],
            payload["group_spec"],
            payload["request_specs"],
            {},
            [{} for _ in payload["request_specs"]],
        )
        if decision.chosen is None:
            raise NoValidBackend("nothing was chosen", decision)
        changes = {
            "status": GroupStatus.AVAILABLE.value,
            "host": decision.chosen.pool_id,
            "availability_zone": decision.chosen.zone,
        }
        outcome = Outcome(rows=(RowChange(kind="group", id=group_id, changes=changes),))
        answers.finish(work, outcome, decision, {"pool": decision.chosen.pool_id})
    except (LeaseLost, DatabaseUnavailable):
        raise
    except VolschedError as refusal:
        answers.refuse_group(work, group_id, payload["group"]["project_id"], refusal)
