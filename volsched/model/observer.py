"""The stages of a request, as the stores and the pipeline report them to whoever counts or traces.

Each stage is reported in the thread that does the work. Stages named for what is stored are reported after their
transaction committed. An observer must neither raise nor wait: what it costs, every request pays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from volsched.model.candidates import Candidates
    from volsched.model.claim import Placement
    from volsched.model.decision import Decision
    from volsched.model.event import Event
    from volsched.model.inconsistency import Inconsistency
    from volsched.model.request import RequestSpec
    from volsched.model.work import Lease, Outcome, WorkItem


class Observer:
    """Ignores every stage. Subclasses override the stages that they need."""

    def request_started(self, operation: str) -> None:
        """A user asked for `operation`, for example `volume create`."""

    def request_ended(self, result: object, problem: BaseException | None) -> None:
        """The request was accepted with `result`, or refused with `problem`."""

    def work_wanted(self) -> None:
        """This thread asks for work. Work that it had taken and not finished is no longer its own."""

    def work_taken(self, work: WorkItem) -> None:
        """This thread has taken `work` under a lease."""

    def work_finished(self, lease: Lease, outcome: Outcome) -> None:
        """The work under `lease` has this outcome. Reported again where it is stored again."""

    def decision_started(self) -> None:
        """Filters and weighers are about to run."""

    def decision_ended(
        self, request: RequestSpec, candidates: Candidates, result: Decision | BaseException, seconds: float
    ) -> None:
        """Filters and weighers ran for `seconds`; `result` is what they decided, or what was raised."""

    def claim_started(self, placement: Placement) -> None:
        """The transaction that claims room is about to begin."""

    def claim_ended(self, placement: Placement, problem: BaseException | None) -> None:
        """The room is claimed; with a `problem`, it is not."""

    def events_stored(self, events: Iterable[Event]) -> None:
        """These events are in the outbox."""

    def failure_stored(self, event: Event) -> None:
        """A request failed, and `event`, which is in the outbox, describes the failure."""

    def report_stored(self, *, applied: bool, set_aside: int) -> None:
        """A capability report was taken in, or ignored as out of date; `set_aside` of its parts were unusable."""

    def audited(self, checks: Sequence[str], found: Sequence[Inconsistency]) -> None:
        """An audit ran `checks` and found these inconsistencies."""


#: Ignores everything.
NO_OBSERVER = Observer()


class Observers(Observer):
    """Reports every stage to several observers, in their order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def request_started(self, operation: str) -> None:
        for observer in self._observers:
            observer.request_started(operation)

    def request_ended(self, result: object, problem: BaseException | None) -> None:
        for observer in self._observers:
            observer.request_ended(result, problem)

    def work_wanted(self) -> None:
        for observer in self._observers:
            observer.work_wanted()

    def work_taken(self, work: WorkItem) -> None:
        for observer in self._observers:
            observer.work_taken(work)

    def work_finished(self, lease: Lease, outcome: Outcome) -> None:
        for observer in self._observers:
            observer.work_finished(lease, outcome)

    def decision_started(self) -> None:
        for observer in self._observers:
            observer.decision_started()

    def decision_ended(
        self, request: RequestSpec, candidates: Candidates, result: Decision | BaseException, seconds: float
    ) -> None:
        for observer in self._observers:
            observer.decision_ended(request, candidates, result, seconds)

    def claim_started(self, placement: Placement) -> None:
        for observer in self._observers:
            observer.claim_started(placement)

    def claim_ended(self, placement: Placement, problem: BaseException | None) -> None:
        for observer in self._observers:
            observer.claim_ended(placement, problem)

    def events_stored(self, events: Iterable[Event]) -> None:
        for observer in self._observers:
            observer.events_stored(events)

    def failure_stored(self, event: Event) -> None:
        for observer in self._observers:
            observer.failure_stored(event)

    def report_stored(self, *, applied: bool, set_aside: int) -> None:
        for observer in self._observers:
            observer.report_stored(applied=applied, set_aside=set_aside)

    def audited(self, checks: Sequence[str], found: Sequence[Inconsistency]) -> None:
        for observer in self._observers:
            observer.audited(checks, found)


@contextmanager
def reporting(ended: Callable[[BaseException | None], object]) -> Iterator[None]:
    """Call `ended` at the end of the block, with the exception that the block raised, if any."""
    try:
        yield
    except BaseException as problem:
        ended(problem)
        raise
    ended(None)


class Observed(Protocol):
    """A service whose requests are observed."""

    observer: Observer


P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound=Observed)


def observed(
    operation: str,
) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R]]:
    """Decorate a method of a service: its calls are reported as requests named `operation`."""

    def decorate(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
        @functools.wraps(method)
        def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            result: Any = None
            self.observer.request_started(operation)
            with reporting(lambda problem: self.observer.request_ended(result, problem)):
                result = method(self, *args, **kwargs)
            return result  # type: ignore[no-any-return]

        return call

    return decorate
