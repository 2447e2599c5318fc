from __future__ import annotations

from tests import TestCase
from volsched.cli import command
from volsched.exceptions import InvalidRequest


class TestPairs(TestCase):
    def test_pairs_become_a_dict_and_only_the_first_equals_sign_splits(self) -> None:
        self.assertEqual({"a": "1", "b": "x=y", "c": ""}, command.pairs("metadata", ["a=1", "b=x=y", "c="]))

    def test_an_invalid_pair_is_refused_with_its_field(self) -> None:
        for text in ("novalue", "=5", "  =5", ""):
            with self.subTest(text), self.assertRaises(InvalidRequest) as caught:
                command.pairs("extra_spec", [text])
            self.assertEqual("extra_spec", caught.exception.field)
            self.assertIn(repr(text), caught.exception.problem)

    def test_a_key_given_twice_is_refused(self) -> None:
        with self.assertRaisesRegex(InvalidRequest, "metadata: 'a' is given twice"):
            command.pairs("metadata", ["a=1", "a=2"])


class TestHints(TestCase):
    def test_a_repeated_hint_becomes_a_list(self) -> None:
        given = ["different_host=one", "query=[]", "different_host=two"]
        self.assertEqual({"different_host": ["one", "two"], "query": "[]"}, command.hints(given))

    def test_an_invalid_hint_is_refused(self) -> None:
        with self.assertRaisesRegex(InvalidRequest, "hint: expected KEY=VALUE, got 'same_host'"):
            command.hints(["same_host"])
