"""Parsing of capability reports."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.exceptions import InvalidRequest
from volsched.model.parsing import ParsedReport, pools_from, report_from
from volsched.model.report import CapabilityReport, ServiceState

NOON = datetime(2026, 3, 1, 12)
GOOD = {
    "pool_name": "good",
    "total_capacity_gb": 1000,
    "free_capacity_gb": 800,
    "allocated_capacity_gb": 100,
    "provisioned_capacity_gb": 150.5,
    "reserved_percentage": 10,
    "thin_provisioning_support": True,
    "max_over_subscription_ratio": "2.0",
}


def parsed(capabilities: Any, *, ratio: str = "20.0", cluster: str | None = None) -> ParsedReport:
    report = CapabilityReport(service_name="volume", host="h@b", capabilities=capabilities, timestamp=NOON)
    return pools_from(report, ServiceState(host="h@b", cluster_name=cluster, zone="az1"), ratio)


def beside(pool: Any, **backend: Any) -> ParsedReport:
    return parsed({**backend, "pools": [pool, GOOD]})


class TestGoodReports(TestCase):
    def test_a_pool_has_the_reported_values(self) -> None:
        made = parsed({"volume_backend_name": "b", "storage_protocol": "iSCSI", "pools": [GOOD]}, cluster="c@b")
        self.assertEqual("c@b", made.backend_id)
        self.assertEqual((), made.set_aside)
        pool = made.pools[0]
        self.assertEqual(("c@b#good", "c@b", "good"), (pool.pool_id, pool.backend_id, pool.name))
        self.assertEqual(("h@b", "c@b", "az1"), (pool.host, pool.cluster_name, pool.zone))
        self.assertEqual((1000, 800, 100, 150.5), (pool.total_gb, pool.free_gb, pool.allocated_gb, pool.provisioned_gb))
        self.assertEqual(
            (10, 2.0, True, False), (pool.reserved_percentage, pool.max_over_subscription_ratio, pool.thin, pool.thick)
        )
        self.assertEqual(NOON, pool.updated)

    def test_missing_values_are_inherited_from_the_backend(self) -> None:
        """An explicit None of a function is kept; an empty name is replaced."""
        own = {**GOOD, "vendor_name": "", "filter_function": None, "storage_protocol": "fc"}
        first = parsed(
            {
                "vendor_name": "Acme",
                "filter_function": "1 > 0",
                "goodness_function": 50,
                "storage_protocol": "nvmeof",
                "pools": [own, {"pool_name": "bare"}],
            }
        )
        named, bare = first.pools
        self.assertEqual(("Acme", None, "50"), (named.vendor_name, named.filter_function, named.goodness_function))
        self.assertEqual(("FC", "fibre_channel", "fc"), named.storage_protocol)
        self.assertEqual(("Acme", "1 > 0"), (bare.vendor_name, bare.filter_function))
        self.assertEqual(("NVMe-oF", "NVMeOF", "nvmeof"), bare.storage_protocol)
        self.assertEqual(NOON.isoformat(), bare.capabilities["timestamp"])

    def test_protocol_families_share_nothing(self) -> None:
        """In Cinder all pools of a family share one list that can be changed."""
        one = parsed({"storage_protocol": "iscsi", "pools": [GOOD]}).pools[0]
        self.assertIsInstance(one.capabilities["storage_protocol"], tuple)
        self.assertEqual("ceph", parsed({"storage_protocol": "ceph", "pools": [GOOD]}).pools[0].storage_protocol)

    def test_a_backend_without_pools_is_one_pool(self) -> None:
        legacy = parsed({**GOOD, "volume_backend_name": "nfs"})
        self.assertEqual(["h@b#nfs"], [pool.pool_id for pool in legacy.pools])
        nameless = parsed({})
        self.assertEqual([("h@b#_pool0", 0.0)], [(pool.pool_id, pool.total_gb) for pool in nameless.pools])

    def test_missing_figures_are_0_and_provisioned_defaults_to_allocated(self) -> None:
        pool = parsed({"pools": [{"pool_name": "p", "allocated_capacity_gb": 7}]}).pools[0]
        self.assertEqual(
            (0, 0, 7, 7, 0),
            (pool.total_gb, pool.free_gb, pool.allocated_gb, pool.provisioned_gb, pool.reserved_percentage),
        )

    def test_infinite_and_unknown(self) -> None:
        pool = parsed({"pools": [{**GOOD, "total_capacity_gb": "infinite", "free_capacity_gb": "unknown"}]}).pools[0]
        self.assertEqual(math.inf, pool.total_gb)
        self.assertTrue(math.isnan(pool.free_gb))
        self.assertFalse(pool.bounded)

    def test_digits_are_accepted_where_cinder_accepts_them(self) -> None:
        pool = parsed({"pools": [{**GOOD, "total_capacity_gb": "500", "reserved_percentage": "15"}]}).pools[0]
        self.assertEqual((500.0, 15.0), (pool.total_gb, pool.reserved_percentage))

    def test_a_pool_name_may_hold_a_hash(self) -> None:
        self.assertEqual("h@b#a#b", parsed({"pools": [{**GOOD, "pool_name": "a#b"}]}).pools[0].pool_id)


class TestRatios(TestCase):
    def ratio(self, value: Any, *, default: str = "20.0", **more: Any) -> float:
        made = parsed({"pools": [{**GOOD, "max_over_subscription_ratio": value, **more}]}, ratio=default)
        self.assertEqual((), made.set_aside)
        return made.pools[0].max_over_subscription_ratio

    def test_a_missing_ratio_is_the_configured_one_and_the_text_0_is_0(self) -> None:
        for value in (None, "", 0):
            self.assertEqual(20.0, self.ratio(value))
        self.assertEqual(0.0, self.ratio("0"))
        self.assertEqual(1.5, self.ratio(1.5))

    def test_auto_follows_from_provisioned_and_used(self) -> None:
        self.assertEqual(1 + 150.5 / 201, self.ratio("auto"))
        self.assertEqual(1 + 150.5 / 201, self.ratio(None, default="auto"))
        self.assertEqual(20.0, self.ratio("auto", provisioned_capacity_gb=0))

    def test_the_ratio_of_thick_and_unbounded_pools_is_1(self) -> None:
        self.assertEqual(1.0, self.ratio("abc", thin_provisioning_support=False))
        self.assertEqual(1.0, self.ratio("abc", free_capacity_gb="infinite"))
        self.assertEqual(2.0, self.ratio("2.0", thin_provisioning_support="False"))  # text is true, as in Cinder


class TestBadPools(TestCase):
    def test_a_bad_pool_is_set_aside_with_field_and_value(self) -> None:
        for field, value, words in (
            ("total_capacity_gb", "lots", "got 'lots'"),
            ("total_capacity_gb", None, "got None"),
            ("total_capacity_gb", -1, "got -1"),
            ("total_capacity_gb", math.nan, "got nan"),
            ("total_capacity_gb", math.inf, "or 'infinite' or 'unknown', got inf"),
            ("total_capacity_gb", True, "got True"),
            ("total_capacity_gb", 10**400, "got an integer of 1329 bits"),
            ("free_capacity_gb", "500", "got '500'"),
            ("free_capacity_gb", -20, "got -20"),
            ("free_capacity_gb", None, "got None"),
            ("allocated_capacity_gb", "5", "expected a number of GiB, 0 or more, got '5'"),
            ("allocated_capacity_gb", [5], "got a list"),
            ("provisioned_capacity_gb", "unknown", "got 'unknown'"),
            ("reserved_percentage", "ten", "expected a percentage of 0 or more, got 'ten'"),
            ("reserved_percentage", -5, "got -5"),
            ("max_over_subscription_ratio", "abc", "expected a number such as 20.0, or 'auto', got 'abc'"),
            ("max_over_subscription_ratio", "nan", "got 'nan'"),
            ("max_over_subscription_ratio", -1, "got -1"),
        ):
            with self.subTest(field, value=value):
                made = beside({**GOOD, "pool_name": "bad", field: value})
                self.assertEqual(["good"], [pool.name for pool in made.pools])
                ((name, why),) = made.set_aside
                self.assertEqual("h@b#bad", name)
                self.assertTrue(why.startswith(f"{field}: "), why)
                self.assertIn(words, why)

    def test_auto_that_would_divide_by_0_sets_the_pool_aside(self) -> None:
        made = beside({**GOOD, "pool_name": "bad", "max_over_subscription_ratio": "auto", "free_capacity_gb": 1001})
        self.assertEqual([("h@b#bad")], [name for name, _ in made.set_aside])
        self.assertIn("figures that 'auto' can divide by", made.set_aside[0][1])

    def test_a_pool_without_a_usable_name_is_set_aside(self) -> None:
        for entry in (
            {},
            {"pool_name": ""},
            {"pool_name": 5},
            {"pool_name": "x" * 300},
            {"pool_name": "x" * 252},
            {"pool_name": "a\nb"},
            None,
            "p",
            5,
        ):
            with self.subTest(entry=entry):
                made = beside(entry)
                self.assertEqual(["good"], [pool.name for pool in made.pools])
                ((name, why),) = made.set_aside
                self.assertEqual("h@b", name)
                self.assertTrue(why.startswith("pools[1]"), why)

    def test_pools_with_the_same_name_are_set_aside(self) -> None:
        twin = {**GOOD, "pool_name": "twin"}
        made = parsed({"pools": [twin, GOOD, twin]})
        self.assertEqual(["good"], [pool.name for pool in made.pools])
        self.assertEqual((("h@b#twin", "pool_name: expected each name once, got 'twin' 2 times"),), made.set_aside)
        self.assertEqual(("twin", "good"), made.names)

    def test_a_pool_beyond_a_limit_is_set_aside(self) -> None:
        deep: Any = "x"
        for _ in range(50):
            deep = [deep]
        for value in ("x" * 100_000, deep, ["x"] * 5000, {str(number): 1 for number in range(5000)}, 1 << 20000):
            made = beside({**GOOD, "pool_name": "bad", "extra": value})
            self.assertEqual(["good"], [pool.name for pool in made.pools])
            self.assertTrue(made.set_aside[0][1].startswith("extra: "), made.set_aside)
        self.assertEqual((), beside({**GOOD, "pool_name": "fine", "extra": {"a": [1, {"b": None}]}}).set_aside)


class TestBadBackends(TestCase):
    def test_a_malformed_report_sets_the_backend_aside(self) -> None:
        for capabilities in (None, [], "x", 5, {"pools": {"p": 1}}, {"pools": "p"}, {"pools": 5}, {5: 1}):
            with self.subTest(capabilities=capabilities):
                made = parsed(capabilities)
                self.assertEqual((), made.pools)
                self.assertEqual(["h@b"], [name for name, _ in made.set_aside])

    def test_an_empty_list_of_pools_is_accepted(self) -> None:
        self.assertEqual(ParsedReport(backend_id="h@b"), parsed({"pools": []}))

    def test_the_message_is_not_changed(self) -> None:
        entry = {**GOOD, "list": [1], "storage_protocol": "iscsi"}
        capabilities = {"vendor_name": "Acme", "storage_protocol": "iscsi", "pools": [entry]}
        pool = parsed(capabilities).pools[0]
        self.assertEqual({**GOOD, "list": [1], "storage_protocol": "iscsi"}, entry)
        self.assertEqual("iscsi", capabilities["storage_protocol"])
        entry["list"].append(2)
        self.assertEqual((1,), pool.capabilities["list"])
        with self.assertRaises(TypeError):
            pool.capabilities["x"] = 1  # type: ignore[index]


class TestMessages(TestCase):
    def test_a_time_stamp_is_converted_to_utc(self) -> None:
        east = timezone(timedelta(hours=2))
        for given_stamp in (
            NOON,
            NOON.isoformat(),
            "2026-03-01T14:00:00+02:00",
            NOON.replace(tzinfo=UTC),
            datetime(2026, 3, 1, 14, tzinfo=east),
        ):
            report = report_from("volume", "h@b", {}, None, given_stamp, now=datetime(2030, 1, 1))
            self.assertEqual(NOON, report.timestamp)
        self.assertEqual(NOON, report_from("volume", "h@b", {}, None, None, now=NOON).timestamp)

    def test_malformed_arguments_are_refused_naming_the_field(self) -> None:
        for field, arguments in (
            ("host", ("volume", None, {}, None, None)),
            ("host", ("volume", "", {}, None, None)),
            ("service_name", (5, "h@b", {}, None, None)),
            ("cluster_name", ("volume", "h@b", {}, 5, None)),
            ("timestamp", ("volume", "h@b", {}, None, "noon")),
            ("timestamp", ("volume", "h@b", {}, None, 12)),
        ):
            with self.subTest(field, arguments=arguments), self.assertRaises(InvalidRequest) as caught:
                report_from(*arguments, now=NOON)
            self.assertEqual(field, caught.exception.field)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.just("infinite")
    | st.just("auto"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=8,
)
POOLS = st.dictionaries(st.sampled_from([*GOOD, "extra", "timestamp", "storage_protocol", "filter_function"]), VALUES)


class TestFuzz(TestCase):
    @given(st.dictionaries(st.sampled_from(["pools", "volume_backend_name", *GOOD]), VALUES) | VALUES)
    def test_any_report_is_parsed_without_raising(self, capabilities: Any) -> None:
        parsed(capabilities)

    @given(st.lists(POOLS | VALUES, max_size=4))
    def test_a_good_pool_is_kept_whatever_the_others_are(self, entries: list[Any]) -> None:
        others = [entry for entry in entries if not (isinstance(entry, dict) and entry.get("pool_name") == "good")]
        made = parsed({"pools": [*others, GOOD]})
        self.assertIn("good", [pool.name for pool in made.pools])
        for pool in made.pools:
            for figure in (
                pool.allocated_gb,
                pool.provisioned_gb,
                pool.reserved_percentage,
                pool.max_over_subscription_ratio,
            ):
                self.assertTrue(math.isfinite(figure), pool)
                self.assertIsInstance(figure, float)
