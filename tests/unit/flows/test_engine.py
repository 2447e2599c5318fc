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
