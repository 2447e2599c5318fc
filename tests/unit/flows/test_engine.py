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


class Give(task.Task):  # type: ignore[misc]
    """Returns what its constructor was told to provide."""

    def __init__(self, value: object, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._value = value

    def execute(self) -> object:
        return self._value


class Collect(task.Task):  # type: ignore[misc]
    def __init__(self, notes: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._notes = notes

    def execute(self, one: str, other: str) -> None:
        self._notes.append(f"{one} {other}")


class TestInlineRunner(TestCase):
    def test_inputs_and_results_are_those_that_the_tasks_declare(self) -> None:
        for value, provides in (("a", "x"), (("a",), ("x",)), ({"x": "a"}, {"x"})):
            notes: list[str] = []
            flow = linear_flow.Flow("f").add(Give(value, provides=provides), Collect(notes, rebind=["x", "given"]))
            with self.subTest(provides=provides):
                engine.InlineRunner(flow).run({"given": "b"})
                self.assertEqual(["a b"], notes)

    def test_a_failure_is_raised_and_later_tasks_do_not_run(self) -> None:
        notes: list[str] = []
        flow = linear_flow.Flow("f").add(Fail(rebind=["given"]), Collect(notes, rebind=["given", "given"]))
        with self.assertRaisesRegex(RuntimeError, "no b"):
            engine.InlineRunner(flow).run({"given": "b"})
        self.assertEqual([], notes)

    def test_a_task_that_can_be_reverted_needs_an_engine(self) -> None:
        with self.assertRaisesRegex(ValueError, "without revert"):
            engine.InlineRunner(linear_flow.Flow("f").add(Remember([])))
