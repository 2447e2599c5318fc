"""Behavior in situations in which Cinder's scheduler fails or surprises, with the installed plugins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests import TestCase
from tools.parity.stage import services_of
from volsched.exceptions import InvalidRequest, NoValidBackend, VolumeNotFound, VolumeTypeNotFound
from volsched.model.report import CapabilityReport, ServiceState
from volsched.model.volume import Volume, VolumeStatus
from volsched.placement.registry import Registry
from volsched.plugins import SchedulerResources
from volsched.testing.builders import NOON, a_report, a_volume_type
from volsched.testing.installed import SCHEDULERS, a_chooser, plugin_class
from volsched.testing.memory import MemoryClaims, scheduler_resources

VOLUME = "5a1f0c1e-0000-4000-8000-00000000000{}"
OURS = {"project_id": "ours", "user_id": "me"}


def spec(number: int = 1, size: int = 10, **more: Any) -> dict[str, Any]:
    return {
        "volume_id": VOLUME.format(number),
        "volume_properties": {"size": size, **more.pop("properties", {})},
        **more,
    }


def volumes(count: int = 5) -> list[Volume]:
    return [
        Volume(id=VOLUME.format(n), project_id="ours", user_id="me", size_gb=10, status=VolumeStatus.CREATING)
        for n in range(1, count + 1)
    ]


class BehaviorTestCase(TestCase):
    """A scheduler with reports, with access to its capacity figures."""

    def scheduler(self, *reports: CapabilityReport, **options: Any) -> Any:
        self.resources: SchedulerResources = scheduler_resources(*reports, **{"volumes": volumes(), **options})
        assert isinstance(self.resources.pools, Registry)
        assert isinstance(self.resources.claims, MemoryClaims)
        self.registry, self.claims = self.resources.pools, self.resources.claims
        return plugin_class(SCHEDULERS, "filter")(self.resources)

    def free(self) -> dict[str, float]:
        return {pool.name: pool.free_gb for pool in self.registry.table().pools}


class TestClaims(BehaviorTestCase):
    def test_an_attempt_beyond_the_limit_keeps_its_claim_until_it_is_released(self) -> None:
        """Cinder keeps it permanently."""
        scheduler = self.scheduler(a_report(), max_attempts=2)
        retry: Mapping[str, Any] = {"num_attempts": 2, "backends": ["node1@disk#pool0"], "hosts": []}
        scheduler.schedule_create_volume(OURS, spec(), {})
        with self.assertRaisesRegex(NoValidBackend, "all 2 attempts"):
            scheduler.schedule_create_volume(OURS, spec(), {"retry": retry})
        self.assertEqual({"pool0": 990}, self.free())
        self.claims.release(VOLUME.format(1))
        self.assertEqual({"pool0": 1000}, self.free())

    def test_a_reschedule_gives_back_once_whatever_was_reported_in_between(self) -> None:
        """Cinder subtracts what a report and another volume have changed already."""
        scheduler = self.scheduler(a_report(), chooser=a_chooser(("capacity", "ignore_attempted_hosts")))
        first = scheduler.schedule_create_volume(OURS, spec(1), {})
        self.registry.report(a_report(timestamp=NOON + timedelta(seconds=1)))
        scheduler.schedule_create_volume(OURS, spec(2), {})
        self.assertEqual({"pool0": 980}, self.free())
        retry = {"num_attempts": 1, "backends": [first.chosen.pool_id], "hosts": [], "exc": "boom"}
        with self.assertRaises(NoValidBackend):
            scheduler.schedule_create_volume(OURS, spec(1), {"retry": retry})
        self.assertEqual({"pool0": 990}, self.free())

    def test_other_questions_with_a_retry_record_give_nothing_back(self) -> None:
        scheduler = self.scheduler(a_report(pools=[{"free_capacity_gb": 500}]))
        retry = {"num_attempts": 1, "backends": ["node1@disk#pool0"], "hosts": []}
        scheduler.backend_passes_filters(OURS, "node1@disk#pool0", spec(), {"retry": retry})
        self.assertEqual({"pool0": 500}, self.free())

    def test_nothing_is_taken_for_a_volume_that_is_gone(self) -> None:
        scheduler = self.scheduler(a_report(), volumes=[])
        with self.assertRaises(VolumeNotFound):
            scheduler.schedule_create_volume(OURS, spec(), {})
        self.assertEqual({"pool0": 1000}, self.free())

    def test_no_more_is_placed_than_there_is_without_a_capacity_filter(self) -> None:
        scheduler = self.scheduler(a_report(pools=[{"free_capacity_gb": 15}]), chooser=a_chooser((), ()))
        scheduler.schedule_create_volume(OURS, spec(1), {})
        with self.assertRaises(NoValidBackend):
            scheduler.schedule_create_volume(OURS, spec(2), {})
        self.assertEqual({"pool0": 5}, self.free())

    def test_a_late_report_changes_what_a_pool_can_do_and_its_figures(self) -> None:
        """Cinder takes over the capabilities of a late report, but not its figures."""
        scheduler = self.scheduler(a_report(), clock=lambda: NOON + timedelta(seconds=60))
        scheduler.schedule_create_volume(OURS, spec(), {})
        late = a_report(pools=[{"media": "ssd", "free_capacity_gb": 400}], timestamp=NOON + timedelta(seconds=30))
        self.registry.report(late)
        self.assertEqual({"pool0": 390}, self.free())
        self.assertEqual("ssd", self.registry.table().pools[0].capabilities["media"])

    def test_a_pools_own_stamp_is_a_capability_like_any_other(self) -> None:
        scheduler = self.scheduler(a_report(pools=[{"timestamp": "yesterday"}]))
        scheduler.schedule_create_volume(OURS, spec(1), {})
        scheduler.schedule_create_volume(OURS, spec(2), {})
        self.assertEqual("yesterday", self.registry.table().pools[0].capabilities["timestamp"])


class TestEligibleBackends(BehaviorTestCase):
    def test_only_the_flags_of_the_cluster_count(self) -> None:
        """As in Cinder: without a row of its own a cluster is enabled."""
        services = [{"host": "n1@a", "cluster_name": "c@a", "disabled": True, "frozen": True}]
        self.assertEqual([False], [each.disabled or each.frozen for each in services_of(services, None)])
        flagged = services_of(services, [{"name": "c@a", "disabled": True}])
        self.assertEqual([True], [each.disabled for each in flagged])

    def test_a_backend_keeps_its_claims_while_it_is_down(self) -> None:
        scheduler = self.scheduler(a_report())
        scheduler.schedule_create_volume(OURS, spec(), {})
        for up in (False, True):
            self.registry.services([ServiceState(host="node1@disk", up=up)])
            self.registry.table()
        self.assertEqual({"pool0": 990}, self.free())

    def test_a_retype_without_a_zone_uses_services_without_a_zone(self) -> None:
        """What Cinder's API sends for a retype of a volume without a zone; as in Cinder."""
        scheduler = self.scheduler(
            a_report("h1@a"),
            a_report("h2@b"),
            services=[ServiceState(host="h1@a", zone="nova"), ServiceState(host="h2@b", zone=None)],
        )
        decision = scheduler.schedule_create_volume(OURS, spec(availability_zones=[None]), {})
        self.assertEqual("h2@b#pool0", decision.chosen.pool_id)


