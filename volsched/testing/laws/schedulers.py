"""The laws for scheduler drivers, checked with resources in memory."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from volsched.exceptions import InvalidRequest, NoValidBackend, ServiceNotFound
from volsched.model.report import CapabilityReport
from volsched.model.work import Lease
from volsched.plugins import SchedulerDriver, SchedulerResources
from volsched.testing.builders import NOON, PROJECT_ID, VOLUME_ID, a_report, a_volume
from volsched.testing.laws.instruments import ROUNDS, THREADS, concurrently
from volsched.testing.laws.plugin import PluginConformance
from volsched.testing.memory import MemoryClaims, MemoryFailures, scheduler_resources

CONTEXT: Mapping[str, Any] = {"project_id": PROJECT_ID, "user_id": "a-user", "is_admin": False}
ROOM_GB = 100
POOLS = ("node1@disk#pool0", "node1@disk#pool1", "node2@disk#pool0")


def _asked(size_gb: Any, volume_id: str = VOLUME_ID, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return request_spec and filter_properties, as Cinder has them."""
    properties = {"size": size_gb, "project_id": PROJECT_ID, "availability_zone": None, "metadata": {}, **more}
    return {"volume_id": volume_id, "volume_properties": properties, "volume_type": None}, {"scheduler_hints": {}}


