"""Each known trap of Cinder's evaluator: the dialect `cinder` repeats it, `strict` does what one would expect."""

from __future__ import annotations

import threading
from typing import Any

from tests import TestCase
from volsched.exceptions import ExpressionError
from volsched.languages.expressions import compile_expression

POOL: dict[str, dict[str, Any]] = {
    "volume": {"size": 5, "gone": None},
    "stats": {"free": 99.9, "half": 0.75, "ok": True, "name": "abc", "x": 1, "count": "1_0", "wide": " 8 "},
    "capabilities": {},
    "extra": {},
    "qos": {"iops": "500"},
}


class TrapTestCase(TestCase):
    def assert_reads(self, text: str, *, cinder: Any, strict: Any) -> None:
        """Both results; an error is given as its class, or for `cinder` as its kind in a tuple."""
        for dialect, expected in (("cinder", cinder), ("strict", strict)):
            with self.subTest(text, dialect=dialect):
                if expected is ExpressionError or isinstance(expected, tuple):
                    with self.assertRaises(ExpressionError) as caught:
                        compile_expression(text, dialect).evaluate(POOL)
                    if isinstance(expected, tuple):
                        self.assertEqual(expected[0], caught.exception.kind)
                else:
                    found = compile_expression(text, dialect).evaluate(POOL)
                    self.assertEqual((type(expected), expected), (type(found), found))


class TestEvaluatorTraps(TrapTestCase):
    def test_e01_third_operands_of_chains(self) -> None:
        self.assert_reads("1 and 1 and 0", cinder=1, strict=0)
        self.assert_reads("0 or 0 or 1", cinder=0, strict=1)
        self.assert_reads("volume.size > 1 and (volume.size) > 2 and volume.size > 99", cinder=True, strict=False)
        self.assert_reads("1 and (1 and 0)", cinder=0, strict=0)

    def test_e02_chains_of_ternaries_and_what_binds_tighter(self) -> None:
        self.assert_reads("0 ? 1 : 0 ? 2 : 3", cinder=0, strict=3)
        self.assert_reads("0 ? 1 : (0 ? 2 : 3)", cinder=3, strict=3)
        self.assert_reads("1 > 2 ? 1 : 2 > 1 ? 5 : 6", cinder=True, strict=5)
        self.assert_reads("1 or 0 ? 5 : 6", cinder=1, strict=5)
        self.assert_reads("(1 and 0) ? 5 : 6", cinder=6, strict=6)

    def test_e03_fractions(self) -> None:
        self.assert_reads("stats.free == 99", cinder=True, strict=False)
        self.assert_reads("stats.free > 99.5", cinder=False, strict=True)
        self.assert_reads("stats.half * 100", cinder=0, strict=75.0)
        self.assert_reads("99.9 > 99.5", cinder=True, strict=True)

    def test_e04_bare_words(self) -> None:
        self.assert_reads("False", cinder="False", strict=False)
        self.assert_reads("not False", cinder=False, strict=True)
        self.assert_reads("False ? 1 : 0", cinder=1, strict=0)
        self.assert_reads("stats.ok == True", cinder=False, strict=True)
        self.assert_reads("stats.name == abc", cinder=True, strict=ExpressionError)
        self.assert_reads("stats.name == 'abc'", cinder=True, strict=True)

    def test_e05_words_without_boundaries(self) -> None:
        self.assert_reads("notify", cinder=False, strict=ExpressionError)
        self.assert_reads("5 andx", cinder="x", strict=ExpressionError)
        self.assert_reads("1and0", cinder=0, strict=ExpressionError)
        self.assert_reads("volume.size and stats.x", cinder=("KeyError",), strict=1)
        self.assert_reads("(volume.size) and (stats.x)", cinder=1, strict=1)
        self.assert_reads("not * 2", cinder="notnot", strict=ExpressionError)
        self.assert_reads("not != 5", cinder=True, strict=ExpressionError)

    def test_e06_no_short_circuit(self) -> None:
        self.assert_reads("1 > 0 or 1 / 0", cinder=("EvaluatorParseException",), strict=True)
        self.assert_reads("0 > 1 and 1 / 0", cinder=("EvaluatorParseException",), strict=False)

    def test_e07_digits_in_names(self) -> None:
        pool = {**POOL, "stats": {"pool2": 7}}
        self.assertEqual(7, compile_expression("stats.pool2", "strict").evaluate(pool))
        with self.assertRaises(ExpressionError):
            compile_expression("stats.pool2", "cinder").evaluate(pool)

    def test_e08_failures_keep_their_kind(self) -> None:
        for text, kind in (
            ("max(1)", "TypeError"),
            ("sum(1, 2)", "KeyError"),
            ("1 / 'a'", "ValueError"),
            ("0 ^ (0 - 1)", "ZeroDivisionError"),
            ("2 * 0 ^ (0 - 1)", "EvaluatorParseException"),
            ("10.5 ^ 999", "OverflowError"),
            ("volume.gone", "TypeError"),
            ("volume.no", "EvaluatorParseException"),
            ("1 +", "EvaluatorParseException"),
        ):
            with self.subTest(text), self.assertRaises(ExpressionError) as caught:
                compile_expression(text, "cinder").evaluate(POOL)
            self.assertEqual(kind, caught.exception.kind)

    def test_e09_texts_become_numbers(self) -> None:
        self.assert_reads("stats.count == 10", cinder=True, strict=ExpressionError)
        self.assert_reads("stats.wide + 1", cinder=9, strict=ExpressionError)
        self.assert_reads("qos.iops > 100", cinder=True, strict=True)
        self.assert_reads("qos.iops == '500'", cinder=False, strict=True)
        self.assert_reads("nan == 1", cinder=False, strict=ExpressionError)

    def test_e10_oddities_of_the_grammar(self) -> None:
        self.assert_reads("2^-1", cinder=("EvaluatorParseException",), strict=0.5)
        self.assert_reads("abs -5", cinder=("TypeError",), strict=ExpressionError)
        self.assert_reads('"it\'s"', cinder="its", strict="it's")
        self.assert_reads('"a""b"', cinder="ab", strict='a"b')
        self.assert_reads(r'"a\"b"', cinder="a\\b", strict='a"b')

    def test_e12_threads_share_nothing(self) -> None:
        expression = compile_expression("volume.size * 2 + stats.x", "cinder")
        wrong: list[tuple[int, Any]] = []

        def evaluate(size: int) -> None:
            for _ in range(300):
                found = expression.evaluate({"volume": {"size": size}, "stats": {"x": 1}})
                if found != size * 2 + 1:
                    wrong.append((size, found))

        threads = [threading.Thread(target=evaluate, args=(size,)) for size in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], wrong)

    def test_b2_variables_calls_and_not_parse(self) -> None:
        self.assert_reads("volume.size < 10", cinder=True, strict=True)
        self.assert_reads("not 1", cinder=False, strict=False)
        self.assert_reads("abs(-3)", cinder=3, strict=3)

    def test_lists_take_in_what_can_be_iterated(self) -> None:
        self.assert_reads("(1, 2) + 'ab'", cinder=[1, 2, "a", "b"], strict=ExpressionError)
        self.assert_reads("'ab' + (1, 2)", cinder=("TypeError",), strict=ExpressionError)
        self.assert_reads("max((1, 2), (1, 3))", cinder=("TypeError",), strict=ExpressionError)
        self.assert_reads("1, (2, 3)", cinder=[1, 2, 3], strict=ExpressionError)
