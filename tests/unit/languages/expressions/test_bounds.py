"""No text is expensive: what would be is refused, by a bound that has a name."""

from __future__ import annotations

from tests import TestCase
from volsched.exceptions import ExpressionError
from volsched.languages.expressions import bounds, compile_expression, names

DIALECTS = ("strict", "cinder")


class TestBounds(TestCase):
    def refused(self, text: str, kind: str) -> None:
        for dialect in DIALECTS:
            with self.subTest(text[:30], dialect=dialect), self.assertRaises(ExpressionError) as caught:
                compile_expression(text, dialect).evaluate({"volume": {"name": "x" * 1000}})
            self.assertEqual(kind, caught.exception.kind, str(caught.exception))

    def test_large_powers_and_products(self) -> None:
        self.refused("9^9^7", "limit")
        self.refused("9^9^9^9", "limit")
        self.refused("9999999999^9999999999", "limit")
        self.refused("*".join(["(9^9999)"] * 10), "limit")

    def test_results_within_the_bounds_are_exact(self) -> None:
        for dialect in DIALECTS:
            self.assertEqual(9**9999, compile_expression("9^9999", dialect).evaluate({}))

    def test_long_texts_and_lists(self) -> None:
        for text in ("volume.name * 999999999999", "999999999999 * 'a'", "(1, 2) * 99999999"):
            with self.subTest(text), self.assertRaises(ExpressionError) as caught:
                compile_expression(text, "cinder").evaluate({"volume": {"name": "x"}})
            self.assertEqual("limit", caught.exception.kind)

    def test_nesting(self) -> None:
        self.refused("(" * 300 + "1" + ")" * 300, "RecursionError")
        for dialect in DIALECTS:
            deep = "(" * bounds.MAX_NESTING + "1" + ")" * bounds.MAX_NESTING
            self.assertEqual(1, compile_expression(deep, dialect).evaluate({}))

    def test_the_deepest_nesting_of_every_level_at_once(self) -> None:
        text = "1"
        for _ in range(bounds.MAX_NESTING - 1):
            text = f"(0 or 1 and 1 ? 0 == 0 < not - 2 * 1 - 1 ^ abs({text}) : 0)"
        self.assertIn("nested", self.problem(text))
        text = "1"
        for _ in range(bounds.MAX_NESTING // 2):
            text = f"(0 or (1) and (1) ? 0 == 0 < 1 + 2 * - 1 ^ abs({text}) : 0)"
        for dialect in DIALECTS:
            compile_expression(text, dialect).evaluate({})

    def problem(self, text: str) -> str:
        with self.assertRaises(ExpressionError) as caught:
            compile_expression(text, "strict")
        return caught.exception.problem

    def test_chains_of_prefixes(self) -> None:
        self.refused("!" * 400 + "1", "RecursionError")
        self.refused("-" * 400 + "1", "RecursionError")
        self.refused("^".join(["1"] * 400), "RecursionError")
        for dialect in DIALECTS:
            self.assertIs(True, compile_expression("!" * 100 + "1", dialect).evaluate({}))
            self.assertEqual(1, compile_expression("-" * 100 + "1", dialect).evaluate({}))
            self.assertEqual(2, compile_expression("2^" + "^".join(["1"] * 100), dialect).evaluate({}))
        with self.assertRaises(ExpressionError):
            compile_expression("abs " * 400 + "1", "cinder")

    def test_long_chains_need_no_stack(self) -> None:
        for dialect in DIALECTS:
            for text, result in (
                ("max(" + ",".join(str(number) for number in range(2000)) + ")", 1999),
                ("+".join(["1"] * 2000), 2000),
                (" < ".join(str(number) for number in range(1500)), True),
                (" and ".join(["1"] * 2000), 1),
                ("0 ? 1 : " * 1000 + "0", 0),
            ):
                with self.subTest(text[:20], dialect=dialect):
                    self.assertEqual(result, compile_expression(text, dialect).evaluate({}))

    def test_length_words_and_variables(self) -> None:
        self.refused("'" + "a" * bounds.MAX_CHARACTERS + "'", "limit")
        self.refused("+".join(["1"] * 3000), "limit")
        self.refused(" + ".join(f"volume.{letter * count}" for letter in "abcd" for count in range(1, 10)), "limit")

    def test_parentheses_within_quotes_do_not_nest(self) -> None:
        for dialect in DIALECTS:
            text = "'" + "(" * 100 + "'"
            self.assertEqual("(" * 100, compile_expression(text, dialect).evaluate({}))

    def test_quotes_without_an_end(self) -> None:
        self.refused('"' + '""' * 5000, "EvaluatorParseException")
        self.refused("'" * 9999, "EvaluatorParseException")

    def test_names_of_the_variables(self) -> None:
        self.assertEqual(("stats.a", "volume.size"), names("volume.size > stats.a + volume.size"))
        self.assertEqual(("volume.size",), names("volume.size", "cinder"))
