"""The ports in memory keep their promises: they must not be more lenient than the real ones."""

from __future__ import annotations

from datetime import timedelta

from tests import TestCase
from volsched.exceptions import (
    ClaimConflict,
    InvalidRequest,
    LeaseLost,
    PluginNotFound,
    VolumeNotFound,
    VolumeTypeNotFound,
)
from volsched.model.claim import Claim, Placement
from volsched.model.event import Event, Priority
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import Message, Outcome, WorkRequest, WorkState
from volsched.placement.registry import Registry
from volsched.testing.builders import NOON, a_report, a_volume_type
from volsched.testing.installed import FILTERS, a_chooser, a_plugin, plugin_class
from volsched.testing.memory import (
    MemoryCaster,
    MemoryClaims,
    MemoryDecisions,
    MemoryEvents,
    MemoryFacts,
    MemoryFailures,
    MemoryMessages,
    MemoryTypes,
    MemoryVolumes,
    MemoryWork,
    scheduler_resources,
)

POOL = "node1@disk#pool0"


def a_volume(volume_id: str = "v1", **fields: object) -> Volume:
    values: dict[str, object] = {
        "id": volume_id,
        "project_id": "ours",
        "user_id": "me",
        "size_gb": 10,
        "status": VolumeStatus.CREATING,
        **fields,
    }
    return Volume(**values)  # type: ignore[arg-type]


def a_placement(key: str = "v1", *, gb: float = 10, pool: str = POOL, thin: bool = True, **changes: str) -> Placement:
    claim = Claim(key=key, volume_id=key, pool_id=pool, size_gb=gb, made_at=NOON)
    return Placement(claim=claim, thin=thin, volume_changes=changes)


class TestClaims(TestCase):
    def setUp(self) -> None:
        super().setUp()
        resources = scheduler_resources(a_report(pools=[{"free_capacity_gb": 25}, {}]), volumes=[a_volume()])
        assert isinstance(resources.claims, MemoryClaims)
        assert isinstance(resources.pools, Registry)
        self.resources, self.claims, self.pools = resources, resources.claims, resources.pools

    def free(self) -> float:
        return self.pools.table().pools[0].free_gb

    def test_all_or_nothing(self) -> None:
        self.claims.claim(a_placement(host=POOL))
        self.assertEqual((15, POOL), (self.free(), self.resources.volumes.get("v1").host))
        with self.assertRaises(VolumeNotFound):
            self.claims.claim(a_placement("gone", host=POOL))
        self.assertEqual(15, self.free())

    def test_the_same_again_is_the_same_and_elsewhere_is_a_conflict(self) -> None:
        first = self.claims.claim(a_placement())
        self.assertIs(first, self.claims.claim(a_placement()))
        with self.assertRaises(ClaimConflict):
            self.claims.claim(a_placement(pool="node1@disk#pool1"))
        self.assertEqual(15, self.free())

    def test_no_more_than_there_is(self) -> None:
        self.claims.claim(a_placement("a"))
        self.claims.claim(a_placement("b"))
        for refused in (a_placement("c"), a_placement("d", pool="node1@disk#none")):
            with self.assertRaises(ClaimConflict):
                self.claims.claim(refused)
        self.claims.release("a")
        self.claims.release("a")
        self.claims.claim(a_placement("c"))
        self.assertEqual(5, self.free())

    def test_a_confirmed_claim_is_known_to_later_reports(self) -> None:
        self.claims.claim(a_placement())
        self.claims.confirm("v1", NOON + timedelta(seconds=1))
        self.claims.confirm("none", NOON)
        self.pools.report(a_report(pools=[{"free_capacity_gb": 15}, {}], timestamp=NOON + timedelta(seconds=2)))
        self.assertEqual(15, self.free())


class TestVolumes(TestCase):
    def test_a_life(self) -> None:
        work = MemoryWork()
        volumes = MemoryVolumes(work)
        job = WorkRequest(id="w", queue="q", operation="create", volume_id="v1")
        volumes.create(a_volume(), [job])
        self.assertIn("w", work.rows)
        self.assertFalse(volumes.set_status("v1", VolumeStatus.ERROR, only_from=[VolumeStatus.AVAILABLE]))
        self.assertTrue(volumes.set_status("v1", VolumeStatus.AVAILABLE))
        self.assertEqual(
            VolumeStatus.EXTENDING,
            volumes.begin("v1", VolumeStatus.EXTENDING, only_from=[VolumeStatus.AVAILABLE]).status,
        )
        with self.assertRaises(InvalidRequest):
            volumes.begin("v1", VolumeStatus.DELETING, only_from=[VolumeStatus.AVAILABLE])
        volumes.remove("v1")
        volumes.remove("v1")
        self.assertFalse(volumes.set_status("v1", VolumeStatus.ERROR))
        with self.assertRaises(VolumeNotFound):
            volumes.update("v1", {"host": "x"})


