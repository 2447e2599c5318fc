"""A compiled expression, and the cache that compiles each distinct text once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsched.exceptions import ExpressionError
from volsched.languages.expressions.cinder import CinderRules
from volsched.languages.expressions.columns import ColumnEvaluation, evaluate_node
from volsched.languages.expressions.grammar import parse
from volsched.languages.expressions.nodes import Frame, Node, Variable
from volsched.languages.expressions.rows import Outcomes, Rows
from volsched.languages.expressions.semantics import Dialect, DialectRules, EvaluationError
from volsched.languages.expressions.strict import StrictRules

#: Distinct texts that stay compiled.
CACHE_SIZE = 16_384

_RULES: Mapping[Dialect, DialectRules] = {Dialect.CINDER: CinderRules(), Dialect.STRICT: StrictRules()}


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """An expression compiled for a dialect. It is immutable and safe to evaluate in several threads."""

    text: str
    dialect: Dialect
    node: Node
    rules: DialectRules
    variables: tuple[Variable, ...]  # in the order of their names

    @property
    def names(self) -> tuple[str, ...]:
        """The variables that it reads, as `namespace.key`, sorted."""
        return tuple(variable.name for variable in self.variables)

    def evaluate(self, namespaces: Mapping[str, Any]) -> Any:
        """Return its value for the variables `namespaces[namespace][key]`. Raise ExpressionError."""
        frame = Frame(self.rules, namespaces)
        try:
            if not self.rules.eager:
                for variable in self.variables:  # an unknown name is an error even if it is not evaluated
                    variable.value(frame)
            return evaluate_node(self.node, frame)
        except EvaluationError as problem:
            raise problem.about(self.text) from None

    def evaluate_rows(self, rows: Rows) -> Outcomes:
        """Return its value or its error for each row, as `evaluate` would."""
        return ColumnEvaluation(rows, self.rules, self.text).evaluate(self.node, self.variables, self.evaluate)

    def true_rows(self, outcomes: Outcomes) -> NDArray[np.bool_]:
        """Return the mask of rows whose outcome is true. Errors and values without a truth value are not."""
        passed: NDArray[np.bool_] = (outcomes.numbers != 0) & ~np.isnan(outcomes.numbers)
        for row, value in outcomes.others.items():
            try:
                passed[row] = self.rules.truth(value)
            except EvaluationError:
                passed[row] = False
        return passed

    def is_true(self, value: Any) -> bool:
        """Return whether one of its values is true. Raise ExpressionError if it has no truth value."""
        try:
            return self.rules.truth(value)
        except EvaluationError as problem:
            raise problem.about(self.text) from None


def _compiled(text: str, dialect: Dialect) -> Expression:
    node = parse(text, dialect)
    variables = tuple(
        Variable(frozenset({name}), namespace, key)
        for name in sorted(node.names)
        for namespace, _, key in [name.partition(".")]
    )
    return Expression(text, dialect, node, _RULES[dialect], variables)


class Compiler:
    """Compiles each text once, also if that fails, and keeps the `size` most recently used results.

    Only one thread compiles at a time.
    """

    def __init__(self, size: int = CACHE_SIZE, make: Callable[[str, Dialect], Expression] = _compiled) -> None:
        self._size = size
        self._make = make
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, Dialect], Expression | ExpressionError] = OrderedDict()

    def compile(self, text: str, dialect: Dialect) -> Expression:
        """Return the compiled text. Raise ExpressionError."""
        with self._lock:
            found = self._known.get((text, dialect))
            if found is None:
                found = self._known[text, dialect] = self._attempt(text, dialect)
                if len(self._known) > self._size:
                    self._known.popitem(last=False)
            else:
                self._known.move_to_end((text, dialect))
        if isinstance(found, ExpressionError):
            # A new error each time, because one that is raised again collects tracebacks.
            raise ExpressionError(text, found.problem, found.position, kind=found.kind)
        return found

    def _attempt(self, text: str, dialect: Dialect) -> Expression | ExpressionError:
        try:
            return self._make(text, dialect)
        except ExpressionError as error:
            return error.with_traceback(None)


_compiler = Compiler()


def compile_expression(text: str, dialect: str) -> Expression:
    """Return the text compiled for `dialect` (`strict` or `cinder`); each text is compiled once.

    Raise ExpressionError for a malformed text, ValueError for an unknown dialect.
    """
    return _compiler.compile(text, Dialect(dialect))


def names(text: str, dialect: str = Dialect.STRICT) -> tuple[str, ...]:
    """Return the variables that an expression reads, as `namespace.key`, sorted. Raise ExpressionError."""
    return compile_expression(text, dialect).names
