"""Where two answers to one request differ, and what is needed to explain it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from msgspec.structs import replace

from tools.parity.answers import Answer, Figures, Pass, same_data, same_figures, same_number, same_pass, same_weights
from tools.parity.books import same_report
from tools.parity.cases import Case
from tools.parity.replay import QUESTIONS, Replay, Replayed
from volsched.model.identity import backend_of
from volsched.model.pool import PoolState
from volsched.model.request import RequestSpec

FAILURE, CHOSEN, PASSES, RETRY = "failure", "chosen", "passes", "retry"
POOLS, CAPABILITIES, VALUE, NOTIFICATIONS = "pools", "capabilities", "value", "notifications"
KNOWN, ORDER, FIGURES_BEFORE, TAKEN = "known pools", "order of pools", "figures", "taken"


Change = Callable[[RequestSpec], RequestSpec]
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Comparison:
    """One request of one case: what Cinder answered, what volsched did, and the means to ask volsched again."""

    case: Case
    number: int
    request: Mapping[str, Any]
    theirs: Answer
    ours: Replayed
    replay: Replay

    @property
    def operation(self) -> str:
        return str(self.request["operation"])

    @cached_property
    def differing(self) -> frozenset[str]:
        """The aspects in which the answers differ."""
        checks = {
            FAILURE: self._same_failure(),
            CHOSEN: self.theirs.chosen == self.ours.answer.chosen,
            PASSES: self._same_passes(),
            RETRY: self._same_retry(),
            POOLS: self.theirs.pools == self.ours.answer.pools or self._fails(),
            CAPABILITIES: self._same_capabilities(),
            VALUE: self.theirs.value == self.ours.answer.value or self._fails(),
            NOTIFICATIONS: same_data(list(self.theirs.notifications), list(self.ours.answer.notifications)),
        }
        if self.looked:
            ours, theirs = list(self.ours.before), list(self.theirs.figures)
            checks[KNOWN] = set(ours) == set(theirs)
            common = set(ours) & set(theirs)
            checks[ORDER] = [name for name in ours if name in common] == [name for name in theirs if name in common]
            checks[FIGURES_BEFORE] = not self.other_figures
            checks[TAKEN] = self._same_taken()
        return frozenset(aspect for aspect, same in checks.items() if not same)

    # -- what each side did --------------------------------------------------------------------------------------

    def _fails(self) -> bool:
        """One of the two failed: that is told by FAILURE."""
        return self.theirs.failure is not None or self.ours.answer.failure is not None

    def _same_failure(self) -> bool:
        """The class for Cinder's own errors; of an accident only that volsched refuses as well, and means it."""
        theirs, ours = self.theirs.failure, self.ours.answer.failure
        if theirs is None or ours is None:
            return theirs is ours
        return ours.meant and (theirs.name == ours.name or not theirs.meant)

    def _same_retry(self) -> bool:
        """The retry record, but for the pool chosen last, which is compared as such."""
        if not self.theirs.tells_retry or self._fails():
            return True
        if self.operation == "find_retype_backend" and not self.request.get("filter_properties"):
            return True  # Cinder fills in a record that its caller never sees
        theirs, ours = self.theirs.retry, self.ours.answer.retry
        if theirs is None or ours is None:
            return theirs is ours
        keys = theirs.keys() - {"exc"}
        own = theirs.get("backends", theirs.get("hosts"))
        placed = self.operation == "create_volume" and bool(own)
        return all(_same_record(theirs[key], ours.get(key), placed=placed) for key in keys)

    def _same_capabilities(self) -> bool:
        theirs, ours = self.theirs.capabilities, self.ours.answer.capabilities
        if theirs is None or ours is None:
            return theirs is ours or self._fails()
        return all(same_data(theirs[name], ours[name]) for name in theirs.keys() & ours.keys())

    @property
    def looked(self) -> bool:
        """Whether Cinder looked at the pools anew for this request, so that its figures are those it decided on."""
        if self.operation not in QUESTIONS:
            return False
        return bool(self.theirs.passes) or (self.theirs.failure is None and self.operation == "get_pools")

    @property
    def taken_gb(self) -> float:
        """The room that Cinder took in the pool that it chose."""
        if self.theirs.chosen is None:
            return 0
        if self.operation == "backend_passes_filters":
            return float(self.request.get("consume") or 0)
        described = (self._spec() or {}).get("volume_properties") or {}
        size = described.get("size")
        if isinstance(size, str) and size.isdecimal() and self.request.get("spec_as_object"):
            size = int(size)  # an object turns its fields into what they should be
        if isinstance(size, bool) or not isinstance(size, int | float):
            return 0
        if self.operation == "find_retype_backend":
            current = described.get("cluster_name") or described.get("host")
            stays = current in (self.theirs.chosen, backend_of(self.theirs.chosen))
            return 0 if stays else float(size)
        return float(size) if self.operation == "create_volume" else 0

    def _spec(self) -> Mapping[str, Any] | None:
        spec = self.replay.spec_of(self.number)
        return spec if isinstance(spec, Mapping) else None

    @cached_property
    def their_figures(self) -> Mapping[str, Figures]:
        """The figures that Cinder decided on: those after, without what it took."""
        taken = self.taken_gb
        return {
            name: _untaken(figures, taken) if taken and name == self.theirs.chosen else figures
            for name, figures in self.theirs.figures.items()
        }

    @cached_property
    def other_figures(self) -> frozenset[str]:
        """The pools that volsched decided on with other figures than Cinder."""
        return frozenset(
            name
            for name, figures in self.their_figures.items()
            if name in self.ours.before and not same_figures(figures, figures_of(self.ours.before[name]))
        )

    def _same_taken(self) -> bool:
        """Whether as much room was taken, where both chose the same pool."""
        name = self.theirs.chosen
        if name is None or name != self.ours.answer.chosen or name not in self.ours.before:
            return True
        before, after = self.ours.before[name].allocated_gb, self.ours.answer.figures[name][1]
        return same_number(after - before, self.taken_gb)

    # -- passes --------------------------------------------------------------------------------------------------

    def _same_passes(self) -> bool:
        """Whether the passes are Cinder's; where either side failed, as far as both have recorded them."""
        theirs, ours = self.theirs.passes, self.ours.answer.passes
        if self.operation == "get_pools" or (_nobody(theirs) and _nobody(ours)):
            return True
        if self._fails():
            return all(_same_as_far_as_known(one, other, NOBODY) for one, other in zip(theirs, ours, strict=False))
        return len(theirs) == len(ours) and all(map(same_pass, theirs, ours))

    def reconciled(
        self,
        *,
        aside: Set[str] = NOBODY,
        hidden: Set[str] = NOBODY,
        in_their_order: bool = False,
        other: Change = lambda request: request,
    ) -> bool:
        """Whether volsched decides as Cinder did on the pools as Cinder saw them.

        Pools that Cinder had `hidden` are left out, and those set `aside` do not count: where Cinder weighed them
        they set the scale for the others, whose order is free then. `other` changes what was asked.
        """
        order = tuple(self.theirs.figures) if in_their_order else ()
        passes = self.replay.again(self.ours, self.their_pools, without=hidden, order=order, other=other)
        theirs = self.theirs.passes
        if self.theirs.failure is not None and not self.theirs.failure.meant:
            return all(_same_as_far_as_known(one, also, aside) for one, also in zip(theirs, passes, strict=False))
        if _nobody([_without(each, aside) for each in theirs]) and _nobody(passes):
            return True
        return len(theirs) == len(passes) and all(
            _same_without(one, also, aside) for one, also in zip(theirs, passes, strict=True)
        )

    @cached_property
    def their_pools(self) -> Mapping[str, PoolState]:
        """The pools that Cinder saw otherwise, as it saw them."""
        if not self.looked:
            return {}
        made = {}
        for name, pool in self.ours.before.items():
            if name in self.their_figures:
                last = self.ours.reported[name]
                if name in self.other_figures or self.replay.books.basis(last) is not last:
                    made[name] = self._seen_by_cinder(pool, last)
        return made

    def _seen_by_cinder(self, pool: PoolState, last: PoolState) -> PoolState:
        figures = self.their_figures[pool.pool_id]
        basis = next((known for known in (self.replay.books.basis(last), last) if same_report(figures, known)), pool)
        free, allocated, provisioned = figures
        return replace(
            pool,
            total_gb=basis.total_gb,
            free_gb=_number(free, basis.free_gb),
            allocated_gb=_number(allocated, basis.allocated_gb),
            provisioned_gb=_number(provisioned, basis.provisioned_gb),
            reserved_percentage=basis.reserved_percentage,
            max_over_subscription_ratio=basis.max_over_subscription_ratio,
            thin=basis.thin,
        )


