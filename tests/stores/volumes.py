"""The stores of volumes, volume types, and facts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.stores.world import POOL, World, a_volume, at, created, some_work
from volsched.db.volume_types import VolumeTypes
from volsched.db.volumes import Facts, Volumes
from volsched.db.work import WorkQueue
from volsched.exceptions import InvalidRequest, VolumeNotFound, VolumeTypeNotFound
from volsched.model.volume import Volume, VolumeStatus


class VolumesContract(World):
    def setUp(self) -> None:
        super().setUp()
        self.volumes = Volumes(self.database)

    def ids(self, *arguments: Any, **options: Any) -> list[str]:
        return [volume.id for volume in self.volumes.list(*arguments, **options)]

    def test_what_was_written_is_read(self) -> None:
        given = a_volume(
            name="Täst ",
            description="x" * 5000,
            availability_zone="z1",
            host=POOL,
            cluster_name="c@b#p",
            metadata={"key": "väl\u0000ue"},
            provider_location="/some/where",
            bootable=True,
            created_at="2026-01-02T03:04:05.000678",
            launched_at="2026-01-02T03:04:05",
        )
        self.assertEqual(given, self.volumes.create(given))
        self.assertEqual(given, self.volumes.get("v1"))
        self.assertEqual(given, Volume.parse(self.volumes.get("v1").plain()))

    def test_times_are_kept_in_utc(self) -> None:
        created(self.database, "v1")
        changed = self.volumes.update("v1", {"scheduled_at": "2026-11-23T13:00:00+01:00", "launched_at": at(1)})
        self.assertEqual(("2026-11-23T12:00:00", "2026-11-23T12:00:01"), (changed.scheduled_at, changed.launched_at))
        aware = datetime(2026, 11, 23, 12, tzinfo=UTC)
        self.assertEqual("2026-11-23T12:00:00", self.volumes.update("v1", {"launched_at": aware}).launched_at)
        with self.assertRaisesRegex(InvalidRequest, "launched_at: 'soon' is no time"):
            self.volumes.update("v1", {"launched_at": "soon"})

    def test_a_volume_and_its_work_are_written_together(self) -> None:
        self.volumes.create(a_volume(), [some_work("w1"), some_work("w2")])
        self.volumes.create(a_volume(), [some_work("w3")])
        self.assertEqual(["w1", "w2"], [work.id for work in WorkQueue(self.database).waiting("v1")])
        with self.assertRaises(VolumeTypeNotFound):
            self.volumes.create(a_volume("v2", volume_type_id="none"), [some_work("w4", "v2")])
        self.assertEqual([], WorkQueue(self.database).of("v2"))

    def test_an_id_belongs_to_one_project(self) -> None:
        created(self.database, "v1")
        with self.assertRaisesRegex(InvalidRequest, "v1 is taken"):
            self.volumes.create(a_volume(project_id="p2"))

    def test_finding_by_id_then_by_name(self) -> None:
        created(self.database, "v1", name="data")
        created(self.database, "v2", name="v1")
        self.assertEqual("v1", self.volumes.find("v1", "p1").id)
        self.assertEqual("v1", self.volumes.find("data", None).id)
        for name in ("Data", "data ", "dat_", "none"):
            with self.subTest(name=name), self.assertRaises(VolumeNotFound):
                self.volumes.find(name, "p1")

    def test_a_project_sees_its_own_only(self) -> None:
        created(self.database, "v1", name="data")
        created(self.database, "v2", name="data", project_id="p2")
        self.assertEqual("v2", self.volumes.find("data", "p2").id)
        with self.assertRaises(VolumeNotFound):
            self.volumes.find("v1", "p2")
        self.assertEqual(["v2"], self.ids("p2"))
        self.assertEqual(["v1", "v2"], self.ids())

    def test_a_name_that_several_have_is_refused_with_their_ids(self) -> None:
        created(self.database, "v1", "v2", name="data")
        with self.assertRaisesRegex(InvalidRequest, "2 volumes are called 'data'; give the id, one of v1, v2"):
            self.volumes.find("data", "p1")

    def test_listing(self) -> None:
        for number, host in enumerate(("h@b#p", "h@b#q", "h@b2#p", "h%b#p", "h@b", None)):
            created(self.database, f"v{number}", host=host, created_at=at(-number).isoformat())
        self.volumes.set_status("v3", VolumeStatus.AVAILABLE)
        self.assertEqual(["v5", "v4", "v3", "v2", "v1", "v0"], self.ids())
        self.assertEqual(["v5", "v4"], self.ids(limit=2))
        self.assertEqual(["v3"], self.ids(status=VolumeStatus.AVAILABLE))
        self.assertEqual(["v4", "v1", "v0"], self.ids(host="h@b"))
        self.assertEqual(["v0"], self.ids(host="h@b#p"))
        self.assertEqual(["v3"], self.ids(host="h%b"))

    def test_updating(self) -> None:
        created(self.database, "v1")
        changed = self.volumes.update("v1", {"size_gb": 20, "status": VolumeStatus.AVAILABLE, "metadata": {"a": "b"}})
        self.assertEqual((20, VolumeStatus.AVAILABLE, {"a": "b"}), (changed.size_gb, changed.status, changed.metadata))
        self.assertEqual(self.clock().isoformat(), changed.updated_at)
        with self.assertRaises(VolumeNotFound):
            self.volumes.update("gone", {"size_gb": 20})
        for field in ("sise_gb", "id"):
            with self.subTest(field=field), self.assertRaisesRegex(InvalidRequest, f"{field}: no field of a volume"):
                self.volumes.update("v1", {field: 1})
        with self.assertRaises(VolumeTypeNotFound):
            self.volumes.update("v1", {"volume_type_id": "none"})

    def test_a_status_is_changed_from_the_right_ones_only(self) -> None:
        created(self.database, "v1")
        wrong = (VolumeStatus.AVAILABLE, VolumeStatus.ERROR)
        self.assertFalse(self.volumes.set_status("v1", VolumeStatus.DELETING, only_from=wrong))
        self.assertFalse(self.volumes.set_status("v1", VolumeStatus.DELETING, only_from=()))
        self.assertFalse(self.volumes.set_status("gone", VolumeStatus.DELETING))
        self.assertTrue(self.volumes.set_status("v1", VolumeStatus.ERROR, only_from=[VolumeStatus.CREATING]))
        self.assertEqual(VolumeStatus.ERROR, self.volumes.get("v1").status)

    def test_beginning_queues_the_work_with_the_status(self) -> None:
        created(self.database, "v1", status=VolumeStatus.AVAILABLE)
        work = [some_work("w1", operation="delete")]
        from_these = (VolumeStatus.AVAILABLE, VolumeStatus.ERROR)
        for _ in range(2):
            begun = self.volumes.begin("v1", VolumeStatus.DELETING, only_from=from_these, work=work)
            self.assertEqual(VolumeStatus.DELETING, begun.status)
        with self.assertRaisesRegex(InvalidRequest, "status: volume v1 is deleting; it must be available or error"):
            self.volumes.begin("v1", VolumeStatus.DELETING, only_from=from_these, work=[some_work("w2")])
        with self.assertRaises(VolumeNotFound):
            self.volumes.begin("gone", VolumeStatus.DELETING, only_from=from_these, work=[some_work("w3", "gone")])
        self.assertEqual(["w1"], [each.id for each in WorkQueue(self.database).waiting("v1")])
        self.assertEqual([], WorkQueue(self.database).waiting("gone"))

    def test_removing_is_harmless_twice(self) -> None:
        created(self.database, "v1")
        self.volumes.remove("v1")
        self.volumes.remove("v1")
        with self.assertRaisesRegex(VolumeNotFound, "no volume 'v1'; volsched volume list"):
            self.volumes.get("v1")


class VolumeTypesContract(World):
    def setUp(self) -> None:
        super().setUp()
        self.types = VolumeTypes(self.database)

    def test_what_was_made_is_found(self) -> None:
        made = self.types.create(
            "fast", {"vendor": "<in> x", "a:b": "1"}, description="d", is_public=False, qos_specs={"iops": 5}
        )
        self.assertEqual(made, self.types.find("fast"))
        self.assertEqual(made, self.types.find(str(made.id)))
        self.assertEqual({"vendor": "<in> x", "a:b": "1"}, dict(made.extra_specs))
        self.assertEqual({"iops": 5}, made.qos_specs)
        slow = self.types.create("a-slow")
        self.assertEqual([slow, made], self.types.list())

    def test_a_name_is_given_once(self) -> None:
        self.types.create("fast")
        self.types.create("Fast")
        with self.assertRaisesRegex(InvalidRequest, "name: there is a volume type 'fast' already"):
            self.types.create("fast", {"a": "b"})
        with self.assertRaisesRegex(InvalidRequest, "name: expected a line of 1 to 255 printable characters, got ''"):
            self.types.create("")

    def test_an_unknown_type_is_named(self) -> None:
        for look in (self.types.find, self.types.delete):
            with self.assertRaisesRegex(VolumeTypeNotFound, "no volume type 'none'; volsched type list"):
                look("none")

    def test_a_type_in_use_stays(self) -> None:
        fast = self.types.create("fast", {"a": "b"})
        created(self.database, "v1", volume_type_id=fast.id)
        with self.assertRaisesRegex(InvalidRequest, "'fast' is in use by 1 volumes?; delete or retype them first"):
            self.types.delete("fast")
        self.assertEqual(fast, self.types.find("fast"))
        Volumes(self.database).remove("v1")
        self.types.delete("fast")
        self.assertEqual([], self.types.list())

    def test_access_of_projects_to_a_private_type(self) -> None:
        secret, other = (str(self.types.create(name, is_public=False).id) for name in ("secret", "other"))
        for project in ("b", "a", "b"):
            self.types.add_project(secret, project)
        self.types.add_project(other, "a")
        self.assertEqual(["a", "b"], list(self.types.projects(secret)))
        self.assertEqual({secret, other}, self.types.types_of("a"))
        self.assertEqual([True, False], [self.types.remove_project(secret, "b") for _ in range(2)])
        self.assertEqual(frozenset(), self.types.types_of("b"))
        self.types.delete("secret")
        self.assertEqual({other}, self.types.types_of("a"))


class FactsContract(World):
    def test_where_volumes_are_that_the_project_may_see(self) -> None:
        created(self.database, "v1", host="h@b#p")
        created(self.database, "v2", host="h@b#p", cluster_name="c@b#p")
        created(self.database, "v3", host="h@b#p", project_id="p2")
        created(self.database, "v4")
        facts, asked = Facts(self.database), ["v1", "v2", "v3", "v4", "gone"]
        self.assertEqual({"v1": "h@b#p", "v2": "c@b#p"}, facts.backends_of(asked, "p1"))
        self.assertEqual({"v1": "h@b#p", "v2": "c@b#p", "v3": "h@b#p"}, facts.backends_of(asked, None))
        self.assertEqual({}, facts.backends_of([], None))

    def test_the_copy_that_a_volume_is_moved_into_is_the_operator_s_business(self) -> None:
        created(self.database, "v1", host="h@b#p", migration_status="target:v9")
        created(self.database, "v2", host="h@b#p", migration_status="migrating")
        facts = Facts(self.database)
        self.assertEqual({"v2": "h@b#p"}, facts.backends_of(["v1", "v2"], "p1"))
        self.assertEqual({"v1": "h@b#p", "v2": "h@b#p"}, facts.backends_of(["v1", "v2"], None))

    def test_how_many_volumes_are_where(self) -> None:
        created(self.database, "v1", "v2", host="h@b#p")
        created(self.database, "v3", host="h@b#q", project_id="p2")
        created(self.database, "v4")
        self.assertEqual({"h@b#p": 2, "h@b#q": 1}, Facts(self.database).volume_counts())

    def test_who_knows_where_instances_are(self) -> None:
        with self.assertRaisesRegex(InvalidRequest, "local_to_instance: .*no compute service is configured"):
            Facts(self.database).instance_host("i1")
        self.assertEqual("node-i1", Facts(self.database, instance_host="node-{}".format).instance_host("i1"))
