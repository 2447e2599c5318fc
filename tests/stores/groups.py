"""The stores of snapshots and groups."""

from __future__ import annotations

from typing import Any

from tests.stores.world import World, created, some_work
from volsched.db.groups import Groups
from volsched.db.snapshots import Snapshots
from volsched.db.volumes import Volumes
from volsched.db.work import WorkQueue
from volsched.exceptions import GroupNotFound, InvalidRequest, SnapshotNotFound, VolumeNotFound
from volsched.model.group import Group, GroupStatus
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.volume import VolumeStatus
from volsched.model.work import Outcome, RowChange


def a_snapshot(snapshot_id: str = "s1", **changes: Any) -> Snapshot:
    given: dict[str, Any] = {"project_id": "p1", "user_id": "u1", "status": SnapshotStatus.CREATING}
    return Snapshot(id=snapshot_id, **{**given, "volume_id": "v1", "size_gb": 10, **changes})


def a_group(group_id: str = "g1", **changes: Any) -> Group:
    given: dict[str, Any] = {"project_id": "p1", "user_id": "u1", "status": GroupStatus.CREATING}
    return Group(id=group_id, **{**given, "volume_type_ids": ("t1", "t2"), **changes})


class SnapshotsContract(World):
    def setUp(self) -> None:
        super().setUp()
        self.snapshots = Snapshots(self.database)
        created(self.database, "v1", "v2", status=VolumeStatus.AVAILABLE)

    def test_what_was_written_is_found(self) -> None:
        made = self.snapshots.create(a_snapshot(name="before"), [some_work("w1", operation="snapshot")])
        self.assertEqual(a_snapshot(name="before", created_at=self.clock().isoformat()), made)
        self.assertEqual(made, self.snapshots.create(a_snapshot(name="before"), [some_work("w2")]))
        self.assertEqual(["w1"], [work.id for work in WorkQueue(self.database).of("v1")])
        self.assertEqual(made, self.snapshots.get("s1"))
        self.assertEqual(made, self.snapshots.find("before", "p1"))
        for name, project_id in (("before", "p2"), ("s1", "p2"), ("none", None)):
            with self.subTest(name=name, project_id=project_id), self.assertRaises(SnapshotNotFound):
                self.snapshots.find(name, project_id)

    def test_listing_and_names_that_several_have(self) -> None:
        for number, volume_id in enumerate(("v1", "v2", "v2")):
            self.snapshots.create(a_snapshot(f"s{number}", volume_id=volume_id, name="daily"))
            self.clock.forward(1)
        self.assertEqual(["s0", "s1", "s2"], [each.id for each in self.snapshots.list("p1")])
        self.assertEqual(["s1", "s2"], [each.id for each in self.snapshots.list(volume_id="v2")])
        self.assertEqual([], self.snapshots.list("p2"))
        with self.assertRaisesRegex(InvalidRequest, "3 snapshots are called 'daily'; give the id, one of s0, s1, s2"):
            self.snapshots.find("daily", "p1")

    def test_only_a_volume_that_is_at_rest_has_its_snapshot_taken(self) -> None:
        with self.assertRaises(VolumeNotFound):
            self.snapshots.create(a_snapshot(volume_id="gone"))
        Volumes(self.database).set_status("v1", VolumeStatus.EXTENDING)
        with self.assertRaisesRegex(InvalidRequest, "status: volume v1 is extending; it must be available"):
            self.snapshots.create(a_snapshot())
        self.assertEqual([], self.snapshots.list())

    def test_a_volume_with_a_snapshot_stays(self) -> None:
        self.snapshots.create(a_snapshot())
        with self.assertRaisesRegex(InvalidRequest, "v1 has 1 snapshots?; delete them first"):
            Volumes(self.database).remove("v1")
        self.snapshots.remove("s1")
        self.snapshots.remove("s1")
        Volumes(self.database).remove("v1")

    def test_beginning_queues_the_work_with_the_status(self) -> None:
        self.snapshots.create(a_snapshot(status=SnapshotStatus.AVAILABLE))
        for _ in range(2):
            begun = self.snapshots.begin(
                "s1", SnapshotStatus.DELETING, only_from=[SnapshotStatus.AVAILABLE], work=[some_work("w1")]
            )
            self.assertIs(SnapshotStatus.DELETING, begun.status)
        with self.assertRaisesRegex(InvalidRequest, "status: snapshot s1 is deleting; it must be available"):
            self.snapshots.begin("s1", SnapshotStatus.DELETING, only_from=[SnapshotStatus.AVAILABLE])
        with self.assertRaises(SnapshotNotFound):
            self.snapshots.begin("none", SnapshotStatus.DELETING, only_from=[SnapshotStatus.AVAILABLE])

    def test_work_leaves_its_row_as_it_says(self) -> None:
        self.snapshots.create(a_snapshot(), [some_work("w1")])
        queue = WorkQueue(self.database)
        work = queue.take(["scheduler"], "me", 10)
        assert work is not None
        change = RowChange(kind="snapshot", id="s1", changes={"status": SnapshotStatus.AVAILABLE.value})
        queue.finish(work.lease, Outcome(rows=(change,), follow_up=(some_work("w2"),)))
        self.assertIs(SnapshotStatus.AVAILABLE, self.snapshots.get("s1").status)
        work = queue.take(["scheduler"], "me", 10)
        assert work is not None
        queue.finish(work.lease, Outcome(rows=(RowChange(kind="snapshot", id="s1"),)))
        self.assertEqual([], self.snapshots.list())


