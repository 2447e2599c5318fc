"""Evaluation of an expression for many rows at once, with the same results as row by row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from volsched.exceptions import ExpressionError
from volsched.languages.expressions.nodes import (
    Call,
    Chain,
    Choice,
    Comparison,
    Frame,
    Listing,
    Node,
    Not,
    Power,
    Product,
    Signed,
    Sum,
    Variable,
)
from volsched.languages.expressions.rows import MISSING, Numbers, Outcomes, Positions, Rows, Truths
from volsched.languages.expressions.semantics import EXACT, FUNCTIONS, DialectRules, EvaluationError, exact_float


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The values of some rows as exact floats, and which of them are bools."""

    numbers: Numbers
    truths: Truths

    def at(self, positions: Any) -> Cells:
        return Cells(self.numbers[positions], self.truths[positions])


class ColumnEvaluation:
    """One evaluation for rows.

    Rows whose values are exact numbers are computed together. Other rows are marked in `deferred` and evaluated one by
    one afterwards; their cells are meaningless until then.
    """

    def __init__(self, rows: Rows, rules: DialectRules, text: str) -> None:
        self.rows = rows
        self.rules = rules
        self.text = text
        self.deferred = np.zeros(len(rows), np.bool_)
        self.errors: dict[int, ExpressionError] = {}

    def evaluate(
        self, node: Node, variables: Sequence[Variable], evaluate_row: Callable[[Mapping[str, Any]], Any]
    ) -> Outcomes:
        """Return every row's outcome; `evaluate_row` evaluates one row's namespaces, or raises ExpressionError."""
        everything = np.arange(len(self.rows))
        if everything.size and not self._columns(node):
            return self._shared_outcome(evaluate_row)
        with np.errstate(all="ignore"):
            if len(self.rows) < self.rows.few:
                cells = self._defer(everything)
            else:
                if not self.rules.eager:
                    for variable in variables:
                        self._check(variable, everything)
                cells = self.value(node, everything)
        numbers, truths = cells.numbers.copy(), cells.truths.copy()
        others: dict[int, Any] = {}
        for row, value in self._deferred_values(node, evaluate_row):
            if isinstance(value, ExpressionError):
                self.errors[row] = value
                continue
            self.errors.pop(row, None)
            numbers[row], truths[row] = exact_float(value), isinstance(value, bool)
            if math.isnan(numbers[row]):
                others[row] = value
        for row in self.errors:
            numbers[row], truths[row] = math.nan, False
        return Outcomes(numbers, truths, others, self.errors)

    def _deferred_values(
        self, node: Node, evaluate_row: Callable[[Mapping[str, Any]], Any]
    ) -> Iterator[tuple[int, Any]]:
        """Yield the value or error of each deferred row, evaluated once for rows with equal raw values."""
        reads = [(name, *name.split(".")) for name in self._columns(node)]
        known: dict[tuple[Any, ...], Any] = {}
        for row in np.flatnonzero(self.deferred).tolist():
            namespaces = {**self.rows.shared, **{namespace: {} for _, namespace, _ in reads}}
            marks = []
            for _, namespace, key in reads:
                raw = self.rows.raw(namespace, key, row)
                marks.append(_value_key(raw))
                if raw is not MISSING:
                    namespaces[namespace][key] = raw
            mark = tuple(marks)
            if mark not in known:
                try:
                    known[mark] = evaluate_row(namespaces)
                except ExpressionError as error:
                    known[mark] = error
            yield row, known[mark]

    def _columns(self, node: Node) -> list[str]:
        """Return the variables of a node that differ from row to row."""
        return [name for name in node.names if name.partition(".")[0] not in self.rows.shared]

    def _shared_outcome(self, evaluate_row: Callable[[Mapping[str, Any]], Any]) -> Outcomes:
        """Return the same value or error for all rows."""
        every = range(len(self.rows))
        number, truth, others = math.nan, False, {}
        try:
            value = evaluate_row(self.rows.shared)
        except ExpressionError as error:
            self.errors = dict.fromkeys(every, error)
        else:
            number, truth = exact_float(value), isinstance(value, bool)
            others = dict.fromkeys(every, value) if math.isnan(number) else {}
        return Outcomes(np.full(len(every), number), np.full(len(every), truth), others, self.errors)

    def value(self, node: Node, at: Positions) -> Cells:
        """Return the cells of `node` for the rows `at`."""
        if not len(at):
            return self._cells(at, 0.0)
        names = self._columns(node)
        if not names:
            return self._constant(node, at)
        if len(names) == 1:
            namespace, _, key = names[0].partition(".")
            numbers = self.rows.numbers(namespace, key)[at]
            odd = np.isnan(numbers)
            if odd.any():
                return self._by_value(node, namespace, key, at, odd)
        return _COLUMN_METHODS[type(node)](self, node, at)

    # Errors and deferred rows.

    def fail(self, at: Positions, error: EvaluationError) -> None:
        """Record an error for these rows, unless they have one."""
        about = error.about(self.text)
        for row in at[~self.deferred[at]].tolist():
            self.errors.setdefault(row, about)

    def _defer_inexact(self, cells: Cells, at: Positions) -> Cells:
        """Return `cells`, and defer the rows whose number is not exact."""
        lost = ~(np.abs(cells.numbers) <= EXACT)
        if lost.any():
            self.deferred[at[lost]] = True
        return cells

    def _defer(self, at: Positions) -> Cells:
        self.deferred[at] = True
        return self._cells(at, 0.0)

    @staticmethod
    def _cells(at: Positions, number: float, *, truth: bool = False) -> Cells:
        return Cells(np.full(len(at), number), np.full(len(at), truth))

    # Values evaluated one by one, each distinct value once.

    def _constant(self, node: Node, at: Positions) -> Cells:
        """Return the same value for every row."""
        return self._same_value(node, self.rows.shared, at)

    def _same_value(self, node: Node, namespaces: Mapping[str, Any], at: Positions) -> Cells:
        try:
            value = evaluate_node(node, Frame(self.rules, namespaces))
        except EvaluationError as error:
            self.fail(at, error)
            return self._cells(at, 0.0)
        number = exact_float(value)
        if math.isnan(number):
            return self._defer(at)
        return self._cells(at, number, truth=isinstance(value, bool))

    def _by_value(self, node: Node, namespace: str, key: str, at: Positions, odd: Truths) -> Cells:
        """Evaluate a node with one variable, which is not a number in the `odd` rows, once per distinct odd value."""
        numbers, truths = np.zeros(len(at)), np.zeros(len(at), np.bool_)
        plain_at = np.flatnonzero(~odd)
        if len(plain_at):
            cells = _COLUMN_METHODS[type(node)](self, node, at[plain_at])
            numbers[plain_at], truths[plain_at] = cells.numbers, cells.truths
        held: dict[str, Any] = {}
        namespaces = {**self.rows.shared, namespace: held}
        for raw, positions in self._distinct(namespace, key, at, np.flatnonzero(odd)):
            held.clear()
            if raw is not MISSING:
                held[key] = raw
            cells = self._same_value(node, namespaces, at[positions])
            numbers[positions], truths[positions] = cells.numbers, cells.truths
        return Cells(numbers, truths)

    def _distinct(self, namespace: str, key: str, at: Positions, odd: Positions) -> list[tuple[Any, Positions]]:
        """Return the distinct raw values of the rows `at[odd]`, each with its positions."""
        coded = self.rows.coded(namespace, key)
        if coded is not None:
            return [(coded.values[code], odd[group]) for code, group in grouped(coded.codes[at[odd]])]
        found: dict[Any, tuple[Any, list[int]]] = {}
        for position, row in zip(odd.tolist(), at[odd].tolist(), strict=True):
            raw = self.rows.raw(namespace, key, row)
            found.setdefault(_value_key(raw), (raw, []))[1].append(position)
        return [(raw, np.array(positions, np.intp)) for raw, positions in found.values()]

    def _check(self, variable: Variable, at: Positions) -> None:
        """Record an error for rows without the variable, even if it is not evaluated."""
        if variable.namespace in self.rows.shared:
            self._readable(variable, self.rows.shared, at)
            return
        odd = np.flatnonzero(np.isnan(self.rows.numbers(variable.namespace, variable.key)))
        for raw, positions in self._distinct(variable.namespace, variable.key, at, odd):
            if not isinstance(raw, str | bool):  # the common types, which can always be read
                held = {} if raw is MISSING else {variable.key: raw}
                self._readable(variable, {variable.namespace: held}, at[positions])

    def _readable(self, variable: Variable, namespaces: Mapping[str, Any], at: Positions) -> None:
        try:
            variable.value(Frame(self.rules, namespaces))
        except EvaluationError as error:
            self.fail(at, error)

    # The evaluation of each kind of node.

    def _variable(self, node: Variable, at: Positions) -> Cells:
        return Cells(self.rows.numbers(node.namespace, node.key)[at], np.zeros(len(at), np.bool_))

    def _listing(self, node: Listing, at: Positions) -> Cells:
        return self._defer(at)

    def _call(self, node: Call, at: Positions) -> Cells:
        arguments = node.argument.items if isinstance(node.argument, Listing) else (node.argument,)
        first, *rest = [self.value(argument, at) for argument in arguments]
        for place, function in enumerate(node.functions):
            if function not in FUNCTIONS:
                self.fail(at, EvaluationError(repr(function), "KeyError"))
                return first
            several = bool(rest) if place == 0 else False
            if function == "abs" and not several:
                first = Cells(np.abs(first.numbers), np.zeros(len(at), np.bool_))
            elif function != "abs" and (several or not self.rules.eager):
                first = _extreme(first, rest if several else [], np.less if function == "min" else np.greater)
            else:
                return self._defer(at)
        return first

    def _power(self, node: Power, at: Positions) -> Cells:
        values = [self.value(operand, at).numbers for operand in node.operands]
        truths = np.zeros(len(at), np.bool_)
        result = values.pop() * math.prod(node.signs[-1])
        for place in range(len(values) - 1, -1, -1):
            pairs = zip(values[place].tolist(), result.tolist(), strict=True)
            result = np.array([_raised(base, exponent) for base, exponent in pairs]) * math.prod(node.signs[place])
            self._defer_inexact(Cells(result, truths), at)
        return Cells(result, truths)

    def _signed(self, node: Signed, at: Positions) -> Cells:
        numbers = self.value(node.operand, at).numbers
        return Cells(numbers * math.prod(node.signs), np.zeros(len(at), np.bool_))

    def _sum(self, node: Sum, at: Positions) -> Cells:
        numbers = self.value(node.first, at).numbers
        truths = np.zeros(len(at), np.bool_)
        for sign, operand in node.steps:
            other = self.value(operand, at).numbers
            numbers = numbers + other if sign == "+" else numbers - other
            self._defer_inexact(Cells(numbers, truths), at)
        return Cells(numbers, truths)

    def _product(self, node: Product, at: Positions) -> Cells:
        numbers = self.value(node.first, at).numbers
        truths = np.zeros(len(at), np.bool_)
        for sign, operand in node.steps:
            other = self.value(operand, at).numbers
            numbers = numbers * other if sign == "*" else numbers / other
            self._defer_inexact(Cells(numbers, truths), at)
        return Cells(numbers, truths)

    def _not(self, node: Not, at: Positions) -> Cells:
        numbers = self.value(node.operand, at).numbers
        truth = (numbers != 0) if node.count % 2 == 0 else (numbers == 0)
        return Cells(truth.astype(np.float64), np.ones(len(at), np.bool_))

    def _comparison(self, node: Comparison, at: Positions) -> Cells:
        result = np.zeros(len(at))
        alive = np.arange(len(at))
        left = self.value(node.first, at).numbers
        for sign, operand in node.steps:
            right = self.value(operand, at[alive]).numbers
            holds = _COMPARISONS[sign](left, right)
            alive, left = alive[holds], right[holds]
        result[alive] = 1.0
        return Cells(result, np.ones(len(at), np.bool_))

    def _choice(self, node: Choice, at: Positions) -> Cells:
        numbers, truths = np.zeros(len(at)), np.zeros(len(at), np.bool_)
        left = np.arange(len(at))
        for condition, chosen in node.arms:
            holds = self.value(condition, at[left]).numbers != 0
            taken = left[holds]
            cells = self.value(chosen, at[taken])
            numbers[taken], truths[taken] = cells.numbers, cells.truths
            left = left[~holds]
        cells = self.value(node.otherwise, at[left])
        numbers[left], truths[left] = cells.numbers, cells.truths
        return Cells(numbers, truths)

    def _chain(self, node: Chain, at: Positions) -> Cells:
        first = self.value(node.operands[0], at)
        numbers, truths = first.numbers.copy(), first.truths.copy()
        going = np.arange(len(at))
        for operand in node.operands[1:]:
            early = self.value(operand, at) if self.rules.eager else None
            going = going[(numbers[going] != 0) != node.decides]
            cells = early.at(going) if early is not None else self.value(operand, at[going])
            numbers[going], truths[going] = cells.numbers, cells.truths
        return Cells(numbers, truths)


