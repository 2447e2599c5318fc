"""What the sections of notifiers say of the events that they are told."""

from __future__ import annotations

from tests import TestCase
from volsched import conf, loader
from volsched.model.event import EVERYTHING, Interest, Priority
from volsched.testing import an_event


class TestInterests(TestCase):
    def load(self, text: str) -> loader.Plugins:
        path = self.folder() / "volsched.conf"
        path.write_text(text)
        return loader.load(conf.load([str(path)], use_env=False), loader.Catalog.discover())

    def test_everything_by_default(self) -> None:
        plugins = self.load("")
        self.assertEqual(("*",), plugins.interests["log"].event_types)
        self.assertEqual(frozenset(Priority), plugins.interests["log"].priorities)
        self.assertEqual(["log"], list(plugins.in_process("agent").notifiers))

    def test_as_the_section_says(self) -> None:
        plugins = self.load(
            "[notifications]\nnotifiers = quiet, log\n"
            "[notifier_quiet]\ndriver = noop\nevent_types = scheduler.*, volume.create.end\npriorities = warn, error\n"
            "processes = scheduler\n"
        )
        self.assertEqual(
            Interest(
                event_types=("scheduler.*", "volume.create.end"),
                priorities=frozenset({Priority.WARN, Priority.ERROR}),
                processes=frozenset({"scheduler"}),
            ),
            plugins.interests["quiet"],
        )
        self.assertEqual(["quiet", "log"], list(plugins.in_process("scheduler").notifiers))
        agents = plugins.in_process("agent")
        self.assertEqual((["log"], {"quiet", "log"}), (list(agents.notifiers), set(agents.interests)))

    def test_values_that_there_are_not(self) -> None:
        for text, allowed in (("priorities = grave", "info, warn, error"), ("processes = api", "scheduler, agent")):
            with self.subTest(text=text), self.assertRaises(loader.LoadProblems) as caught:
                self.load(f"[notifications]\nnotifiers = quiet\n[notifier_quiet]\ndriver = noop\n{text}\n")
            (problem,) = caught.exception.problems
            self.assertEqual("VS108", problem.code)
            self.assertIn(text.rpartition(" ")[2], str(problem))
            self.assertIn(allowed, str(problem))


class TestInterest(TestCase):
    def test_types_and_priorities(self) -> None:
        interest = Interest(event_types=("scheduler.*", "volume.?xtend.end"), priorities=frozenset({Priority.INFO}))
        for event_type, priority, wanted in (
            ("scheduler.create_volume.end", Priority.INFO, True),
            ("scheduler.create_volume", Priority.ERROR, False),
            ("volume.extend.end", Priority.INFO, True),
            ("volume.extend.start", Priority.INFO, False),
            ("Scheduler.create", Priority.INFO, False),
        ):
            with self.subTest(event_type=event_type):
                self.assertEqual(wanted, interest.in_event(an_event(event_type=event_type, priority=priority)))
                self.assertTrue(EVERYTHING.in_event(an_event(event_type=event_type, priority=priority)))
