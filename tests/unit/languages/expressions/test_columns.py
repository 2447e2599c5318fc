"""Many rows at once have the values that each row has alone, whatever the expression and the values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import hypothesis
from hypothesis import strategies as st

from tests import TestCase
from tests.unit.languages.expressions.table import Table
from volsched.exceptions import ExpressionError
from volsched.languages.expressions import Outcomes, compile_expression

SHARED: dict[str, Any] = {
    "volume": {"size": 10, "name": "data", "count": "7", "rate": 2.9, "host": None},
    "extra": {"tier": "gold"},
    "qos": None,
}
VARIABLES = ("stats.a", "stats.b", "capabilities.c", "volume.size", "volume.name", "volume.rate", "extra.tier", "qos.x")
WORDS = ("gold", "True", "not", "and", "or", "inf", "nan", "max", "sum", "a.b.c")
NUMBERS = st.sampled_from((0, 1, 2, 5, -3, 0.5, 99.9, 7, 1000))
ODD = st.sampled_from(
    (2**53, 2**60, 1e20, 1e308, math.inf, math.nan, -0.0, "7", "2.5", "1_0", "infinite", "gold", "", True, False, None)
)


def _joined(parts: tuple[str, ...]) -> str:
    return " ".join(parts)


def _expressions() -> st.SearchStrategy[str]:
    atoms = st.sampled_from((*VARIABLES, *VARIABLES, *WORDS, "0", "1", "2", "0.5", "100", "'gold'", '"7"'))
    operators = st.sampled_from(
        ("+", "-", "*", "/", "^", "<", "<=", ">", ">=", "==", "!=", "and", "or", "&&", "||", ",", "? 1 :", "? 0.5 :")
    )

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.tuples(inner, operators, inner).map(_joined),
            st.tuples(inner, operators, inner, operators, inner).map(_joined),
            st.tuples(st.sampled_from(("-", "+", "not ", "!")), inner).map("".join),
            inner.map(lambda text: f"({text})"),
            st.tuples(st.sampled_from(("abs", "min", "max", "sum")), st.lists(inner, min_size=1, max_size=3)).map(
                lambda call: f"{call[0]}({', '.join(call[1])})"
            ),
            st.tuples(inner, inner, inner).map(lambda part: f"({part[0]}) ? ({part[1]}) : {part[2]}"),
        )

    return st.recursive(atoms, larger, max_leaves=12)


def _rows() -> st.SearchStrategy[list[dict[str, dict[str, Any]]]]:
    values = st.one_of(NUMBERS, NUMBERS, NUMBERS, ODD)
    stats = st.fixed_dictionaries({}, optional={"a": values, "b": values})
    capabilities = st.fixed_dictionaries({}, optional={"c": values})
    return st.lists(st.fixed_dictionaries({"stats": stats, "capabilities": capabilities}), max_size=8)


def outcome(evaluate: Callable[[Any], Any], argument: Any) -> tuple[str, Any]:
    """A value or an error in a form that can be compared; 1 and 1.0 are alike, 1 and True are not."""
    try:
        value = evaluate(argument)
    except ExpressionError as error:
        return error.kind, error.problem
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number", "nan" if value != value else value
    return type(value).__name__, repr(value)


class TestColumns(TestCase):
    @hypothesis.settings(max_examples=300)
    @hypothesis.given(
        _expressions(), _rows(), st.sampled_from(("strict", "cinder")), st.booleans(), st.sampled_from((0, 4))
    )
    @hypothesis.example("stats.a ^ stats.b", [{"stats": {"a": 1, "b": math.inf}}] * 3, "cinder", False, 0)
    @hypothesis.example("(0 - 1) ^ 3 ^ stats.a", [{"stats": {"a": 40}}], "cinder", False, 0)
    @hypothesis.example("stats.a and volume.gone", [{"stats": {"a": 0}}], "strict", True, 0)
    @hypothesis.example(
        "stats.a == 'gold' and capabilities.c > 1", [{"stats": {"a": "gold"}, "capabilities": {}}], "strict", True, 0
    )
    def test_each_row_is_as_it_is_alone(
        self, text: str, rows: list[dict[str, dict[str, Any]]], dialect: str, interned: bool, few: int
    ) -> None:
        try:
            expression = compile_expression(text, dialect)
        except ExpressionError:
            return
        table = Table(expression, SHARED, rows, interned=interned, few=few)
        outcomes = expression.evaluate_rows(table)
        self.assertEqual(len(rows), len(outcomes))
        for row in range(len(rows)):
            alone = outcome(expression.evaluate, table.namespaces(row))
            self.assertEqual(alone, outcome(outcomes.value, row), f"{text!r} in row {row}")

    def test_true_rows(self) -> None:
        rows = [{"stats": {"a": value}} for value in (1, 0, "text", 2**70, None)]
        for dialect, expected in (
            ("cinder", [True, False, True, True, False]),
            ("strict", [True, False, False, True, False]),
        ):
            with self.subTest(dialect):
                expression = compile_expression("stats.a", dialect)
                found = expression.true_rows(expression.evaluate_rows(Table(expression, SHARED, rows)))
                self.assertEqual(expected, found.tolist())

    def test_distinct_texts_are_judged_once(self) -> None:
        expression = compile_expression("stats.a == 'x'", "strict")
        rows = [{"stats": {"a": "x" if row % 2 else "y"}} for row in range(1000)]
        outcomes = expression.evaluate_rows(Table(expression, SHARED, rows, interned=True))
        self.assertEqual(500, int(outcomes.numbers.sum()))
        self.assertEqual(({}, {}), (outcomes.others, outcomes.errors))

    def test_no_rows(self) -> None:
        expression = compile_expression("stats.a / 0", "strict")
        self.assertEqual(0, len(expression.evaluate_rows(Table(expression, SHARED, []))))

    def test_one_value_for_all(self) -> None:
        rows: list[dict[str, dict[str, Any]]] = [{}, {}, {}]
        for text, expected in (("volume.size * 2", 20), ("volume.name", "data"), ("volume.size > 1", True)):
            with self.subTest(text):
                expression = compile_expression(text, "cinder")
                outcomes: Outcomes = expression.evaluate_rows(Table(expression, SHARED, rows))
                self.assertEqual([expected] * 3, [outcomes.value(row) for row in range(3)])


class TestFuzz(TestCase):
    """Nothing but ExpressionError leaves, whatever the text."""

    ALPHABET = st.sampled_from(
        [*"()!?:,+-*/^<>=&|\"'\\ .\t\n_09éx", "and", "or", "not", "volume.size", "stats.a", "max"]
    )

    @hypothesis.settings(max_examples=300)
    @hypothesis.given(st.one_of(st.text(max_size=60), st.lists(ALPHABET, max_size=40).map("".join), _expressions()))
    def test_any_text(self, text: str) -> None:
        for dialect in ("strict", "cinder"):
            try:
                compile_expression(text, dialect).evaluate({**SHARED, "stats": {"a": "x"}, "capabilities": {}})
            except ExpressionError as error:
                self.assertEqual(text, error.text)
                self.assertLess(len(str(error)), 1000)
