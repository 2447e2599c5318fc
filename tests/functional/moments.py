"""The moments at which a process can be killed or paused: the boundaries between the steps of a request."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from volsched.db.work import WorkQueue
from volsched.model.work import WorkItem


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Right before, or right after, one process's call of a function."""

    process: str  # whose step it is: api, scheduler, agent, delivery
    words: str
    before: str = ""  # a function by its dotted name; one of the two is given
    after: str = ""
    asked: bool = True  # whether the request is in the database by then


def arm(moment: Moment, sign: signal.Signals = signal.SIGKILL, ripe: Callable[[], bool] = lambda: True) -> None:
    """This process gets the signal, once, when the moment has come and is `ripe`."""
    target = moment.before or moment.after
    holder, name = resolve_name(target.rpartition(".")[0]), target.rpartition(".")[2]
    real, struck = getattr(holder, name), list[bool]()

    def strike() -> None:
        if not struck and ripe():
            struck.append(True)
            os.kill(os.getpid(), sign)

    @functools.wraps(real)
    def mortal(*arguments: Any, **named: Any) -> Any:
        if moment.before:
            strike()
        answer = real(*arguments, **named)
        if moment.after:
            strike()
        return answer

    setattr(holder, name, mortal)


#: What is asked for where the answer is to be no.
TOO_MUCH_GB, MISSING = 900, "nosuch.img"


@dataclass(frozen=True, kw_only=True)
class Death:
    """That a process among many dies at a moment of one kind of request; until then it serves the others."""

    asked: str  # a key of MOMENTS
    moment: Moment
    note: Path  # written when it dies: when that was, and which volume it worked for
    host: str = ""  # where it believes to be, if not here

    @property
    def words(self) -> str:
        return f"{self.asked}: {self.moment.process}: {self.moment.words}"

    def prepare(self) -> None:
        """To be called in the process before anything else."""
        taken: list[WorkItem] = []
        real = WorkQueue.take

        def take(*arguments: Any, **named: Any) -> WorkItem | None:
            work = real(*arguments, **named)
            taken[:] = [work] if work is not None else []
            return work

        def ripe() -> bool:
            working = self.moment.process in ("scheduler", "agent")
            if working and not (taken and kind_of(taken[0]) == self.asked):
                return False
            self.note.write_text(json.dumps([time.time(), taken[0].volume_id if taken else None]))
            return True

        if self.host:
            socket.gethostname = lambda: self.host
        WorkQueue.take = take  # type: ignore[method-assign, assignment]
        arm(self.moment, ripe=ripe)


def kind_of(work: WorkItem) -> str:
    """Which kind of request the work is of: a key of MOMENTS."""
    spec = work.payload.get("request_spec") or {}
    no = {
        "create": (spec.get("volume_properties") or {}).get("size") == TOO_MUCH_GB,
        "manage": (spec.get("ref") or {}).get("source-name") == MISSING,
    }
    if not no.get(work.operation):
        return work.operation
    return f"{work.operation}, {'refused' if work.operation == 'create' else 'reverted'}"


_DIRECTORY = "volsched_drivers.backends.directory.DirectoryBackend"
_RESERVED = Moment(process="api", words="quota is reserved", before="volsched.db.volumes.Volumes.create", asked=False)
_TAKEN = Moment(process="scheduler", words="the work item is taken", before="volsched.scheduler.worker.held")
_PLACING = (
    _TAKEN,
    Moment(process="scheduler", words="a pool is selected", before="volsched.db.claims.Claims.claim"),
    Moment(process="scheduler", words="the capacity is claimed", after="volsched.db.claims.Claims.claim"),
)
_REFUSED = (
    _TAKEN,
    Moment(process="scheduler", words="no pool fits", before="volsched.scheduler.outcomes.OutcomeRecorder.refuse"),
    Moment(
        process="scheduler", words="the refusal is written", after="volsched.scheduler.outcomes.OutcomeRecorder.refuse"
    ),
)


def _storage(function: str) -> tuple[Moment, ...]:
    return (
        Moment(process="agent", words="the work item is taken", before="volsched.agent.agent.held"),
        Moment(process="agent", words="the storage operation starts", before=f"{_DIRECTORY}.{function}"),
        Moment(process="agent", words="the storage operation ends", after=f"{_DIRECTORY}.{function}"),
        Moment(process="agent", words="the work item is completed", after="volsched.agent.agent.Agent._end"),
    )


_TOLD = (
    Moment(process="delivery", words="events wait", before="volsched.notifications.delivery.Lane.deliver_batch"),
    Moment(process="delivery", words="a notifier has the event", before="volsched.db.outbox.Outbox.delivered"),
    Moment(process="delivery", words="the delivery is recorded", after="volsched.db.outbox.Outbox.delivered"),
)

#: What is asked -> the moments of it, in their order.
MOMENTS: dict[str, tuple[Moment, ...]] = {
    "create": (
        _RESERVED,
        Moment(
            process="api", words="the row and its work item are written", after="volsched.db.volumes.Volumes.create"
        ),
        Moment(process="api", words="quota is committed", after="volsched.db.quotas.Quotas.commit"),
        _TAKEN,
        Moment(
            process="scheduler",
            words="the request is complete",
            after="volsched.flows.create_volume.ExtractSchedulerSpecTask.execute",
        ),
        *_PLACING[1:],
        Moment(
            process="scheduler",
            words="the work item is completed",
            after="volsched.scheduler.outcomes.OutcomeRecorder.end",
        ),
        *_storage("create_volume"),
        *_TOLD,
    ),
    "create, refused": (
        _TAKEN,
        Moment(process="scheduler", words="no pool fits", before="volsched.db.records.Failures.record"),
        Moment(process="scheduler", words="the refusal is written", after="volsched.db.records.Failures.record"),
        Moment(
            process="scheduler",
            words="the work item is completed",
            after="volsched.scheduler.outcomes.OutcomeRecorder.end",
        ),
    ),
    "manage": (
        Moment(
            process="api",
            words="the request is validated",
            after="volsched.flows.manage_existing.ExtractManageSpecTask.execute",
            asked=False,
        ),
        _RESERVED,
        Moment(
            process="api", words="the row and its work item are written", after="volsched.db.volumes.Volumes.create"
        ),
        Moment(process="api", words="quota is committed", after="volsched.db.quotas.Quotas.commit"),
        Moment(
            process="api",
            words="the request is cast",
            after="volsched.flows.scheduler_queue.QueuedScheduler.manage_existing",
        ),
        *_PLACING,
        *_storage("manage_existing"),
    ),
    "manage, reverted": (_TAKEN, *_storage("manage_existing")[:2], *_storage("manage_existing")[3:]),
    "extend": (
        Moment(process="api", words="quota is reserved", before="volsched.db.volumes.Volumes.begin", asked=False),
        Moment(process="api", words="the row and its work item are written", after="volsched.db.volumes.Volumes.begin"),
        *_PLACING,
        *_storage("extend_volume"),
    ),
    "extend, refused": _REFUSED,
    "delete": (
        Moment(process="api", words="nothing is written", before="volsched.db.volumes.Volumes.begin", asked=False),
        Moment(process="api", words="the row and its work item are written", after="volsched.db.volumes.Volumes.begin"),
        *_storage("delete_volume"),
    ),
    "delete, never placed": (
        Moment(process="api", words="nothing is written", before="volsched.db.volumes.Volumes.discard", asked=False),
        Moment(process="api", words="the row is deleted", after="volsched.db.volumes.Volumes.discard"),
    ),
}
