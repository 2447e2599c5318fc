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
from volsched.languages.expressions.cinder import CinderMeaning
from volsched.languages.expressions.columns import Over, one_value
from volsched.languages.expressions.grammar import parse
from volsched.languages.expressions.nodes import Frame, Node, Variable
from volsched.languages.expressions.rows import Outcomes, Rows
from volsched.languages.expressions.semantics import Dialect, Meaning, Unevaluable
from volsched.languages.expressions.strict import StrictMeaning

#: Distinct texts that stay compiled.
CACHE_SIZE = 16_384

_MEANINGS: Mapping[Dialect, Meaning] = {Dialect.CINDER: CinderMeaning(), Dialect.STRICT: StrictMeaning()}


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A text that has been understood in a dialect. Never changes; any number of threads may evaluate it."""

    text: str
    dialect: Dialect
    node: Node
    meaning: Meaning
    variables: tuple[Variable, ...]  # in the order of their names

    @property
    def names(self) -> tuple[str, ...]:
        """The variables that it reads, as `namespace.key`, sorted."""
        return tuple(variable.name for variable in self.variables)

    def evaluate(self, namespaces: Mapping[str, Any]) -> Any:
        """Its value where `namespaces[namespace][key]` are the variables. Raises ExpressionError."""
        frame = Frame(self.meaning, namespaces)
        try:
            if not self.meaning.eager:
                for variable in self.variables:  # an unknown name is an error wherever it stands
                    variable.value(frame)
            return one_value(self.node, frame)
        except Unevaluable as problem:
            raise problem.about(self.text) from None

    def over(self, rows: Rows) -> Outcomes:
        """Its value for each row, or its error: what `evaluate` gives for the row's values."""
        return Over(rows, self.meaning, self.text).evaluate(self.node, self.variables, self.evaluate)

    def true(self, outcomes: Outcomes) -> NDArray[np.bool_]:
        """The rows whose outcome counts as true: errors, and what is neither true nor false, do not."""
        passed: NDArray[np.bool_] = (outcomes.numbers != 0) & ~np.isnan(outcomes.numbers)
        for row, value in outcomes.others.items():
            try:
                passed[row] = self.meaning.truth(value)
            except Unevaluable:
                passed[row] = False
        return passed

    def holds(self, value: Any) -> bool:
        """Whether a value that it gave counts as true. Raises ExpressionError where it is neither."""
        try:
            return self.meaning.truth(value)
        except Unevaluable as problem:
            raise problem.about(self.text) from None


def _compiled(text: str, dialect: Dialect) -> Expression:
    node = parse(text, dialect)
    variables = tuple(
        Variable(frozenset({name}), namespace, key)
        for name in sorted(node.names)
        for namespace, _, key in [name.partition(".")]
    )
    return Expression(text, dialect, node, _MEANINGS[dialect], variables)


class Compiler:
    """Compiles each distinct text once, also where it cannot be understood; forgets the longest unused beyond `size`.

    One text is compiled at a time, whatever the number of threads.
    """

    def __init__(self, size: int = CACHE_SIZE, make: Callable[[str, Dialect], Expression] = _compiled) -> None:
        self._size = size
        self._make = make
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, Dialect], Expression | ExpressionError] = OrderedDict()

    def compile(self, text: str, dialect: Dialect) -> Expression:
        """The compiled text. Raises ExpressionError."""
        with self._lock:
            found = self._known.get((text, dialect))
            if found is None:
                found = self._known[text, dialect] = self._attempt(text, dialect)
                if len(self._known) > self._size:
                    self._known.popitem(last=False)
            else:
                self._known.move_to_end((text, dialect))
        if isinstance(found, ExpressionError):
            # A new one each time: an exception that is raised again and again keeps every traceback that it had.
            raise ExpressionError(text, found.problem, found.position, kind=found.kind)
        return found

    def _attempt(self, text: str, dialect: Dialect) -> Expression | ExpressionError:
        try:
            return self._make(text, dialect)
        except ExpressionError as error:
            return error.with_traceback(None)


_compiler = Compiler()


def compile_expression(text: str, dialect: str) -> Expression:
    """The text as `dialect` (`strict` or `cinder`) reads it; each distinct text is compiled once.

    Raises ExpressionError where it cannot be understood, ValueError for an unknown dialect.
    """
    return _compiler.compile(text, Dialect(dialect))


def names(text: str, dialect: str = Dialect.STRICT) -> tuple[str, ...]:
    """The variables that an expression reads, as `namespace.key`, sorted. Raises ExpressionError."""
    return compile_expression(text, dialect).names
