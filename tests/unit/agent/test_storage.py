"""The storage of pools as agents see it: which one is theirs, and what it holds, compared with the database."""

from __future__ import annotations

import shutil
from datetime import timedelta

from tests.unit.agent.test_agent import MIB, POOL, AgentTestCase
from volsched.agent.agent import Agent
from volsched.api.audit import Audit
from volsched.db.snapshots import Snapshots
from volsched.db.storage import Storage
from volsched.db.storage_checks import STORAGE_CHECKS
from volsched.model.inconsistency import Inconsistency
from volsched.model.report import StoredVolume
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.volume import Volume, VolumeStatus


class TestIdentity(AgentTestCase):
    def ids(self) -> dict[str, str]:
        records = Storage(self.database).records("host1@disk1")
        return {pool: record.storage_id for pool, record in records.items()}

    def test_id_of_the_storage_is_stored_with_the_first_report(self) -> None:
        agent = self.agent()
        agent.report_all()
        ids = self.ids()
        self.assertEqual({"thick", "thin"}, set(ids))
        self.assertEqual(f"{ids['thick']}\n", (self.root / "thick" / ".volsched-pool").read_text())

    def test_pool_whose_disk_is_lost_is_down(self) -> None:
        agent = self.agent()
        agent.report_all()
        shutil.rmtree(self.root / "thick")
        (self.root / "thick").mkdir()
        with self.assertLogs("volsched_drivers", "WARNING"):
            agent.report_all()
        backend = self.backends.show("host1@disk1")
        self.assertEqual([False, True], [pool.present for pool in backend.pools])
        ((where, why),) = backend.problems
        self.assertEqual(POOL, where)
        self.assertIn("down: ", why)
        self.assertIn("volsched pool adopt", why)
        Storage(self.database).accept(POOL)
        agent.report_all()
        self.assertEqual([True, True], [pool.present for pool in self.backends.show("host1@disk1").pools])
        self.assertTrue(all(self.ids().values()))

    def test_second_machine_of_the_same_name_does_not_serve_the_backend(self) -> None:
        first = self.agent()
        self.placed(first)
        heartbeat = self.backends.show("host1@disk1").heartbeat_at
        self.root = self.root.with_name("disk-of-another-machine")
        self.root.mkdir()
        second = self.agent(owner="second")
        with self.assertLogs("volsched.agent.agent", "ERROR") as seen:
            self.assertFalse(second.work_once(), "the work is left to the first machine")
        self.assertIn("expected the storage", seen.output[0])
        self.assertIn("give this machine a [agent] host of its own", seen.output[0])
        with self.assertLogs("volsched.agent.agent", "ERROR"):
            ((backend_id, _),) = second.report_all()
        self.assertEqual("host1@disk1", backend_id)
        self.assertEqual(heartbeat, self.backends.show("host1@disk1").heartbeat_at)
        self.assertEqual([], self.files())
        self.root = self.root.with_name("disk1")
        self.assertTrue(first.work_once())
        self.assertEqual(VolumeStatus.AVAILABLE, self.volumes.get("v1").status)

    def test_disk_of_another_machine_is_refused_whoever_serves_it(self) -> None:
        self.agent().report_all()
        self.root = self.root.with_name("disk-of-another-machine")
        self.directory().identify({})
        agent = self.agent(owner="second")
        with self.assertLogs("volsched.agent.agent", "ERROR") as seen:
            agent.report_all()
        self.assertIn(f"pool {POOL}: expected the storage {self.ids()['thick']}, got ", seen.output[0])


