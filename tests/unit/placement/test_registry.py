"""Reports and claims in, snapshots out: in any order, never more room than there is."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from tests import TestCase
from volsched.model.claim import Claim, ClaimState
from volsched.model.columns import FREE_GB, ZONE
from volsched.model.pool import PoolState
from volsched.model.report import CapabilityReport, ServiceState
from volsched.placement.registry import Registry
from volsched.testing.builders import NOON, a_report


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def a_claim(key: str = "v1", *, pool: str = "node1@disk#pool0", gb: float = 10, made: float = 1, **more: Any) -> Claim:
    return Claim(key=key, volume_id=key, pool_id=pool, size_gb=gb, made_at=at(made), **more)


def a_registry(*reports: CapabilityReport, **options: Any) -> Registry:
    registry = Registry(**{"clock": lambda: at(3600), **options})
    registry.services([ServiceState(host=report.host, cluster_name=report.cluster_name) for report in reports])
    for report in reports:
        registry.report(report)
    return registry


def pool(registry: Registry, pool_id: str = "node1@disk#pool0") -> PoolState:
    snapshot = registry.table()
    row = snapshot.row(pool_id)
    assert row is not None, [each.pool_id for each in snapshot.pools]
    return snapshot.pools[row]


def names(registry: Registry) -> list[str]:
    return [each.pool_id for each in registry.table().pools]


class TestCordons(TestCase):
    def test_a_cordon_shows_and_goes_whatever_comes_between(self) -> None:
        registry = a_registry(a_report("h1@a", [{}, {}]))
        before = registry.table()
        registry.cordon({"h1@a#pool1": {"create": "disks"}})
        self.assertEqual({"create": "disks"}, pool(registry, "h1@a#pool1").cordoned)
        registry.claimed(a_claim(pool="h1@a#pool1"))
        self.assertEqual({"create": "disks"}, pool(registry, "h1@a#pool1").cordoned)
        registry.report(a_report("h1@a", [{}, {}, {}], timestamp=at(60)))
        self.assertEqual([{}, {"create": "disks"}, {}], [dict(each.cordoned) for each in registry.table().pools])
        registry.cordon({})
        self.assertEqual([{}, {}, {}], [dict(each.cordoned) for each in registry.table().pools])
        self.assertEqual([{}, {}], [dict(each.cordoned) for each in before.pools])

    def test_the_same_cordons_again_cost_nothing(self) -> None:
        registry = a_registry(a_report("h1@a"))
        registry.cordon({"h1@a#pool0": {"create": ""}, "h9@none#p": {"create": ""}})
        first = registry.table()
        registry.cordon({"h1@a#pool0": {"create": ""}, "h9@none#p": {"create": ""}})
        self.assertIs(first, registry.table())


class TestClosed(TestCase):
    def test_backends_that_take_no_part_say_why(self) -> None:
        registry = a_registry(a_report("h1@a"))
        states = {
            "h1@a": {"disabled": True, "disabled_reason": "rebuild"},
            "h2@a": {"frozen": True},
            "h3@a": {"up": False},
        }
        registry.services([ServiceState(host=host, **state) for host, state in states.items()])
        self.assertEqual(
            (
                ("h1@a", "disabled by the operator: rebuild"),
                ("h2@a", "frozen by the operator"),
                ("h3@a", "down: its last heartbeat is too old"),
            ),
            registry.closed(),
        )
        registry.services([ServiceState(host="h1@a")])
        self.assertEqual((), registry.closed())


class TestReports(TestCase):
    def test_pools_come_in_the_order_of_services_and_stay_there(self) -> None:
        """A changed order in a report changes nothing, and new pools go to the end."""
        registry = a_registry(a_report("h1@a", [{}, {}]), a_report("h2@b"))
        self.assertEqual(["h1@a#pool0", "h1@a#pool1", "h2@b#pool0"], names(registry))
        registry.report(a_report("h1@a", [{"pool_name": n} for n in ("new", "pool1", "pool0")], timestamp=at(60)))
        self.assertEqual(["h1@a#pool0", "h1@a#pool1", "h1@a#new", "h2@b#pool0"], names(registry))

    def test_a_pool_that_is_not_reported_is_gone(self) -> None:
        registry = a_registry(a_report("h1@a", [{}, {}]))
        registry.report(a_report("h1@a", [{}], timestamp=at(60)))
        self.assertEqual(["h1@a#pool0"], names(registry))

    def test_an_older_report_is_dropped_and_an_equally_old_one_is_not(self) -> None:
        registry = a_registry(a_report(pools=[{"free_capacity_gb": 500}], timestamp=at(10)))
        registry.report(a_report(pools=[{"free_capacity_gb": 1}], timestamp=at(9)))
        self.assertEqual(500, pool(registry).free_gb)
        registry.report(a_report(pools=[{"free_capacity_gb": 2}], timestamp=at(10)))
        self.assertEqual(2, pool(registry).free_gb)

    def test_a_report_from_too_far_in_the_future_is_set_aside(self) -> None:
        registry = a_registry(a_report(pools=[{"free_capacity_gb": 500}]), clock=lambda: NOON)
        registry.report(a_report(pools=[{"free_capacity_gb": 1}], timestamp=at(901)))
        self.assertEqual(500, pool(registry).free_gb)
        ((name, why),) = registry.set_aside()
        self.assertEqual("node1@disk", name)
        self.assertIn("in the future; fix: set", why)

    def test_a_stored_stamp_from_the_future_is_replaced_by_the_next_report(self) -> None:
        """Cinder ignores every report until the clock has reached the stamp."""
        now = at(3600)
        registry = a_registry(a_report(pools=[{"free_capacity_gb": 500}], timestamp=at(3600)), clock=lambda: now)
        now = NOON  # the clock was set back
        registry.report(a_report(pools=[{"free_capacity_gb": 1}], timestamp=NOON))
        self.assertEqual(1, pool(registry).free_gb)

    def test_a_report_from_the_database_replaces_any_other(self) -> None:
        registry = a_registry(a_report(pools=[{"free_capacity_gb": 500}], timestamp=at(60)), clock=lambda: at(60))
        registry.load([ServiceState(host="node1@disk")], [a_report(pools=[{"free_capacity_gb": 1}], timestamp=NOON)])
        self.assertEqual(1, pool(registry).free_gb)

    def test_time_zones_are_taken_out(self) -> None:
        registry = a_registry(a_report(timestamp=NOON.replace(tzinfo=UTC)))
        self.assertEqual(NOON, pool(registry).updated)

    def test_a_bad_pool_is_set_aside_until_it_is_fixed_and_keeps_its_place(self) -> None:
        """One bad report stops nobody, and the next one counts."""
        registry = a_registry(a_report("h1@a", [{}, {"total_capacity_gb": "lots"}, {}]), a_report("h2@b"))
        self.assertEqual(["h1@a#pool0", "h1@a#pool2", "h2@b#pool0"], names(registry))
        ((name, why),) = registry.set_aside()
        self.assertEqual("h1@a#pool1", name)
        self.assertIn("'lots'", why)
        registry.report(a_report("h1@a", [{}, {}, {}], timestamp=at(60)))
        self.assertEqual(["h1@a#pool0", "h1@a#pool1", "h1@a#pool2", "h2@b#pool0"], names(registry))
        self.assertEqual((), registry.set_aside())

    def test_a_report_without_a_name_or_a_time_is_set_aside(self) -> None:
        registry = a_registry(a_report("h1@a"))
        odd: list[Any] = [None, "", 5]
        for host in odd:
            registry.report(CapabilityReport(service_name="volume", host=host, capabilities={}, timestamp=NOON))
        untimed: Any = "noon"
        registry.report(CapabilityReport(service_name="volume", host="h9@z", capabilities={}, timestamp=untimed))
        self.assertEqual(["h1@a#pool0"], names(registry))
        self.assertEqual({"None", "", "5", "h9@z"}, {name for name, _ in registry.set_aside()})

    def test_reports_of_other_services_are_no_ones_business(self) -> None:
        registry = a_registry(a_report("h1@a"))
        registry.report(replace(a_report("h1@a", [], timestamp=at(60)), service_name="compute"))
        self.assertEqual(["h1@a#pool0"], names(registry))

    def test_a_report_replaces_rows_and_shares_what_is_unchanged(self) -> None:
        registry = a_registry(a_report("h1@a"), a_report("h2@b"))
        before = registry.table()
        zones = before.coded(ZONE)
        before.column(FREE_GB)
        registry.report(a_report("h2@b", [{"free_capacity_gb": 7}], timestamp=at(60)))
        after = registry.table()
        self.assertEqual([1000, 7], after.column(FREE_GB).tolist())
        self.assertEqual([1000, 1000], before.column(FREE_GB).tolist(), "a snapshot never changes")
        self.assertEqual(zones.values, after.coded(ZONE).values)
        self.assertIs(before.pools[0], after.pools[0])
        self.assertIs(after, registry.table(), "nothing came in")


class TestServices(TestCase):
    def services(self, *services: ServiceState) -> Registry:
        registry = a_registry(a_report("h1@a"), a_report("h2@b"))
        registry.services(services)
        return registry

    def test_who_is_down_disabled_or_frozen_takes_no_part(self) -> None:
        for change in ({"up": False}, {"disabled": True}, {"frozen": True}, {"kind": "backup"}):
            registry = self.services(ServiceState(host="h1@a", **change), ServiceState(host="h2@b"))
            self.assertEqual(["h2@b#pool0"], names(registry), change)

    def test_who_comes_back_comes_last_and_its_claims_are_kept(self) -> None:
        """Cinder forgets what was taken."""
        both = [ServiceState(host="h1@a"), ServiceState(host="h2@b")]
        registry = self.services(*both)
        registry.claimed(a_claim(pool="h1@a#pool0"))
        registry.services(both[1:])
        self.assertEqual(["h2@b#pool0"], names(registry))
        registry.services(both)
        self.assertEqual(["h2@b#pool0", "h1@a#pool0"], names(registry))
        self.assertEqual(990, pool(registry, "h1@a#pool0").free_gb)

    def test_a_confirmed_claim_becomes_known_while_its_backend_is_away(self) -> None:
        both = [ServiceState(host="h1@a"), ServiceState(host="h2@b")]
        registry = self.services(*both)
        registry.claimed(a_claim(pool="h1@a#pool0"))
        registry.confirmed("v1", at(2))
        registry.services(both[1:])
        registry.table()
        registry.report(a_report("h1@a", [{"free_capacity_gb": 990}], timestamp=at(60)))
        registry.services(both)
        self.assertEqual(990, pool(registry, "h1@a#pool0").free_gb)

    def test_the_first_service_of_a_cluster_that_is_up_speaks_for_it(self) -> None:
        """Its host stays that of the member that was seen first, its zone does not."""
        registry = Registry()
        members = [
            ServiceState(host="n1@a", cluster_name="c@a", zone="az1"),
            ServiceState(host="n2@a", cluster_name="c@a", zone="az2"),
        ]
        registry.services(members)
        registry.report(a_report("n2@a", cluster_name="c@a"))
        self.assertEqual(("n1@a", "az1"), (pool(registry, "c@a#pool0").host, pool(registry, "c@a#pool0").zone))
        registry.services([replace(members[0], up=False), members[1]])
        self.assertEqual(("n1@a", "az2"), (pool(registry, "c@a#pool0").host, pool(registry, "c@a#pool0").zone))

    def test_a_service_that_joins_a_cluster_is_served_by_its_own_report(self) -> None:
        """A report of the cluster that is older than that one does not reach the pools."""
        registry = Registry()
        registry.services([ServiceState(host="n1@a", cluster_name="c@a")])
        registry.report(a_report("n1@a", [{"free_capacity_gb": 500}], timestamp=at(10)))
        self.assertEqual(500, pool(registry, "c@a#pool0").free_gb)
        registry.report(a_report("n1@a", [{"free_capacity_gb": 1}], cluster_name="c@a", timestamp=at(5)))
        self.assertEqual(500, pool(registry, "c@a#pool0").free_gb)
        registry.report(a_report("n1@a", [{"free_capacity_gb": 2}], cluster_name="c@a", timestamp=at(20)))
        self.assertEqual(2, pool(registry, "c@a#pool0").free_gb)

    def test_pools_whose_names_would_run_together_are_apart(self) -> None:
        registry = a_registry(a_report("h@z", [{"pool_name": "1.p"}]), a_report("h@z.1", [{"pool_name": "p"}]))
        self.assertEqual(["h@z#1.p", "h@z.1#p"], names(registry))


class TestReadiness(TestCase):
    def test_ready_when_all_that_are_up_have_reported(self) -> None:
        """Services that are down do not count."""
        registry = Registry()
        registry.services([ServiceState(host="h1@a"), ServiceState(host="h2@b"), ServiceState(host="h3@c", up=False)])
        self.assertFalse(registry.ready())
        registry.report(a_report("h1@a"))
        self.assertFalse(registry.ready())
        registry.report(a_report("h2@b"))
        self.assertTrue(registry.ready())


class TestClaims(TestCase):
    def test_a_claim_is_subtracted_and_given_back(self) -> None:
        registry = a_registry(a_report(pools=[{"allocated_capacity_gb": 5, "provisioned_capacity_gb": 6}]))
        registry.claimed(a_claim())
        taken = pool(registry)
        self.assertEqual((990, 15, 16, at(1)), (taken.free_gb, taken.allocated_gb, taken.provisioned_gb, taken.updated))
        registry.released("v1")
        given_back = pool(registry)
        self.assertEqual((1000, 5, 6), (given_back.free_gb, given_back.allocated_gb, given_back.provisioned_gb))

    def test_the_same_claim_again_changes_nothing(self) -> None:
        registry = a_registry(a_report())
        for _ in range(3):
            registry.claimed(a_claim())
        self.assertEqual(990, pool(registry).free_gb)
        for _ in range(3):
            registry.released("v1")
        self.assertEqual(1000, pool(registry).free_gb)

    def test_a_report_on_its_way_does_not_give_the_room_back(self) -> None:
        """Neither a report made before the claim, nor one made before the backend confirmed it."""
        registry = a_registry(a_report())
        registry.claimed(a_claim(made=5))
        for seconds in (2, 5, 7):
            registry.report(a_report(timestamp=at(seconds)))
            self.assertEqual(990, pool(registry).free_gb, seconds)
        registry.confirmed("v1", at(8))
        self.assertEqual(990, pool(registry).free_gb, "no report has said so")
        registry.report(a_report(timestamp=at(8)))
        self.assertEqual(990, pool(registry).free_gb, "made as it was confirmed: it may not know")
        registry.report(a_report(pools=[{"free_capacity_gb": 990}], timestamp=at(9)))
        self.assertEqual(990, pool(registry).free_gb, "the report says it now")
        registry.released("v1")
        self.assertEqual(990, pool(registry).free_gb, "the next report will show the room")

    def test_a_report_from_the_future_cannot_know_what_was_confirmed_after_it_came(self) -> None:
        registry = a_registry(a_report(timestamp=at(3600)))
        registry.claimed(a_claim())
        registry.confirmed("v1", at(2))
        self.assertEqual(990, pool(registry).free_gb)

    def test_unbounded_stays_unbounded(self) -> None:
        registry = a_registry(a_report(pools=[{"free_capacity_gb": "infinite"}]))
        registry.claimed(a_claim())
        taken = pool(registry)
        self.assertEqual((float("inf"), 10), (taken.free_gb, taken.allocated_gb))

    def test_a_claim_in_a_pool_that_is_not_there_waits_for_it(self) -> None:
        registry = a_registry(a_report("h1@a"))
        registry.claimed(a_claim(pool="h1@a#later"))
        self.assertEqual(["h1@a#pool0"], names(registry))
        registry.report(a_report("h1@a", [{}, {"pool_name": "later"}], timestamp=at(60)))
        self.assertEqual(990, pool(registry, "h1@a#later").free_gb)

    def test_a_claim_that_moved_is_in_one_pool(self) -> None:
        registry = a_registry(a_report(pools=[{}, {}]))
        registry.claimed(a_claim())
        registry.claimed(a_claim(pool="node1@disk#pool1"))
        self.assertEqual([1000, 990], [each.free_gb for each in registry.table().pools])

    def test_reported_is_without_claims(self) -> None:
        registry = a_registry(a_report())
        registry.claimed(a_claim())
        reported = registry.reported("node1@disk#pool0")
        assert reported is not None
        self.assertEqual(1000, reported.free_gb)
        self.assertIsNone(registry.reported("node1@disk#none"))

    def test_load_takes_over_and_costs_nothing_the_second_time(self) -> None:
        services, reports = [ServiceState(host="node1@disk")], [a_report()]
        registry = Registry()
        registry.load(services, reports, [a_claim("a"), a_claim("b", state=ClaimState.CONFIRMED, confirmed_at=at(-1))])
        first = registry.table()
        self.assertEqual(990, pool(registry).free_gb)
        registry.load(list(services), [a_report()], [a_claim("a")])
        self.assertIs(first, registry.table())
        registry.load(services, reports, [])
        self.assertEqual(1000, pool(registry).free_gb)
        self.assertFalse(registry.renew())


class TestBackups(TestCase):
    def registry(self, **options: Any) -> Registry:
        registry = Registry(**options)
        registry.services(
            [ServiceState(host="b1", kind="backup", zone="az1"), ServiceState(host="b2", kind="backup", up=False)]
        )
        for host, zone, driver, works in (
            ("b1", "az1", "posix", True),
            ("b2", "nova", "nfs", True),
            ("b3", "nova", "x", False),
        ):
            capabilities = {"backend_state": works, "driver_name": driver, "availability_zone": zone}
            registry.report(
                CapabilityReport(service_name="backup", host=host, capabilities=capabilities, timestamp=NOON)
            )
        return registry

    def test_hosts_that_work_by_zone_and_driver(self) -> None:
        registry = self.registry()
        self.assertEqual(("b1", "b2"), registry.backup_hosts())
        self.assertEqual(("b1",), registry.backup_hosts(zone="az1"))
        self.assertEqual(("b2",), registry.backup_hosts(driver="nfs"))
        self.assertEqual("b2", registry.backup_host(None, None, "nfs"))

    def test_the_same_volume_goes_to_the_same_host(self) -> None:
        registry = self.registry()
        chosen = {registry.backup_host({"id": "v"}, None, None) for _ in range(5)}
        self.assertEqual(1, len(chosen))

    def test_the_volumes_own_host_or_none(self) -> None:
        registry = self.registry(backup_use_same_host=True)
        self.assertEqual("b1", registry.backup_host({"host": "b1@be#p"}, None, None))
        for volume in ({"host": "b2@be#p"}, {"host": "b1@be#p", "availability_zone": "nova"}):
            with self.assertRaisesRegex(Exception, "no other may do it"):
                registry.backup_host(volume, None, None)

    def test_nobody(self) -> None:
        with self.assertRaisesRegex(Exception, "none that works has reported, zone az9, driver z"):
            self.registry().backup_host(None, "az9", "z")


class TestThreads(TestCase):
    def test_readers_and_writers(self) -> None:
        registry = a_registry(*(a_report(f"h{number}@b", [{}, {}]) for number in range(5)))
        problems: list[Exception] = []

        def writing(number: int) -> None:
            try:
                for turn in range(30):
                    key = f"{number}/{turn}"
                    registry.claimed(a_claim(key, pool=f"h{turn % 5}@b#pool{turn % 2}", made=turn))
                    registry.report(a_report(f"h{number}@b", [{}, {}], timestamp=at(-turn % 7)))
                    if sum(each.free_gb for each in registry.table().pools) > 10_000:
                        raise AssertionError("more room than there is")
                    registry.released(key)
            except Exception as problem:  # noqa: BLE001 - told by the thread that started this one
                problems.append(problem)

        threads = [threading.Thread(target=writing, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], problems)
        self.assertEqual([1000.0] * 10, [each.free_gb for each in registry.table().pools])


class World(RuleBasedStateMachine):
    """A backend with one pool of 100 GiB and an honest clock; reports arrive late, twice, out of order, or never."""

    @initialize()
    def begin(self) -> None:
        self.now = 0
        self.real: dict[str, tuple[float, int]] = {}  # volumes that exist: size, since when
        self.claimed: dict[str, float] = {}  # claims that the store holds
        self.on_the_way: list[CapabilityReport] = []
        self.registry = a_registry(self.report())

    def report(self) -> CapabilityReport:
        used = sum(size for size, _ in self.real.values())
        figures = {
            "total_capacity_gb": 100,
            "free_capacity_gb": 100 - used,
            "allocated_capacity_gb": used,
            "provisioned_capacity_gb": used,
        }
        return a_report(pools=[figures], timestamp=at(self.now))

    def tick(self) -> int:
        self.now += 1
        return self.now

    @rule(size=st.integers(1, 30))
    def claim(self, size: int) -> None:
        key = f"v{self.tick()}"
        if sum(self.claimed.values()) + size <= 100:
            self.claimed[key] = size
            self.registry.claimed(a_claim(key, gb=size, made=self.now))

    @rule(data=st.data())
    def make_real(self, data: st.DataObject) -> None:
        waiting = sorted(self.claimed.keys() - self.real.keys())
        if waiting:
            key = data.draw(st.sampled_from(waiting))
            self.real[key] = (self.claimed[key], self.tick())

    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        """The news of it may come long after the fact, and again."""
        made = sorted(self.real.keys() & self.claimed.keys())
        if made:
            key = data.draw(st.sampled_from(made))
            self.registry.confirmed(key, at(self.real[key][1]))

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        """A volume that failed, or was deleted: it is gone before its claim is."""
        if self.claimed:
            key = data.draw(st.sampled_from(sorted(self.claimed)))
            self.tick()
            self.real.pop(key, None)
            del self.claimed[key]
            self.registry.released(key)

    @rule()
    def send(self) -> None:
        self.tick()
        self.on_the_way.append(self.report())

    @rule(data=st.data(), keep=st.booleans())
    def arrive(self, data: st.DataObject, keep: bool) -> None:
        if self.on_the_way:
            position = data.draw(st.integers(0, len(self.on_the_way) - 1))
            self.registry.report(self.on_the_way[position] if keep else self.on_the_way.pop(position))

    @rule(data=st.data())
    def claim_again(self, data: st.DataObject) -> None:
        if self.claimed:
            key = data.draw(st.sampled_from(sorted(self.claimed.keys() - self.real.keys()) or ["none"]))
            if key in self.claimed:
                self.registry.claimed(a_claim(key, gb=self.claimed[key], made=self.now))

    @rule(up=st.booleans())
    def flap(self, up: bool) -> None:
        self.registry.services([ServiceState(host="node1@disk", up=False)])
        self.registry.table()
        if up:
            self.registry.services([ServiceState(host="node1@disk")])

    @rule()
    def come_up(self) -> None:
        self.registry.services([ServiceState(host="node1@disk")])

    @invariant()
    def never_more_room_than_there_is(self) -> None:
        row = self.registry.table().row("node1@disk#pool0")
        if row is not None:
            shown = self.registry.table().pools[row]
            left = 100 - sum(self.claimed.values())
            assert shown.free_gb <= left, (shown.free_gb, left)

    def teardown(self) -> None:
        """When all has settled and a new report came, all the room there is is shown: none is lost."""
        if not hasattr(self, "registry"):
            return
        for key in self.claimed:
            since = self.real.setdefault(key, (self.claimed[key], self.tick()))[1]
            self.registry.confirmed(key, at(since))
        self.tick()
        self.registry.services([ServiceState(host="node1@disk")])
        self.registry.report(self.report())
        assert pool(self.registry).free_gb == 100 - sum(self.claimed.values())


class TestAnyOrder(World.TestCase, TestCase):  # type: ignore[misc]
    """Any order of reports, claims, confirmations and releases."""

    settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


class TestLateReports(TestCase):
    @given(st.permutations(range(6)))
    def test_the_newest_counts_whatever_the_order(self, order: list[int]) -> None:
        registry = a_registry(a_report(pools=[{"free_capacity_gb": 999}], timestamp=at(-1)))
        registry.claimed(a_claim(made=0))
        for number in order:
            registry.report(a_report(pools=[{"free_capacity_gb": 100 * number}], timestamp=at(number)))
            self.assertEqual(100 * max(order[: order.index(number) + 1]) - 10, pool(registry).free_gb)