class GroupsContract(World):
    def setUp(self) -> None:
        super().setUp()
        self.groups = Groups(self.database)

    def test_what_was_written_is_found(self) -> None:
        made = self.groups.create(a_group(name="pair", host="h@b#p"), [some_work("w1", None, operation="group")])
        self.assertEqual(a_group(name="pair", host="h@b#p", created_at=self.clock().isoformat()), made)
        self.assertEqual(made, self.groups.create(a_group(name="other")))
        self.assertEqual(made, self.groups.get("g1"))
        self.assertEqual(made, self.groups.find("pair", None))
        self.assertEqual([made], self.groups.list("p1"))
        self.assertEqual([], self.groups.list("p2"))
        self.assertEqual({"scheduler": 1}, WorkQueue(self.database).lengths())
        for name, project_id in (("pair", "p2"), ("none", None)):
            with self.subTest(name=name), self.assertRaises(GroupNotFound):
                self.groups.find(name, project_id)

    def test_a_name_that_several_have(self) -> None:
        self.groups.create(a_group("g1", name="pair"))
        self.groups.create(a_group("g2", name="pair"))
        with self.assertRaisesRegex(InvalidRequest, "2 groups are called 'pair'; give the id, one of g1, g2"):
            self.groups.find("pair", "p1")

    def test_a_group_in_use_stays(self) -> None:
        self.groups.create(a_group())
        with self.assertRaisesRegex(InvalidRequest, "status: group g1 is creating"):
            self.groups.remove("g1")
        self.groups.create(a_group("g2", status=GroupStatus.AVAILABLE))
        created(self.database, "v1", group_id="g2")
        with self.assertRaisesRegex(InvalidRequest, "g2 has 1 volumes?; delete them first"):
            self.groups.remove("g2")
        Volumes(self.database).remove("v1")
        self.groups.remove("g2")
        with self.assertRaises(GroupNotFound):
            self.groups.remove("g2")

    def test_work_leaves_its_row_as_it_says(self) -> None:
        self.groups.create(a_group(), [some_work("w1", None)])
        queue = WorkQueue(self.database)
        work = queue.take(["scheduler"], "me", 10)
        assert work is not None
        change = RowChange(kind="group", id="g1", changes={"status": "available", "host": "h@b#p"})
        queue.finish(work.lease, Outcome(rows=(change,)))
        group = self.groups.get("g1")
        self.assertEqual((GroupStatus.AVAILABLE, "h@b#p"), (group.status, group.host))