class TestInventories(AgentTestCase):
    def made(self, agent: Agent, id: str, size_gb: int = 2) -> Volume:
        self.placed(agent, id, size_gb)
        self.assertTrue(agent.work_once())
        return self.volumes.get(id)

    def found(self, agent: Agent) -> list[tuple[str, str]]:
        agent.store_inventories()
        return [(each.check, each.subject) for each in self.audited()]

    def audited(self) -> list[Inconsistency]:
        return list(Audit(self.database, STORAGE_CHECKS).find())

    def test_what_fits_is_not_listed(self) -> None:
        agent = self.agent()
        self.made(agent, "v1")
        self.assertEqual([], self.found(agent))

    def test_lost_and_unknown_volumes_of_equal_size_are_both_listed(self) -> None:
        agent = self.agent()
        self.made(agent, "v1")
        (self.root / "thick" / "volume-v1").rename(self.root / "thick" / "volume-v2")
        (self.root / "thin" / "snapshot-s9").write_bytes(bytes(MIB))
        expected = [("lost volumes", "v1"), ("unknown volumes", "v2"), ("unknown volumes", "s9")]
        self.assertEqual(expected, self.found(agent))
        lost, unknown, _ = self.audited()
        self.assertIn(f"the volume is not in {POOL}, at {self.root}/thick/volume-v1", lost.what)
        self.assertIn(f"2 GiB at {self.root}/thick/volume-v2", unknown.what)
        self.assertFalse(lost.repairable or unknown.repairable)

    def test_lost_snapshot_is_listed(self) -> None:
        agent = self.agent()
        self.made(agent, "v1")
        kept = {"project_id": "p1", "user_id": "u1", "volume_id": "v1", "size_gb": 2}
        Snapshots(self.database).create(Snapshot(id="s1", status=SnapshotStatus.AVAILABLE, **kept))  # type: ignore[arg-type]
        self.assertEqual([("lost volumes", "s1")], self.found(agent))

    def test_size_that_differs_is_listed(self) -> None:
        agent = self.agent()
        self.made(agent, "v1")
        with (self.root / "thick" / "volume-v1").open("r+b") as file:
            file.truncate(MIB // 2)
        self.assertEqual([("sizes that differ", "v1")], self.found(agent))
        self.assertIn("the volume has 2 GiB, and ", self.audited()[0].what)
        self.assertIn("has 0.5", self.audited()[0].what)

    def test_copy_that_a_move_left_behind_is_listed(self) -> None:
        agent = self.agent()
        self.made(agent, "v1")
        shutil.copy(self.root / "thick" / "volume-v1", self.root / "thin" / "volume-v1")
        self.assertEqual([("unknown volumes", "v1")], self.found(agent))
        self.assertIn(f"a volume that the database has in {POOL}", self.audited()[0].what)

    def test_what_changed_since_the_inventory_is_not_judged(self) -> None:
        agent = self.agent()
        self.made(agent, "v1")
        agent.store_inventories()
        self.made(agent, "v2")
        self.volumes.begin("v1", VolumeStatus.DELETING, only_from=[VolumeStatus.AVAILABLE])
        self.assertEqual([], self.audited())
        self.volumes.remove("v1")
        self.assertEqual(["v1"], [each.subject for each in self.audited()], "removed by hand, without any work")

    def test_backend_that_cannot_be_listed_keeps_its_inventory(self) -> None:
        agent = self.agent()
        self.made(agent, "v1")
        agent.store_inventories()
        shutil.rmtree(self.root / "thin")
        with self.assertLogs("volsched.agent.agent", "WARNING") as seen:
            self.assertEqual([], self.found(agent), "a pool that cannot be read is not empty")
        self.assertIn("its volumes could not be listed", seen.output[0])

    def test_inventory_is_refreshed_by_reports_once_it_is_old(self) -> None:
        agent, storage = self.agent(inventory_seconds=3600.0), Storage(self.database)
        agent.report_all()
        first = storage.inventory_begun("host1@disk1")
        agent.report_all()
        self.assertEqual(first, storage.inventory_begun("host1@disk1"))
        self.agent(inventory_seconds=0.0).report_all()
        self.assertNotEqual(first, storage.inventory_begun("host1@disk1"))

    def test_large_inventory_is_stored_in_batches_and_replaces_the_one_before(self) -> None:
        agent, storage = self.agent(), Storage(self.database)
        agent.report_all()
        now = self.database.clock()
        for count, begun in ((1234, now), (3, now + timedelta(seconds=1))):
            listed = (StoredVolume(id=f"v{n}", pool="thin", size_gb=1, location=f"/v{n}") for n in range(count))
            storage.store_inventory("host1@disk1", listed, begun)
            self.assertEqual(count, len(self.audited()))