_COMPARISONS: Mapping[str, Any] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "<>": np.not_equal,
}
_COLUMN_METHODS: Mapping[type[Node], Callable[[ColumnEvaluation, Any, Positions], Cells]] = {
    Call: ColumnEvaluation._call,
    Chain: ColumnEvaluation._chain,
    Choice: ColumnEvaluation._choice,
    Comparison: ColumnEvaluation._comparison,
    Listing: ColumnEvaluation._listing,
    Not: ColumnEvaluation._not,
    Power: ColumnEvaluation._power,
    Product: ColumnEvaluation._product,
    Signed: ColumnEvaluation._signed,
    Sum: ColumnEvaluation._sum,
    Variable: ColumnEvaluation._variable,
}


def _value_key(raw: Any) -> Any:
    """Return a key that is equal for values that an expression cannot distinguish; structures have unique keys."""
    return (type(raw), raw) if isinstance(raw, str | int | float | None) or raw is MISSING else object()


def grouped(codes: Positions) -> list[tuple[int, Positions]]:
    """Return each distinct code with its positions."""
    if not len(codes):
        return []
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    return list(zip(ordered[starts].tolist(), np.split(order, starts[1:]), strict=True))


def evaluate_node(node: Node, frame: Frame) -> Any:
    """Return the node's value for one row. Errors of Python become EvaluationError, with their class as `kind`."""
    try:
        return node.value(frame)
    except EvaluationError:
        raise
    except (TypeError, ValueError, LookupError, ArithmeticError, RecursionError) as error:
        kind = "limit" if type(error).__name__ == "TooLarge" else type(error).__name__
        raise EvaluationError(str(error), kind) from None


def _extreme(first: Cells, rest: list[Cells], better: Any) -> Cells:
    """Return the first best value of each row, as Python's min and max do."""
    for other in rest:
        take = better(other.numbers, first.numbers)
        first = Cells(np.where(take, other.numbers, first.numbers), np.where(take, other.truths, first.truths))
    return first


def _raised(base: float, exponent: float) -> float:
    """Return Python's power, as NumPy's may differ in the last bit; nan if the row must be deferred."""
    try:
        result = base**exponent
    except (ZeroDivisionError, OverflowError):
        return math.nan
    return result if isinstance(result, float) else math.nan
