"""The goodness weigher: how good a pool says it is, from 0 to 100."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec.structs import replace

from tests import TestCase
from volsched.model.pool import PoolState
from volsched.testing.builders import a_pool, a_pool_table, a_request
from volsched_drivers.weighers.goodness import LOG, GoodnessWeigher


def with_function(function: str | None, name: str = "pool", **fields: Any) -> PoolState:
    return a_pool(name, goodness_function=function, **fields)


class GoodnessTestCase(TestCase):
    def goodness(self, pool: PoolState, dialect: str = "strict", **request: Any) -> float:
        """The weight, which is the same alone and among a hundred that are alike."""
        weigher = GoodnessWeigher(expression_dialect=dialect)
        question = a_request(**request)
        weights = weigher.weigh(question, a_pool_table(*[pool] * 100).candidates())
        self.assertEqual(1, len(set(weights.tolist())))
        self.assertTrue(np.isfinite(weights).all())
        alone = weigher.weigh(question, a_pool_table(pool).candidates())
        self.assertEqual(weights[0], alone[0])
        return float(alone[0])

    def problem(self, pool: PoolState, dialect: str = "strict", **request: Any) -> str:
        """Why the goodness is 0, as it is also logged."""
        with self.assertLogs(LOG.name, "WARNING") as logged:
            self.assertEqual(0.0, self.goodness(pool, dialect, **request))
        found = list(GoodnessWeigher(dialect).problems(a_request(**request), a_pool_table(pool).candidates()))
        self.assertEqual([0], [position for position, _ in found])
        self.assertIn(found[0][1], logged.output[0])
        return found[0][1]


class TestGoodness(GoodnessTestCase):
    def test_functions_that_read_figures_are_asked_every_time(self) -> None:
        weigher, question = GoodnessWeigher(), a_request(size_gb=10)
        table = a_pool_table(
            with_function("volume.size", "same"), with_function("stats.free_capacity_gb", "free", free_gb=60.0)
        )
        claimed = table.replace({1: replace(table.pool(1), free_gb=50.0)}, only_figures=True)
        self.assertEqual([10.0, 60.0], weigher.weigh(question, table.candidates()).tolist())
        self.assertEqual([10.0, 50.0], weigher.weigh(question, claimed.candidates()).tolist())
        self.assertEqual([20.0, 50.0], weigher.weigh(a_request(size_gb=20), claimed.candidates()).tolist())

    def test_numbers_and_truth(self) -> None:
        for text, expected in (
            ("0", 0),
            ("100", 100),
            ("37.5", 37.5),
            ("1", 1),
            ("volume.size > 5", 100),
            ("volume.size > 50", 0),
            ("100 - volume.size", 90),
            ("volume.size < 5 ? 80 : volume.size < 20 ? 60 : 10", 60),
            ("stats.free_capacity_gb / stats.total_capacity_gb * 100", 25),
        ):
            with self.subTest(text):
                self.assertEqual(expected, self.goodness(with_function(text, free_gb=250.0), size_gb=10))

    def test_a_pool_without_a_function_gets_0_without_a_log_line(self) -> None:
        with self.assertNoLogs(LOG.name):
            self.assertEqual(0, self.goodness(with_function(None)))

    def test_pools_with_several_functions_are_weighed_at_once(self) -> None:
        functions = ("100 - capabilities.used", None, "volume.size", "volume.size +")
        pools = [
            with_function(functions[number % 4], f"pool{number}", capabilities={"used": number}) for number in range(8)
        ]
        with self.assertLogs(LOG.name):
            weights = GoodnessWeigher().weigh(a_request(10), a_pool_table(*pools).candidates())
        self.assertEqual([100, 0, 10, 0, 96, 0, 10, 0], weights.tolist())

    def test_other_results_count_0_and_are_logged(self) -> None:
        for text, problem in (
            ("101", "expected a number from 0 to 100, got 101.0"),
            ("0 - 1", "expected a number from 0 to 100, got -1.0"),
            ("'high'", "expected a number from 0 to 100, got 'high'"),
            ("9^999", "expected a number from 0 to 100, got a whole number of 3167 bits"),
            ("high", "unknown name high"),
            ("volume.siez", "unknown name volume.siez"),
            ("1 / 0", "division by zero"),
            ("stats.cluster_name == 'a'", "unknown name stats.cluster_name"),
            ("(", "got the end"),
        ):
            with self.subTest(text):
                self.assertIn(problem, self.problem(with_function(text)))

    def test_the_best_spelling_counts(self) -> None:
        family = ("FC", "fibre_channel", "fc")
        pool = with_function("stats.storage_protocol == 'fc' ? 70 : 10", storage_protocol=family)
        for dialect in ("strict", "cinder"):
            self.assertEqual(70, self.goodness(pool, dialect))
        one = with_function("stats.storage_protocol == 'FC' ? 70 : 1000", storage_protocol=family)
        with self.assertNoLogs(LOG.name):
            self.assertEqual(70, self.goodness(one))


class TestCinderDialect(GoodnessTestCase):
    def test_texts_lists_and_complex_numbers_count_0(self) -> None:
        for text in ("high", "'90'", "1, 2", "(0 - 8) ^ 0.5", "inf"):
            with self.subTest(text):
                self.assertIn("expected a number from 0 to 100", self.problem(with_function(text), "cinder"))

    def test_nan_counts_0(self) -> None:
        self.assertIn("expected a number from 0 to 100, got nan", self.problem(with_function("nan"), "cinder"))
        pool = with_function("capabilities.rate", capabilities={"rate": "nan"})
        self.assertIn("got nan", self.problem(pool, "cinder"))
        self.assertIn("got 'nan'", self.problem(pool))

    def test_every_failure_counts_0_in_cinder(self) -> None:
        for text in ("volume.size +", "volume.gone", "1 / 0", "max(1)", "stats.backend_id == 'a'", "qos.iops"):
            with self.subTest(text):
                self.problem(with_function(text), "cinder")

    def test_truth_of_variables(self) -> None:
        pool = with_function("stats.QoS_support", qos_support=True)
        self.assertEqual((1, 100), (self.goodness(pool, "cinder"), self.goodness(pool)))

    def test_fractions_are_cut_in_cinder(self) -> None:
        pool = with_function("100 - capabilities.used", capabilities={"used": 42.9})
        self.assertEqual((58, 57.1), (self.goodness(pool, "cinder"), self.goodness(pool)))
