"""What the dialect `strict` means, and what it calls an error."""

from __future__ import annotations

from typing import Any

from tests import TestCase
from volsched.exceptions import ExpressionError
from volsched.languages.expressions import compile_expression

NAMESPACES: dict[str, Any] = {
    "volume": {"size": 10, "name": "data", "host": None, "metadata": {"a": "b"}, "flag": True},
    "extra": {"tier": "gold", "limit": "100", "more": "99.5"},
    "qos": None,
    "capabilities": {"rate": 2.5, "nan": float("nan"), "list": ["FC", "fc"]},
    "stats": {"free_capacity_gb": "infinite", "total_capacity_gb": "unknown"},
}


class TestStrict(TestCase):
    def value(self, text: str) -> Any:
        return compile_expression(text, "strict").evaluate(NAMESPACES)

    def problem(self, text: str) -> str:
        with self.assertRaises(ExpressionError) as caught:
            self.value(text)
        return caught.exception.problem

    def test_values(self) -> None:
        for text, expected in (
            ("7 / 2", 3.5),
            ("6 / 2 * 3", 9.0),
            ("2 - 3 - 4", -5),
            ("-3 ^ 2", -9),
            ("2 ^ 3 ^ 2", 512),
            ("2 ^ -1 ^ 2", 0.5),
            ("2 ^ --2", 4),
            ("not 1 == 2", False),
            ("!(1 == 2)", True),
            ("1 < 2 < 3", True),
            ("3 > 2 > 2", False),
            ("1 <> 2", True),
            ("volume.size > 5 ? 100 : 50", 100),
            ("volume.size > 50 ? 1 : volume.size > 20 ? 2 : volume.size > 5 ? 3 : 4", 3),
            ("volume.size > 50 && 1 || 7", 7),
            ("max(1, volume.size, 3) + min(4, 2) - abs(0 - 1)", 11),
            ("capabilities.rate * 2", 5.0),
            ("volume.flag == true", True),
            ("volume.flag and TRUE", True),
            ("extra.tier == 'gold'", True),
            ('extra.tier != "gold"', False),
            ("extra.limit == 100", True),
            ("extra.limit == '100'", True),
            ("extra.limit > extra.more", True),
            ("extra.tier < 'silver'", True),
            ("stats.free_capacity_gb > 1000000", True),
            ("stats.free_capacity_gb == 'infinite'", True),
            ("stats.total_capacity_gb == 'unknown'", True),
            ("1\t<\n2\r", True),
        ):
            with self.subTest(text):
                found = self.value(text)
                self.assertEqual((type(expected), expected), (type(found), found))

    def test_errors_say_what_and_where(self) -> None:
        for text, problem in (
            ("gold", "unknown name gold: write text in quotes"),
            ("capabilitees.x > 1", "unknown name capabilitees.x; did you mean capabilities?"),
            ("volume.metadata.a", "unknown name volume.metadata.a"),
            ("volume.siez > 1", "unknown name volume.siez"),
            ("0 and volume.siez", "unknown name volume.siez"),
            ("qos.iops > 1", "there is no qos"),
            ("volume.host == 'a'", "volume.host has no value"),
            ("volume.metadata == 'a'", "neither a number nor a text"),
            ("capabilities.list == 'FC'", "neither a number nor a text"),
            ("capabilities.nan > 1", "is not known"),
            ("stats.total_capacity_gb > 1", "the text 'unknown' is not a number"),
            ("stats.free_capacity_gb - stats.free_capacity_gb", "has no value"),
            ("volume.name", None),
            ("not volume.name", "neither true nor false"),
            ("volume.name ? 1 : 2", "neither true nor false"),
            ("volume.name == 1", "the text 'data' is not a number"),
            ("volume.name * 2", "the text 'data' is not a number"),
            ("1 / (2 - 2)", "division by zero"),
            ("0 ^ -1", "division by zero"),
            ("(0 - 8) ^ 0.5", "not a real number"),
            ("avg(1, 2)", "unknown function avg; there are abs, max, min"),
            ("maxx(1, 2)", "unknown function maxx; did you mean max?"),
            ("abs(1, 2)", "abs takes one value, 2 given"),
            ("abs 5", "unexpected '5'"),
            ("1, 2", "unexpected ','"),
            ("(1", "got the end"),
            ("", "got the end"),
            ("1 $ 2", "unexpected '$'"),
            ("'abc", "quoted text without an end"),
            ("1 ? 2", "got the end"),
            ("1 ? 2 ? 3 : 4 : 5", "unexpected '?'"),
            ("5 andx", "unexpected 'andx'"),
            ("volume.size > 5 And 1", "unexpected 'And'"),
            ("1 = 1", "unexpected '='"),
            ("0x10", "unexpected 'x10'"),
            ("1" * 400, "a number of 400 digits"),
        ):
            with self.subTest(text):
                if problem is None:
                    self.assertEqual("data", self.value(text))
                else:
                    self.assertIn(problem, self.problem(text))

    def test_a_position_is_where_it_went_wrong(self) -> None:
        for text, position in (("1 + * 2", 4), ("1 + gold", 4), ("(1 + 2", 6), ("volume.size > nope.x", 14)):
            with self.subTest(text), self.assertRaises(ExpressionError) as caught:
                compile_expression(text, "strict")
            self.assertEqual(position, caught.exception.position)

    def test_what_counts_as_true(self) -> None:
        expression = compile_expression("volume.name", "strict")
        self.assertIs(True, expression.is_true(2.5))
        self.assertIs(False, expression.is_true(0))
        with self.assertRaises(ExpressionError):
            expression.is_true("text")
        self.assertIs(True, compile_expression("a", "cinder").is_true("text"))
