"""Checks of running parts: backends and their reports, clocks, the outbox, work items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from volsched.api.audit import Audit
from volsched.db.storage_checks import STORAGE_CHECKS
from volsched.db.work import WorkRecord
from volsched.loader import Problem
from volsched.model.report import seconds_ahead
from volsched.model.work import SCHEDULER_QUEUE, WorkState
from volsched.ops.doctor.context import DoctorContext, failure, warning

#: A report is slightly older than its arrival, and never younger.
MOST_AHEAD_SECONDS = 2.0
MOST_BEHIND_SECONDS = 30.0
#: Work that has waited for a shorter time is not reported.
STUCK_SECONDS = 60.0


def down(context: DoctorContext) -> Iterator[Problem]:
    """Report enabled backends whose agents send no heartbeat."""
    if not context.stored:
        return
    # Where no service runs on this machine, the commands operate the configured backends themselves.
    agent = context.conf.agent
    own = set() if context.services else {f"{agent.cluster or agent.host}@{name}" for name in agent.backends}
    for backend in context.backends:
        if backend.up or backend.disabled or backend.backend_id in own:
            continue
        silent = "no heartbeat has ever arrived"
        if backend.heartbeat_at is not None:
            silent = f"the last heartbeat arrived {(context.now - backend.heartbeat_at).total_seconds():.0f} s ago"
        what = f"{silent}; no new volumes are placed there"
        yield warning("VS209", f"backend {backend.backend_id}", what, "start its volsched-agent, or disable it")


def set_aside(context: DoctorContext) -> Iterator[Problem]:
    """Report the parts of the last reports that could not be used."""
    if not context.stored:
        return
    for backend in context.backends:
        for name, why in backend.problems:
            where = f"backend {backend.backend_id}" + (f", {name}" if name != backend.backend_id else "")
            fix = "restore its storage" if why.startswith("down: ") else "correct what its driver reports"
            yield warning("VS210", where, why, fix)


def storage(context: DoctorContext) -> Iterator[Problem]:
    """Report pools on the wrong storage, and volumes that differ between their backend and the database."""
    if not context.stored or context.plugins is None:
        return
    application = context.application
    if application.embedded and not context.services:  # the commands are the agent
        for backend_id, why in application.agent.report_all():
            yield failure("VS221", f"backend {backend_id}", why, "until then nothing is placed or done there")
        application.agent.store_inventories()
    for found in Audit(application.database, STORAGE_CHECKS).find():
        yield warning("VS222", f"{found.check}: {found.subject}", found.what, found.fix)


def clocks(context: DoctorContext) -> Iterator[Problem]:
    """Report time stamps in the future, later than the report's arrival, or long before it."""
    if not context.stored:
        return
    for backend in context.backends:
        stamps = [at for at in (backend.reported_at, backend.received_at, backend.heartbeat_at) if at is not None]
        future = max((seconds_ahead(at, context.now) for at in stamps), default=0.0)
        if future:
            what = f"its last report or heartbeat is dated {future:.0f} s in the future and is ignored"
            fix = "correct the clock of the database's host (NTP); the next report of its volsched-agent replaces it"
            yield warning("VS211", f"backend {backend.backend_id}", what, fix)
            continue
        if backend.reported_at is None or backend.received_at is None:
            continue
        ahead = (backend.reported_at - backend.received_at).total_seconds()
        if -MOST_BEHIND_SECONDS <= ahead <= MOST_AHEAD_SECONDS:
            continue
        side = f"{ahead:.0f} s later than its arrival" if ahead > 0 else f"{-ahead:.0f} s before its arrival"
        what = f"the time stamp of the last report is {side}, so that claims are compared with the wrong report"
        yield warning("VS211", f"backend {backend.backend_id}", what, "correct the clock of its host (NTP)")


def parked(context: DoctorContext) -> Iterator[Problem]:
    """Report events whose delivery to a notifier failed for the last time."""
    if not context.stored:
        return
    parked_events = context.application.outbox.parked()
    first = {notifier: (event, why) for notifier, event, why in reversed(parked_events)}
    for notifier, count in sorted(Counter(notifier for notifier, _, _ in parked_events).items()):
        event, why = first[notifier]
        what = f"{count} {'event is' if count == 1 else 'events are'} parked, the first: {event.event_type}: {why}"
        yield warning("VS212", f"notifier {notifier}", what, "fix the cause, then run volsched event retry --all")


def stuck(context: DoctorContext) -> Iterator[Problem]:
    """Report work items that no process takes, and volumes in progress without a work item."""
    if not context.stored:
        return
    limit_seconds = max(STUCK_SECONDS, 2.0 * context.conf.scheduler.lease_seconds)
    unfinished = context.application.work.unfinished()
    for work in unfinished:
        yield from _late(context, work, limit_seconds)
    with_work = {work.volume_id for work in unfinished}
    for volume in context.application.stores.volumes.list(None):
        if volume.status.in_progress and volume.id not in with_work:
            what = f"the volume is {volume.status.value}, but no work item for it is queued or running"
            fix = f"read volsched volume messages {volume.id}; delete the volume, or repeat the request"
            yield warning("VS214", f"volume {volume.id}", what, fix)


def _late(context: DoctorContext, work: WorkRecord, limit_seconds: float) -> Iterator[Problem]:
    where = f"{work.operation} of {f'volume {work.volume_id}' if work.volume_id else 'no volume'} (work {work.id})"
    if work.state is WorkState.RUNNING and work.lease_until is not None:
        late = (context.now - work.lease_until).total_seconds()
        if late > limit_seconds:
            what = f"the lease of {work.owner} expired {late:.0f} s ago, and no process took the work over"
            yield warning("VS213", where, what, f"start {_program(work)}")
    elif work.state is WorkState.QUEUED:
        waited = (context.now - work.created_at).total_seconds()
        if waited > limit_seconds:
            yield warning("VS215", where, f"waiting in {work.queue} for {waited:.0f} s", f"start {_program(work)}")


def _program(work: WorkRecord) -> str:
    if work.queue == SCHEDULER_QUEUE:
        return "volsched-scheduler"
    return f"the volsched-agent of {work.queue.partition(':')[2]}"
