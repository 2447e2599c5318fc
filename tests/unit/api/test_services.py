"""Snapshots, groups, types, quotas, backends, events and the audit in the API: policy, requests and refusals."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from tests.stores.world import an_event
from tests.unit.api.case import POOL, ApiCase, member
from volsched.db.schema import pools
from volsched.exceptions import (
    BackendNotFound,
    GroupNotFound,
    InvalidRequest,
    NotAuthorized,
    NotFound,
    SnapshotNotFound,
    VolumeNotFound,
    VolumeTypeNotFound,
)
from volsched.model.group import GroupStatus
from volsched.model.snapshot import SnapshotStatus


class TestPolicy(ApiCase):
    def test_members_cannot_call_the_operations_of_operators(self) -> None:
        api = self.member
        calls: list[Callable[[], object]] = [
            api.backends.list,
            lambda: api.backends.get("h@b"),
            lambda: api.backends.disable("h@b"),
            lambda: api.backends.enable("h@b"),
            lambda: api.backends.freeze("h@b"),
            lambda: api.backends.unfreeze("h@b"),
            api.pools.list,
            lambda: api.pools.get(POOL),
            lambda: api.pools.cordon(POOL, reason="x"),
            lambda: api.pools.uncordon(POOL),
            lambda: api.pools.plan_drain(POOL),
            lambda: api.types.create("x"),
            lambda: api.types.delete("x"),
            lambda: api.quotas.set("p1", "volumes", 1),
            lambda: api.quotas.usage(project_id="p2"),
            api.events.list,
            lambda: api.events.get("e1"),
            lambda: api.events.retry(),
            api.audit.find,
            api.audit.repair,
            lambda: api.volumes.backup_host(),
            lambda: api.snapshots.list(all_projects=True),
            lambda: api.groups.list(all_projects=True),
        ]
        for number, call in enumerate(calls):
            with self.subTest(number), self.assertRaises(NotAuthorized):
                call()


class TestUndecodableText(ApiCase):
    def test_text_that_utf_8_cannot_encode_is_refused(self) -> None:
        text, api = "b\udcff", self.admin
        calls: list[Callable[[], object]] = [
            lambda: api.volumes.get(text),
            lambda: api.snapshots.get(text),
            lambda: api.groups.get(text),
            lambda: api.types.get(text),
            lambda: api.backends.get(text),
            lambda: api.backends.disable("h@b", reason=text),
            lambda: api.pools.get(text),
            lambda: api.events.get(text),
            lambda: api.quotas.usage(project_id=text),
            lambda: self.application.api(member(text)).volumes.create(1),
        ]
        for number, call in enumerate(calls):
            with self.subTest(number), self.assertRaisesRegex(InvalidRequest, "expected text that UTF-8 can encode"):
                call()


class TestSnapshots(ApiCase):
    def test_a_snapshot_belongs_to_the_project_of_its_volume(self) -> None:
        volume = self.volume(name="origin")
        snapshot = self.admin.snapshots.create(volume.id, name="before")
        self.assertEqual(
            ("p1", volume.id, 2, SnapshotStatus.CREATING),
            (snapshot.project_id, snapshot.volume_id, snapshot.size_gb, snapshot.status),
        )
        (work,) = self.queued(volume)
        self.assertEqual(
            ("scheduler", "snapshot", snapshot.id),
            (work.queue, work.operation, work.payload["request_spec"]["snapshot_id"]),
        )
        self.assertEqual([snapshot], list(self.member.snapshots.list(volume="origin")))
        self.assertEqual(snapshot, self.member.snapshots.get("before"))

    def test_a_snapshot_in_progress_is_not_deleted(self) -> None:
        snapshot = self.member.snapshots.create(self.volume())
        with self.assertRaisesRegex(InvalidRequest, "is creating"):
            self.member.snapshots.delete(snapshot)
        made = self.member.snapshots.wait(snapshot)
        assert made is not None
        self.assertIs(SnapshotStatus.DELETING, self.member.snapshots.delete(made).status)
        self.assertIsNone(self.member.snapshots.wait(made))

    def test_snapshots_of_other_projects_do_not_exist(self) -> None:
        volume = self.volume()
        snapshot = self.member.snapshots.create(volume)
        other = self.application.api(member("p2"))
        with self.assertRaises(SnapshotNotFound):
            other.snapshots.get(snapshot)
        with self.assertRaises(SnapshotNotFound):
            other.snapshots.delete(snapshot.id)
        with self.assertRaises(VolumeNotFound):
            other.snapshots.create(volume.id)
        with self.assertRaises(VolumeNotFound):
            other.snapshots.list(volume=volume.id)
        self.assertEqual([], list(other.snapshots.list()))

    def test_an_invalid_name_is_refused(self) -> None:
        with self.assertRaisesRegex(InvalidRequest, "name: expected a line of 1 to 255 printable characters"):
            self.member.snapshots.create(self.volume(), name="a\tb")


class TestGroups(ApiCase):
    def test_a_group_is_placed_and_lists_its_volumes(self) -> None:
        self.admin.types.create("plain")
        group = self.member.groups.wait(self.member.groups.create(["plain"], name="set"))
        assert group is not None
        self.assertEqual((GroupStatus.AVAILABLE, None), (group.status, group.host), "members see no pool")
        self.assertEqual(POOL, self.admin.groups.get(group.id).host)
        volume = self.volume(group="set")
        self.assertEqual([volume.id], [each.id for each in self.member.groups.volumes("set")])
        with self.assertRaisesRegex(InvalidRequest, "has 1 volume"):
            self.member.groups.delete(group)
        with self.assertRaises(GroupNotFound):
            self.application.api(member("p2")).groups.get(group)

    def test_invalid_groups_are_refused(self) -> None:
        self.admin.types.create("plain")
        with self.assertRaisesRegex(InvalidRequest, "type: expected 1 to 100 volume types, got 0"):
            self.member.groups.create([])
        with self.assertRaisesRegex(InvalidRequest, "got 101"):
            self.member.groups.create(["plain"] * 101)
        with self.assertRaises(VolumeTypeNotFound):
            self.member.groups.create(["none"])
        with self.assertRaisesRegex(InvalidRequest, "no zone 'mars'"):
            self.member.groups.create(["plain"], zone="mars")
        self.assertEqual([], list(self.stores.groups.list()))


class TestTypes(ApiCase):
    def test_members_see_no_extra_specs(self) -> None:
        self.admin.types.create("gold", {"media": "ssd"}, description="fast")
        self.assertEqual({"media": "ssd"}, dict(self.admin.types.get("gold").extra_specs))
        self.assertEqual(
            [({}, "fast")], [(dict(kind.extra_specs), kind.description) for kind in self.member.types.list()]
        )

    def test_invalid_types_are_refused(self) -> None:
        for name, specs, problem in (
            ("", {}, "1 to 255 printable"),
            ("x" * 256, {}, "1 to 255 printable"),
            ("a\nb", {}, "1 to 255 printable"),
            ("odd", {"media": "<or>"}, "expected alternatives such as"),
            ("odd", {"k" * 256: "v"}, "1 to 255 printable"),
        ):
            with self.subTest(name=name, specs=specs), self.assertRaisesRegex(InvalidRequest, problem):
                self.admin.types.create(name, specs)
        self.assertEqual([], list(self.stores.types.list()))

    def test_a_type_in_use_is_not_deleted(self) -> None:
        self.admin.types.create("plain")
        self.member.volumes.create(1, volume_type="plain")
        with self.assertRaisesRegex(InvalidRequest, "in use by 1 volume"):
            self.admin.types.delete("plain")


class TestQuotas(ApiCase):
    def test_limits_are_of_all_types_or_of_one(self) -> None:
        self.admin.types.create("gold")
        self.admin.quotas.set("p1", "volumes", 5)
        self.admin.quotas.set("p1", "volumes", 2, volume_type="gold")
        self.volume(volume_type="gold")
        usages = [self.member.quotas.usage(volume_type=kind) for kind in (None, "gold")]
        limits = [it for usage in usages for it in usage if it.resource == "volumes"]
        self.assertEqual(
            [("volumes", 5, 1, 0), ("volumes", 2, 1, 0)],
            [(it.resource, it.limit, it.used, it.reserved) for it in limits],
        )
        self.admin.quotas.set("p1", "volumes", None)
        self.assertEqual({-1}, {usage.limit for usage in self.member.quotas.usage()})

    def test_invalid_limits_are_refused(self) -> None:
        with self.assertRaises(InvalidRequest):
            self.admin.quotas.set("p1", "pools", 1)
        with self.assertRaises(InvalidRequest):
            self.admin.quotas.set("p1", "volumes", -2)
        with self.assertRaises(VolumeTypeNotFound):
            self.admin.quotas.set("p1", "volumes", 1, volume_type="none")


class TestBackends(ApiCase):
    def test_backends_are_disabled_and_frozen(self) -> None:
        self.assertEqual(
            [("h@b", True, 2), ("h@c", True, 1)],
            [(it.backend_id, it.up, len(it.pools)) for it in self.admin.backends.list()],
        )
        disabled = self.admin.backends.disable("h@b", reason="new firmware")
        self.assertEqual((True, "new firmware"), (disabled.disabled, disabled.disabled_reason))
        enabled = self.admin.backends.enable("h@b")
        self.assertEqual((False, None), (enabled.disabled, enabled.disabled_reason))
        self.assertTrue(self.admin.backends.freeze("h@b").frozen)
        self.assertFalse(self.admin.backends.unfreeze("h@b").frozen)

    def test_unknown_backends_are_refused(self) -> None:
        for method in ("get", "disable", "enable", "freeze", "unfreeze"):
            with self.subTest(method), self.assertRaises(BackendNotFound):
                getattr(self.admin.backends, method)("h@none")


class TestEvents(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.application.outbox.expect(["log"])
        for event_id in ("e1", "e2"):
            self.application.outbox.emit(an_event(event_id))

    def test_events_are_listed_with_their_deliveries(self) -> None:
        found = self.admin.events.list(state="waiting")
        self.assertEqual([("e1", "log"), ("e2", "log")], [(it.event.id, it.notifier) for it in found])
        self.assertEqual(["e2"], [it.event.id for it in self.admin.events.list(limit=1)])
        self.assertEqual("e1", self.admin.events.get("e1")[0].event.id)

    def test_invalid_queries_are_refused(self) -> None:
        with self.assertRaisesRegex(InvalidRequest, "state: expected one of waiting, parked, delivered, got 'lost'"):
            self.admin.events.list(state="lost")
        with self.assertRaisesRegex(InvalidRequest, "limit: expected 1 or more, got 0"):
            self.admin.events.list(limit=0)
        with self.assertRaises(NotFound):
            self.admin.events.get("none")

    def test_parked_events_are_delivered_again(self) -> None:
        with self.assertRaisesRegex(NotFound, "no parked event 'e1'"):
            self.admin.events.retry(["e1"])
        self.assertEqual([], list(self.admin.events.retry()))
        self.application.outbox.failed("log", "e1", "refused", retry_at=None)
        self.assertEqual(["e1"], [it.event.id for it in self.admin.events.list(state="parked")])
        (retried,) = self.admin.events.retry()
        self.assertEqual(("e1", "delivered"), (retried.event.id, retried.state))


class TestAudit(ApiCase):
    def test_an_inconsistency_is_found_and_repaired(self) -> None:
        self.assertEqual([], list(self.admin.audit.find()))
        self.volume()
        self.application.database.run(lambda connection: connection.execute(sa.update(pools).values(pending_gb=7)))
        found = {it.subject: (it.repairable, it.repaired) for it in self.admin.audit.find()}
        self.assertEqual((True, False), found[POOL])
        with self.assertLogs("volsched.api.audit", "WARNING"):
            self.assertEqual({True}, {it.repaired for it in self.admin.audit.repair()})
        self.assertEqual([], list(self.admin.audit.find()))