class SchedulerConformance(PluginConformance):
    """What holds for every scheduler driver."""

    group = "volsched.schedulers"
    bases = (SchedulerDriver,)
    verbs = ("schedule_create_volume",)

    def resources(self) -> SchedulerResources:
        """Return resources with three pools of 100 GiB on two backends, and volumes that are not placed yet."""
        pool = {"total_capacity_gb": ROOM_GB, "free_capacity_gb": ROOM_GB}
        volumes = [a_volume(10), *(a_volume(10, id=_number(number)) for number in range(THREADS * ROUNDS))]
        return scheduler_resources(
            a_report("node1@disk", [pool, pool]), a_report("node2@disk", [pool]), volumes=volumes
        )

    def given(self) -> tuple[Any, ...]:
        return (self.resources(),)

    def made_in(self, resources: SchedulerResources) -> Any:
        """Return a driver that works on these resources."""
        return self.plugin_class()(resources, **self.options((resources,)))

    def claims(self, resources: SchedulerResources) -> MemoryClaims:
        """Return the claims made with these resources."""
        assert isinstance(resources.claims, MemoryClaims)
        return resources.claims

    def test_a_volume_is_placed_and_its_room_taken(self) -> None:
        """One pool is chosen, its room claimed, and the agent's work queued."""
        resources = self.resources()
        decision = self.made_in(resources).schedule_create_volume(CONTEXT, *_asked(10))
        self.assertTrue(decision.chosen is not None and decision.chosen.pool_id in POOLS, decision.chosen)
        claims = list(self.claims(resources).rows.values())
        self.assertEqual([(decision.chosen.pool_id, 10)], [(claim.pool_id, claim.size_gb) for claim in claims])
        self.assertTrue(self.claims(resources).placements[0].work, "no work was queued for the agent")

    def test_the_decision_can_be_stored(self) -> None:
        """It is plain data, so that the user can ask why."""
        decision = self.make().schedule_create_volume(CONTEXT, *_asked(10))
        self.assertIsInstance(json.dumps(decision.plain()), str)

    def test_the_same_request_again_takes_no_more_room(self) -> None:
        """A request may be worked on twice, where a process died in between."""
        resources = self.resources()
        first = self.made_in(resources).schedule_create_volume(CONTEXT, *_asked(10))
        again = self.made_in(resources).schedule_create_volume(CONTEXT, *_asked(10))
        self.assertEqual(first.chosen.pool_id, again.chosen.pool_id)
        self.assertEqual(1, len(self.claims(resources).rows))

    def test_its_inputs_are_unchanged(self) -> None:
        """The request is somebody else's."""
        spec, properties = _asked(10)
        before = copy.deepcopy((spec, properties))
        self.make().schedule_create_volume(CONTEXT, spec, properties)
        self.assertEqual(before, (spec, properties))

    def test_it_works_in_the_real_flow(self) -> None:
        """The task flow that services run: a request that is placed, and one whose failure is recorded."""
        from volsched.flows import create_volume  # here, for nothing else of the kit needs TaskFlow, which is slow

        for size_gb, fits in ((10, True), (ROOM_GB + 1, False)):
            resources = self.resources()
            spec, properties = _asked(size_gb)
            flow = create_volume.get_flow(
                CONTEXT,  # a dict of it will do
                self.made_in(resources),
                request_spec=spec,
                filter_properties=properties,
                volume=resources.volumes.get(VOLUME_ID),
            )
            flow.run()
            assert isinstance(resources.failures, MemoryFailures)
            events = [(event.event_type, event.payload["volume_id"]) for event in resources.failures.events]
            self.assertEqual(
                [] if fits else [("scheduler.create_volume", VOLUME_ID)], events, "the failure was not recorded"
            )
            self.assertEqual(int(fits), len(self.claims(resources).rows), "room taken")
            self.assertEqual("creating" if fits else "error", resources.volumes.get(VOLUME_ID).status)

    def test_no_room_is_an_answer(self) -> None:
        """NoValidBackend where nothing fits, and nothing is claimed."""
        resources = self.resources()
        with self.assertRaises(NoValidBackend):
            self.made_in(resources).schedule_create_volume(CONTEXT, *_asked(ROOM_GB + 1))
        self.assertEqual({}, self.claims(resources).rows)

    def test_nonsense_is_the_callers_mistake(self) -> None:
        """InvalidRequest where the request is malformed, and nothing is claimed."""
        resources = self.resources()
        for size_gb in ("ten", -1, None):
            with self.assertRaises(InvalidRequest, msg=f"size {size_gb!r}"):
                self.made_in(resources).schedule_create_volume(CONTEXT, *_asked(size_gb))
        self.assertEqual({}, self.claims(resources).rows)

    def test_no_room_is_promised_twice(self) -> None:
        """Many requests at once: no pool is over-committed."""
        resources = self.resources()
        driver = self.made_in(resources)
        numbers = iter(range(THREADS * ROUNDS))
        refused: list[NoValidBackend] = []

        def ask(number: int) -> None:
            try:
                driver.schedule_create_volume(CONTEXT, *_asked(10, _number(next(numbers))))
            except NoValidBackend as problem:
                refused.append(problem)

        self.assertEqual([], concurrently(ask))
        taken: Counter[str] = Counter()
        for claim in self.claims(resources).rows.values():
            taken[claim.pool_id] += int(claim.size_gb)
        self.assertEqual(dict.fromkeys(POOLS, ROOM_GB), dict(taken), f"{len(refused)} were refused")

    def test_whether_a_backend_will_do(self) -> None:
        """A pool by its id, or the best of a backend, or no; and nothing is claimed."""
        resources = self.resources()
        driver = self.made_in(resources)
        self.assertEqual(POOLS[1], driver.backend_passes_filters(CONTEXT, POOLS[1], *_asked(10)).chosen.pool_id)
        self.assertIn(driver.backend_passes_filters(CONTEXT, "node1@disk", *_asked(10)).chosen.pool_id, POOLS[:2])
        for name, size_gb in ((POOLS[0], ROOM_GB + 1), ("node9@disk#pool0", 1)):
            with self.assertRaises(NoValidBackend, msg=name):
                driver.backend_passes_filters(CONTEXT, name, *_asked(size_gb))
        self.assertEqual({}, self.claims(resources).rows)

    def test_a_volume_may_stay_where_it_is(self) -> None:
        """With another type the volume stays in a pool that fits."""
        driver = self.make()
        for at in POOLS:
            found = driver.find_retype_backend(CONTEXT, *_asked(10, host=at), migration_policy="never")
            self.assertEqual(at, found.chosen.pool_id)

    def test_a_volume_moves_for_a_retype_only_if_that_is_allowed(self) -> None:
        """A volume whose pool does not fit is moved with the policy on-demand, and refused with never."""
        resources = self.resources()
        driver = self.made_in(resources)
        asked = _asked(10, host="gone@disk#pool0")
        with self.assertRaises(NoValidBackend):
            driver.find_retype_backend(CONTEXT, *asked, migration_policy="never")
        self.assertIn(driver.find_retype_backend(CONTEXT, *asked, migration_policy="on-demand").chosen.pool_id, POOLS)
        self.assertEqual({}, self.claims(resources).rows)

    def test_an_extend_needs_room_for_the_growth_alone(self) -> None:
        """The pool of a volume must have room for what the volume grows by, not for all of it."""
        driver = self.make()
        spec, properties = _asked(60, host=POOLS[0])
        spec["operation"] = "extend_volume"
        fits = driver.backend_passes_filters(CONTEXT, POOLS[0], spec, {**properties, "new_size": 150})
        self.assertEqual(POOLS[0], fits.chosen.pool_id)
        with self.assertRaises(NoValidBackend):
            driver.backend_passes_filters(CONTEXT, POOLS[0], spec, {**properties, "new_size": 161})

    def test_a_snapshot_a_move_and_a_managed_volume_need_room(self) -> None:
        """The same question for every operation that claims room in a pool: a decision with the pool, or no."""
        driver = self.make()
        for operation in ("create_snapshot", "migrate_volume", "manage_existing"):
            with self.subTest(operation):
                for size_gb, fits in ((10, True), (ROOM_GB + 1, False)):
                    spec, properties = _asked(size_gb)
                    spec["operation"] = operation
                    if fits:
                        decision = driver.backend_passes_filters(CONTEXT, POOLS[2], spec, properties)
                        self.assertEqual(POOLS[2], decision.chosen.pool_id)
                        self.assertIsInstance(json.dumps(decision.plain()), str)
                        continue
                    with self.assertRaises(NoValidBackend):
                        driver.backend_passes_filters(CONTEXT, POOLS[2], spec, properties)

    def test_a_group_gets_a_pool(self) -> None:
        """A group with types is placed, one without is refused, and nothing is claimed."""
        resources = self.resources()
        driver = self.made_in(resources)
        spec = {"group_id": VOLUME_ID, "volume_properties": {"size": 0}}
        kind = {"id": "t1", "name": "t1", "extra_specs": {}}
        group = (CONTEXT, {"id": VOLUME_ID}, spec)
        decision = driver.schedule_create_group(*group, [{**spec, "volume_type": kind}], {}, [{}])
        self.assertIn(decision.chosen.pool_id, POOLS)
        with self.assertRaises(NoValidBackend):
            driver.schedule_create_group(*group, [], {}, [])
        self.assertEqual({}, self.claims(resources).rows)

    def test_a_dry_run_claims_nothing(self) -> None:
        """It returns the pools that fit; that none fits is no error."""
        resources = self.resources()
        driver = self.made_in(resources)
        self.assertEqual(set(POOLS), {pool.pool_id for pool in driver.dry_run(CONTEXT, *_asked(10)).ranked})
        nothing = driver.dry_run(CONTEXT, *_asked(ROOM_GB + 1))
        self.assertFalse(nothing)
        self.assertIsInstance(json.dumps(nothing.plain()), str)
        self.assertEqual({}, self.claims(resources).rows)

    def test_a_claim_is_made_under_the_lease_of_the_work(self) -> None:
        """So that a process whose work was taken over claims nothing."""
        resources = self.resources()
        lease = Lease(work_id="w1", owner="host:1:1", attempt=2, until=NOON)
        spec, properties = _asked(10)
        self.made_in(resources).schedule_create_volume(CONTEXT, spec, {**properties, "lease": lease.plain()})
        self.assertEqual(lease, self.claims(resources).placements[0].fence)

    def test_a_backup_host_is_found(self) -> None:
        """The host of a backup service that reported that it works; ServiceNotFound where none did."""
        with self.assertRaises(ServiceNotFound):
            self.make().get_backup_host(None)
        capabilities = {"backend_state": True, "driver_name": "d", "availability_zone": "nova"}
        report = CapabilityReport(service_name="backup", host="node3", capabilities=capabilities, timestamp=NOON)
        self.assertEqual("node3", self.made_in(scheduler_resources(report)).get_backup_host(None))

    def test_a_capability_report_is_stored(self) -> None:
        """What a backend reports to the driver counts for the next decision."""
        driver = self.make()
        pools = {"pools": [{"pool_name": "pool0", "total_capacity_gb": 500, "free_capacity_gb": 500}]}
        driver.update_service_capabilities("volume", "node2@disk", pools, None, NOON + timedelta(seconds=60))
        decision = driver.schedule_create_volume(CONTEXT, *_asked(400))
        self.assertEqual(POOLS[2], decision.chosen.pool_id)

    def test_it_lists_the_pools(self) -> None:
        """Name and capabilities of each, as plain data."""
        listed = self.make().get_pools(CONTEXT, None)
        self.assertEqual(list(POOLS), [pool["name"] for pool in listed])
        self.assertIsInstance(json.dumps(listed, default=dict), str)


def _number(number: int) -> str:
    return f"5a1f0c1e-0000-4000-9000-{number:012d}"
