"""Volumes in the API: validation, policy, quotas, sources, and every refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.unit.api.case import FAR_POOL, OTHER_POOL, POOL, ApiCase, member
from volsched.exceptions import (
    BackendNotFound,
    InvalidRequest,
    NotAuthorized,
    NotFound,
    PoolNotFound,
    QuotaExceeded,
    VolumeNotFound,
    VolumeTypeNotFound,
)
from volsched.model import limits
from volsched.model.volume import VolumeStatus
from volsched.model.volume_request import CreateVolumeRequest

MANY = {f"k{number}": "v" for number in range(129)}


class VolumesCase(ApiCase):
    def refused(self, call: Callable[[], object], field: str, problem: str) -> None:
        """Assert that the call raises InvalidRequest for the field."""
        with self.assertRaisesRegex(InvalidRequest, problem) as caught:
            call()
        self.assertEqual(field, caught.exception.field)


class TestCreate(VolumesCase):
    def test_a_request_is_stored_with_its_work(self) -> None:
        request = CreateVolumeRequest(
            size_gb="3", name="data", description="d", zone="east", metadata={"a": "b"}, hints={"same_host": "x"}
        )
        created = self.member.volumes.create(request)
        row = self.stores.volumes.get(created.id)
        self.assertEqual(
            (VolumeStatus.CREATING, 3, "data", "d", "east", {"a": "b"}, "p1", "u1"),
            (
                row.status,
                row.size_gb,
                row.name,
                row.description,
                row.availability_zone,
                dict(row.metadata),
                row.project_id,
                row.user_id,
            ),
        )
        (work,) = self.queued(row)
        self.assertEqual(("scheduler", "create"), (work.queue, work.operation))
        spec = work.payload["request_spec"]
        self.assertEqual(
            (row.id, 3, ["east"]), (spec["volume_id"], spec["volume_properties"]["size"], spec["availability_zones"])
        )
        self.assertEqual({"scheduler_hints": {"same_host": "x"}}, work.payload["filter_properties"])
        self.assertEqual({"volumes": 0, "gigabytes": 0}, self.reserved(), "the reservation is committed")

    def test_a_request_value_and_fields_exclude_each_other(self) -> None:
        with self.assertRaisesRegex(TypeError, "got both: name"):
            self.member.volumes.create(CreateVolumeRequest(size_gb=1), name="x")

    def test_invalid_fields_are_refused_and_nothing_is_stored(self) -> None:
        cases: list[tuple[Mapping[str, Any], str, str]] = [
            ({}, "size", "expected a whole number of GiB from 1"),
            *(
                ({"size_gb": size}, "size", "expected a whole number")
                for size in (0, -1, 1.5, "x", "", True, limits.MAX_SIZE_GB + 1)
            ),
            ({"size_gb": 1, "name": "x" * 256}, "name", "1 to 255 printable"),
            ({"size_gb": 1, "description": "a\nb"}, "description", "printable"),
            ({"size_gb": 1, "metadata": {"k": "v" * 256}}, "metadata.k", "1 to 255 printable"),
            ({"size_gb": 1, "metadata": {"": "v"}}, "metadata", "1 to 255 printable"),
            ({"size_gb": 1, "metadata": MANY}, "metadata", "at most 128 entries, got 129"),
            ({"size_gb": 1, "hints": "no"}, "hints", "expected a mapping"),
            ({"size_gb": 1, "zone": "mars"}, "zone", "no zone 'mars'; there are east, west"),
            ({"size_gb": 1, "snapshot": "a", "source": "b"}, "source", "got both"),
        ]
        for fields, field, problem in cases:
            with self.subTest(fields=fields):
                self.refused(lambda fields=fields: self.member.volumes.create(**fields), field, problem)
        with self.assertRaises(VolumeTypeNotFound):
            self.member.volumes.create(1, volume_type="none")
        self.assertEqual([], list(self.stores.volumes.list()))
        self.assertEqual([], list(self.application.work.unfinished()))

    def test_the_policy_can_refuse(self) -> None:
        with self.assertRaises(NotAuthorized):
            self.application.api({"user_id": "u1", "roles": ["member"]}).volumes.create(1)
        with self.assertRaises(NotAuthorized):
            self.member.volumes.dry_run(1)

    def test_an_exceeded_quota_stores_nothing(self) -> None:
        self.admin.quotas.set("p1", "gigabytes", 3)
        self.member.volumes.create(2)
        with self.assertRaises(QuotaExceeded) as caught:
            self.member.volumes.create(2)
        self.assertEqual(
            ("gigabytes", 3, 2), (caught.exception.resource, caught.exception.limit, caught.exception.used)
        )
        self.assertEqual(["creating"], self.statuses())
        self.assertEqual({"volumes": 0, "gigabytes": 0}, self.reserved())

    def test_a_refusal_by_the_database_cancels_the_reservation(self) -> None:
        kind = self.admin.types.create("short-lived")
        reserve = self.stores.quotas.reserve

        def reserve_and_delete_the_type(*arguments: Any, **named: Any) -> str:
            reservation = reserve(*arguments, **named)
            self.stores.types.delete(str(kind.id))
            return reservation

        self.stores.quotas.reserve = reserve_and_delete_the_type  # type: ignore[method-assign]  # another process deletes it
        with self.assertRaises(VolumeTypeNotFound):
            self.member.volumes.create(1, volume_type="short-lived")
        self.assertEqual({"volumes": 0, "gigabytes": 0}, self.reserved())
        self.assertEqual([], list(self.stores.volumes.list()))

    def test_a_dry_run_stores_nothing(self) -> None:
        decision = self.admin.volumes.dry_run(2, zone="west")
        self.assertEqual([FAR_POOL], [pool.pool_id for pool in decision.ranked])
        self.assertFalse(self.admin.volumes.dry_run(2000))
        self.assertEqual([], list(self.stores.volumes.list()))


class TestSources(VolumesCase):
    def test_a_copy_has_the_size_the_type_and_the_pool_of_its_source(self) -> None:
        self.admin.types.create("plain")
        source = self.volume(size_gb=3, volume_type="plain", zone="east")
        snapshot = self.member.snapshots.wait(self.member.snapshots.create(source))
        assert snapshot is not None
        for fields in ({"source": source}, {"snapshot": snapshot.id}):
            with self.subTest(fields=[*fields]):
                copy = self.stores.volumes.get(self.member.volumes.create(**fields).id)
                self.assertEqual((3, source.volume_type_id), (copy.size_gb, copy.volume_type_id))
                (work,) = self.queued(copy)
                self.assertEqual(source.host, work.payload["request_spec"]["resource_backend"])
        larger = self.member.volumes.create(5, source=source)
        self.assertEqual(5, larger.size_gb)

    def test_a_copy_is_not_smaller_than_its_source(self) -> None:
        source = self.volume(size_gb=3)
        self.refused(
            lambda: self.member.volumes.create(2, source=source.id), "size", "at least the 3 GiB of the source, got 2"
        )

    def test_a_source_must_be_available(self) -> None:
        source = self.volume()
        snapshot = self.member.snapshots.create(source)
        self.refused(lambda: self.member.volumes.create(snapshot=snapshot.id), "snapshot", f"{snapshot.id} is creating")
        self.stores.volumes.set_status(source.id, VolumeStatus.ERROR)
        self.refused(lambda: self.member.volumes.create(source=source), "source", f"{source.id} is error")

    def test_sources_of_other_projects_do_not_exist(self) -> None:
        source = self.volume()
        snapshot = self.member.snapshots.create(source)
        group = self.admin.groups.create([str(self.admin.types.create("plain").id)])
        other = self.application.api(member("p2"))
        for fields in ({"source": source.id}, {"snapshot": snapshot.id}, {"group": group.id}):
            with self.subTest(fields=[*fields]), self.assertRaises(NotFound):
                other.volumes.create(1, **fields)

    def test_a_group_determines_backend_and_types(self) -> None:
        self.admin.types.create("plain")
        self.admin.types.create("gold")
        group = self.member.groups.create(["plain"], zone="east")
        self.refused(lambda: self.member.volumes.create(1, group=group.id), "group", f"{group.id} is creating")
        self.member.groups.wait(group)
        volume = self.stores.volumes.get(self.member.volumes.create(1, group=group.id).id)
        self.assertEqual(
            ("plain", group.id), (self.stores.types.find(str(volume.volume_type_id)).name, volume.group_id)
        )
        (work,) = self.queued(volume)
        self.assertEqual("h@b", work.payload["request_spec"]["resource_backend"])
        self.refused(lambda: self.member.volumes.create(1, group=group.id, volume_type="gold"), "type", "got type gold")
        far = self.volume(zone="west")
        self.refused(
            lambda: self.member.volumes.create(group=group.id, source=far.id),
            "group",
            "on another backend than the volume's source",
        )


class TestExtend(VolumesCase):
    def test_an_extend_reserves_the_growth(self) -> None:
        volume = self.volume(size_gb=2)
        self.assertIs(VolumeStatus.EXTENDING, self.member.volumes.extend(volume, "5").status)
        self.assertEqual({"volumes": 0, "gigabytes": 3}, self.reserved())
        (work,) = self.queued(volume)
        self.assertEqual(5, work.payload["new_size_gb"])

    def test_refusals_leave_no_reservation(self) -> None:
        volume = self.volume(size_gb=2)
        self.refused(lambda: self.member.volumes.extend(volume, 2), "new_size", "expected more than the 2 GiB")
        self.refused(lambda: self.member.volumes.extend(volume, "x"), "new_size", "expected a whole number")
        self.admin.quotas.set("p1", "gigabytes", 3)
        with self.assertRaises(QuotaExceeded):
            self.member.volumes.extend(volume, 4)
        self.admin.backends.freeze("h@b")
        self.refused(lambda: self.member.volumes.extend(volume, 3), "volume", "its storage is frozen")
        self.admin.backends.unfreeze("h@b")
        self.stores.volumes.set_status(volume.id, VolumeStatus.ERROR)
        self.refused(lambda: self.member.volumes.extend(volume, 3), "status", "is error")
        self.assertEqual({"volumes": 0, "gigabytes": 0}, self.reserved())
        self.assertEqual([], self.queued(volume))


class TestRetype(VolumesCase):
    def setUp(self) -> None:
        super().setUp()
        self.plain, self.gold = (self.admin.types.create(name) for name in ("plain", "gold"))
        self.vol = self.volume(volume_type="plain")

    def test_a_retype_is_stored_with_its_policy(self) -> None:
        self.assertIs(VolumeStatus.RETYPING, self.member.volumes.retype(self.vol, "gold").status)
        (work,) = self.queued(self.vol)
        self.assertEqual((self.gold.id, "never"), (work.payload["new_type_id"], work.payload["migration_policy"]))

    def test_refusals_leave_no_reservation(self) -> None:
        retype = self.member.volumes.retype
        with self.assertRaises(VolumeTypeNotFound):
            retype(self.vol, "none")
        self.refused(
            lambda: retype(self.vol, "gold", migration_policy="maybe"),
            "migration_policy",
            "never, on-demand, got 'maybe'",
        )
        self.refused(lambda: retype(self.vol, "plain"), "type", "is of type plain already")
        self.admin.quotas.set("p1", "volumes", 0, volume_type="gold")
        with self.assertRaises(QuotaExceeded):
            retype(self.vol, "gold")
        self.admin.quotas.set("p1", "volumes", None, volume_type="gold")
        self.stores.volumes.update(self.vol.id, {"attach_status": "attached"})
        self.refused(lambda: retype(self.vol, "gold", migration_policy="on-demand"), "volume", "detach it")
        self.stores.volumes.update(self.vol.id, {"attach_status": "detached"})
        self.member.snapshots.wait(self.member.snapshots.create(self.vol))
        with self.assertRaisesRegex(InvalidRequest, "snapshot"):
            retype(self.vol, "gold", migration_policy="on-demand")
        self.assertEqual(0, self.stores.quotas.usage("p1", self.gold.id)[0].reserved)
        self.assertEqual("available", self.stores.volumes.get(self.vol.id).status)


class TestMigrate(VolumesCase):
    def test_a_migration_ignores_the_zone(self) -> None:
        volume = self.volume(zone="east")
        self.assertIs(VolumeStatus.MIGRATING, self.admin.volumes.migrate(volume, FAR_POOL).status)
        (work,) = self.queued(volume)
        self.assertIsNone(work.payload["request_spec"]["availability_zones"])
        self.assertEqual(FAR_POOL, work.payload["backend"])

    def test_refusals(self) -> None:
        volume = self.volume(zone="east")
        migrate = self.admin.volumes.migrate
        with self.assertRaises(NotAuthorized):
            self.member.volumes.migrate(volume, OTHER_POOL)
        self.refused(lambda: migrate(volume, POOL), "host", f"is in {POOL} already")
        self.refused(lambda: migrate(volume, "nowhere"), "host", "expected host@backend or host@backend#pool")
        with self.assertRaises(BackendNotFound):
            migrate(volume, "h@none")
        with self.assertRaises(PoolNotFound):
            migrate(volume, "h@b#none")
        self.admin.backends.disable("h@c", reason="new disks")
        self.refused(lambda: migrate(volume, FAR_POOL), "host", r"backend h@c is disabled \(new disks\)")
        self.admin.backends.enable("h@c")
        self.admin.backends.freeze("h@c")
        self.refused(lambda: migrate(volume, FAR_POOL), "host", "backend h@c is frozen")
        self.admin.backends.unfreeze("h@c")
        self.stores.volumes.update(volume.id, {"attach_status": "attached"})
        self.refused(lambda: migrate(volume, FAR_POOL), "volume", "is attached; detach it")
        self.assertEqual([], self.queued(volume))


class TestDelete(VolumesCase):
    def test_a_volume_without_a_pool_is_gone_at_once(self) -> None:
        volume = self.member.volumes.create(1)
        self.stores.volumes.set_status(volume.id, VolumeStatus.ERROR)
        self.member.volumes.delete(volume)
        with self.assertRaises(VolumeNotFound):
            self.member.volumes.get(volume)

    def test_a_volume_in_a_pool_is_deleted_by_its_agent(self) -> None:
        volume = self.volume()
        self.assertIs(VolumeStatus.DELETING, self.member.volumes.delete(volume).status)
        (work,) = self.queued(volume)
        self.assertEqual(("agent:h@b", "delete", POOL), (work.queue, work.operation, work.payload["pool_id"]))
        self.assertIsNone(self.member.volumes.wait(volume))
        self.assertFalse(Path(str(volume.provider_location)).exists())

    def test_volumes_in_use_are_not_deleted(self) -> None:
        volume = self.volume()
        self.member.volumes.extend(volume, 3)
        self.refused(lambda: self.member.volumes.delete(volume), "status", "is extending")


class TestManage(VolumesCase):
    def test_refusals_store_nothing(self) -> None:
        manage = self.admin.volumes.manage
        with self.assertRaises(NotAuthorized):
            self.member.volumes.manage(POOL, {"source-name": "x"})
        with self.assertRaises(PoolNotFound):
            manage("h@b#none", {"source-name": "x"})
        with self.assertRaises(VolumeTypeNotFound):
            manage(POOL, {"source-name": "x"}, volume_type="none")
        self.refused(lambda: manage(POOL, {}), "ref", "such as source-name=FILE")
        self.refused(lambda: manage(POOL, {"source-name": "x"}, zone="mars"), "zone", "no zone 'mars'")
        self.refused(lambda: manage(POOL, {"source-name": "x"}, name="\n"), "name", "printable")
        self.admin.quotas.set("ops", "volumes", 0)
        with self.assertRaises(QuotaExceeded):
            manage(POOL, {"source-name": "x"})
        self.assertEqual([], list(self.stores.volumes.list()))
        self.assertEqual({"volumes": 0, "gigabytes": 0}, self.reserved("ops"))


class TestReading(VolumesCase):
    def test_volumes_of_other_projects_do_not_exist(self) -> None:
        volume = self.volume(name="mine")
        other = self.application.api(member("p2"))
        for method in ("get", "messages", "explain", "failure", "delete", "wait"):
            with self.subTest(method), self.assertRaises(VolumeNotFound):
                getattr(other.volumes, method)(volume.id)
        self.assertEqual([], list(other.volumes.list()))
        with self.assertRaises(NotAuthorized):
            other.volumes.list(all_projects=True)
        self.assertEqual([volume.id], [each.id for each in self.admin.volumes.list(all_projects=True)])

    def test_owners_see_no_pools(self) -> None:
        volume = self.volume(name="mine")
        self.assertEqual(POOL, volume.host)
        mine = self.member.volumes.get("mine")
        self.assertEqual((None, None, None), (mine.host, mine.provider_location, mine.cluster_name))
        self.assertEqual(POOL, self.admin.volumes.get(volume.id).host)
        self.assertNotIn(POOL, str(self.member.volumes.explain(volume)))
        self.assertEqual(POOL, self.admin.volumes.explain(volume.id)["chosen"])

    def test_the_failure_has_the_reason_for_operators_only(self) -> None:
        refused = self.member.volumes.wait(self.member.volumes.create(500))
        assert refused is not None
        self.assertIs(VolumeStatus.ERROR, refused.status)
        message = self.member.volumes.failure(refused)
        self.assertNotIn("20.00 GiB", str(message))
        reason = self.admin.volumes.failure(refused.id)
        self.assertRegex(str(reason), r"\. Reason from the scheduler: .*500 GiB asked, \d+\.00 GiB left")
        self.assertIsNone(self.member.volumes.failure(self.volume()))

    def test_messages_of_a_deleted_volume_are_found_by_its_id(self) -> None:
        refused = self.member.volumes.wait(self.member.volumes.create(500))
        assert refused is not None
        self.member.volumes.delete(refused)
        self.assertEqual(["VS-NO-POOL"], [message.code for message in self.member.volumes.messages(refused.id)])
        with self.assertRaises(VolumeNotFound):
            self.application.api(member("p2")).volumes.messages(refused.id)

    def test_a_wait_that_takes_too_long_raises_timeout_error(self) -> None:
        volume = self.volume()
        self.member.volumes.extend(volume, 3)
        work = self.application.work.take(["scheduler"], "another:1:1", 60.0)
        self.assertIsNotNone(work)
        with self.assertRaisesRegex(TimeoutError, "is still extending; the request is kept"):
            self.member.volumes.wait(volume, timeout=0.1)

    def test_names_that_several_volumes_have_are_refused(self) -> None:
        for _ in range(2):
            self.member.volumes.create(1, name="twin")
        self.refused(lambda: self.member.volumes.get("twin"), "volume", "2 volumes are called 'twin'")
