"""Many rows at once: an expression over NumPy columns, with the results that each row alone would have."""

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
from volsched.languages.expressions.semantics import EXACT, FUNCTIONS, Meaning, Unevaluable, plain


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Plain numbers, aligned with the rows that are looked at, and which of them are bools."""

    numbers: Numbers
    truths: Truths

    def at(self, positions: Any) -> Cells:
        return Cells(self.numbers[positions], self.truths[positions])


class Over:
    """One evaluation over rows.

    Rows whose values are plain numbers are computed together. A row where anything else turns up on the way is put
    into `hard`, to be evaluated alone afterwards: what its cells hold until then means nothing.
    """

    def __init__(self, rows: Rows, meaning: Meaning, text: str) -> None:
        self.rows = rows
        self.meaning = meaning
        self.text = text
        self.hard = np.zeros(len(rows), np.bool_)
        self.errors: dict[int, ExpressionError] = {}

    def evaluate(
        self, node: Node, variables: Sequence[Variable], alone: Callable[[Mapping[str, Any]], Any]
    ) -> Outcomes:
        """Every row's outcome; `alone` evaluates namespaces of one row, or raises ExpressionError."""
        everything = np.arange(len(self.rows))
        if everything.size and not self._columns(node):
            return self._everywhere(alone)
        with np.errstate(all="ignore"):
            if len(self.rows) < self.rows.few:
                cells = self._aside(everything)
            else:
                if not self.meaning.eager:
                    for variable in variables:
                        self._check(variable, everything)
                cells = self.value(node, everything)
        numbers, truths = cells.numbers.copy(), cells.truths.copy()
        others: dict[int, Any] = {}
        for row, value in self._alone(node, alone):
            if isinstance(value, ExpressionError):
                self.errors[row] = value
                continue
            self.errors.pop(row, None)
            numbers[row], truths[row] = plain(value), isinstance(value, bool)
            if math.isnan(numbers[row]):
                others[row] = value
        for row in self.errors:
            numbers[row], truths[row] = math.nan, False
        return Outcomes(numbers, truths, others, self.errors)

    def _alone(self, node: Node, alone: Callable[[Mapping[str, Any]], Any]) -> Iterator[tuple[int, Any]]:
        """The value, or the error, of each row in `hard`: evaluated once for all that have the same raw values."""
        reads = [(name, *name.split(".")) for name in self._columns(node)]
        known: dict[tuple[Any, ...], Any] = {}
        for row in np.flatnonzero(self.hard).tolist():
            namespaces = {**self.rows.shared, **{namespace: {} for _, namespace, _ in reads}}
            marks = []
            for _, namespace, key in reads:
                raw = self.rows.raw(namespace, key, row)
                marks.append(_mark(raw))
                if raw is not MISSING:
                    namespaces[namespace][key] = raw
            mark = tuple(marks)
            if mark not in known:
                try:
                    known[mark] = alone(namespaces)
                except ExpressionError as error:
                    known[mark] = error
            yield row, known[mark]

    def _columns(self, node: Node) -> list[str]:
        """The variables that it reads whose values differ from row to row."""
        return [name for name in node.names if name.partition(".")[0] not in self.rows.shared]

    def _everywhere(self, alone: Callable[[Mapping[str, Any]], Any]) -> Outcomes:
        """One value, or one error, for all rows."""
        every = range(len(self.rows))
        number, truth, others = math.nan, False, {}
        try:
            value = alone(self.rows.shared)
        except ExpressionError as error:
            self.errors = dict.fromkeys(every, error)
        else:
            number, truth = plain(value), isinstance(value, bool)
            others = dict.fromkeys(every, value) if math.isnan(number) else {}
        return Outcomes(np.full(len(every), number), np.full(len(every), truth), others, self.errors)

    def value(self, node: Node, at: Positions) -> Cells:
        """The cells of `node` for the rows `at`."""
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
        return _COLUMN_FACE[type(node)](self, node, at)

    # What goes wrong.

    def fail(self, at: Positions, error: Unevaluable) -> None:
        """These rows have no value, and this is why, unless something was found before."""
        about = error.about(self.text)
        for row in at[~self.hard[at]].tolist():
            self.errors.setdefault(row, about)

    def _settled(self, cells: Cells, at: Positions) -> Cells:
        """`cells`, with every row put aside that is not a plain number any more."""
        lost = ~(np.abs(cells.numbers) <= EXACT)
        if lost.any():
            self.hard[at[lost]] = True
        return cells

    def _aside(self, at: Positions) -> Cells:
        self.hard[at] = True
        return self._cells(at, 0.0)

    @staticmethod
    def _cells(at: Positions, number: float, *, truth: bool = False) -> Cells:
        return Cells(np.full(len(at), number), np.full(len(at), truth))

    # Values that are looked at one by one, each distinct one once.

    def _constant(self, node: Node, at: Positions) -> Cells:
        """The same for every row."""
        return self._alike(node, self.rows.shared, at)

    def _alike(self, node: Node, namespaces: Mapping[str, Any], at: Positions) -> Cells:
        try:
            value = one_value(node, Frame(self.meaning, namespaces))
        except Unevaluable as error:
            self.fail(at, error)
            return self._cells(at, 0.0)
        number = plain(value)
        if math.isnan(number):
            return self._aside(at)
        return self._cells(at, number, truth=isinstance(value, bool))

    def _by_value(self, node: Node, namespace: str, key: str, at: Positions, odd: Truths) -> Cells:
        """`node` reads one variable, which is no plain number in the `odd` rows: those once per distinct value."""
        numbers, truths = np.zeros(len(at)), np.zeros(len(at), np.bool_)
        plain_at = np.flatnonzero(~odd)
        if len(plain_at):
            cells = _COLUMN_FACE[type(node)](self, node, at[plain_at])
            numbers[plain_at], truths[plain_at] = cells.numbers, cells.truths
        held: dict[str, Any] = {}
        namespaces = {**self.rows.shared, namespace: held}
        for raw, positions in self._distinct(namespace, key, at, np.flatnonzero(odd)):
            held.clear()
            if raw is not MISSING:
                held[key] = raw
            cells = self._alike(node, namespaces, at[positions])
            numbers[positions], truths[positions] = cells.numbers, cells.truths
        return Cells(numbers, truths)

    def _distinct(self, namespace: str, key: str, at: Positions, odd: Positions) -> list[tuple[Any, Positions]]:
        """The raw values among the rows `at[odd]`, each with the positions that have it."""
        coded = self.rows.coded(namespace, key)
        if coded is not None:
            return [(coded.values[code], odd[group]) for code, group in grouped(coded.codes[at[odd]])]
        found: dict[Any, tuple[Any, list[int]]] = {}
        for position, row in zip(odd.tolist(), at[odd].tolist(), strict=True):
            raw = self.rows.raw(namespace, key, row)
            found.setdefault(_mark(raw), (raw, []))[1].append(position)
        return [(raw, np.array(positions, np.intp)) for raw, positions in found.values()]

    def _check(self, variable: Variable, at: Positions) -> None:
        """Rows that do not have the variable have no value, wherever in the expression it stands."""
        if variable.namespace in self.rows.shared:
            self._readable(variable, self.rows.shared, at)
            return
        odd = np.flatnonzero(np.isnan(self.rows.numbers(variable.namespace, variable.key)))
        for raw, positions in self._distinct(variable.namespace, variable.key, at, odd):
            if not isinstance(raw, str | bool):  # as most are, and these can always be read
                held = {} if raw is MISSING else {variable.key: raw}
                self._readable(variable, {variable.namespace: held}, at[positions])

    def _readable(self, variable: Variable, namespaces: Mapping[str, Any], at: Positions) -> None:
        try:
            variable.value(Frame(self.meaning, namespaces))
        except Unevaluable as error:
            self.fail(at, error)

    # The column face of each kind of node.

    def _variable(self, node: Variable, at: Positions) -> Cells:
        return Cells(self.rows.numbers(node.namespace, node.key)[at], np.zeros(len(at), np.bool_))

    def _listing(self, node: Listing, at: Positions) -> Cells:
        return self._aside(at)

    def _call(self, node: Call, at: Positions) -> Cells:
        arguments = node.argument.items if isinstance(node.argument, Listing) else (node.argument,)
        first, *rest = [self.value(argument, at) for argument in arguments]
        for place, function in enumerate(node.functions):
            if function not in FUNCTIONS:
                self.fail(at, Unevaluable(repr(function), "KeyError"))
                return first
            several = bool(rest) if place == 0 else False
            if function == "abs" and not several:
                first = Cells(np.abs(first.numbers), np.zeros(len(at), np.bool_))
            elif function != "abs" and (several or not self.meaning.eager):
                first = _extreme(first, rest if several else [], np.less if function == "min" else np.greater)
            else:
                return self._aside(at)
        return first

    def _power(self, node: Power, at: Positions) -> Cells:
        values = [self.value(operand, at).numbers for operand in node.operands]
        truths = np.zeros(len(at), np.bool_)
        result = values.pop() * math.prod(node.signs[-1])
        for place in range(len(values) - 1, -1, -1):
            pairs = zip(values[place].tolist(), result.tolist(), strict=True)
            result = np.array([_raised(base, exponent) for base, exponent in pairs]) * math.prod(node.signs[place])
            self._settled(Cells(result, truths), at)
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
            self._settled(Cells(numbers, truths), at)
        return Cells(numbers, truths)

    def _product(self, node: Product, at: Positions) -> Cells:
        numbers = self.value(node.first, at).numbers
        truths = np.zeros(len(at), np.bool_)
        for sign, operand in node.steps:
            other = self.value(operand, at).numbers
            numbers = numbers * other if sign == "*" else numbers / other
            self._settled(Cells(numbers, truths), at)
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
            holds = _COMPARED[sign](left, right)
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
            early = self.value(operand, at) if self.meaning.eager else None
            going = going[(numbers[going] != 0) != node.decides]
            cells = early.at(going) if early is not None else self.value(operand, at[going])
            numbers[going], truths[going] = cells.numbers, cells.truths
        return Cells(numbers, truths)


