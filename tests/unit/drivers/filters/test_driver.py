"""The driver filter: a pool's own filter function decides."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec.structs import replace

from tests import TestCase
from volsched.model.candidates import PoolTable
from volsched.model.pool import PoolState
from volsched.testing.builders import a_pool, a_pool_table, a_request
from volsched_drivers.filters.driver import DriverFilter


def with_function(function: str | None, name: str = "pool", **fields: Any) -> PoolState:
    return a_pool(name, filter_function=function, **fields)


class DriverFilterTestCase(TestCase):
    def verdict(self, pool: PoolState, dialect: str = "strict", **request: Any) -> str | None:
        """Why the pool is rejected; None where it passes. The same alone and among a hundred that are alike."""
        alone = a_pool_table(pool).candidates()
        many = a_pool_table(*[pool] * 100).candidates()
        driver = DriverFilter(expression_dialect=dialect)
        question = a_request(**request)
        screening = driver.screen(question, alone)
        self.assertEqual([bool(screening.passed[0])] * 100, driver.screen(question, many).passed.tolist())
        return None if screening.passed[0] else screening.why(0)


class TestDriverFilter(DriverFilterTestCase):
    def test_no_function_passes(self) -> None:
        self.assertIsNone(self.verdict(with_function(None)))

    def test_the_function_decides(self) -> None:
        pool = with_function("volume.size < 100 and stats.free_capacity_gb >= 50", free_gb=50.0)
        self.assertIsNone(self.verdict(pool, size_gb=99))
        self.assertEqual(
            "filter_function volume.size < 100 and stats.free_capacity_gb >= 50: is False "
            "with stats.free_capacity_gb=50.0, volume.size=100",
            self.verdict(pool, size_gb=100),
        )

    def test_what_was_judged_before_does_not_outlive_its_question(self) -> None:
        """Functions are judged once for all requests that ask the same; those that read figures every time."""
        driver = DriverFilter()
        table = a_pool_table(
            with_function("volume.size < 100", "small"),
            with_function("stats.free_capacity_gb > 50", "roomy", free_gb=60.0),
            with_function("capabilities.tier == 1", "first", capabilities={"tier": 1}),
        )

        def passed(table: PoolTable, **request: Any) -> list[bool]:
            return driver.screen(a_request(**request), table.candidates()).passed.tolist()

        self.assertEqual([True, True, True], passed(table, size_gb=10))
        self.assertEqual([False, True, True], passed(table, size_gb=100))
        claimed = table.replace({1: replace(table.pool(1), free_gb=50.0)}, only_figures=True)
        self.assertEqual([True, False, True], passed(claimed, size_gb=10))
        self.assertEqual([True, True, True], passed(table, size_gb=10))
        reported = claimed.replace({2: with_function("capabilities.tier == 1", "first", capabilities={"tier": 2})})
        self.assertEqual([True, False, False], passed(reported, size_gb=10))
        other = reported.replace({0: with_function("extra.tier == 'gold'", "small")})
        self.assertEqual([True, False, False], passed(other, size_gb=10, extra_specs={"tier": "gold"}))
        self.assertEqual([False, False, False], passed(other, size_gb=10, extra_specs={"tier": "tin"}))

    def test_what_the_request_brings(self) -> None:
        pool = with_function("extra.tier == 'gold' and qos.iops > 100")
        self.assertIsNone(self.verdict(pool, extra_specs={"tier": "gold"}, qos_specs={"iops": "500"}))
        self.assertIn(
            "is False with extra.tier='tin', qos.iops='500'",
            self.verdict(pool, extra_specs={"tier": "tin"}, qos_specs={"iops": "500"}) or "",
        )
        self.assertIn("unknown name qos.iops: there is no qos", self.verdict(pool, extra_specs={"tier": "gold"}) or "")

    def test_a_bad_function_rejects_with_the_reason(self) -> None:
        for text, problem in (
            ("volume.size <", "expected a value or a closing parenthesis, got the end"),
            ("volume.size < nothing", "unknown name nothing: write text in quotes"),
            ("volume.siez < 5", "unknown name volume.siez with volume.siez=(not there)"),
            ("1 / (volume.size - 10) > 0", "division by zero with volume.size=10"),
            ("'yes'", "the text 'yes' is neither true nor false"),
            ("9^9^7 > volume.size", "a power of more than 65536 bits"),
            ("(" * 300, "parentheses nested deeper than 32"),
        ):
            with self.subTest(text):
                self.assertIn(problem, self.verdict(with_function(text), size_gb=10) or "passed")

    def test_different_functions_side_by_side(self) -> None:
        pools = [
            with_function("volume.size < 5", "small"),
            with_function(None, "any"),
            with_function("volume.size < 50", "large"),
            with_function("volume.size <", "broken"),
            with_function("volume.size < 50", "large2"),
        ]
        screening = DriverFilter().screen(a_request(10), a_pool_table(*pools).candidates())
        self.assertEqual([False, True, True, False, True], screening.passed.tolist())
        self.assertIn("volume.size < 5: is False", screening.why(0))
        self.assertIn("got the end", screening.why(3))

    def test_it_sees_survivors_only(self) -> None:
        pools = [with_function(f"stats.free_capacity_gb > {number}", f"pool{number}") for number in range(6)]
        candidates = a_pool_table(*pools).candidates().take(np.array([4, 2, 0]))
        self.assertEqual(3, len(DriverFilter().screen(a_request(), candidates).passed))
        nobody = candidates.take(np.zeros(3, np.bool_))
        self.assertEqual(0, len(DriverFilter().screen(a_request(), nobody).passed))

    def test_one_spelling_of_a_protocol_is_enough(self) -> None:
        family = ("FC", "fibre_channel", "fc")
        for text, passes in (
            ("stats.storage_protocol == 'fc'", True),
            ("capabilities.storage_protocol == 'fibre_channel'", True),
            ("stats.storage_protocol == 'iSCSI'", False),
            ("stats.storage_protocol == capabilities.storage_protocol", True),
            ("not (stats.storage_protocol == 'FC')", True),
            ("stats.storage_protocol == 'fc' and stats.free_capacity_gb > 5", True),
        ):
            for dialect in ("strict", "cinder"):
                with self.subTest(text, dialect=dialect):
                    pool = with_function(text, storage_protocol=family, capabilities={"storage_protocol": family})
                    self.assertEqual(passes, self.verdict(pool, dialect) is None)

    def test_families_of_different_sizes(self) -> None:
        text = "stats.storage_protocol == 'nfs' or stats.storage_protocol == 'fc' or stats.storage_protocol == 'ceph'"
        families = [("FC", "fibre_channel", "fc"), ("NFS", "nfs"), "ceph", ("iSCSI", "iscsi"), "file"]
        pools = [
            with_function(text, f"pool{number}", storage_protocol=families[number % len(families)])
            for number in range(200)
        ]
        passed = DriverFilter().screen(a_request(), a_pool_table(*pools).candidates()).passed
        self.assertEqual([True, True, True, False, False] * 40, passed.tolist())

    def test_an_unknown_dialect_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            DriverFilter(expression_dialect="klingon")

    def test_its_option(self) -> None:
        (option,) = DriverFilter.config_opts()
        self.assertEqual(("expression_dialect", "strict"), (option.dest, option.default))


class TestDriverFilterTraps(DriverFilterTestCase):
    def test_f11_false_passes_in_cinder(self) -> None:
        self.assertIsNone(self.verdict(with_function("False"), "cinder"))
        self.assertEqual("filter_function False: is False", self.verdict(with_function("False")))
        self.assertIsNone(self.verdict(with_function("high"), "cinder"))
        self.assertIn("unknown name high", self.verdict(with_function("high")) or "")

    def test_every_failure_rejects_in_cinder(self) -> None:
        for text in (
            "volume.size <",
            "volume.gone < 5",
            "1 / 0",
            "max(1)",
            "sum(1, 2)",
            "volume.size and stats.x",
            "0 ^ (0 - 1)",
            "stats.total_capacity_gb > 5",
            "stats.updated > 1",
            "qos.iops > 1",
            "9^9^7",
        ):
            with self.subTest(text):
                self.assertIsNotNone(self.verdict(with_function(text, total_gb=float("inf")), "cinder"))

    def test_odd_results_that_are_true_in_cinder(self) -> None:
        for text in ("(0 - 8) ^ 0.5", "1, 2", "nan", "inf", "'x'"):
            with self.subTest(text):
                self.assertIsNone(self.verdict(with_function(text), "cinder"))
                self.assertIsNotNone(self.verdict(with_function(text), "strict"))

    def test_e01_the_third_operand_decides_in_strict_only(self) -> None:
        pool = with_function("(volume.size > 1) and (volume.size > 2) and (volume.size > 99)")
        self.assertIsNone(self.verdict(pool, "cinder", size_gb=5))
        self.assertIn("is False with volume.size=5", self.verdict(pool, size_gb=5) or "")

    def test_e03_fractions_of_free_space(self) -> None:
        pool = with_function("stats.free_capacity_gb > 99", free_gb=99.9)
        self.assertIsNotNone(self.verdict(pool, "cinder"))
        self.assertIsNone(self.verdict(pool))

    def test_h29_reported_against_claimed(self) -> None:
        pool = with_function(
            "stats.free_capacity_gb < capabilities.free_capacity_gb",
            free_gb=60.0,
            capabilities={"free_capacity_gb": 100},
        )
        for dialect in ("strict", "cinder"):
            self.assertIsNone(self.verdict(pool, dialect))
