"""The notifier that delivers each event to several others."""

from __future__ import annotations

from typing import Any

from tests import TestCase
from volsched import conf, loader
from volsched.exceptions import EventRefused
from volsched.model.event import EVERYTHING, Event, Interest, Priority
from volsched.plugins import Notifier
from volsched.plugins.references import Named
from volsched.testing import an_event
from volsched.testing.memory import MemoryMessages
from volsched_drivers.notifiers.database import DatabaseNotifier
from volsched_drivers.notifiers.fanout import REMEMBERED, FanoutNotifier
from volsched_drivers.notifiers.jsonl import JsonlNotifier

ERRORS = Interest(priorities=frozenset({Priority.ERROR}))


class Target(Notifier):
    """Keeps what it gets, unless it is to fail."""

    contract = (1, 0)

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem
        self.got: list[str] = []
        self.life: list[str] = []

    def start(self) -> None:
        self.life.append("start")

    def stop(self) -> None:
        self.life.append("stop")

    def health(self) -> str | None:
        return str(self.problem) if self.problem else None

    def notify(self, event: Event) -> None:
        if self.problem is not None:
            raise self.problem
        self.got.append(event.id)


def made_of(mode: str = "all", **targets: Any) -> FanoutNotifier:
    """Return a fanout of these targets; a pair contains a target and its interest."""
    named = [
        Named(name, *(target if isinstance(target, tuple) else (target, EVERYTHING)))
        for name, target in targets.items()
    ]
    return FanoutNotifier(targets=named, mode=mode)


class TestAll(TestCase):
    def test_each_target_receives_the_events_of_its_section(self) -> None:
        ops, archive = Target(), Target()
        fanout = made_of(ops=(ops, ERRORS), archive=archive)
        for event_id, priority in (("e1", Priority.INFO), ("e2", Priority.ERROR)):
            fanout.notify(an_event(event_id, priority=priority))
        self.assertEqual((["e2"], ["e1", "e2"]), (ops.got, archive.got))

    def test_only_targets_that_failed_receive_the_event_again(self) -> None:
        broken, well = Target(ConnectionError("down")), Target()
        fanout = made_of(broken=broken, well=well)
        for _ in range(2):
            with self.assertRaisesRegex(ConnectionError, "^broken: ConnectionError: down$"):
                fanout.notify(an_event("e1"))
        broken.problem = None
        fanout.notify(an_event("e1"))
        self.assertEqual((["e1"], ["e1"]), (broken.got, well.got))
        fanout.notify(an_event("e1"))
        self.assertEqual(["e1", "e1"], well.got, "nothing is remembered of what everybody got")

    def test_event_is_refused_only_where_no_target_may_accept_it_later(self) -> None:
        never, later = Target(EventRefused("too large")), Target(ConnectionError("down"))
        with self.assertRaisesRegex(ConnectionError, "never: EventRefused: too large; later: ConnectionError: down"):
            made_of(never=never, later=later).notify(an_event("e1"))
        with self.assertRaisesRegex(EventRefused, "too large"):
            made_of(never=never, well=Target()).notify(an_event("e1"))

    def test_memory_of_deliveries_is_bounded(self) -> None:
        fanout = made_of(broken=Target(ConnectionError("down")), well=Target())
        for number in range(REMEMBERED + 10):
            with self.assertRaises(ConnectionError):
                fanout.notify(an_event(f"e{number}"))
        self.assertEqual(REMEMBERED, len(fanout._taken))


class TestFirst(TestCase):
    def test_other_targets_are_fallbacks(self) -> None:
        main, spare = Target(), Target()
        fanout = made_of("first", main=main, spare=spare)
        fanout.notify(an_event("e1"))
        main.problem = ConnectionError("down")
        fanout.notify(an_event("e2"))
        self.assertEqual((["e1"], ["e2"]), (main.got, spare.got))
        spare.problem = ConnectionError("down too")
        with self.assertRaisesRegex(ConnectionError, "main: .*down; spare: .*down too"):
            fanout.notify(an_event("e3"))

    def test_target_without_interest_is_not_a_fallback(self) -> None:
        ops, spare = Target(), Target()
        fanout = made_of("first", ops=(ops, ERRORS), spare=spare)
        fanout.notify(an_event("e1"))
        self.assertEqual(([], ["e1"]), (ops.got, spare.got))


class TestLife(TestCase):
    def test_start_stop_and_health_are_those_of_the_targets(self) -> None:
        one, two = Target(), Target(ConnectionError("down"))
        fanout = made_of(one=one, two=two)
        fanout.start()
        self.assertEqual("two: down", fanout.health())
        fanout.stop()
        self.assertEqual([["start", "stop"]] * 2, [one.life, two.life])

    def test_targets_that_write_messages_receive_the_log(self) -> None:
        log = MemoryMessages()
        database = DatabaseNotifier()
        made_of(database=database, other=Target()).messages(log)
        database.notify(an_event(event_type="volume.delete.end"))
        self.assertEqual(1, len(log.recorded))

    def test_problems_of_targets_are_reported(self) -> None:
        self.assertRegex("; ".join(made_of().validate()), "targets: expected at least one notifier")
        self.assertRegex(
            "; ".join(made_of(file=JsonlNotifier(path="")).validate()), "file: path: expected the name of a file"
        )


class TestConfigured(TestCase):
    def load(self, text: str) -> loader.Plugins:
        path = self.folder() / "volsched.conf"
        path.write_text("[notifications]\nnotifiers = both\n[notifier_both]\ndriver = fanout\n" + text)
        return loader.load(conf.load([str(path)], use_env=False), loader.Catalog.discover())

    def test_targets_are_instances_with_sections_of_their_own(self) -> None:
        place = self.folder()
        plugins = self.load(
            "targets = ops, log\n[notifier_ops]\ndriver = jsonl\n"
            f"path = {place}/ops.jsonl\nevent_types = scheduler.*\npriorities = error\n"
        )
        self.assertEqual(["both"], list(plugins.notifiers))
        fanout = plugins.notifiers["both"]
        assert isinstance(fanout, FanoutNotifier)
        self.assertEqual(["ops", "log"], [target.name for target in fanout.targets])
        self.assertEqual(("scheduler.*",), fanout.targets[0].interest.event_types)
        plugins.start()
        self.addCleanup(plugins.stop)
        fanout.notify(an_event("e1", event_type="volume.create.end"))
        fanout.notify(an_event("e2", event_type="scheduler.create_volume", priority=Priority.ERROR))
        self.assertEqual(1, (place / "ops.jsonl").read_text().count("\n"))

    def test_bad_options_are_named(self) -> None:
        for text, code, words in (
            ("targets = both\n", "VS108", "'both' would contain itself"),
            ("targets = log, log\n", "VS114", "'log' is listed twice"),
            ("targets = ops\n", "VS115", "no section [notifier_ops]"),
            ("targets = ops\n[notifier_ops]\ndriver = jsonl\n", "VS107", "needs the option path"),
            ("targets = ops\n[notifier_ops]\ndriver = noop\npriorities = grave\n", "VS108", "'grave'"),
            ("", "VS107", "needs the option targets"),
        ):
            with self.subTest(text=text), self.assertRaises(loader.LoadProblems) as caught:
                self.load(text)
            found = [(problem.code, problem.what) for problem in caught.exception.problems]
            self.assertEqual([code], [each for each, _ in found], found)
            self.assertIn(words, found[0][1])
