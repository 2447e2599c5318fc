"""Snapshots, columns and selections."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.model.candidates import MOST_BEHIND, MOST_CONCLUSIONS, Candidates, CodedColumn, Mask, PoolTable
from volsched.model.columns import FREE_GB, ROOM_THICK_GB, TOTAL_GB, ZONE, capability
from volsched.testing.builders import a_pool, a_snapshot

TIER = capability("tier")


class CandidatesTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.snapshot = a_snapshot(
            a_pool("a", free_gb=1.0), a_pool("b", free_gb=2.0, zone="z"), a_pool("c", free_gb=3.0)
        )

    def names(self, candidates: object) -> list[str]:
        return [pool.name for pool in candidates]  # type: ignore[attr-defined]

    def test_narrowing_and_permuting_give_new_selections(self) -> None:
        every = self.snapshot.candidates()
        narrowed = every.take(np.array([True, False, True]))
        self.assertEqual(["a", "c"], self.names(narrowed))
        turned = narrowed.take(np.array([1, 0]))
        self.assertEqual(["c", "a"], self.names(turned))
        self.assertEqual([3.0, 1.0], turned.column(FREE_GB).tolist())
        self.assertEqual("a", turned[1].name)
        self.assertEqual(3, len(every))

    def test_a_selection_of_everything_is_the_same(self) -> None:
        every = self.snapshot.candidates()
        self.assertIs(every, every.take(np.ones(3, np.bool_)))
        self.assertIs(self.snapshot.column(FREE_GB), every.column(FREE_GB))

    def test_columns_cannot_be_written(self) -> None:
        for array in (
            self.snapshot.column(FREE_GB), self.snapshot.coded(ZONE).codes, self.snapshot.candidates().rows,
            self.snapshot.replace({0: a_pool("a")}).column(FREE_GB),
            self.snapshot.replace({0: a_pool("a")}).coded(ZONE).codes,
        ):  # fmt: skip
            with self.assertRaises(ValueError):
                array[0] = 0

    def test_a_judge_is_asked_once_a_value(self) -> None:
        asked = []
        mask = self.snapshot.candidates().coded(ZONE).where(lambda zone: not asked.append(zone))
        self.assertEqual(["nova", "z"], asked)
        self.assertEqual([True] * 3, mask.tolist())

    def test_values_of_different_types_are_told_apart(self) -> None:
        pools = [
            a_pool(capabilities={"tier": tier}) for tier in (1, True, 1.0, "1", [1], (1,), {"a": 1}, {"a": True}, None)
        ]
        self.assertEqual(9, len(PoolTable(pools).coded(TIER).values))

    def test_rows_by_pool_id(self) -> None:
        self.assertEqual(1, self.snapshot.row("node1@disk#b"))
        self.assertIsNone(self.snapshot.row("node1@disk#x"))


class ReplaceTest(TestCase):
    """The next snapshot is as one made anew, whatever was read from the one before."""

    ZONES = st.sampled_from(["z1", "z2", "z3", None])
    POOLS = st.builds(
        lambda free_gb, zone, tier: a_pool(free_gb=free_gb, zone=zone, capabilities={"tier": tier}),
        st.floats(0, 1000), ZONES, st.sampled_from(["gold", 1, True, None]),
    )  # fmt: skip

    @given(st.lists(POOLS, min_size=1, max_size=6), st.lists(st.tuples(st.integers(0, 5), POOLS), max_size=8))
    def test_patched_columns_are_those_of_a_new_snapshot(self, pools: list, changes: list) -> None:
        snapshot = PoolTable(pools)
        for row, pool in changes:
            for key in (FREE_GB, TOTAL_GB, ROOM_THICK_GB):
                snapshot.column(key)
            for coded in (ZONE, TIER):
                snapshot.coded(coded)
            before = list(snapshot.pools)
            after = snapshot.replace({row % len(pools): pool})
            self.assertEqual(before, list(snapshot.pools))
            snapshot = after
            new = PoolTable(list(snapshot.pools))
            for key in (FREE_GB, TOTAL_GB, ROOM_THICK_GB):
                self.assertEqual(new.column(key).tolist(), snapshot.column(key).tolist())
            for coded in (ZONE, TIER):
                self.assertEqual(self.spelled(new, coded), self.spelled(snapshot, coded))

    @given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1000), st.booleans()), max_size=200))
    def test_claims_change_figures_only_and_only_from_then_on(self, claims: list) -> None:
        snapshot = a_snapshot(5)
        free, kept = [1000.0] * 5, []
        for row, free_gb, looked_at in claims:
            free[row] = free_gb
            snapshot = snapshot.replace({row: replace(snapshot.pool(row), free_gb=free_gb)}, only_figures=True)
            if looked_at:
                snapshot.column(FREE_GB)
            kept.append((snapshot, list(free)))
        for each, figures in kept:
            self.assertEqual(figures, each.column(FREE_GB).tolist())
            self.assertEqual(figures, [each.pool(row).free_gb for row in range(5)])
            self.assertEqual(figures, [pool.free_gb for pool in each.pools])

    def test_conclusions_are_drawn_once_and_outlive_claims_but_no_report(self) -> None:
        drawn: list[int] = []

        def conclude(snapshot: PoolTable) -> int:
            return snapshot.concluded("key", lambda: drawn.append(1) or 5)

        snapshot = a_snapshot(3)
        after_claim = snapshot.replace({1: a_pool("pool1", free_gb=1)}, only_figures=True)
        self.assertEqual([5] * 3, [conclude(snapshot), conclude(snapshot), conclude(after_claim)])
        self.assertEqual(1, len(drawn))
        conclude(snapshot.replace({1: a_pool("pool1", zone="z")}))
        self.assertEqual(2, len(drawn))

    def test_verdicts_are_given_once_and_after_a_report_on_what_was_reported(self) -> None:
        asked: list[list[str]] = []

        def judge(pools: Candidates) -> Mask:
            asked.append([pool.name for pool in pools])
            return np.array([pool.zone == "z" for pool in pools])

        def judged(snapshot: PoolTable) -> list[bool]:
            return snapshot.candidates().take(np.array([2, 1])).judged("key", judge).tolist()

        snapshot = a_snapshot(3)
        self.assertEqual([False, False], judged(snapshot))
        self.assertEqual([False, False], judged(snapshot.replace({1: a_pool("pool1")}, only_figures=True)))
        self.assertEqual([["pool0", "pool1", "pool2"]], asked)
        moved = snapshot.replace({1: a_pool("pool1", zone="z")}).replace({0: a_pool("pool0", zone="z")})
        self.assertEqual([False, True], judged(moved))
        self.assertEqual([["pool0", "pool1"]], asked[1:])
        for number in range(MOST_BEHIND + 2):
            moved = moved.replace({2: a_pool("pool2", zone="z" if number else None)})
        self.assertEqual([True, True], judged(moved))
        self.assertEqual([["pool0", "pool1", "pool2"]], asked[2:])

    def test_verdicts_do_not_pile_up(self) -> None:
        snapshot = a_snapshot(3)
        for number in range(3 * MOST_CONCLUSIONS):
            snapshot.judged(number, lambda pools: np.ones(len(pools), np.bool_))
        self.assertLessEqual(len(snapshot._judged), MOST_CONCLUSIONS + 1)

    def test_conclusions_do_not_pile_up(self) -> None:
        snapshot = a_snapshot(3)
        for number in range(3 * MOST_CONCLUSIONS):
            self.assertEqual(number, snapshot.concluded(number, lambda number=number: number))
        self.assertLessEqual(len(snapshot._concluded), MOST_CONCLUSIONS)

    def spelled(self, snapshot: PoolTable, key: CodedColumn) -> list[str]:
        coded = snapshot.coded(key)
        return [repr(coded.values[code]) for code in coded.codes]

    def test_values_of_the_past_do_not_pile_up(self) -> None:
        snapshot = a_snapshot(3)
        for number in range(100):
            snapshot.coded(TIER)
            snapshot = snapshot.replace({0: a_pool("pool0", capabilities={"tier": number})})
            self.assertLessEqual(len(snapshot.coded(TIER).values), 2 * 3 + 1)

    def test_a_claim_leaves_the_other_columns_as_they_are(self) -> None:
        snapshot = a_snapshot(3)
        total, zone = snapshot.column(TOTAL_GB), snapshot.coded(ZONE)
        snapshot.column(FREE_GB)
        after = snapshot.replace({1: replace(snapshot.pools[1], free_gb=5.0)}, only_figures=True)
        self.assertIs(total, after.column(TOTAL_GB))
        self.assertIs(zone, after.coded(ZONE))
        self.assertEqual([1000.0, 5.0, 1000.0], after.column(FREE_GB).tolist())