class TestRetype(BehaviorTestCase):
    def asked(self, host: str, policy: str = "never", **reports: Any) -> Any:
        scheduler = self.scheduler(
            a_report("h1@a", [{}, {}]),
            a_report("h2@b", [{"total_capacity_gb": 5000, "free_capacity_gb": 5000}]),
            **reports,
        )
        properties: dict[str, Any] = {}
        try:
            return scheduler.find_retype_backend(
                OURS, spec(properties={"host": host}), properties, policy
            ).chosen.pool_id
        finally:
            self.assertEqual({}, properties, "the caller's properties are unchanged")

    def test_a_retype_in_place_claims_nothing(self) -> None:
        self.assertEqual("h1@a#pool1", self.asked("h1@a#pool1"))
        self.assertEqual({"pool0": 5000, "pool1": 1000}, self.free())

    def test_a_host_without_a_pool_means_any_of_its_pools(self) -> None:
        """As in Cinder."""
        self.assertEqual("h1@a#pool0", self.asked("h1@a"))

    def test_a_retype_moves_only_if_migration_is_allowed(self) -> None:
        with self.assertRaisesRegex(NoValidBackend, "gone@x#p will not do .* migration is not allowed"):
            self.asked("gone@x#p")
        self.assertEqual("h2@b#pool0", self.asked("gone@x#p", "on-demand"))

    def test_a_retype_of_an_unplaced_volume_is_refused(self) -> None:
        scheduler = self.scheduler(a_report())
        with self.assertRaises(InvalidRequest):
            scheduler.find_retype_backend(OURS, spec(), None)


