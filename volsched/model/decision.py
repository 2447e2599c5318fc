"""The outcome of one scheduling question, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from volsched.model.candidates import Candidates, Mask
from volsched.model.pool import PoolState
from volsched.model.ranking import Ranked
from volsched.model.request import RequestSpec, Retry
from volsched.model.serialization import NOTHING

#: So many pools are listed by name where there are too many for a whole list.
FEW = 5
MOST_NAMED = 3

T = TypeVar("T")


class LazySequence(Sequence[T]):
    """What `work_out` gives, asked once, when the first item or the length is wanted."""

    def __init__(self, work_out: Callable[[], Iterable[T]]) -> None:
        self._work_out = work_out
        self._items: tuple[T, ...] | None = None

    @property
    def _known(self) -> tuple[T, ...]:
        if self._items is None:
            self._items = tuple(self._work_out())
        return self._items

    def __getitem__(self, at: Any) -> Any:
        return self._known[at]

    def __len__(self) -> int:
        return len(self._known)


class Screening(msgspec.Struct, frozen=True, eq=False):
    """A filter's answer: which candidates pass and, only if asked, why one does not.

    `passed` has one entry a candidate; `why` takes a position among the candidates (not a snapshot row). `shortfall`
    says how far each candidate is from passing where that is a number, to find the nearest miss; or it gives
    that when it is called.
    """

    passed: Mask
    why: Callable[[int], str]
    shortfall: NDArray[np.float64] | Callable[[], NDArray[np.float64]] | None = None


class FilterStep(msgspec.Struct, frozen=True, eq=False):
    """What one filter did with the candidates it got."""

    name: str
    before: Candidates
    screening: Screening

    def rejected(self) -> Iterator[tuple[PoolState, str]]:
        """The pools it turned away, each with the reason."""
        for position in np.flatnonzero(~self.screening.passed):
            yield self.before[int(position)], self.why(int(position))

    def why(self, position: int) -> str:
        """The reason of a rejected candidate; where the filter breaks when it is asked for it, that."""
        try:
            return str(self.screening.why(position))
        except Exception as problem:  # noqa: BLE001 - a plugin's; the verdict stands
            return f"(the filter {self.name} cannot say why: {type(problem).__name__}: {problem})"

    @property
    def rejections(self) -> int:
        return len(self.before) - int(np.count_nonzero(self.screening.passed))

    def nearest_miss(self) -> str:
        """The reason of the rejected candidate that came nearest, or of the first where nearness is not a number."""
        rejected = np.flatnonzero(~self.screening.passed)
        shortfall = self.screening.shortfall
        if callable(shortfall):
            shortfall = shortfall()
        nearest = 0 if shortfall is None else int(np.nanargmin(np.append(shortfall[rejected], np.inf)))
        return self.why(int(rejected[nearest if nearest < len(rejected) else 0]))

    def plain(self, most: int) -> dict[str, Any]:
        """The step as JSON values; at most `most` pools are listed by name, and the nearest miss if there are more."""
        rejections = self.rejections
        made: dict[str, Any] = {
            "filter": self.name,
            "considered": len(self.before),
            "rejected_count": rejections,
            "rejected": [{"pool": pool.pool_id, "why": why} for pool, why in islice(self.rejected(), most)],
        }
        return made if rejections <= most else {**made, "nearest_miss": self.nearest_miss()}


class WeighStep(msgspec.Struct, frozen=True, eq=False):
    """What one weigher said: raw weights, one a surviving candidate in filter order, and their multiplier."""

    name: str
    raw: NDArray[np.float64]
    multiplier: float
    share: NDArray[np.float64]  # what it added to the total


class Decision(msgspec.Struct, frozen=True, eq=False):
    """Which pools would do, best first, and what every filter and weigher said on the way.

    `ranked` holds the survivors, best first.
    """

    request: RequestSpec
    ranked: Candidates
    filters: Sequence[FilterStep] = ()
    survivors: Candidates | None = None  # in filter order, before ranking
    weighers: Sequence[WeighStep] = ()
    set_aside: tuple[tuple[str, str], ...] = ()  # pool or backend id -> why it takes no part
    chosen: PoolState | None = None  # the pool whose room was claimed
    conflicts: tuple[str, ...] = ()  # better pools whose room was gone when it was claimed
    remarks: Mapping[str, Any] = NOTHING  # of the scheduler driver, as plain data
    profile: str | None = None  # whose filters and weighers these are, where the volume type has some of its own
    failed: str = ""  # the plugin that broke, its package, and how; nothing was decided then

    @property
    def weights(self) -> NDArray[np.float64]:
        """One total a ranked pool."""
        return self.ranked.weights

    @property
    def retry(self) -> Retry | None:
        """The retry record that goes with the request from here on: with the chosen pool in it."""
        retry = self.request.retry
        if retry is None or self.chosen is None:
            return retry
        return msgspec.structs.replace(
            retry,
            backends=(*retry.backends, self.chosen.pool_id),
            hosts=(*retry.hosts, self.chosen.pool_id),
        )

    def __bool__(self) -> bool:
        return len(self.ranked) > 0

    @property
    def considered(self) -> int:
        """How many pools there were to begin with."""
        return len(self.filters[0].before) if self.filters else len(self.survivors or self.ranked)

    def reason(self) -> str:
        """One sentence for an operator: which filter left nothing, and the nearest miss in its numbers."""
        if self.failed:
            return self.failed
        if self:
            return f"{len(self.ranked)} pools fit"
        considered = self.considered
        if not considered:
            return self._nobody()
        parts = [
            f"{step.name} rejected {step.rejections} ({step.nearest_miss()})"
            for step in self.filters
            if step.rejections
        ]
        return f"none of {considered} pools fits: " + "; ".join(parts)

    def _nobody(self) -> str:
        """Why there was no pool to begin with."""
        if not self.set_aside:
            return "no pool has reported"
        named = [f"{name}: {why}" for name, why in self.set_aside[:MOST_NAMED]]
        more = len(self.set_aside) - len(named)
        return "no pool takes part: " + "; ".join(named) + (f"; and {more} more" if more else "")

    def summary(self) -> dict[str, Any]:
        """The decision in a few figures, as JSON values: what events carry of it."""
        return {
            "considered": self.considered,
            "rejected": {step.name: step.rejections for step in self.filters if step.rejections},
            "fit": len(self.ranked),
            "conflicts": len(self.conflicts),
            "set_aside": len(self.set_aside),
            "profile": self.profile,
            "config_generation": self.request.config_generation,
            "remarks": dict(self.remarks),
        }

    def plain(self, *, most: int = 100) -> dict[str, Any]:
        """The decision as JSON values for storing and showing: each pool, each verdict, each score, the order.

        Where there were more than `most` pools, only the first FEW of each part are listed by name, and the nearest
        miss of each filter. The counts are always whole.
        """
        listed = self.considered if self.considered <= most else min(most, FEW)
        survivors = self.survivors if self.survivors is not None else self.ranked
        scored = self.ranked.positions if isinstance(self.ranked, Ranked) else np.arange(len(survivors))
        weighing = [
            {
                "weigher": weigher.name,
                "multiplier": weigher.multiplier,
                "weights": {
                    survivors[at].pool_id: {"raw": _number(weigher.raw[at]), "share": _number(weigher.share[at])}
                    for at in scored[:listed].tolist()
                },
            }
            for weigher in self.weighers
        ]
        return {
            "operation": self.request.operation.value,
            "size_gb": self.request.size_gb,
            "wanted_gb": self.request.wanted_gb,
            "volume_type": self.request.volume_type.name if self.request.volume_type else None,
            "profile": self.profile,
            "reason": self.reason(),
            "failed": self.failed or None,
            "filters": [step.plain(listed) for step in self.filters],
            "weighers": weighing,
            "ranked_count": len(self.ranked),
            "ranked": [
                {"pool": self.ranked[at].pool_id, "weight": _number(weight)}
                for at, weight in enumerate(self.weights[:listed])
            ],
            "chosen": self.chosen.pool_id if self.chosen is not None else None,
            "conflicts": list(self.conflicts),
            "set_aside": [{"name": name, "why": why} for name, why in self.set_aside],
            "config_generation": self.request.config_generation,
            "remarks": dict(self.remarks),
        }


def _number(value: Any) -> float | None:
    """A finite float, or None: JSON has neither NaN nor infinity."""
    number = float(value)
    return number if number - number == 0.0 else None
