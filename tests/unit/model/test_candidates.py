"""Snapshots, columns and selections."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests import TestCase
from volsched.model.candidates import MAX_OUTDATED, MAX_RESULTS, Candidates, CodedColumn, Mask, PoolTable
from volsched.model.columns import FREE_GB, ROOM_THICK_GB, TOTAL_GB, ZONE, capability
from volsched.testing.builders import a_pool, a_pool_table

TIER = capability("tier")


class CandidatesTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.table = a_pool_table(
            a_pool("a", free_gb=1.0), a_pool("b", free_gb=2.0, zone="z"), a_pool("c", free_gb=3.0)
        )

    def names(self, candidates: object) -> list[str]:
        return [pool.name for pool in candidates]  # type: ignore[attr-defined]

    def test_narrowing_and_permuting_give_new_selections(self) -> None:
        every = self.table.candidates()
        narrowed = every.take(np.array([True, False, True]))
        self.assertEqual(["a", "c"], self.names(narrowed))
        turned = narrowed.take(np.array([1, 0]))
        self.assertEqual(["c", "a"], self.names(turned))
        self.assertEqual([3.0, 1.0], turned.column(FREE_GB).tolist())
        self.assertEqual("a", turned[1].name)
        self.assertEqual(3, len(every))

    def test_a_selection_of_everything_is_the_same(self) -> None:
        every = self.table.candidates()
        self.assertIs(every, every.take(np.ones(3, np.bool_)))
        self.assertIs(self.table.column(FREE_GB), every.column(FREE_GB))

    def test_columns_cannot_be_written(self) -> None:
        for array in (
            self.table.column(FREE_GB), self.table.coded(ZONE).codes, self.table.candidates().rows,
            self.table.replace({0: a_pool("a")}).column(FREE_GB),
            self.table.replace({0: a_pool("a")}).coded(ZONE).codes,
        ):  # fmt: skip
            with self.assertRaises(ValueError):
                array[0] = 0

    def test_a_judge_is_asked_once_a_value(self) -> None:
        asked = []
        mask = self.table.candidates().coded(ZONE).where(lambda zone: not asked.append(zone))
        self.assertEqual(["nova", "z"], asked)
        self.assertEqual([True] * 3, mask.tolist())

    def test_values_of_different_types_are_told_apart(self) -> None:
        pools = [
            a_pool(capabilities={"tier": tier}) for tier in (1, True, 1.0, "1", [1], (1,), {"a": 1}, {"a": True}, None)
        ]
        self.assertEqual(9, len(PoolTable(pools).coded(TIER).values))

    def test_rows_by_pool_id(self) -> None:
        self.assertEqual(1, self.table.row("node1@disk#b"))
        self.assertIsNone(self.table.row("node1@disk#x"))


class ReplaceTest(TestCase):
    """The next table is as one made anew, whatever was read from the one before."""

    ZONES = st.sampled_from(["z1", "z2", "z3", None])
    POOLS = st.builds(
        lambda free_gb, zone, tier: a_pool(free_gb=free_gb, zone=zone, capabilities={"tier": tier}),
        st.floats(0, 1000), ZONES, st.sampled_from(["gold", 1, True, None]),
    )  # fmt: skip

    @given(st.lists(POOLS, min_size=1, max_size=6), st.lists(st.tuples(st.integers(0, 5), POOLS), max_size=8))
    def test_patched_columns_are_those_of_a_new_snapshot(self, pools: list, changes: list) -> None:
        table = PoolTable(pools)
        for row, pool in changes:
            for key in (FREE_GB, TOTAL_GB, ROOM_THICK_GB):
                table.column(key)
            for coded in (ZONE, TIER):
                table.coded(coded)
            before = list(table.pools)
            after = table.replace({row % len(pools): pool})
            self.assertEqual(before, list(table.pools))
            table = after
            new = PoolTable(list(table.pools))
            for key in (FREE_GB, TOTAL_GB, ROOM_THICK_GB):
                self.assertEqual(new.column(key).tolist(), table.column(key).tolist())
            for coded in (ZONE, TIER):
                self.assertEqual(self.spelled(new, coded), self.spelled(table, coded))

    @given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1000), st.booleans()), max_size=200))
    def test_claims_change_figures_only_and_only_from_then_on(self, claims: list) -> None:
        table = a_pool_table(5)
        free, kept = [1000.0] * 5, []
        for row, free_gb, looked_at in claims:
            free[row] = free_gb
            table = table.replace({row: replace(table.pool(row), free_gb=free_gb)}, only_figures=True)
            if looked_at:
                table.column(FREE_GB)
            kept.append((table, list(free)))
        for each, figures in kept:
            self.assertEqual(figures, each.column(FREE_GB).tolist())
            self.assertEqual(figures, [each.pool(row).free_gb for row in range(5)])
            self.assertEqual(figures, [pool.free_gb for pool in each.pools])

    def test_conclusions_are_drawn_once_and_outlive_claims_but_no_report(self) -> None:
        drawn: list[int] = []

        def conclude(table: PoolTable) -> int:
            return table.concluded("key", lambda: drawn.append(1) or 5)

        table = a_pool_table(3)
        after_claim = table.replace({1: a_pool("pool1", free_gb=1)}, only_figures=True)
        self.assertEqual([5] * 3, [conclude(table), conclude(table), conclude(after_claim)])
        self.assertEqual(1, len(drawn))
        conclude(table.replace({1: a_pool("pool1", zone="z")}))
        self.assertEqual(2, len(drawn))

    def test_verdicts_are_given_once_and_after_a_report_on_what_was_reported(self) -> None:
        asked: list[list[str]] = []

        def judge(pools: Candidates) -> Mask:
            asked.append([pool.name for pool in pools])
            return np.array([pool.zone == "z" for pool in pools])

        def judged(table: PoolTable) -> list[bool]:
            return table.candidates().take(np.array([2, 1])).judged("key", judge).tolist()

        table = a_pool_table(3)
        self.assertEqual([False, False], judged(table))
        self.assertEqual([False, False], judged(table.replace({1: a_pool("pool1")}, only_figures=True)))
        self.assertEqual([["pool0", "pool1", "pool2"]], asked)
        moved = table.replace({1: a_pool("pool1", zone="z")}).replace({0: a_pool("pool0", zone="z")})
        self.assertEqual([False, True], judged(moved))
        self.assertEqual([["pool0", "pool1"]], asked[1:])
        for number in range(MAX_OUTDATED + 2):
            moved = moved.replace({2: a_pool("pool2", zone="z" if number else None)})
        self.assertEqual([True, True], judged(moved))
        self.assertEqual([["pool0", "pool1", "pool2"]], asked[2:])

    def test_verdicts_do_not_pile_up(self) -> None:
        table = a_pool_table(3)
        for number in range(3 * MAX_RESULTS):
            table.judged(number, lambda pools: np.ones(len(pools), np.bool_))
        self.assertLessEqual(len(table._judged), MAX_RESULTS + 1)

    def test_conclusions_do_not_pile_up(self) -> None:
        table = a_pool_table(3)
        for number in range(3 * MAX_RESULTS):
            self.assertEqual(number, table.concluded(number, lambda number=number: number))
        self.assertLessEqual(len(table._concluded), MAX_RESULTS)

    def spelled(self, table: PoolTable, key: CodedColumn) -> list[str]:
        coded = table.coded(key)
        return [repr(coded.values[code]) for code in coded.codes]

    def test_values_of_the_past_do_not_pile_up(self) -> None:
        table = a_pool_table(3)
        for number in range(100):
            table.coded(TIER)
            table = table.replace({0: a_pool("pool0", capabilities={"tier": number})})
            self.assertLessEqual(len(table.coded(TIER).values), 2 * 3 + 1)

    def test_a_claim_leaves_the_other_columns_as_they_are(self) -> None:
        table = a_pool_table(3)
        total, zone = table.column(TOTAL_GB), table.coded(ZONE)
        table.column(FREE_GB)
        after = table.replace({1: replace(table.pools[1], free_gb=5.0)}, only_figures=True)
        self.assertIs(total, after.column(TOTAL_GB))
        self.assertIs(zone, after.coded(ZONE))
        self.assertEqual([1000.0, 5.0, 1000.0], after.column(FREE_GB).tolist())