class TestGroups(BehaviorTestCase):
    def placed(self, types: list[dict[str, Any]], group_properties: Any = None, listed: Any = None) -> Any:
        scheduler = self.scheduler(
            a_report("h1@a", [{"media": "hdd"}]), a_report("h2@b", [{"media": "ssd"}, {"media": "hdd"}])
        )
        group_spec = {"group_id": "g", "group_type": {"name": "gt"}, "volume_properties": {"size": 0}}
        each = [{"volume_type": kind, "volume_properties": {"size": 0}} for kind in types]
        return scheduler.schedule_create_group(OURS, {"id": "g"}, group_spec, each, group_properties, listed)

    def test_one_backend_must_satisfy_every_type(self) -> None:
        """The order is that of the first type, and nothing is claimed."""
        kinds = [{"name": media, "extra_specs": {"media": media}} for media in ("hdd", "ssd")]
        self.assertEqual("h2@b#pool1", self.placed(kinds).chosen.pool_id)
        self.assertEqual("h2@b#pool0", self.placed(kinds[::-1], {}, [{}, None]).chosen.pool_id)
        self.assertEqual({"pool0": 1000, "pool1": 1000}, self.free())

    def test_a_group_without_types_or_without_backend_is_refused(self) -> None:
        with self.assertRaisesRegex(NoValidBackend, "at least one volume type"):
            self.placed([])
        with self.assertRaisesRegex(NoValidBackend, "serves every type"):
            self.placed([{"extra_specs": {"media": "tape"}}])


class TestQueries(BehaviorTestCase):
    def test_pools_can_be_listed_for_a_type(self) -> None:
        """Cinder has no size to give to its capacity filter."""
        scheduler = self.scheduler(
            a_report(pools=[{"media": "ssd"}, {"media": "hdd"}]), types=[a_volume_type("gold", {"media": "ssd"})]
        )
        listed = scheduler.get_pools(OURS, {"volume_type": "gold"})
        self.assertEqual(["node1@disk#pool0"], [pool["name"] for pool in listed])
        with self.assertRaises(VolumeTypeNotFound):
            scheduler.get_pools(OURS, {"volume_type": "none"})

    def test_listings_show_what_was_reported(self) -> None:
        """Claims since the last report are excluded, as in Cinder."""
        scheduler = self.scheduler(a_report())
        scheduler.schedule_create_volume(OURS, spec(), {})
        ((listed),) = scheduler.get_pools(OURS)
        self.assertEqual(1000, listed["capabilities"]["free_capacity_gb"])

    def test_an_extend_checks_the_difference_of_the_sizes(self) -> None:
        """As in Cinder, the caller must have checked that the size increases."""
        scheduler = self.scheduler(a_report(pools=[{"free_capacity_gb": 5}]))
        extending = spec(size=100, operation="extend_volume")
        for new_size, passes in ((50, True), (105, True), (106, False), (0, False)):
            with self.subTest(new_size):
                asked = (OURS, "node1@disk#pool0", extending, {"new_size": new_size})
                if passes:
                    self.assertEqual("pool0", scheduler.backend_passes_filters(*asked).chosen.name)
                else:
                    with self.assertRaises(NoValidBackend):
                        scheduler.backend_passes_filters(*asked)

    def test_only_the_attempted_pool_is_excluded(self) -> None:
        """As in Cinder."""
        scheduler = self.scheduler(a_report(pools=[{}, {}]), chooser=a_chooser(("ignore_attempted_hosts",)))
        retry = {"num_attempts": 1, "backends": ["node1@disk#pool0"], "hosts": ["node1@disk#pool0"]}
        decision = scheduler.schedule_create_volume(OURS, spec(), {"retry": retry})
        self.assertEqual("node1@disk#pool1", decision.chosen.pool_id)
