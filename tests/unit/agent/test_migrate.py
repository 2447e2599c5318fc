"""Moves and snapshots by the agent, step by step, over a real database file and real directories."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.unit.agent import test_agent
from volsched.agent.agent import Agent
from volsched.db.snapshots import Snapshots
from volsched.exceptions import StorageError
from volsched.model.claim import Claim, Placement
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.volume import VolumeStatus
from volsched.model.work import WorkRequest, WorkState, offer_work
from volsched.plugins import Attempt
from volsched_drivers.backends.directory import DirectoryBackend

THICK, THIN = "host1@disk1#thick", "host1@disk1#thin"


class Rigid(DirectoryBackend):
    """A directory backend that does only what it must."""

    capabilities = frozenset()


class Clinging(DirectoryBackend):
    """A directory backend that cannot let go."""

    def delete_volume(self, attempt: Attempt) -> None:
        raise StorageError("disk1", f"{attempt.volume.provider_location} is busy")


class Unreadable(DirectoryBackend):
    """A directory backend whose disk is damaged where the volume is to go."""

    def migrate(self, attempt: Attempt, offer: Mapping[str, str]) -> str:
        raise StorageError("disk1", "the disk at /srv/secret reports damage")


class MovesTestCase(test_agent.AgentTestCase):
    def moving(self, kind: type[DirectoryBackend] = DirectoryBackend, **payload: Any) -> Agent:
        """An agent for whom a volume of 4 GiB in the thick pool waits to be moved into the thin one."""
        agent = self.agent({"disk1": self.directory(kind)})
        self.placed(agent)
        agent.work_once()
        made = self.volumes.get("v1")
        Path(made.provider_location or "").write_bytes(b"content".ljust(4 * test_agent.MIB, b"\0"))
        volume = self.volumes.begin("v1", VolumeStatus.MIGRATING, only_from=[VolumeStatus.AVAILABLE])
        key = f"v1/migrate-{THIN}"
        work = offer_work(
            "move",
            volume,
            {"from_pool": THICK, "to_pool": THIN, "claim_key": key, "changes": {"availability_zone": "x"}, **payload},
        )
        claim = Claim(key=key, volume_id="v1", pool_id=THIN, size_gb=4, made_at=test_agent.utcnow())
        self.claims.claim(Placement(claim=claim, thin=True, work=(work,)))
        return agent

    def claimed(self) -> dict[str, float]:
        return {claim.pool_id: claim.size_gb for claim in self.claims.of("v1")}

    def places(self) -> list[str]:
        found = (path for path in self.root.rglob("*") if path.is_file() and path.name != test_agent.MARKER)
        return sorted(str(path.relative_to(self.root)) for path in found)


class TestMove(MovesTestCase):
    def test_three_steps(self) -> None:
        agent = self.moving()
        self.assertTrue(agent.work_once())
        self.assertEqual((VolumeStatus.MIGRATING, THICK), self.where())
        self.assertTrue(agent.work_once())
        self.assertEqual((VolumeStatus.MIGRATING, THIN), self.where())
        self.assertEqual(["thick/volume-v1", "thin/volume-v1"], self.places())
        self.assertEqual({THICK: 4.0, THIN: 4.0}, self.claimed(), "room is held in both pools until the end")
        self.assertTrue(agent.work_once())
        self.assertEqual((VolumeStatus.AVAILABLE, THIN), self.where())
        self.assertFalse(agent.work_once())
        self.assertEqual(["thin/volume-v1"], self.places())
        self.assertEqual({THIN: 4.0}, self.claimed())
        moved = self.volumes.get("v1")
        self.assertEqual(("x", str(self.root / "thin/volume-v1")), (moved.availability_zone, moved.provider_location))
        self.assertEqual(["volume.migrate.start", "volume.migrate.end"], self.events()[-2:])

    def where(self) -> tuple[VolumeStatus, str | None]:
        volume = self.volumes.get("v1")
        return volume.status, volume.host

    def not_moved(self, agent: Agent, steps: int, words: str) -> None:
        with self.assertLogs("volsched.agent.operations", "ERROR"):
            for _ in range(steps):
                agent.work_once()
        self.assertFalse(agent.work_once())
        self.assertEqual((VolumeStatus.AVAILABLE, THICK), self.where())
        self.assertEqual(["thick/volume-v1"], self.places())
        self.assertEqual({THICK: 4.0}, self.claimed())
        self.assertIn(words, self.work.of("v1")[-1].problem or "")
        self.assertIn("the volume was not moved, and stays as it is", self.messages()[-1])
        self.assertNotIn("secret", self.messages()[-1])

    def test_a_backend_that_does_not_declare_it_is_not_asked(self) -> None:
        self.not_moved(self.moving(Rigid), 1, "its driver Rigid cannot move volumes (it has no capability MIGRATE)")

    def test_a_copy_that_fails_leaves_everything_as_it_was(self) -> None:
        self.not_moved(self.moving(Unreadable), 2, "reports damage")

    def test_an_original_that_cannot_be_removed_is_left_behind_and_told(self) -> None:
        agent = self.moving(Clinging)
        with self.assertLogs("volsched.agent.operations", "ERROR"):
            for _ in range(3):
                agent.work_once()
        self.assertEqual((VolumeStatus.AVAILABLE, THIN), self.where())
        self.assertEqual({THIN: 4.0}, self.claimed())
        last = self.outbox.of("v1")[-1]
        self.assertEqual("volume.clear.error", last.event_type)
        self.assertEqual(str(self.root / "thick/volume-v1"), last.payload["left_behind"])
        self.assertEqual([], self.messages(), "the owner has nothing to do with it")
        agent.report_all()
        pool = self.backends.pool(THICK)
        self.assertEqual(16.0, pool.room_thick_gb, "the report counts what is left there")

    def test_a_volume_is_never_cleared_away_where_it_lives(self) -> None:
        agent = self.moving()
        self.work.add(
            WorkRequest(
                id="wrong",
                queue="agent:host1@disk1",
                operation="clear",
                volume_id="v1",
                payload={"pool_id": THICK, "from_pool": THICK, "to_pool": THIN},
            )
        )
        with self.assertLogs("volsched.agent.migrate", "ERROR"):
            for _ in range(2):  # offer, and then the wrong one, which came before the next step
                agent.work_once()
        self.assertEqual(["thick/volume-v1"], self.places())

    def test_a_move_that_is_over_is_not_begun_again(self) -> None:
        agent = self.moving()
        self.volumes.update("v1", {"host": THIN})
        self.assertTrue(agent.work_once())
        self.assertEqual(f"the volume is in {THIN} meanwhile", self.work.of("v1")[-1].problem)
        self.assertEqual(["thick/volume-v1"], self.places())


class TestSnapshots(MovesTestCase):
    def taking(
        self,
        kind: type[DirectoryBackend],
        *,
        cut_to: int | None = None,
        ends: VolumeStatus = VolumeStatus.AVAILABLE,
    ) -> SnapshotStatus:
        agent = self.agent({"disk1": self.directory(kind)})
        self.placed(agent)
        agent.work_once()
        if cut_to is not None:
            os.truncate(self.volumes.get("v1").provider_location or "", cut_to)
        snapshot = Snapshot(
            id="s1", project_id="p1", user_id="u1", status=SnapshotStatus.CREATING, volume_id="v1", size_gb=4
        )
        snapshots = Snapshots(self.database)
        snapshots.create(snapshot)
        with self.quiet():
            self.place(self.volumes.get("v1"), "snapshot", {}, 4, "s1", snapshot=snapshot.plain())
            agent.work_once()
        self.assertEqual(ends, self.volumes.get("v1").status)
        return snapshots.get("s1").status

    def test_it_is_taken_and_its_room_confirmed(self) -> None:
        self.assertIs(SnapshotStatus.AVAILABLE, self.taking(DirectoryBackend))
        claim = self.claims.get("s1")
        assert claim is not None
        self.assertIsNotNone(claim.confirmed_at)
        self.assertEqual(["thick/snapshot-s1", "thick/volume-v1"], self.places())
        self.assertEqual("volume.snapshot.end", self.events()[-1])

    def test_of_a_volume_that_was_cut_none_is_taken(self) -> None:
        self.assertIs(SnapshotStatus.ERROR, self.taking(DirectoryBackend, cut_to=5, ends=VolumeStatus.ERROR))
        self.assertIn("its storage holds 5 bytes of it instead of", self.messages()[-1])
        self.assertIsNone(self.claims.get("s1"))
        self.assertEqual(["thick/volume-v1"], self.places())

    def test_a_backend_that_does_not_declare_it_is_not_asked(self) -> None:
        self.assertIs(SnapshotStatus.ERROR, self.taking(Rigid))
        self.assertIsNone(self.claims.get("s1"))
        self.assertIn("snapshot s1 could not be taken", self.messages()[-1])
        self.assertEqual(WorkState.FAILED, self.work.of("v1")[-1].state)