_COMPARED: Mapping[str, Any] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "<>": np.not_equal,
}
_COLUMN_FACE: Mapping[type[Node], Callable[[Over, Any, Positions], Cells]] = {
    Call: Over._call,
    Chain: Over._chain,
    Choice: Over._choice,
    Comparison: Over._comparison,
    Listing: Over._listing,
    Not: Over._not,
    Power: Over._power,
    Product: Over._product,
    Signed: Over._signed,
    Sum: Over._sum,
    Variable: Over._variable,
}


def _mark(raw: Any) -> Any:
    """Equal for values that are the same to an expression; a structure is equal to nothing."""
    return (type(raw), raw) if isinstance(raw, str | int | float | None) or raw is MISSING else object()


def grouped(codes: Positions) -> list[tuple[int, Positions]]:
    """Each distinct code, with the positions that have it."""
    if not len(codes):
        return []
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    return list(zip(ordered[starts].tolist(), np.split(order, starts[1:]), strict=True))


def one_value(node: Node, frame: Frame) -> Any:
    """The node's value for one row; every failure is Unevaluable, of the kind that Python raised."""
    try:
        return node.value(frame)
    except Unevaluable:
        raise
    except (TypeError, ValueError, LookupError, ArithmeticError, RecursionError) as error:
        kind = "limit" if type(error).__name__ == "TooLarge" else type(error).__name__
        raise Unevaluable(str(error), kind) from None


def _extreme(first: Cells, rest: list[Cells], better: Any) -> Cells:
    """The first that no later one is better than, as Python's min and max pick."""
    for other in rest:
        take = better(other.numbers, first.numbers)
        first = Cells(np.where(take, other.numbers, first.numbers), np.where(take, other.truths, first.truths))
    return first


def _raised(base: float, exponent: float) -> float:
    """Python's power, for NumPy's may differ in the last bit; nan where the row must be looked at alone."""
    try:
        result = base**exponent
    except (ZeroDivisionError, OverflowError):
        return math.nan
    return result if isinstance(result, float) else math.nan
