"""The scheduler's part in retypes and migrations: may the volume be there, and the room for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from volsched.exceptions import NoValidBackend
from volsched.model.claim import Claim
from volsched.model.decision import Decision
from volsched.model.identity import derived_id
from volsched.model.pool import PoolState
from volsched.model.request import Operation
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import Outcome, WorkItem, offer_work
from volsched.scheduler.outcomes import OutcomeRecorder


def retype(answers: OutcomeRecorder, work: WorkItem) -> None:
    """The pool that the volume is in, if it will do for the new type: then only the row changes. Else a move."""
    payload = work.payload
    volume = answers.current(work)
    if volume is None or volume.status is not VolumeStatus.RETYPING or volume.host is None:
        answers.end(work, cancel=payload.get("reservation"))
        return

    def decide() -> Decision:
        return answers.driver.retype(
            payload["context"], payload["request_spec"], payload["filter_properties"], payload["migration_policy"]
        )

    becomes = {"volume_type_id": payload["new_type_id"]}

    def settle(decision: Decision, pool: PoolState) -> None:
        if pool.pool_id == volume.host:
            _retyped_in_place(answers, work, volume, decision, becomes)
        else:
            _move(answers, work, volume, decision, pool, becomes)

    with answers.refusing(work, volume, VolumeStatus.AVAILABLE):
        answers.place(decide, settle)


def _retyped_in_place(
    answers: OutcomeRecorder, work: WorkItem, volume: Volume, decision: Decision, becomes: Mapping[str, Any]
) -> None:
    changes = {**becomes, "status": VolumeStatus.AVAILABLE}
    outcome = Outcome(
        volume_id=volume.id,
        volume_changes=changes,
        commit_reservation=work.payload.get("reservation"),
    )
    answers.finish(work, outcome, decision, {"pool": volume.host, **becomes})


def migrate(answers: OutcomeRecorder, work: WorkItem) -> None:
    """The pool that was asked for, or the best other one of the backend that was, if it passes the filters."""
    payload = work.payload
    volume = answers.current(work)
    if volume is None or volume.status is not VolumeStatus.MIGRATING or volume.host is None:
        answers.end(work)
        return

    def decide() -> Decision:
        decision = answers.driver.judge(
            payload["context"],
            payload["backend"],
            payload["request_spec"],
            payload["filter_properties"],
            Operation.MIGRATE,
        )
        return _elsewhere(decision, payload["backend"], str(volume.host))

    def move(decision: Decision, pool: PoolState) -> None:
        _move(answers, work, volume, decision, pool, {})

    with answers.refusing(work, volume, VolumeStatus.AVAILABLE):
        answers.place(decide, move)


def _elsewhere(decision: Decision, wanted: str, current: str) -> Decision:
    """With a pool chosen that is not the current one. Raises NoValidBackend."""
    if decision.chosen is not None and decision.chosen.pool_id != current:
        return decision
    for pool in decision.ranked:
        if pool.backend_id == wanted and pool.pool_id != current:
            return replace(decision, chosen=pool)
    raise NoValidBackend(f"the volume is in {current}, and no other pool of {wanted} will do", decision)


def _move(
    answers: OutcomeRecorder,
    work: WorkItem,
    volume: Volume,
    decision: Decision,
    pool: PoolState,
    becomes: Mapping[str, Any],
) -> None:
    """Claim the room in the new pool, and let the agent of the old one begin."""
    key = f"{volume.id}/migrate-{pool.pool_id}"
    claim = Claim(key=key, volume_id=volume.id, pool_id=pool.pool_id, size_gb=volume.size_gb, made_at=answers.clock())
    payload = {
        "from_pool": volume.host,
        "to_pool": pool.pool_id,
        "claim_key": key,
        "changes": {"cluster_name": pool.cluster_pool_id, "availability_zone": pool.zone, **becomes},
        "reservation": work.payload.get("reservation"),
    }
    offer = offer_work(derived_id("work", work.id, "offer"), volume, payload)
    answers.claim(work, decision, volume, claim, offer)
