"""Pools as the rows that an expression is evaluated over, with Cinder's names for what a pool and a request have."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsched.exceptions import ExpressionError
from volsched.languages.attributes import ATTRIBUTES
from volsched.languages.expressions.columns import grouped
from volsched.languages.expressions.expression import Expression, compile_expression
from volsched.languages.expressions.nodes import Variable
from volsched.languages.expressions.rows import MISSING, Outcomes
from volsched.languages.expressions.semantics import Meaning, shown
from volsched.model.candidates import Candidates, Coded, CodedColumn, Column, PoolTable, stand_in
from volsched.model.pool import PoolState
from volsched.model.request import RequestSpec

#: What `stats` has for a goodness function, and what it has for a filter function besides.
GOODNESS_STATS = frozenset(
    {
        "host",
        "volume_backend_name",
        "vendor_name",
        "driver_version",
        "storage_protocol",
        "QoS_support",
        "total_capacity_gb",
        "allocated_capacity_gb",
        "free_capacity_gb",
        "reserved_percentage",
        "updated",
    }
)
FILTER_STATS = GOODNESS_STATS | {"cluster_name", "backend_id"}

_POOL_NAMESPACES = ("stats", "capabilities")
_PROTOCOL = "storage_protocol"
#: What a claim changes: never read from interned columns, which outlive it.
_FIGURES = frozenset({"free_capacity_gb", "allocated_capacity_gb", "updated"})
#: Reported as text by some drivers, and read as a number: expressions see what was reported.
_SPELT = frozenset({"total_capacity_gb", "reserved_percentage"})
#: Fewer pools than this are looked at one by one: their variables are not worth a column of the whole table. That,
#: and how many functions can have so many pools, bounds the columns that reports can ask for.
_FEW = 32
_MOST_COLUMNS = 128


def read(pool: PoolState, namespace: str, key: str, spelling: int = 0) -> Any:
    """One variable of a pool, or MISSING. A protocol family shows one `spelling` at a time."""
    if key == _PROTOCOL and isinstance(pool.storage_protocol, tuple) and pool.storage_protocol:
        return pool.storage_protocol[min(spelling, len(pool.storage_protocol) - 1)]
    if namespace == "capabilities":
        return pool.capabilities.get(key, MISSING)
    if key == "updated":
        return pool.updated
    if key in _SPELT and isinstance(pool.capabilities.get(key), str):
        return pool.capabilities[key]
    return ATTRIBUTES[key].read(pool)


@dataclass(frozen=True, slots=True)
class Raw:
    """Reads one variable of a pool as it was reported. Equal readers share a column."""

    namespace: str
    key: str
    spelling: int

    def __call__(self, pool: PoolState) -> Any:
        return read(pool, self.namespace, self.key, self.spelling)


@dataclass(frozen=True, slots=True)
class Plain:
    """Reads one variable of a pool as the plain number that a dialect sees in it, else nan."""

    raw: Raw
    meaning: Meaning

    def __call__(self, pool: PoolState) -> float:
        value = self.raw(pool)
        return math.nan if value is MISSING else self.meaning.number(value)


class PoolValues(Mapping[str, Any]):
    """One namespace of one pool, read as it is asked. `stats` are the keys of that namespace."""

    __slots__ = ("_namespace", "_pool", "_spelling", "_stats")

    def __init__(self, pool: PoolState, namespace: str, stats: frozenset[str], spelling: int = 0) -> None:
        self._pool = pool
        self._namespace = namespace
        self._stats = stats
        self._spelling = spelling

    def __getitem__(self, key: str) -> Any:
        if self._namespace == "stats" and key not in self._stats:
            raise KeyError(key)
        value = read(self._pool, self._namespace, key, self._spelling)
        if value is MISSING:
            raise KeyError(key)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._stats) if self._namespace == "stats" else self._pool.capabilities)

    def __len__(self) -> int:
        return len(self._stats if self._namespace == "stats" else self._pool.capabilities)


def of_request(request: RequestSpec) -> Mapping[str, Any]:
    """The namespaces that a request fills: `volume`, `extra` and `qos`."""
    return {"volume": request.properties, "extra": request.extra_specs, "qos": request.qos_specs}


def of_pool(pool: PoolState, stats: frozenset[str], spelling: int = 0) -> Mapping[str, Any]:
    """The namespaces that a pool fills: `stats` and `capabilities`."""
    return {name: PoolValues(pool, name, stats, spelling) for name in ("stats", "capabilities")}


class PoolRows:
    """Candidates as rows. Their values are read into columns of the table, once for all requests."""

    def __init__(
        self,
        candidates: Candidates,
        meaning: Meaning,
        *,
        shared: Mapping[str, Any],
        stats: frozenset[str],
        spelling: int = 0,
    ) -> None:
        self.shared = shared
        self.few = max(_FEW, len(candidates.table) // _MOST_COLUMNS)
        self._candidates = candidates
        self._meaning = meaning
        self._stats = stats
        self._spelling = spelling

    def __len__(self) -> int:
        return len(self._candidates)

    def numbers(self, namespace: str, key: str) -> NDArray[np.float64]:
        if self._unknown(namespace, key):
            return np.full(len(self), math.nan)
        figures = namespace == "stats" and key in _FIGURES
        plain = Plain(self._raw(namespace, key), self._meaning)
        return self._candidates.column(Column(f"{namespace}.{key}", np.float64, plain, figures=figures))

    def coded(self, namespace: str, key: str) -> Coded | None:
        if self._unknown(namespace, key) or (namespace == "stats" and key in _FIGURES):
            return None
        return self._candidates.coded(CodedColumn(f"{namespace}.{key}", self._raw(namespace, key)))

    def raw(self, namespace: str, key: str, row: int) -> Any:
        if self._unknown(namespace, key):
            return MISSING
        return read(self._candidates[row], namespace, key, self._spelling)

    def _unknown(self, namespace: str, key: str) -> bool:
        return namespace not in _POOL_NAMESPACES or (namespace == "stats" and key not in self._stats)

    def _raw(self, namespace: str, key: str) -> Raw:
        # Only a protocol looks different from spelling to spelling: everything else is read into one column.
        return Raw(namespace, key, self._spelling if key == _PROTOCOL else 0)


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What one function makes of the pools that report it; `positions` are theirs among the candidates.

    `error` is set where the text cannot be understood. Else there is one outcome a pool and spelling of its protocol:
    each of `spellings` has the rows of `positions` that have so many, and their outcomes.
    """

    text: str
    positions: NDArray[np.intp]
    error: ExpressionError | None = None
    expression: Expression | None = None
    spellings: tuple[tuple[NDArray[np.intp], Outcomes], ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What the functions of a column read.

    `changing` are the texts that read figures of pools, which claims change; `asking` those of the others that read
    something of requests, and `of_requests` what.
    """

    of_requests: tuple[Variable, ...]
    asking: frozenset[str]
    changing: frozenset[str]

    def fixed(self, text: str) -> bool:
        """Whether what a function says of a pool is the same for all requests until the pool is reported again."""
        return text not in self.changing and text not in self.asking

    def question(self, request: RequestSpec) -> Hashable:
        """What a request asks the functions: equal where it has the same values for all that they read."""
        shared = of_request(request)
        asked: list[Hashable] = []
        for variable in self.of_requests:
            values = shared.get(variable.namespace)
            value = MISSING if values is None else values.get(variable.key, MISSING)
            asked.append((variable.namespace, variable.key, values is None, stand_in(value)))
        return tuple(asked)


def reading(column: CodedColumn, dialect: str, table: PoolTable) -> Reading:
    """What the functions that `column` holds read."""
    return table.concluded((reading, column, dialect), lambda: _reading(column, dialect, table))


def _reading(column: CodedColumn, dialect: str, table: PoolTable) -> Reading:
    of_requests: dict[str, Variable] = {}
    asking, changing = set(), set()
    for text in filter(None, table.coded(column).values):
        try:
            expression = compile_expression(text, dialect)
        except ExpressionError:
            continue
        if any(variable.namespace == "stats" and variable.key in _FIGURES for variable in expression.variables):
            changing.add(text)
            continue
        asked = [variable for variable in expression.variables if variable.namespace not in _POOL_NAMESPACES]
        of_requests.update((variable.name, variable) for variable in asked)
        if asked:
            asking.add(text)
    ordered = tuple(of_requests[name] for name in sorted(of_requests))
    return Reading(ordered, frozenset(asking), frozenset(changing))


def judgements(
    column: CodedColumn,
    dialect: str,
    stats: frozenset[str],
    request: RequestSpec,
    candidates: Candidates,
    wanted: Callable[[str], bool] = lambda text: True,
) -> Iterator[Judgement]:
    """One judgement for each distinct function that `column` holds for the candidates; pools without one in none.

    Only of functions that are `wanted`, by their text.
    """
    functions = candidates.coded(column)
    shared = of_request(request)
    for code, positions in grouped(functions.codes):
        text = functions.values[code]
        if text is None or not wanted(text):
            continue
        try:
            expression = compile_expression(text, dialect)
        except ExpressionError as error:
            yield Judgement(text, positions, error)
            continue
        outcomes = []
        everyone = np.arange(len(positions))
        for spelling, rows in _spellings(expression, candidates, positions, everyone):
            pools = candidates.take(positions[rows])
            over = PoolRows(pools, expression.meaning, shared=shared, stats=stats, spelling=spelling)
            outcomes.append((rows, expression.over(over)))
        yield Judgement(text, positions, None, expression, tuple(outcomes))


def spellings(expression: Expression, pool: PoolState) -> int:
    """How often the function is evaluated for a pool: once per spelling of its protocol, if it reads that at all."""
    return _count_spellings(pool) if _reads_protocol(expression) else 1


def _reads_protocol(expression: Expression) -> bool:
    return any(variable.key == _PROTOCOL for variable in expression.variables)


def _spellings(
    expression: Expression, candidates: Candidates, positions: NDArray[np.intp], everyone: NDArray[np.intp]
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each spelling that the function is evaluated for, and which rows have so many; one, if it reads no protocol."""
    yield 0, everyone
    if not _reads_protocol(expression):
        return
    families = candidates.coded(_SPELLINGS)
    counts = np.array(families.values, np.intp)[families.codes[positions]]
    for spelling in range(1, int(counts.max(initial=1))):
        yield spelling, np.flatnonzero(counts > spelling)


def _count_spellings(pool: PoolState) -> int:
    return len(pool.storage_protocol) or 1 if isinstance(pool.storage_protocol, tuple) else 1


_SPELLINGS = CodedColumn("spellings of the protocol", _count_spellings)


def with_values(expression: Expression, request: RequestSpec, pool: PoolState, stats: frozenset[str]) -> str:
    """The variables that the function read, each with the value that it had, for a reason: ` with volume.size=10`."""
    namespaces = {**of_request(request), **of_pool(pool, stats)}
    held = []
    for variable in expression.variables:
        value = (namespaces.get(variable.namespace) or {}).get(variable.key, MISSING)
        held.append(f"{variable.name}={'(not there)' if value is MISSING else shown(value)}")
    return f" with {', '.join(held)}" if held else ""
