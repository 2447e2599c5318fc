"""Checks of storage backends: they are up, their reports can be used, their clocks are right."""

from __future__ import annotations

from collections.abc import Iterator

from volsched.loader import Problem
from volsched.model.report import seconds_ahead
from volsched.ops.doctor.context import DoctorContext, warning

#: A report is a little older than its arrival, and never younger.
MOST_AHEAD_SECONDS = 2.0
MOST_BEHIND_SECONDS = 30.0


def down(scene: DoctorContext) -> Iterator[Problem]:
    """Backends that nobody disabled, and that say nothing any more."""
    if not scene.stored:
        return
    # Where no service runs here, the commands themselves drive the backends of their configuration.
    agent = scene.conf.agent
    own = set() if scene.services else {f"{agent.cluster or agent.host}@{name}" for name in agent.backends}
    for backend in scene.backends:
        if backend.up or backend.disabled or backend.backend_id in own:
            continue
        silent = "it has never said anything"
        if backend.heartbeat_at is not None:
            silent = f"it has said nothing for {(scene.now - backend.heartbeat_at).total_seconds():.0f} s"
        what = f"{silent}; nothing new is placed there"
        yield warning("VS209", f"backend {backend.backend_id}", what, "start its volsched-agent, or disable it")


def set_aside(scene: DoctorContext) -> Iterator[Problem]:
    """What of the last reports could not be used."""
    if not scene.stored:
        return
    for backend in scene.backends:
        for name, why in backend.problems:
            where = f"backend {backend.backend_id}" + (f", {name}" if name != backend.backend_id else "")
            yield warning("VS210", where, why, "correct what its driver reports; nothing is placed there meanwhile")


def clocks(scene: DoctorContext) -> Iterator[Problem]:
    """Reports that are dated later than they arrived, or long before, and what is dated later than now."""
    if not scene.stored:
        return
    for backend in scene.backends:
        stamps = [at for at in (backend.reported_at, backend.received_at, backend.heartbeat_at) if at is not None]
        future = max((seconds_ahead(at, scene.now) for at in stamps), default=0.0)
        if future:
            what = f"its last report or heartbeat is dated {future:.0f} s in the future and is ignored"
            fix = "set the clock of the database's host (NTP); the next report of its volsched-agent replaces it"
            yield warning("VS211", f"backend {backend.backend_id}", what, fix)
            continue
        if backend.reported_at is None or backend.received_at is None:
            continue
        ahead = (backend.reported_at - backend.received_at).total_seconds()
        if -MOST_BEHIND_SECONDS <= ahead <= MOST_AHEAD_SECONDS:
            continue
        side = f"{ahead:.0f} s later than it arrived" if ahead > 0 else f"{-ahead:.0f} s before it arrived"
        what = f"its last report is dated {side}: which claims it knows of is judged wrongly"
        yield warning("VS211", f"backend {backend.backend_id}", what, "set the clock of its host right (NTP)")
