"""Sequences and mappings that are worked out when somebody looks."""

from __future__ import annotations

from tests import TestCase
from volsched.domain.late import Late, LateMapping


class LateTest(TestCase):
    def test_a_sequence_is_worked_out_once_and_late(self) -> None:
        asked: list[int] = []
        items = Late(lambda: asked.append(1) or [1, 2, 3])
        self.assertEqual([], asked)
        self.assertEqual((3, 2, [1, 2, 3]), (len(items), items[1], list(items)))
        self.assertEqual([1], asked)

    def test_a_mapping_is_worked_out_once_and_late(self) -> None:
        asked: list[int] = []
        mapping = LateMapping(lambda: asked.append(1) or {"a": 1})
        self.assertEqual([], asked)
        self.assertEqual((1, 1, {"a": 1}), (len(mapping), mapping["a"], dict(mapping)))
        self.assertEqual({"a": 1}, mapping)
        self.assertEqual([1], asked)
