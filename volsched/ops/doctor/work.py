"""Check of work: it goes on, and what is in progress is somebody's business."""

from __future__ import annotations

from collections.abc import Iterator

from volsched.db.work import WorkRecord
from volsched.loader import Problem
from volsched.model.work import SCHEDULER_QUEUE, WorkState
from volsched.ops.doctor.context import DoctorContext, warning

#: Work is not stuck before it has waited so long.
LEAST_SECONDS = 60.0


def stuck(scene: DoctorContext) -> Iterator[Problem]:
    """Work that nobody takes, or takes over, and volumes in progress that no work belongs to."""
    if not scene.stored:
        return
    retry_policy = max(LEAST_SECONDS, 2.0 * scene.conf.scheduler.lease_seconds)
    unfinished = scene.application.work.unfinished()
    for work in unfinished:
        yield from _late(scene, work, retry_policy)
    at_work = {work.volume_id for work in unfinished}
    for volume in scene.application.stores.volumes.list(None):
        if volume.status.in_progress and volume.id not in at_work:
            what = f"it is {volume.status.value}, and no work for it is queued or running"
            fix = f"volsched volume messages {volume.id} may tell why; delete it, or ask again"
            yield warning("VS214", f"volume {volume.id}", what, fix)


def _late(scene: DoctorContext, work: WorkRecord, retry_policy: float) -> Iterator[Problem]:
    where = f"{work.operation} of {f'volume {work.volume_id}' if work.volume_id else 'no volume'} (work {work.id})"
    if work.state is WorkState.RUNNING and work.lease_until is not None:
        late = (scene.now - work.lease_until).total_seconds()
        if late > retry_policy:
            what = f"{work.owner} took it, its lease ended {late:.0f} s ago, and nobody took it over"
            yield warning("VS213", where, what, f"start {_who(work)}")
    elif work.state is WorkState.QUEUED:
        waited = (scene.now - work.created_at).total_seconds()
        if waited > retry_policy:
            yield warning("VS215", where, f"it has waited in {work.queue} for {waited:.0f} s", f"start {_who(work)}")


def _who(work: WorkRecord) -> str:
    if work.queue == SCHEDULER_QUEUE:
        return "volsched-scheduler"
    return f"the volsched-agent of {work.queue.partition(':')[2]}"
