"""The laws for scheduler drivers, checked with resources in memory."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from volsched.exceptions import InvalidRequest, NoValidBackend
from volsched.plugins import SchedulerDriver, SchedulerResources
from volsched.testing.builders import PROJECT_ID, VOLUME_ID, a_report, a_volume
from volsched.testing.laws.instruments import ROUNDS, THREADS, concurrently
from volsched.testing.laws.plugin import PluginConformance
from volsched.testing.memory import MemoryClaims, MemoryFailures, scheduler_resources

CONTEXT: Mapping[str, Any] = {"project_id": PROJECT_ID, "user_id": "a-user", "is_admin": False}
ROOM_GB = 100
POOLS = ("node1@disk#pool0", "node1@disk#pool1", "node2@disk#pool0")


def _asked(size_gb: Any, volume_id: str = VOLUME_ID, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a request says: request_spec and filter_properties, in Cinder's words."""
    properties = {"size": size_gb, "project_id": PROJECT_ID, "availability_zone": None, "metadata": {}, **more}
    return {"volume_id": volume_id, "volume_properties": properties, "volume_type": None}, {"scheduler_hints": {}}


class SchedulerConformance(PluginConformance):
    """What every scheduler driver keeps to."""

    group = "volsched.schedulers"
    bases = (SchedulerDriver,)
    verbs = ("schedule_create_volume",)

    def resources(self) -> SchedulerResources:
        """Three pools of 100 GiB on two backends, and a volume that has no place yet."""
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
        """One pool is chosen, its room claimed, and the work handed over."""
        resources = self.resources()
        decision = self.made_in(resources).schedule_create_volume(CONTEXT, *_asked(10))
        self.assertTrue(decision.chosen is not None and decision.chosen.pool_id in POOLS, decision.chosen)
        claims = list(self.claims(resources).rows.values())
        self.assertEqual([(decision.chosen.pool_id, 10)], [(claim.pool_id, claim.size_gb) for claim in claims])
        self.assertTrue(self.claims(resources).placements[0].work, "nobody was told to make the volume")

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
        """The task flow that services run: a request that ends well, and one whose failure is told to everybody."""
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
            told = [(event.event_type, event.payload["volume_id"]) for event in resources.failures.events]
            self.assertEqual([] if fits else [("scheduler.create_volume", VOLUME_ID)], told, "the failure is not told")
            self.assertEqual(int(fits), len(self.claims(resources).rows), "room taken")
            self.assertEqual("creating" if fits else "error", resources.volumes.get(VOLUME_ID).status)

    def test_no_room_is_an_answer(self) -> None:
        """Nothing that fits is NoValidBackend, and nothing is taken."""
        resources = self.resources()
        with self.assertRaises(NoValidBackend):
            self.made_in(resources).schedule_create_volume(CONTEXT, *_asked(ROOM_GB + 1))
        self.assertEqual({}, self.claims(resources).rows)

    def test_nonsense_is_the_callers_mistake(self) -> None:
        """What cannot be understood is InvalidRequest, and nothing is taken."""
        resources = self.resources()
        for size_gb in ("ten", -1, None):
            with self.assertRaises(InvalidRequest, msg=f"size {size_gb!r}"):
                self.made_in(resources).schedule_create_volume(CONTEXT, *_asked(size_gb))
        self.assertEqual({}, self.claims(resources).rows)

    def test_no_room_is_promised_twice(self) -> None:
        """Many requests at once: each pool gives what it has, and not a GiB more."""
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
        """A pool by its id, or the best of a backend, or no; and nothing is taken."""
        resources = self.resources()
        driver = self.made_in(resources)
        self.assertEqual(POOLS[1], driver.backend_passes_filters(CONTEXT, POOLS[1], *_asked(10)).chosen.pool_id)
        self.assertIn(driver.backend_passes_filters(CONTEXT, "node1@disk", *_asked(10)).chosen.pool_id, POOLS[:2])
        for name, size_gb in ((POOLS[0], ROOM_GB + 1), ("node9@disk#pool0", 1)):
            with self.assertRaises(NoValidBackend, msg=name):
                driver.backend_passes_filters(CONTEXT, name, *_asked(size_gb))
        self.assertEqual({}, self.claims(resources).rows)

    def test_a_volume_may_stay_where_it_is(self) -> None:
        """With another type it stays, where that will do: no migration is needed."""
        driver = self.make()
        for at in POOLS:
            found = driver.find_retype_backend(CONTEXT, *_asked(10, host=at), migration_policy="never")
            self.assertEqual(at, found.chosen.pool_id)

    def test_it_lists_the_pools(self) -> None:
        """Name and capabilities of each, as plain data."""
        listed = self.make().get_pools(CONTEXT, None)
        self.assertEqual(list(POOLS), [pool["name"] for pool in listed])
        self.assertIsInstance(json.dumps(listed, default=dict), str)


def _number(number: int) -> str:
    return f"5a1f0c1e-0000-4000-9000-{number:012d}"