def _nobody(passes: Sequence[Pass]) -> bool:
    """Whether no pool was in the running at all."""
    return not any(survivors for each in passes for _, survivors in each.filters) and not any(
        each.weighed for each in passes
    )


def _without(each: Pass, aside: Set[str]) -> Pass:
    filters = tuple((name, tuple(left for left in survivors if left not in aside)) for name, survivors in each.filters)
    weighed = each.weighed and tuple(item for item in each.weighed if item[0] not in aside)
    return Pass(filters, weighed)


def _same_without(theirs: Pass, ours: Pass, aside: Set[str]) -> bool:
    if not aside:
        return same_pass(theirs, ours)
    left = _without(theirs, aside)
    if left.filters != ours.filters:
        return False
    counted = theirs.weighed is not None and any(name in aside for name, _ in theirs.weighed)
    if counted:  # they set the scale for the others
        return {name for name, _ in left.weighed or ()} == {name for name, _ in ours.weighed or ()}
    return same_weights(left.weighed, ours.weighed)


def _same_as_far_as_known(theirs: Pass, ours: Pass, aside: Set[str]) -> bool:
    left = _without(theirs, aside)
    known = dict(ours.filters)
    if any(known.get(name, survivors) != survivors for name, survivors in left.filters):
        return False
    if left.weighed is None or ours.weighed is None:
        return True
    return _same_without(theirs, ours, aside)


def _same_record(theirs: Any, ours: Any, *, placed: bool) -> bool:
    if isinstance(theirs, list) and isinstance(ours, list) and placed:
        return theirs[:-1] == ours[:-1] and len(theirs) == len(ours)
    return bool(theirs == ours)


def _untaken(figures: Figures, taken: float) -> Figures:
    free, *held = figures
    allocated, provisioned = (value - taken if isinstance(value, int | float) else value for value in held)
    return (free + taken if isinstance(free, int | float) else free, allocated, provisioned)


def _number(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise


def figures_of(pool: Any) -> Figures:
    return (pool.free_gb, pool.allocated_gb, pool.provisioned_gb)
