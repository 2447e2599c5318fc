"""The scheduler driver that tries another one on live requests. The other one never decides."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from volsched.model.event import Event, Priority
from volsched.model.identity import derived_id
from volsched.placement.scheduler import PlacingScheduler
from volsched.plugins import Candidates, Decision, RequestSpec, SchedulerResources
from volsched.plugins.references import Named, PluginOpt

if TYPE_CHECKING:
    from oslo_config import cfg

KIND = "volsched.schedulers"
REMARK = "beside"
DIFFERS, SILENT = "scheduler.shadow.differs", "scheduler.shadow.failed"
#: Requests that the second driver may have open at a time: one that hangs gets no more.
MOST_OPEN = 4


class ShadowScheduler(PlacingScheduler):
    """Chooses with one driver, runs a second one on the same request, and records where the two differ.

    The second driver never decides. A request waits for it `wait` seconds at most after the first driver has decided;
    if it is late or fails, this is recorded, and the request continues.
    """

    contract = (1, 0)

    def __init__(self, resources: SchedulerResources, *, driver: Named, beside: Named, wait: float = 0.1) -> None:
        super().__init__(resources)
        self.driver = driver
        self.beside = beside
        self.wait = wait
        self._open = threading.BoundedSemaphore(MOST_OPEN)

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        from oslo_config import cfg

        return (
            PluginOpt("driver", kind=KIND, default="filter", help="The scheduler driver that decides."),
            PluginOpt(
                "beside",
                kind=KIND,
                default="best_fit",
                help="The scheduler driver on trial: it gets the same requests, and its decisions are compared.",
            ),
            cfg.FloatOpt(
                "wait",
                default=0.1,
                min=0.0,
                max=5.0,
                help="Seconds that a request waits for the second driver at most, after the first has decided.",
            ),
        )

    def validate(self) -> list[str]:
        problems = []
        for option, named in (("driver", self.driver), ("beside", self.beside)):
            name, plugin = named.name, named.plugin
            if not isinstance(plugin, PlacingScheduler):
                problems.append(f"{option}: expected a PlacingScheduler, got {name}; only its `choose` can be compared")
            problems.extend(f"{option}: {name}: {problem}" for problem in plugin.validate())
        if self.driver.name == self.beside.name:
            problems.append(f"beside: expected another driver than {self.driver.name}; two equal drivers never differ")
        return problems

    def start(self) -> None:
        for named in (self.driver, self.beside):
            named.plugin.start()

    def stop(self) -> None:
        for named in (self.beside, self.driver):
            named.plugin.stop()

    def health(self) -> str | None:
        found = [(named.name, named.plugin.health()) for named in (self.driver, self.beside)]
        return "; ".join(f"{name}: {problem}" for name, problem in found if problem) or None

    def choose(self, request: RequestSpec, candidates: Candidates) -> Decision:
        question = self._ask(request, candidates)
        decision: Decision = self.driver.plugin.choose(request, candidates)
        best = decision.ranked[0].pool_id if decision else None
        remark = {"driver": self.beside.name, "decided": self.driver.name, **question.compared(best, self.wait)}
        return replace(decision, remarks={**decision.remarks, REMARK: {**remark, "text": _text(remark)}})

    def _ask(self, request: RequestSpec, candidates: Candidates) -> _Question:
        question = _Question()
        if not self._open.acquire(blocking=False):
            question.problem = f"{MOST_OPEN} earlier requests are still open; this one was skipped"
            question.answered.set()
            return question

        def ask() -> None:
            try:
                question.ask(self.beside.plugin, request, candidates)
            finally:
                self._open.release()

        threading.Thread(target=ask, name=f"beside-{self.beside.name}", daemon=True).start()
        return question

    def further_events(self, decision: Decision, event: Event) -> Sequence[Event]:
        remark = decision.remarks.get(REMARK)
        if remark is None or not (remark["differs"] or remark["problem"]):
            return ()
        return (_event(event, remark),)


class _Question:
    """One request to the second driver, and its result."""

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.problem: str | None = None
        self.best: str | None = None
        self.fit = 0
        self.took_ms: float | None = None

    def ask(self, driver: PlacingScheduler, request: RequestSpec, candidates: Candidates) -> None:
        begun = time.perf_counter()
        try:
            decision = driver.choose(request, candidates)
            self.best = decision.ranked[0].pool_id if decision else None
            self.fit = len(decision.ranked)
        except BaseException as problem:  # noqa: BLE001 - a driver on trial may raise anything: it is recorded
            self.problem = f"{type(problem).__name__}: {problem}"
        self.took_ms = round((time.perf_counter() - begun) * 1000, 3)
        self.answered.set()

    def compared(self, best: str | None, wait: float) -> Mapping[str, Any]:
        """Return the remark as plain data. `best`: the pool that the first driver prefers."""
        if not self.answered.wait(wait):
            return {**_NOTHING, "problem": f"no decision within {wait:g} s"}
        if self.problem is not None:
            return {**_NOTHING, "problem": self.problem, "took_ms": self.took_ms}
        return {
            "would_choose": self.best,
            "fit": self.fit,
            "differs": self.best != best,
            "problem": None,
            "took_ms": self.took_ms,
        }


def _text(remark: Mapping[str, Any]) -> str:
    """Return the remark as a sentence."""
    name = remark["driver"]
    if remark["problem"] is not None:
        return f"{name}, on trial, made no decision: {remark['problem']}"
    if not remark["differs"]:
        return f"{name}, on trial, would have chosen the same"
    return f"{name}, on trial, would have chosen {remark['would_choose'] or 'no pool'}"


_NOTHING: Mapping[str, Any] = {"would_choose": None, "fit": None, "differs": False, "problem": None, "took_ms": None}


def _event(event: Event, remark: Mapping[str, Any]) -> Event:
    """Return the event about the second driver, beside the event about the decision."""
    failed = remark["problem"] is not None
    return replace(
        event,
        id=derived_id("event", event.id, REMARK),
        event_type=SILENT if failed else DIFFERS,
        priority=Priority.WARN if failed else Priority.INFO,
        payload={"about": event.event_type, "about_id": event.id, "pool": event.payload.get("pool"), **remark},
    )
