"""The query of the JSON filter: parsed and checked once, then evaluated for each pool.

A query is a JSON list: a command, then its arguments. An argument is a list, a value, or `$name` for an attribute of
the pool. Arguments without a value are ignored.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from volsched.exceptions import InvalidRequest
from volsched.languages.attributes import Kind, Reference, reference_from
from volsched.model.parsing import expected
from volsched.model.parsing.hints import QUERY, field_of
from volsched.model.pool import PoolState

MAX_CHARACTERS = 20_000
MAX_TERMS = 2_000
MAX_DEPTH = 30


class IncomparableValues(Exception):
    """The query cannot be evaluated with the values of one pool, which is rejected for that."""


def _each(compare: Callable[[Any, Any], bool]) -> Callable[[Sequence[Any]], bool]:
    """Compare the first argument with each of the others, also after a mismatch, so that each error is raised."""

    def holds(given: Sequence[Any]) -> bool:
        answers = [compare(given[0], other) for other in given[1:]]
        return bool(answers) and all(answers)

    return holds


#: The result of each command for its arguments, without those that have no value.
COMMANDS: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    "=": _each(operator.eq),
    "<": _each(operator.lt),
    ">": _each(operator.gt),
    "<=": _each(operator.le),
    ">=": _each(operator.ge),
    "in": lambda given: given[0] in given[1:] if given else False,
    "not": lambda given: [not item for item in given],
    "or": any,
    "and": all,
}
ORDERINGS = frozenset({"<", ">", "<=", ">="})
COMPARISONS = ORDERINGS | {"=", "in"}


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant in the query."""

    value: Any


@dataclass(frozen=True, slots=True)
class Command:
    """A command and its arguments. `place` is its position in the query."""

    name: str
    arguments: tuple[Term, ...]
    place: str


Term = Literal | Reference | Command


@dataclass(frozen=True, slots=True)
class Query:
    """A checked query."""

    root: Term
    references: tuple[Reference, ...]  # the attributes that it reads, each once
    numbers: tuple[float, ...]  # the constants, ascending: all numbers between two of them give the same result
    compared_together: frozenset[Reference]  # attributes compared with each other, for which that does not hold

    def accepts(self, pool: PoolState) -> bool:
        """Return whether the query is true for a pool. Raise IncomparableValues."""
        answer = _value(self.root, pool)
        return any(answer) if isinstance(answer, list) else bool(answer)


def _value(term: Term, pool: PoolState) -> Any:
    if isinstance(term, Literal):
        return term.value
    if isinstance(term, Reference):
        try:
            return term.read(pool)
        except TypeError as problem:
            raise IncomparableValues(str(problem)) from None
    given = [value for argument in term.arguments if (value := _value(argument, pool)) is not None]
    try:
        return COMMANDS[term.name](given)
    except TypeError:
        shown = ", ".join(f"{value!r:.60}" for value in given)
        raise IncomparableValues(f"{term.name!r}{_at(term.place)} cannot compare {shown}") from None


def query_from(text: Any) -> Query | None:
    """Return the query of a hint, None if it is empty. Raise InvalidRequest naming the position in it."""
    if not text:
        return None
    if not isinstance(text, str):
        raise expected(field_of(QUERY), "JSON text", text)
    return _parsed(text)


@lru_cache(maxsize=256)
def _parsed(text: str) -> Query:
    if len(text) > MAX_CHARACTERS:
        raise _invalid(f"expected at most {MAX_CHARACTERS} characters, got {len(text)}")
    try:
        decoded = json.loads(text)
    except json.JSONDecodeError as problem:
        raise _invalid(f"expected JSON, got an error at character {problem.pos + 1}: {problem.msg}") from None
    except (ValueError, RecursionError) as problem:
        raise _invalid(f"expected JSON, got an error: {problem}") from None
    _check_depth(decoded)
    if decoded and not isinstance(decoded, list):
        raise _invalid(f'expected a list such as ["=", "$vendor_name", "Acme"], got {decoded!r:.80}')
    reader = _Reader()
    root = reader.command(decoded or [], "")
    return Query(root, tuple(reader.references), tuple(sorted(reader.numbers)), frozenset(reader.compared_together))


def _check_depth(decoded: Any) -> None:
    """Raise InvalidRequest if lists and objects are nested too deep for the recursive parser."""
    level, items = 0, [decoded]
    while items:
        if level > MAX_DEPTH:
            raise _invalid(f"expected at most {MAX_DEPTH} levels of lists, got more")
        nested = [item.values() if isinstance(item, dict) else item for item in items if isinstance(item, dict | list)]
        level, items = level + 1, [item for group in nested for item in group]


class _Reader:
    """Converts decoded JSON into terms, and collects what they read and compare."""

    def __init__(self) -> None:
        self.references: dict[Reference, None] = {}  # in order of appearance
        self.numbers = {0.0, 1.0}  # the values of conditions
        self.compared_together: set[Reference] = set()
        self._terms = 0

    def command(self, items: list[Any], place: str) -> Term:
        if not items:
            return Literal(True)
        name, *rest = items
        if not isinstance(name, str) or name not in COMMANDS:
            raise _invalid(f"expected one of {' '.join(COMMANDS)}{_at(f'{place}[0]')}, got {name!r:.80}")
        arguments = tuple(self._term(item, f"{place}[{at}]") for at, item in enumerate(rest, 1))
        if name in ORDERINGS:
            _check_comparable(name, arguments, place)
        read = [argument for argument in arguments if isinstance(argument, Reference)]
        if name in COMPARISONS and len(read) > 1:
            self.compared_together.update(read)
        return Command(name, arguments, place)

    def _term(self, item: Any, place: str) -> Term:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise _invalid(f"expected at most {MAX_TERMS} terms, got more")
        if isinstance(item, list):
            return self.command(item, place)
        if isinstance(item, str) and item.startswith("$"):
            try:
                reference = reference_from(item)
            except TypeError as problem:
                raise _invalid(f"{item!r:.80}{_at(place)}: {problem}") from None
            self.references[reference] = None
            return reference
        if isinstance(item, int | float) and item == item:
            self.numbers.add(_as_float(item))
        return Literal(None if item == "" else item)


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an integer beyond all floats
        return math.inf if number > 0 else -math.inf


def _check_comparable(name: str, arguments: Sequence[Term], place: str) -> None:
    """Raise InvalidRequest if the first argument can never be ordered with another."""
    known = [(kind, at) for at, term in enumerate(arguments, 1) if (kind := _kind(term)) is not None]
    first = known[0][0] if known else Kind.ANY
    for kind, at in known[1:]:
        unlike = Kind.ANY not in (first, kind) and (kind is not first or kind is Kind.MAPPING)
        if unlike:
            raise _invalid(f"{name!r} compares {first.value} with {kind.value}{_at(f'{place}[{at}]')}")


def _kind(term: Term) -> Kind | None:
    """Return the kind of a term's values, None for a term without a value."""
    if isinstance(term, Reference):
        return term.kind
    if isinstance(term, Command):
        return Kind.LIST if term.name == "not" else Kind.NUMBER
    if term.value is None:
        return None
    if isinstance(term.value, str):
        return Kind.TEXT
    return Kind.MAPPING if isinstance(term.value, dict) else Kind.NUMBER


def _at(place: str) -> str:
    return f" at {place}" if place else ""


def _invalid(problem: str) -> InvalidRequest:
    return InvalidRequest(field_of(QUERY), problem)
