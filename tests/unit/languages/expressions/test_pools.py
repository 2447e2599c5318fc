"""What expressions see of a pool and a request."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from tests import TestCase
from volsched.exceptions import ExpressionError
from volsched.languages.expressions import Expression, compile_expression
from volsched.languages.expressions.pools import (
    FILTER_STATS,
    GOODNESS_STATS,
    PoolRows,
    pool_namespaces,
    request_namespaces,
)
from volsched.model.candidates import PoolTable
from volsched.model.pool import PoolState
from volsched.testing.builders import NOON, a_pool, a_pool_table, a_request


def rows_of(table: PoolTable, text: str, dialect: str = "strict", **request: Any) -> tuple[Expression, PoolRows]:
    expression = compile_expression(text, dialect)
    shared = request_namespaces(a_request(**request))
    return expression, PoolRows(table.candidates(), expression.rules, shared=shared, stats=FILTER_STATS)


class Counted(dict[str, Any]):
    """Capabilities that count how often one of them is asked for."""

    read = 0

    def get(self, key: str, default: Any = None) -> Any:
        Counted.read += 1
        return super().get(key, default)


class NoColumns(PoolRows):
    """Rows that refuse to be read as columns."""

    def numbers(self, namespace: str, key: str) -> NDArray[np.float64]:
        raise AssertionError(f"{namespace}.{key} was read as a column")


class TestNamespaces(TestCase):
    def test_stats_of_a_filter_function(self) -> None:
        pool = a_pool(
            "p",
            backend="node@disk",
            cluster_name="cluster@disk",
            free_gb=250.5,
            reserved_percentage=10.0,
            qos_support=True,
            storage_protocol="ceph",
        )
        self.assertEqual(
            {
                "host": "node@disk#p",
                "cluster_name": "cluster@disk#p",
                "backend_id": "cluster@disk#p",
                "volume_backend_name": "disk",
                "vendor_name": "Acme",
                "driver_version": "1.0",
                "storage_protocol": "ceph",
                "QoS_support": True,
                "total_capacity_gb": 1000.0,
                "allocated_capacity_gb": 749.5,
                "free_capacity_gb": 250.5,
                "reserved_percentage": 10.0,
                "updated": NOON,
            },
            dict(pool_namespaces(pool, FILTER_STATS)["stats"]),
        )

    def test_stats_of_a_goodness_function_lack_two(self) -> None:
        self.assertEqual({"cluster_name", "backend_id"}, FILTER_STATS - GOODNESS_STATS)
        stats = pool_namespaces(a_pool("p"), GOODNESS_STATS)["stats"]
        self.assertEqual(11, len(stats))
        for key in ("cluster_name", "backend_id", "provisioned_capacity_gb"):
            self.assertNotIn(key, stats)

    def test_unbounded_and_unknown_capacity_are_texts_again(self) -> None:
        stats = pool_namespaces(a_pool("p", total_gb=math.inf, free_gb=math.nan), FILTER_STATS)["stats"]
        self.assertEqual(("infinite", "unknown"), (stats["total_capacity_gb"], stats["free_capacity_gb"]))

    def test_figures_reported_as_text_are_shown_as_reported(self) -> None:
        pool = a_pool("p", total_gb=99.9, capabilities={"total_capacity_gb": "99.9"})
        namespaces = {**request_namespaces(a_request()), **pool_namespaces(pool, FILTER_STATS)}
        self.assertIs(True, compile_expression("stats.total_capacity_gb > 99.5", "cinder").evaluate(namespaces))

    def test_capabilities_are_as_reported(self) -> None:
        pool = a_pool("p", free_gb=1.0, capabilities={"free_capacity_gb": 7, "deduplication": True})
        namespace = pool_namespaces(pool, FILTER_STATS)["capabilities"]
        self.assertEqual((7, True), (namespace["free_capacity_gb"], namespace["deduplication"]))
        self.assertEqual(set(pool.capabilities), set(namespace))
        self.assertEqual(len(pool.capabilities), len(namespace))
        with self.assertRaises(KeyError):
            namespace["nothing"]

    def test_h29_stats_know_of_claims_and_capabilities_do_not(self) -> None:
        pool = a_pool("p", free_gb=40.0, capabilities={"free_capacity_gb": 100})
        namespaces = {**request_namespaces(a_request()), **pool_namespaces(pool, FILTER_STATS)}
        for dialect in ("strict", "cinder"):
            text = "capabilities.free_capacity_gb - stats.free_capacity_gb"
            self.assertEqual(60, compile_expression(text, dialect).evaluate(namespaces))

    def test_a_family_shows_one_spelling_at_a_time(self) -> None:
        family = ("FC", "fibre_channel", "fc")
        pool = a_pool("p", storage_protocol=family, capabilities={"storage_protocol": family})
        for spelling, expected in enumerate(family):
            found = pool_namespaces(pool, FILTER_STATS, spelling)
            for namespace in ("stats", "capabilities"):
                self.assertEqual(expected, found[namespace]["storage_protocol"])

    def test_the_request(self) -> None:
        found = request_namespaces(a_request(12, extra_specs={"tier": "gold"}, qos_specs={"maxIOPS": "500"}))
        self.assertEqual(12, found["volume"]["size"])
        self.assertEqual({"tier": "gold"}, found["extra"])
        self.assertEqual({"maxIOPS": "500"}, found["qos"])
        self.assertIsNone(request_namespaces(a_request())["qos"])


class TestPoolRows(TestCase):
    TEXTS = (
        "stats.free_capacity_gb / 10 > volume.size",
        "stats.free_capacity_gb - stats.total_capacity_gb",
        "stats.vendor_name == 'Acme' and capabilities.rate > 1",
        "stats.QoS_support or capabilities.flag",
        "capabilities.rate",
        "capabilities.mixed == 'x' ? 1 : 0",
        "stats.updated",
        "stats.provisioned_capacity_gb > 1",
        "stats.backend_id == 'node1@disk#pool7'",
        "nope.x > 1",
        "capabilities.structure",
        "volume.size > 5",
    )

    def fleet(self, count: int) -> PoolTable:
        mixed = ("x", 7, None, True, 2.5)
        return a_pool_table(
            *(
                a_pool(
                    f"pool{number}",
                    free_gb=math.inf if number % 9 == 0 else float(number),
                    vendor_name=("Acme", "Other")[number % 2],
                    qos_support=number % 3 == 0,
                    capabilities={
                        "rate": number / 4,
                        "flag": ("True", 1, False)[number % 3],
                        "structure": {"a": number},
                        **({"mixed": mixed[number % 5]} if number % 4 else {}),
                    },
                )
                for number in range(count)
            )
        )

    def test_columns_and_single_pools_agree(self) -> None:
        for count in (5, 100):
            table = self.fleet(count)
            for text in self.TEXTS:
                for dialect in ("strict", "cinder"):
                    if text.startswith("nope") and dialect == "strict":
                        continue
                    with self.subTest(text, count=count, dialect=dialect):
                        expression, rows = rows_of(table, text, dialect)
                        outcomes = expression.evaluate_rows(rows)
                        for row in range(count):
                            alone = self.outcome(
                                expression.evaluate, {**rows.shared, **pool_namespaces(table.pools[row], FILTER_STATS)}
                            )
                            self.assertEqual(alone, self.outcome(outcomes.value, row))

    @staticmethod
    def outcome(evaluate: Callable[[Any], Any], argument: Any) -> Any:
        try:
            return evaluate(argument)
        except ExpressionError as error:
            return str(error)

    def test_values_are_read_once_a_snapshot(self) -> None:
        counted = [replace(pool, capabilities=Counted(pool.capabilities)) for pool in self.fleet(100).pools]
        table = a_pool_table(*counted)
        text = "capabilities.rate > 1 and stats.vendor_name == 'Acme' and stats.total_capacity_gb > 5"
        expression, rows = rows_of(table, text)
        first = expression.evaluate_rows(rows)
        read_before = Counted.read
        again = expression.evaluate_rows(rows_of(table, text)[1])
        self.assertEqual(read_before, Counted.read)
        self.assertEqual(first.numbers.tolist(), again.numbers.tolist())
        self.assertTrue(0 < first.numbers.sum() < 100)

    def test_claims_are_seen(self) -> None:
        table = self.fleet(100)
        for dialect in ("strict", "cinder"):
            expression, rows = rows_of(table, "stats.free_capacity_gb", dialect)
            self.assertEqual(40.0, expression.evaluate_rows(rows).value(40))
            claimed: PoolState = replace(table.pools[40], free_gb=30.0)
            unbounded: PoolState = replace(table.pools[41], free_gb=math.inf)
            after = table.replace({40: claimed, 41: unbounded}, only_figures=True)
            outcomes = expression.evaluate_rows(rows_of(after, "stats.free_capacity_gb", dialect)[1])
            self.assertEqual((30.0, "infinite", 42.0), tuple(outcomes.value(row) for row in (40, 41, 42)))

    def test_few_pools_ask_for_no_column(self) -> None:
        table = self.fleet(100)
        some = table.candidates().take(np.arange(10))
        expression = compile_expression("capabilities.rate > 1", "strict")
        rows = NoColumns(some, expression.rules, shared=request_namespaces(a_request()), stats=FILTER_STATS)
        self.assertEqual(5, int(expression.evaluate_rows(rows).numbers.sum()))
