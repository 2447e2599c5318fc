"""Sequences that are worked out when somebody looks."""

from __future__ import annotations

from tests import TestCase
from volsched.model.decision import LazySequence


class LateTest(TestCase):
    def test_a_sequence_is_worked_out_once_and_late(self) -> None:
        asked: list[int] = []
        items = LazySequence(lambda: asked.append(1) or [1, 2, 3])
        self.assertEqual([], asked)
        self.assertEqual((3, 2, [1, 2, 3]), (len(items), items[1], list(items)))
        self.assertEqual([1], asked)
