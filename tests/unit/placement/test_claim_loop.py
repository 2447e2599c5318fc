"""Claiming: conflicts are ordinary, bounded, and end in a fresh decision."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from msgspec.structs import replace

from tests import TestCase
from volsched.exceptions import ClaimConflict, NoValidBackend
from volsched.model.candidates import PoolTable
from volsched.model.claim import Claim, Placement
from volsched.model.decision import Decision
from volsched.model.pool import PoolState
from volsched.model.ports import PoolSource
from volsched.model.request import RequestSpec
from volsched.placement.claim_loop import claim_best

NOW = datetime(2026, 1, 1)


class Pools:
    """Three pools; those that were refreshed are known to be full."""

    def __init__(self) -> None:
        self.full: set[str] = set()
        self.hidden = False  # whether nothing is seen until the pools are looked at anew
        self.taken: list[str] = []

    def refresh(self, pool_id: str) -> None:
        self.full.add(pool_id)

    def renew(self) -> bool:
        was, self.hidden = self.hidden, False
        return was

    def claimed(self, claim: Claim) -> None:
        self.taken.append(claim.pool_id)

    def decide(self) -> Decision:
        pools = [
            PoolState(pool_id=f"h@b#{name}", backend_id="h@b", name=name, host="h@b")
            for name in "abc"
            if f"h@b#{name}" not in self.full and not self.hidden
        ]
        ranked = PoolTable(pools).candidates()
        return Decision(RequestSpec(volume_id="v"), ranked, survivors=ranked)


class Claims:
    """Refuses the pools it is told to, and all claims while `losing` lasts."""

    def __init__(self, *gone: str, losing: int = 0) -> None:
        self.gone = set(gone)
        self.losing = losing
        self.tried: list[str] = []

    def claim(self, placement: Placement) -> Claim:
        self.tried.append(placement.claim.pool_id)
        if self.losing or placement.claim.pool_id in self.gone:
            self.losing = max(0, self.losing - 1)
            raise ClaimConflict(placement.claim.pool_id)
        return placement.claim

    def release(self, key: str) -> None:
        raise AssertionError("nothing is released here")


def place(decision: Decision) -> Placement:
    assert decision.chosen is not None
    claim = Claim(key="v", volume_id="v", pool_id=decision.chosen.pool_id, size_gb=1, made_at=NOW)
    return Placement(claim=claim, thin=True)


class TestClaiming(TestCase):
    def claim(self, pools: Pools, claims: Claims, attempts: int = 10) -> Decision:
        return claim_best(pools.decide, place, pools=cast(PoolSource, pools), claims=claims, attempts=attempts)

    def test_takes_the_best(self) -> None:
        pools, claims = Pools(), Claims()
        decision = self.claim(pools, claims)
        self.assertEqual("h@b#a", decision.chosen.pool_id if decision.chosen else None)
        self.assertEqual(["h@b#a"], pools.taken)
        self.assertEqual((), decision.conflicts)

    def test_a_lost_race_goes_on_with_the_next_best(self) -> None:
        pools, claims = Pools(), Claims("h@b#a", "h@b#b")
        decision = self.claim(pools, claims)
        self.assertEqual(["h@b#c"], pools.taken)
        self.assertEqual(("h@b#a", "h@b#b"), decision.conflicts)
        self.assertEqual({"h@b#a", "h@b#b"}, pools.full)

    def test_all_lost_asks_again_and_says_why(self) -> None:
        pools, claims = Pools(), Claims("h@b#a", "h@b#b", "h@b#c")
        with self.assertRaises(NoValidBackend) as caught:
            self.claim(pools, claims)
        self.assertEqual(["h@b#a", "h@b#b", "h@b#c"], claims.tried)
        decision = caught.exception.decision
        self.assertEqual(3, len(decision.conflicts) if decision is not None else 0)

    def test_nothing_is_refused_on_an_old_look(self) -> None:
        pools, claims = Pools(), Claims()
        pools.hidden = True
        self.claim(pools, claims)
        self.assertEqual(["h@b#a"], pools.taken)

    def test_the_number_of_tries_is_bounded(self) -> None:
        pools, claims = Pools(), Claims(losing=100)
        endless = replace(pools.decide())
        with self.assertRaisesRegex(NoValidBackend, "4 claims in a row"):
            claim_best(lambda: endless, place, pools=cast(PoolSource, pools), claims=claims, attempts=4)
        self.assertEqual(4, len(claims.tried))
