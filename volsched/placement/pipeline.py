"""Filter, weigh and rank: one array of row numbers, which filters shorten and a handler reorders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial, reduce
from itertools import chain, groupby

import numpy as np

from volsched.exceptions import PluginError, VolschedError
from volsched.model.candidates import Candidates, CodedColumn, Mask, PoolTable
from volsched.model.decision import Decision, FilterStep, LazySequence, Screening, WeighStep
from volsched.model.ranking import Ranked, Weights
from volsched.model.request import RequestSpec
from volsched.placement import watchdog
from volsched.plugins import Filter, Ranking, Weigher, Weighing, WeightHandler

CORDONED = CodedColumn("cordoned", lambda pool: pool.cordoned)
CORDON = "cordon"


class Placing:
    """The selected filters, weighers and handler, put together. Checks what plugins answer, and names the offender."""

    def __init__(
        self,
        filters: Sequence[tuple[str, Filter]],
        weighers: Sequence[tuple[str, Weigher]],
        handler: WeightHandler,
    ) -> None:
        #: Filters in a row, and whether they are asked together.
        self._groups = tuple(
            (tuple(group), together)
            for together, group in groupby(filters, lambda item: bool(getattr(item[1], "elementwise", False)))
        )
        self._weighers = tuple(weighers)
        self._handler = handler
        self.needs: frozenset[str] = frozenset().union(
            *(plugin.needs for _, plugin in filters), *(plugin.needs for _, plugin in weighers)
        )

    def screen(self, request: RequestSpec, candidates: Candidates) -> Decision:
        """Filter only: `ranked` keeps candidate order, weights are 0. Raises PluginError."""
        steps, survivors = self._filtered(request, candidates)
        return Decision(request, survivors, steps, survivors)

    def place(self, request: RequestSpec, candidates: Candidates) -> Decision:
        """Filter, weigh, rank. Raises PluginError where a plugin breaks or breaks its word."""
        steps, survivors = self._filtered(request, candidates)
        if not len(survivors):
            return Decision(request, survivors, steps, survivors)
        weighings = tuple([self._weighed(name, weigher, request, survivors) for name, weigher in self._weighers])
        ranking = self._ranked(request, survivors, weighings)
        return Decision(
            request=request,
            ranked=Ranked(survivors, ranking),
            filters=steps,
            survivors=survivors,
            weighers=LazySequence(partial(map, _weigh_step, weighings, ranking.shares)),
        )

    def _filtered(self, request: RequestSpec, candidates: Candidates) -> tuple[Sequence[FilterStep], Candidates]:
        parts: list[Callable[[], Iterable[FilterStep]]] = []
        if request.operation in candidates.table.concluded(CORDON, lambda: _closed(candidates.table)):
            step = _cordon(request, candidates)
            parts.append(lambda: (step,))
            candidates = candidates.take(step.screening.passed)
        for filters, together in self._groups:
            if together:
                parts.append(partial(_one_by_one, filters, request, candidates))
                candidates = candidates.take(_all_of(filters, request, candidates))
            else:
                steps, candidates = _in_turn(filters, request, candidates)
                parts.append(partial(tuple, steps))
        return LazySequence(lambda: chain.from_iterable(part() for part in parts)), candidates

    def _weighed(self, name: str, weigher: Weigher, request: RequestSpec, candidates: Candidates) -> Weighing:
        try:
            watchdog.starting(weigher, name)
            raw = weigher.weigh(request, candidates)
            _check_weights(name, raw, candidates)
            return Weighing(name, raw, weigher.multiplier)
        except VolschedError:
            raise
        except (Exception, SystemExit) as problem:
            raise _blamed(name, problem) from problem

    def _ranked(self, request: RequestSpec, candidates: Candidates, weighings: Sequence[Weighing]) -> Ranking:
        try:
            watchdog.starting(self._handler, "weight handler")
            ranking = self._handler.rank(request, candidates, weighings)
            _check_ranking(ranking, len(candidates), len(weighings))
            return ranking
        except VolschedError:
            raise
        except (Exception, SystemExit) as problem:
            raise _blamed("weight handler", problem) from problem


def _weigh_step(weighing: Weighing, share: Weights) -> WeighStep:
    return WeighStep(weighing.name, weighing.raw, weighing.multiplier, share)


def _in_turn(
    filters: Sequence[tuple[str, Filter]], request: RequestSpec, candidates: Candidates
) -> tuple[list[FilterStep], Candidates]:
    """Each filter sees what the ones before it left."""
    steps = []
    for name, plugin in filters:
        screening = _screened(name, plugin, request, candidates)
        steps.append(FilterStep(name, candidates, screening))
        candidates = candidates.take(screening.passed)
    return steps, candidates


def _one_by_one(
    filters: Sequence[tuple[str, Filter]], request: RequestSpec, candidates: Candidates
) -> Iterable[FilterStep]:
    return _in_turn(filters, request, candidates)[0]


def _all_of(filters: Sequence[tuple[str, Filter]], request: RequestSpec, candidates: Candidates) -> Mask:
    """The candidates that pass every filter, all of which see all of them."""
    passed = [_screened(name, plugin, request, candidates).passed for name, plugin in filters]
    return reduce(np.logical_and, passed)


def _screened(name: str, plugin: Filter, request: RequestSpec, candidates: Candidates) -> Screening:
    try:
        watchdog.starting(plugin, name)
        screening = plugin.screen(request, candidates)
        _check_mask(screening, len(candidates))
        return screening
    except VolschedError:
        raise
    except (Exception, SystemExit) as problem:
        raise _blamed(name, problem) from problem


def _closed(snapshot: PoolTable) -> frozenset[str]:
    """The operations that an operator closed some pool for."""
    return frozenset().union(*snapshot.coded(CORDONED).values)


def _cordon(request: RequestSpec, candidates: Candidates) -> FilterStep:
    """Pools that an operator closed for this kind of operation."""
    operation = request.operation.value
    passed = candidates.coded(CORDONED).where(lambda closed: operation not in closed)

    def why(position: int) -> str:
        reason = candidates[position].cordoned[operation]
        return f"cordoned for {operation} by the operator" + (f": {reason}" if reason else "")

    return FilterStep(CORDON, candidates, Screening(passed, why))


def _blamed(plugin: str, problem: BaseException) -> PluginError:
    """What a plugin let out, under the plugin's name."""
    return PluginError(plugin, f"{type(problem).__name__}: {problem}")


