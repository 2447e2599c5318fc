"""The laws for storage backends."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from volsched.exceptions import InvalidRequest, LeaseLost, StorageError
from volsched.model.parsing import pools_from
from volsched.model.report import CapabilityReport, ServiceState
from volsched.plugins import BACKEND_CONTRACT, Attempt, StorageBackend, StoredVolume, Volume
from volsched.testing.builders import NOON, a_volume, an_attempt
from volsched.testing.laws.instruments import concurrently
from volsched.testing.laws.plugin import PluginConformance

HOST = "node1@tested"
OTHER_ID, SNAPSHOT_ID = "5a1f0c1e-0000-4000-8000-0000000000fe", "5a1f0c1e-0000-4000-8000-0000000000fd"


class BackendConformance(PluginConformance):
    """What every storage backend keeps to. Its configuration must name a place that is the test's own."""

    group = "volsched.backends"
    bases = (StorageBackend,)
    verbs = ("report", "list_volumes", "create_volume", "delete_volume", "extend_volume", "manage_existing")
    offered_contract = BACKEND_CONTRACT
    known_capabilities = frozenset({"CLONE", "MIGRATE", "SNAPSHOT"})

    @contextmanager
    def started(self) -> Iterator[Any]:
        """A backend at work."""
        backend = self.make()
        backend.start()
        backend.identify({})
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
                place = backend.create_volume(an_attempt(volume, pool))
                self.assertTrue(isinstance(place, str) and place, f"create_volume gave {place!r}, not where it is")
                self.assertEqual(
                    place, backend.create_volume(an_attempt(volume, pool)), "made again, it is somewhere else"
                )
                for _ in range(2):
                    backend.extend_volume(an_attempt(volume, pool), 2)
                for _ in range(2):
                    backend.delete_volume(an_attempt(volume, pool))

    def test_it_counts_what_it_holds(self) -> None:
        """What volumes take is in the report after them, and gone when they are."""
        with self.started() as backend:
            for at, pool in enumerate(self.pool_names(backend)):
                before = backend.report()["pools"][at].get("allocated_capacity_gb", 0)
                backend.create_volume(an_attempt(a_volume(1), pool))
                self.assertGreater(backend.report()["pools"][at].get("allocated_capacity_gb", 0), before)
                backend.delete_volume(an_attempt(a_volume(1), pool))
                self.assertEqual(before, backend.report()["pools"][at].get("allocated_capacity_gb", 0))

    def held(self, backend: Any) -> dict[tuple[str, str], StoredVolume]:
        """What it lists: pool and id -> volume or snapshot."""
        listed = list(backend.list_volumes())
        found = {(stored.pool, stored.id): stored for stored in listed}
        self.assertEqual(len(listed), len(found), "it lists something twice")
        return found

    def test_it_lists_what_it_holds(self) -> None:
        """Volumes and snapshots by id, with pool, size and location; what was removed is not listed any more."""
        snapshots = "SNAPSHOT" in self.plugin_class().capabilities
        with self.started() as backend:
            for pool in self.pool_names(backend):
                attempt = an_attempt(a_volume(2), pool)
                place = backend.create_volume(attempt)
                stored = self.held(backend).get((pool, attempt.volume.id))
                self.assertIsNotNone(stored, "a volume that was made is not listed")
                assert stored is not None
                self.assertEqual((2, place, False), (stored.size_gb, stored.location, stored.is_snapshot))
                backend.extend_volume(attempt, 3)
                self.assertEqual(3, self.held(backend)[pool, attempt.volume.id].size_gb, "it lists the old size")
                if snapshots:
                    backend.snapshot(attempt.of(a_volume(3)), SNAPSHOT_ID)
                    self.assertTrue(
                        self.held(backend)[pool, SNAPSHOT_ID].is_snapshot, "it lists a snapshot as a volume"
                    )
                    backend.delete_snapshot(attempt, SNAPSHOT_ID)
                backend.delete_volume(attempt)
                self.assertEqual({}, self.held(backend), "it lists what was removed")

    def test_an_attempt_that_lost_its_lease_changes_nothing(self) -> None:
        """What it would have made is not visible, and what is there stays: LeaseLost ends the call."""
        with self.started() as backend:
            for pool in self.pool_names(backend):
                attempt = an_attempt(a_volume(1), pool)
                self.stale(backend.create_volume, attempt)
                self.assertEqual({}, self.held(backend), "an attempt that lost its lease made a volume")
                place = backend.create_volume(an_attempt(a_volume(1), pool, 2))
                before = self.held(backend)
                self.stale(backend.extend_volume, attempt, 2)
                self.stale(backend.delete_volume, attempt)
                if "SNAPSHOT" in self.plugin_class().capabilities:
                    self.stale(backend.snapshot, attempt, SNAPSHOT_ID)
                    backend.snapshot(attempt, SNAPSHOT_ID)
                    self.stale(backend.delete_snapshot, attempt, SNAPSHOT_ID)
                    backend.delete_snapshot(attempt, SNAPSHOT_ID)
                if "CLONE" in self.plugin_class().capabilities:
                    self.stale(backend.clone, attempt.of(a_volume(2, id=OTHER_ID)), attempt.volume)
                self.assertEqual(before, self.held(backend), "an attempt that lost its lease changed something")
                self.assertEqual(place, backend.create_volume(an_attempt(a_volume(1), pool, 3)))
                backend.delete_volume(an_attempt(a_volume(1), pool, 4))

    def stale(self, act: Callable[..., object], attempt: Attempt, *arguments: Any) -> None:
        """Act for an attempt that has lost its lease by the time at which it asks."""

        def lost() -> None:
            raise LeaseLost(attempt.work_id)

        with self.assertRaises(LeaseLost, msg=f"{act.__name__} did not call attempt.check"):
            act(replace(attempt, check=lost), *arguments)

    def test_it_refuses_to_take_over_nothing(self) -> None:
        """A reference that names nothing is the caller's mistake."""
        with self.started() as backend:
            pool = self.pool_names(backend)[0]
            for reference in ({}, {"source-name": ""}, {"source-name": "there-is-no-such-thing"}):
                with self.assertRaises(InvalidRequest, msg=f"{reference} was taken over"):
                    backend.manage_existing(an_attempt(a_volume(0), pool), reference)

    def test_it_copies_what_it_offers(self) -> None:
        """With MIGRATE: into another pool of its own, again without harm; the original stays until it is removed."""
        if "MIGRATE" not in self.plugin_class().capabilities:
            self.skipTest("it does not declare MIGRATE")
        with self.started() as backend:
            pools = self.pool_names(backend)
            if len(pools) < 2:
                self.skipTest("configure it with two pools")
            volume = a_volume(1)
            place = backend.create_volume(an_attempt(volume, pools[0]))
            offer = backend.offer(an_attempt(volume, pools[0]))
            self.assertEqual(dict(offer), json.loads(json.dumps(dict(offer))), "an offer is plain data")
            self.assertIn("kind", offer, "an offer says of what kind it is")
            copy = backend.migrate(an_attempt(volume, pools[1]), offer)
            self.assertNotEqual(place, copy, "the copy is where the original is")
            self.assertEqual(
                copy, backend.migrate(an_attempt(volume, pools[1]), offer), "copied again, it is somewhere else"
            )
            self.assertEqual(place, backend.create_volume(an_attempt(volume, pools[0])), "the original is gone")
            with self.assertRaises((InvalidRequest, StorageError), msg="an offer of another kind was taken"):
                backend.migrate(
                    an_attempt(a_volume(1, id="5a1f0c1e-0000-4000-8000-0000000000ff"), pools[1]), {"kind": "no-such"}
                )
            for pool in pools[:2]:
                backend.delete_volume(an_attempt(volume, pool))

    def test_it_takes_snapshots(self) -> None:
        """With SNAPSHOT: taken, made a volume of, and removed; each step may be taken twice."""
        if "SNAPSHOT" not in self.plugin_class().capabilities:
            self.skipTest("it does not declare SNAPSHOT")
        with self.started() as backend:
            for pool in self.pool_names(backend):
                volume, made = a_volume(1), a_volume(2, id=OTHER_ID)
                backend.create_volume(an_attempt(volume, pool))
                for _ in range(2):
                    backend.snapshot(an_attempt(volume, pool), SNAPSHOT_ID)
                places = {backend.create_from_snapshot(an_attempt(made, pool), SNAPSHOT_ID) for _ in range(2)}
                self.assertEqual(1, len(places), "made again, it is somewhere else")
                for _ in range(2):
                    backend.delete_snapshot(an_attempt(volume, pool), SNAPSHOT_ID)
                for each in (volume, made):
                    backend.delete_volume(an_attempt(each, pool))

    def test_it_clones(self) -> None:
        """With CLONE: a volume of its own, again without harm; the original stays."""
        if "CLONE" not in self.plugin_class().capabilities:
            self.skipTest("it does not declare CLONE")
        with self.started() as backend:
            for pool in self.pool_names(backend):
                volume, made = a_volume(1), a_volume(2, id=OTHER_ID)
                place = backend.create_volume(an_attempt(volume, pool))
                places = {backend.clone(an_attempt(made, pool), volume) for _ in range(2)}
                self.assertEqual(1, len(places), "made again, it is somewhere else")
                self.assertNotIn(place, places, "the copy is where the original is")
                for each in (made, volume):
                    backend.delete_volume(an_attempt(each, pool))

    def test_it_is_safe_under_threads(self) -> None:
        """Several volumes are made and removed at once, while it reports."""
        with self.started() as backend:
            pool = self.pool_names(backend)[0]
            before = backend.report()["pools"][0].get("allocated_capacity_gb", 0)

            numbers = itertools.count()
            made: list[Volume] = []

            def work(number: int) -> None:
                volume = a_volume(1, id=f"5a1f0c1e-0000-4000-8000-{next(numbers):012d}")
                backend.create_volume(an_attempt(volume, pool))
                made.append(volume)
                backend.report()

            self.assertEqual([], concurrently(work), "it fails when several threads use it at once")
            self.assertEqual(before + len(made), backend.report()["pools"][0].get("allocated_capacity_gb", 0))
            for volume in made:
                backend.delete_volume(an_attempt(volume, pool))
            self.assertEqual(before, backend.report()["pools"][0].get("allocated_capacity_gb", 0))
