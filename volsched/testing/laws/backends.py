"""The laws for storage backends."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from volsched.exceptions import InvalidRequest, StorageError
from volsched.model.parsing import pools_from
from volsched.model.report import CapabilityReport, ServiceState
from volsched.plugins import StorageBackend, Volume
from volsched.testing.builders import NOON, a_volume
from volsched.testing.laws.plugin import PluginConformance
from volsched.testing.laws.together import together

HOST = "node1@tested"


class BackendConformance(PluginConformance):
    """What every storage backend keeps to. Its configuration must name a place that is the test's own."""

    group = "volsched.backends"
    bases = (StorageBackend,)
    verbs = ("report", "create_volume", "delete_volume", "extend_volume", "manage_existing")
    known_capabilities = frozenset({"CLONE", "MIGRATE", "SNAPSHOT"})

    @contextmanager
    def started(self) -> Iterator[Any]:
        """A backend at work."""
        backend = self.make()
        backend.start()
        try:
            yield backend
        finally:
            backend.stop()

    def pool_names(self, backend: Any) -> list[str]:
        """The pools that it reports now."""
        return [pool["pool_name"] for pool in backend.report()["pools"]]

    def test_its_report_can_be_used(self) -> None:
        """Plain data, every pool of which the scheduler understands."""
        with self.started() as backend:
            report = json.loads(json.dumps(dict(backend.report())))
        given = CapabilityReport(service_name="volume", host=HOST, capabilities=report, timestamp=NOON)
        parsed = pools_from(given, ServiceState(host=HOST), "20.0")
        self.assertEqual((), parsed.set_aside, "the scheduler sets these aside")
        self.assertTrue(parsed.pools, "it reports no pools")

    def test_a_volume_lives_and_dies(self) -> None:
        """Made, grown and removed in each pool; each step may be taken twice."""
        with self.started() as backend:
            for pool in self.pool_names(backend):
                volume = a_volume(1)
                place = backend.create_volume(volume, pool)
                self.assertTrue(isinstance(place, str) and place, f"create_volume gave {place!r}, not where it is")
                self.assertEqual(place, backend.create_volume(volume, pool), "made again, it is somewhere else")
                for _ in range(2):
                    backend.extend_volume(volume, pool, 2)
                for _ in range(2):
                    backend.delete_volume(volume, pool)

    def test_it_counts_what_it_holds(self) -> None:
        """What volumes take is in the report after them, and gone when they are."""
        with self.started() as backend:
            for at, pool in enumerate(self.pool_names(backend)):
                before = backend.report()["pools"][at].get("allocated_capacity_gb", 0)
                backend.create_volume(a_volume(1), pool)
                self.assertGreater(backend.report()["pools"][at].get("allocated_capacity_gb", 0), before)
                backend.delete_volume(a_volume(1), pool)
                self.assertEqual(before, backend.report()["pools"][at].get("allocated_capacity_gb", 0))

    def test_it_refuses_to_take_over_nothing(self) -> None:
        """A reference that names nothing is the caller's mistake."""
        with self.started() as backend:
            pool = self.pool_names(backend)[0]
            for reference in ({}, {"source-name": ""}, {"source-name": "there-is-no-such-thing"}):
                with self.assertRaises(InvalidRequest, msg=f"{reference} was taken over"):
                    backend.manage_existing(a_volume(0), pool, reference)

    def test_it_copies_what_it_offers(self) -> None:
        """With MIGRATE: into another pool of its own, again without harm; the original stays until it is removed."""
        if "MIGRATE" not in self.plugin_class().capabilities:
            self.skipTest("it does not declare MIGRATE")
        with self.started() as backend:
            pools = self.pool_names(backend)
            if len(pools) < 2:
                self.skipTest("configure it with two pools")
            volume = a_volume(1)
            place = backend.create_volume(volume, pools[0])
            offer = backend.offer(volume, pools[0])
            self.assertEqual(dict(offer), json.loads(json.dumps(dict(offer))), "an offer is plain data")
            self.assertIn("kind", offer, "an offer says of what kind it is")
            copy = backend.migrate(volume, pools[1], offer)
            self.assertNotEqual(place, copy, "the copy is where the original is")
            self.assertEqual(copy, backend.migrate(volume, pools[1], offer), "copied again, it is somewhere else")
            self.assertEqual(place, backend.create_volume(volume, pools[0]), "the original is gone")
            with self.assertRaises((InvalidRequest, StorageError), msg="an offer of another kind was taken"):
                backend.migrate(a_volume(1, id="5a1f0c1e-0000-4000-8000-0000000000ff"), pools[1], {"kind": "no-such"})
            for pool in pools[:2]:
                backend.delete_volume(volume, pool)

    def test_it_takes_snapshots(self) -> None:
        """With SNAPSHOT: taken, made a volume of, and removed; each step may be taken twice."""
        if "SNAPSHOT" not in self.plugin_class().capabilities:
            self.skipTest("it does not declare SNAPSHOT")
        with self.started() as backend:
            for pool in self.pool_names(backend):
                volume, made = a_volume(1), a_volume(2, id="5a1f0c1e-0000-4000-8000-0000000000fe")
                backend.create_volume(volume, pool)
                for _ in range(2):
                    backend.snapshot(volume, pool, "5a1f0c1e-0000-4000-8000-0000000000fd")
                places = {
                    backend.create_from_snapshot(made, pool, "5a1f0c1e-0000-4000-8000-0000000000fd") for _ in range(2)
                }
                self.assertEqual(1, len(places), "made again, it is somewhere else")
                for _ in range(2):
                    backend.delete_snapshot(volume, pool, "5a1f0c1e-0000-4000-8000-0000000000fd")
                for each in (volume, made):
                    backend.delete_volume(each, pool)

    def test_it_clones(self) -> None:
        """With CLONE: a volume of its own, again without harm; the original stays."""
        if "CLONE" not in self.plugin_class().capabilities:
            self.skipTest("it does not declare CLONE")
        with self.started() as backend:
            for pool in self.pool_names(backend):
                volume, made = a_volume(1), a_volume(2, id="5a1f0c1e-0000-4000-8000-0000000000fe")
                place = backend.create_volume(volume, pool)
                places = {backend.clone(made, pool, volume) for _ in range(2)}
                self.assertEqual(1, len(places), "made again, it is somewhere else")
                self.assertNotIn(place, places, "the copy is where the original is")
                for each in (made, volume):
                    backend.delete_volume(each, pool)

    def test_it_is_safe_under_threads(self) -> None:
        """Several volumes are made and removed at once, while it reports."""
        with self.started() as backend:
            pool = self.pool_names(backend)[0]
            before = backend.report()["pools"][0].get("allocated_capacity_gb", 0)

            numbers = itertools.count()
            made: list[Volume] = []

            def work(number: int) -> None:
                volume = a_volume(1, id=f"5a1f0c1e-0000-4000-8000-{next(numbers):012d}")
                backend.create_volume(volume, pool)
                made.append(volume)
                backend.report()

            self.assertEqual([], together(work), "it fails when several threads use it at once")
            self.assertEqual(before + len(made), backend.report()["pools"][0].get("allocated_capacity_gb", 0))
            for volume in made:
                backend.delete_volume(volume, pool)
            self.assertEqual(before, backend.report()["pools"][0].get("allocated_capacity_gb", 0))
