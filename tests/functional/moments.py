"""Moments at which a process can be killed or stopped: the boundaries between the steps of a request."""

from __future__ import annotations

import functools
import os
import signal
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Right before, or right after, one process's call of a function."""

    process: str  # whose step it is: api, scheduler, agent, delivery
    words: str
    before: str = ""  # a function by its dotted name; one of the two is given
    after: str = ""
    asked: bool = True  # whether the request is in the database by then


def arm(moment: Moment, sign: signal.Signals = signal.SIGKILL) -> None:
    """This process gets the signal, once, when the moment has come."""
    target = moment.before or moment.after
    holder, name = resolve_name(target.rpartition(".")[0]), target.rpartition(".")[2]
    real, struck = getattr(holder, name), []

    def strike() -> None:
        if not struck:
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


_DIRECTORY = "volsched_drivers.backends.directory.DirectoryBackend"
_RESERVED = Moment(process="api", words="quota is reserved", before="volsched.db.volumes.Volumes.create", asked=False)
_TAKEN = Moment(process="scheduler", words="the work is taken", before="volsched.service.scheduler.held")
_PLACING = (
    _TAKEN,
    Moment(process="scheduler", words="a pool is chosen", before="volsched.db.claims.Claims.claim"),
    Moment(process="scheduler", words="the room is claimed", after="volsched.db.claims.Claims.claim"),
)
_REFUSED = (
    _TAKEN,
    Moment(process="scheduler", words="the answer is no", before="volsched.service.answers.Answers.refuse"),
    Moment(process="scheduler", words="the refusal is written", after="volsched.service.answers.Answers.refuse"),
)


def _storage(function: str) -> tuple[Moment, ...]:
    return (
        Moment(process="agent", words="the work is taken", before="volsched.service.agent.held"),
        Moment(process="agent", words="the storage is asked", before=f"{_DIRECTORY}.{function}"),
        Moment(process="agent", words="the storage has done it", after=f"{_DIRECTORY}.{function}"),
        Moment(process="agent", words="the work is ended", after="volsched.service.agent.Agent._end"),
    )


_TOLD = (
    Moment(process="delivery", words="events wait", before="volsched.engine.notifying.Lane.deliver_batch"),
    Moment(process="delivery", words="a notifier was told", before="volsched.db.outbox.Outbox.delivered"),
    Moment(process="delivery", words="that is written down", after="volsched.db.outbox.Outbox.delivered"),
)

#: What is asked -> the moments of it, in their order.
MOMENTS: dict[str, tuple[Moment, ...]] = {
    "create": (
        _RESERVED,
        Moment(process="api", words="the row and its work are written", after="volsched.db.volumes.Volumes.create"),
        Moment(process="api", words="quota is committed", after="volsched.db.quotas.Quotas.commit"),
        *_PLACING,
        *_storage("create_volume"),
        *_TOLD,
    ),
    "create, refused": (
        _TAKEN,
        Moment(process="scheduler", words="the answer is no", before="volsched.db.failures.Failures.record"),
        Moment(process="scheduler", words="the refusal is written", after="volsched.db.failures.Failures.record"),
        Moment(process="scheduler", words="the work is ended", after="volsched.service.answers.Answers.end"),
    ),
    "manage": (
        _RESERVED,
        Moment(process="api", words="the row and its work are written", after="volsched.db.volumes.Volumes.create"),
        Moment(process="api", words="quota is committed", after="volsched.db.quotas.Quotas.commit"),
        Moment(
            process="api", words="the request is cast", after="volsched.service.casting.QueuedScheduler.manage_existing"
        ),
        *_PLACING,
        *_storage("manage_existing"),
    ),
    "manage, reverted": (_TAKEN, *_storage("manage_existing")[:2], *_storage("manage_existing")[3:]),
    "extend": (
        Moment(process="api", words="quota is reserved", before="volsched.db.volumes.Volumes.begin", asked=False),
        Moment(process="api", words="the row and its work are written", after="volsched.db.volumes.Volumes.begin"),
        *_PLACING,
        *_storage("extend_volume"),
    ),
    "extend, refused": _REFUSED,
    "delete": (
        Moment(process="api", words="nothing is written", before="volsched.db.volumes.Volumes.begin", asked=False),
        Moment(process="api", words="the row and its work are written", after="volsched.db.volumes.Volumes.begin"),
        *_storage("delete_volume"),
    ),
    "delete, never placed": (
        Moment(process="api", words="nothing is written", before="volsched.db.volumes.Volumes.discard", asked=False),
        Moment(process="api", words="the row is removed", after="volsched.db.volumes.Volumes.discard"),
    ),
}