class TestWork(TestCase):
    def test_a_lease_is_taken_renewed_lost_and_ended(self) -> None:
        now = [NOON]
        work = MemoryWork(lambda: now[0])
        for _ in range(2):
            work.add(WorkRequest(id="w", queue="q", operation="create", volume_id=None))
        self.assertIsNone(work.take(["other"], "me", 10))
        taken = work.take(["q"], "me", 10)
        assert taken is not None
        self.assertIsNone(work.take(["q"], "you", 10))
        renewed = work.renew(taken.lease, 20)
        now[0] += timedelta(seconds=30)
        again = work.take(["q"], "you", 10)
        assert again is not None
        self.assertEqual(2, again.lease.attempt)
        for late in (lambda: work.renew(renewed, 5), lambda: work.finish(taken.lease, Outcome())):
            with self.assertRaises(LeaseLost):
                late()
        work.finish(again.lease, Outcome(follow_up=(WorkRequest(id="x", queue="q", operation="y", volume_id=None),)))
        self.assertEqual(WorkState.DONE, work.rows["w"][1])
        self.assertEqual(WorkState.QUEUED, work.rows["x"][1])


class TestFacts(TestCase):
    def test_what_a_project_may_see(self) -> None:
        rows = MemoryVolumes()
        rows.create(a_volume("a", host="h@b#p"))
        rows.create(a_volume("b", host="n@b#p", cluster_name="c@b#p"))
        rows.create(a_volume("c", host="h@b#p", project_id="theirs"))
        rows.create(a_volume("d", host="h@b#p", migration_status="target:a"))
        rows.create(a_volume("e"))
        facts = MemoryFacts(rows)
        self.assertEqual({"a": "h@b#p", "b": "c@b#p"}, facts.backends_of(["a", "b", "c", "d", "e", "f"], "ours"))
        self.assertEqual({"a", "b", "c"}, set(facts.backends_of(["a", "b", "c", "d"], None)))
        facts.shows_copies = True
        self.assertIn("d", facts.backends_of(["d"], "ours"))
        self.assertEqual({"h@b#p": 3, "n@b#p": 1}, facts.volume_counts())
        with self.assertRaises(InvalidRequest):
            facts.instance_host("i")
        self.assertEqual("host of i", MemoryFacts(rows, lambda instance: f"host of {instance}").instance_host("i"))


class TestLogs(TestCase):
    def test_they_remember(self) -> None:
        caster, events, decisions, messages = MemoryCaster(), MemoryEvents(), MemoryDecisions(), MemoryMessages()
        event = Event(id="e", event_type="x", priority=Priority.INFO, occurred_at="now", publisher="p")
        message = Message(volume_id="v1", project_id="ours", code="VS1", text="no")
        caster.wake("q")
        events.emit(event)
        messages.record(message)
        self.assertEqual((["q"], [event], [message]), (caster.woken, events.emitted, messages.recorded))
        self.assertNotEqual(decisions.record("v", {}), decisions.record("v", {}))

    def test_a_failure_is_written_once(self) -> None:
        rows = MemoryVolumes()
        rows.create(a_volume())
        failures = MemoryFailures(rows)
        event = Event(id="e", event_type="x", priority=Priority.ERROR, occurred_at="now", publisher="p")
        message = Message(volume_id="v1", project_id="ours", code="VS1", text="no")
        for _ in range(2):
            failures.record(
                volume_id="v1", status=VolumeStatus.ERROR, event=event, message=message, decision={"reason": "full"}
            )
        self.assertEqual(VolumeStatus.ERROR, rows.get("v1").status)
        self.assertEqual((1, 1, 1), (len(failures.events), len(failures.messages), len(failures.decisions)))


class TestChoosing(TestCase):
    def test_names_and_classes(self) -> None:
        self.assertIs(plugin_class(FILTERS, "capacity"), plugin_class(FILTERS, "CapacityFilter"))
        self.assertEqual(2.5, a_plugin("volsched.weighers", "capacity", {"capacity_weight_multiplier": 2.5}).multiplier)
        with self.assertRaises(PluginNotFound):
            a_chooser(filters=["capacityfilter"])

    def test_types(self) -> None:
        gold = a_volume_type()
        types = MemoryTypes([gold])
        self.assertIs(gold, types.find("gold"))
        self.assertIs(gold, types.find("type-gold"))
        with self.assertRaises(VolumeTypeNotFound):
            types.find("silver")
