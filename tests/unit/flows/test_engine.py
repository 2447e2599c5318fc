"""The engine that keeps nothing: it runs and reverts as any other, and says so when it is asked for what was."""

from __future__ import annotations

from typing import Any

from taskflow import task
from taskflow.patterns import linear_flow

from tests import TestCase
from volsched.flows import engine


class Remember(task.Task):  # type: ignore[misc]
    """Gives what it got, and notes when it is reverted."""

    default_provides = "seen"

    def __init__(self, notes: list[str]) -> None:
        super().__init__()
        self.notes = notes

    def execute(self, given: str) -> str:
        return given.upper()

    def revert(self, result: Any, **kwargs: Any) -> None:
        self.notes.append(f"reverted {result}")


class Fail(task.Task):  # type: ignore[misc]
    def execute(self, seen: str) -> None:
        raise RuntimeError(f"no {seen}")


class TestEngine(TestCase):
    def test_results_pass_from_task_to_task(self) -> None:
        made = engine.load(linear_flow.Flow("f").add(Remember([])), {"given": "a"})
        made.run()
        self.assertEqual("A", made.storage.fetch("seen"))

    def test_failures_revert_in_order(self) -> None:
        notes: list[str] = []
        made = engine.load(linear_flow.Flow("f").add(Remember(notes), Fail()), {"given": "a"})
        with self.assertRaisesRegex(RuntimeError, "no A"):
            made.run()
        self.assertEqual(["reverted A"], notes)

    def test_what_was_not_kept_cannot_be_had(self) -> None:
        kept = engine.Unkept()
        with self.assertRaisesRegex(LookupError, "was not kept"):
            kept.get_logbook("x")
        self.assertIs(kept, kept.get_connection().backend)
        for harmless in (kept.validate, kept.upgrade, kept.clear_all, kept.close):
            harmless()


class TestKept(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.made = 0
        self.seen: list[str] = []
        self.failing = False

    def a_flow(self) -> linear_flow.Flow:
        self.made += 1
        return linear_flow.Flow("f").add(Remember([]), Note(self))

    def test_one_engine_for_flow_after_flow_each_with_its_own_inputs(self) -> None:
        kept = engine.Kept(self.a_flow)
        for given in "abc":
            kept.run({"given": given})
        self.assertEqual((["A", "B", "C"], 1), (self.seen, self.made))

    def test_an_engine_whose_flow_failed_is_replaced(self) -> None:
        kept = engine.Kept(self.a_flow)
        kept.run({"given": "a"})
        self.failing = True
        with self.assertRaisesRegex(RuntimeError, "no B"):
            kept.run({"given": "b"})
        self.failing = False
        kept.run({"given": "c"})
        self.assertEqual((["A", "B", "C"], 2), (self.seen, self.made))

    def test_as_many_engines_as_flows_at_a_time(self) -> None:
        kept = engine.Kept(self.a_flow)
        inner: list[str] = []
        self.during = lambda: inner or (inner.append("once"), kept.run({"given": "b"}))
        kept.run({"given": "a"})
        kept.run({"given": "c"})
        self.assertEqual((["A", "B", "C"], 2), (self.seen, self.made))

    def test_what_a_failed_flow_did_is_reverted_and_how_far_a_task_is_is_not_kept(self) -> None:
        notes: list[str] = []
        kept = engine.Kept(lambda: linear_flow.Flow("f").add(Halfway(notes), Fail()))
        for given in "ab":
            with self.assertRaisesRegex(RuntimeError, f"no {given.upper()}"):
                kept.run({"given": given})
        self.assertEqual(["reverted A", "reverted B"], notes)

    def during(self) -> object:
        """What happens while a flow runs."""
        return None


class Halfway(Remember):
    """Says how far it is."""

    def execute(self, given: str) -> str:
        self.update_progress(0.5)
        return super().execute(given)


class Note(task.Task):  # type: ignore[misc]
    def __init__(self, test: TestKept) -> None:
        super().__init__()
        self.test = test

    def execute(self, seen: str) -> None:
        self.test.seen.append(seen)
        self.test.during()
        if self.test.failing:
            raise RuntimeError(f"no {seen}")
