"""The query of the JSON filter: parsed and checked once, then judged pool by pool. Rules: CINDER-SEMANTICS, 9.5."""

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
from volsched.model.parsing.hints import QUERY, field_of
from volsched.model.pool import PoolState

MOST_CHARACTERS = 20_000
MOST_TERMS = 2_000
MOST_LEVELS = 30


class CannotJudge(Exception):
    """A pool reports a value that the query cannot do with: that pool is turned away, the others are not."""


def _each(compare: Callable[[Any, Any], bool]) -> Callable[[Sequence[Any]], bool]:
    """The first argument against each of the others: all are tried, so that one that cannot be compared is noticed."""

    def holds(given: Sequence[Any]) -> bool:
        answers = [compare(given[0], other) for other in given[1:]]
        return bool(answers) and all(answers)

    return holds


#: What a command makes of its arguments; those without a value have been dropped.
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
    """A value that stands in the query."""

    value: Any


@dataclass(frozen=True, slots=True)
class Command:
    """A command and its arguments. `place` says where in the query it stands."""

    name: str
    arguments: tuple[Term, ...]
    place: str


Term = Literal | Reference | Command


@dataclass(frozen=True, slots=True)
class Query:
    """A checked query."""

    root: Term
    references: tuple[Reference, ...]  # each attribute that it reads, once
    numbers: tuple[float, ...]  # all that figures are compared with, ascending: those between two of them are alike
    entangled: frozenset[Reference]  # those that are compared with one another, and so have no such ranges

    def accepts(self, pool: PoolState) -> bool:
        """Whether the query is true of the pool. Raises CannotJudge where the pool's own values do not allow it."""
        answer = _value(self.root, pool)
        return any(answer) if isinstance(answer, list) else bool(answer)


def _value(term: Term, pool: PoolState) -> Any:
    if isinstance(term, Literal):
        return term.value
    if isinstance(term, Reference):
        try:
            return term.read(pool)
        except TypeError as problem:
            raise CannotJudge(str(problem)) from None
    given = [value for argument in term.arguments if (value := _value(argument, pool)) is not None]
    try:
        return COMMANDS[term.name](given)
    except TypeError:
        shown = ", ".join(f"{value!r:.60}" for value in given)
        raise CannotJudge(f"{term.name!r}{_at(term.place)} cannot compare {shown}") from None


def query_from(text: Any) -> Query | None:
    """The query that the hint spells, None where there is none. Raises InvalidRequest naming the place in it."""
    if not text:
        return None
    if not isinstance(text, str):
        raise _invalid(f"{text!r:.80} is {type(text).__name__}, not text; give the query as a JSON text")
    return _parsed(text)


@lru_cache(maxsize=256)
def _parsed(text: str) -> Query:
    if len(text) > MOST_CHARACTERS:
        raise _invalid(f"{len(text)} characters; at most {MOST_CHARACTERS} are read")
    try:
        decoded = json.loads(text)
    except json.JSONDecodeError as problem:
        raise _invalid(f"no JSON at character {problem.pos + 1}: {problem.msg}") from None
    except (ValueError, RecursionError) as problem:
        raise _invalid(f"no JSON that can be read: {problem}") from None
    _check_depth(decoded)
    if decoded and not isinstance(decoded, list):
        raise _invalid(f'{decoded!r:.80} is no list; write a query like ["=", "$vendor_name", "Acme"]')
    reader = _Reader()
    root = reader.command(decoded or [], "")
    return Query(root, tuple(reader.references), tuple(sorted(reader.numbers)), frozenset(reader.entangled))


def _check_depth(decoded: Any) -> None:
    """Raises InvalidRequest where lists and objects are nested too deep for what follows, which is recursive."""
    level, items = 0, [decoded]
    while items:
        if level > MOST_LEVELS:
            raise _invalid(f"lists within lists, more than {MOST_LEVELS} deep")
        nested = [item.values() if isinstance(item, dict) else item for item in items if isinstance(item, dict | list)]
        level, items = level + 1, [item for group in nested for item in group]


class _Reader:
    """Turns decoded JSON into terms, and notes on the way what they read and compare."""

    def __init__(self) -> None:
        self.references: dict[Reference, None] = {}  # in order of appearance
        self.numbers = {0.0, 1.0}  # what anything is worth as a condition
        self.entangled: set[Reference] = set()
        self._terms = 0

    def command(self, items: list[Any], place: str) -> Term:
        if not items:
            return Literal(True)
        name, *rest = items
        if not isinstance(name, str) or name not in COMMANDS:
            raise _invalid(f"no command {name!r:.80}{_at(f'{place}[0]')}; there are {' '.join(COMMANDS)}")
        arguments = tuple(self._term(item, f"{place}[{at}]") for at, item in enumerate(rest, 1))
        if name in ORDERINGS:
            _check_comparable(name, arguments, place)
        read = [argument for argument in arguments if isinstance(argument, Reference)]
        if name in COMPARISONS and len(read) > 1:
            self.entangled.update(read)
        return Command(name, arguments, place)

    def _term(self, item: Any, place: str) -> Term:
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise _invalid(f"more than {MOST_TERMS} terms")
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
    """Raises InvalidRequest where the first argument has no order with another, whatever pools report."""
    known = [(kind, at) for at, term in enumerate(arguments, 1) if (kind := _kind(term)) is not None]
    first = known[0][0] if known else Kind.ANY
    for kind, at in known[1:]:
        unlike = Kind.ANY not in (first, kind) and (kind is not first or kind is Kind.MAPPING)
        if unlike:
            raise _invalid(f"{name!r} compares {first.value} with {kind.value}{_at(f'{place}[{at}]')}")


def _kind(term: Term) -> Kind | None:
    """What the term's values are, None for a term that has none."""
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