def _kind(value: object) -> str:
    return f"{value.dtype} array" if isinstance(value, np.ndarray) else type(value).__name__


def _check_mask(screening: Screening, count: int) -> None:
    passed = screening.passed
    if not isinstance(passed, np.ndarray) or passed.dtype != np.bool_:
        raise TypeError(f"screen() must give a bool array as `passed`, not {_kind(passed)}")
    if passed.shape != (count,):
        raise ValueError(f"screen() gave shape {passed.shape} for {count} candidates")


def _check_weights(name: str, raw: Weights, candidates: Candidates) -> None:
    if not isinstance(raw, np.ndarray) or raw.dtype != np.float64:
        raise PluginError(name, f"weigh() must give a float64 array, not {_kind(raw)}")
    if raw.shape != (len(candidates),):
        raise PluginError(name, f"weigh() gave shape {raw.shape} for {len(candidates)} candidates")
    finite = np.isfinite(raw)
    if np.count_nonzero(finite) != len(finite):
        worst = int(np.argmin(finite))
        raise PluginError(name, f"weight {raw[worst]} for {candidates[worst].pool_id}; weights must be finite")


def _check_ranking(ranking: Ranking, count: int, weighings: int) -> None:
    if len(ranking) > count:
        raise ValueError(f"rank() gave {len(ranking)} positions for {count} candidates")
    if type(ranking) is Ranking:  # made by a handler of its own, and not put in order by us
        if not np.array_equal(np.sort(ranking.order), np.arange(count)):
            raise ValueError(f"rank() must name each of {count} candidates once; it gave {ranking.order}")
        if not np.isfinite(ranking.weights).all():
            raise ValueError("rank() gave totals that are not finite")
    if len(ranking.shares) != weighings:
        raise ValueError(f"rank() gave {len(ranking.shares)} shares for {weighings} weighers")
