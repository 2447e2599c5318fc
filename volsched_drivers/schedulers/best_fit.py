"""The scheduler driver that packs."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from volsched.model.candidates import PoolTable, Rows
from volsched.model.columns import ROOM_THICK_GB, ROOM_THIN_GB
from volsched.model.decision import WeighStep
from volsched.model.ranking import Ranked, Ranking, Weights
from volsched.placement.scheduler import PlacingScheduler
from volsched.plugins import Candidates, Decision, RequestSpec

ROOM_LEFT = "room_left"
PLACES = "pool ids in order"


class BestFitScheduler(PlacingScheduler):
    """Chooses, of what passes the configured filters, the pool with the least room left once the volume is there.

    What is large stays free for large volumes. Weighers are not asked. Pools of the same room are taken in the order
    of their ids; pools without a bound come after all that have one, and last those that have not the room.
    """

    contract = (1, 0)

    def choose(self, request: RequestSpec, candidates: Candidates) -> Decision:
        screened = self.resources.chooser.screen(request, candidates)
        fitting = screened.ranked
        if not len(fitting):
            return screened
        left = _room_left(request, fitting)
        order = np.lexsort((_places(fitting), left, _groups(left)))
        share = -left
        return replace(
            screened,
            ranked=Ranked(fitting, Ranking(order, share[order], (share,))),
            weighers=(WeighStep(ROOM_LEFT, left, -1.0, share),),
        )


def _room_left(request: RequestSpec, candidates: Candidates) -> Weights:
    """GiB that each pool has left with the volume in it; inf where it has no bound."""
    left = candidates.column(ROOM_THIN_GB if request.thin else ROOM_THICK_GB) - request.wanted_gb
    home = candidates.table.row(request.exists_on) if request.exists_on is not None else None
    if home is not None:  # the volume takes room there already
        left[candidates.rows == home] += request.wanted_gb
    return left


def _groups(left: Weights) -> Rows:
    """0: bounded, and it fits; 1: no bound; 2: it does not fit, or nobody knows."""
    return np.where(left >= 0, np.where(np.isinf(left), 1, 0), 2)


def _places(candidates: Candidates) -> Rows:
    """The place of each pool's id among the ids of all pools."""
    places: Rows = candidates.table.concluded((BestFitScheduler, PLACES), lambda: _sorted_ids(candidates.table))
    return places[candidates.rows]


def _sorted_ids(snapshot: PoolTable) -> Rows:
    places = np.empty(len(snapshot), np.intp)
    places[np.argsort(np.array([pool.pool_id for pool in snapshot.pools]))] = np.arange(len(snapshot))
    return places
