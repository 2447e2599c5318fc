"""Pools and requests as the variables of expressions, with the names that Cinder uses."""

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
from volsched.languages.expressions.semantics import DialectRules, shown
from volsched.model.candidates import Candidates, Coded, CodedColumn, Column, PoolTable, stand_in
from volsched.model.pool import PoolState
from volsched.model.request import RequestSpec

#: The keys of `stats` for goodness functions, and for filter functions.
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
#: Values that claims change. They are not interned, because interned columns outlive claims.
_FIGURES = frozenset({"free_capacity_gb", "allocated_capacity_gb", "updated"})
#: Numbers that some drivers report as text. Expressions read the reported text.
_REPORTED_AS_TEXT = frozenset({"total_capacity_gb", "reserved_percentage"})
#: Below this number, pools are evaluated one by one instead of reading a column of the whole table. This bounds the
#: number of columns that the functions in reports can cause.
_MIN_ROWS = 32
_MAX_COLUMNS = 128


def read(pool: PoolState, namespace: str, key: str, spelling: int = 0) -> Any:
    """Return a variable of a pool, or MISSING. A protocol with several spellings has the one of that number."""
    if key == _PROTOCOL and isinstance(pool.storage_protocol, tuple) and pool.storage_protocol:
        return pool.storage_protocol[min(spelling, len(pool.storage_protocol) - 1)]
    if namespace == "capabilities":
        return pool.capabilities.get(key, MISSING)
    if key == "updated":
        return pool.updated
    if key in _REPORTED_AS_TEXT and isinstance(pool.capabilities.get(key), str):
        return pool.capabilities[key]
    return ATTRIBUTES[key].read(pool)


@dataclass(frozen=True, slots=True)
class Raw:
    """Reads a variable of a pool as reported. Equal readers share a column."""

    namespace: str
    key: str
    spelling: int

    def __call__(self, pool: PoolState) -> Any:
        return read(pool, self.namespace, self.key, self.spelling)


@dataclass(frozen=True, slots=True)
class Plain:
    """Reads a variable of a pool as an exact float in a dialect, else nan."""

    raw: Raw
    rules: DialectRules

    def __call__(self, pool: PoolState) -> float:
        value = self.raw(pool)
        return math.nan if value is MISSING else self.rules.number(value)


class PoolValues(Mapping[str, Any]):
    """One namespace of a pool, read on access. `stats` are the keys of the namespace stats."""

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


def request_namespaces(request: RequestSpec) -> Mapping[str, Any]:
    """Return the namespaces of a request: `volume`, `extra` and `qos`."""
    return {"volume": request.properties, "extra": request.extra_specs, "qos": request.qos_specs}


def pool_namespaces(pool: PoolState, stats: frozenset[str], spelling: int = 0) -> Mapping[str, Any]:
    """Return the namespaces of a pool: `stats` and `capabilities`."""
    return {name: PoolValues(pool, name, stats, spelling) for name in ("stats", "capabilities")}


class PoolRows:
    """Candidates as rows. Their values are columns of the table, read once for all requests."""

    def __init__(
        self,
        candidates: Candidates,
        rules: DialectRules,
        *,
        shared: Mapping[str, Any],
        stats: frozenset[str],
        spelling: int = 0,
    ) -> None:
        self.shared = shared
        self.few = max(_MIN_ROWS, len(candidates.table) // _MAX_COLUMNS)
        self._candidates = candidates
        self._rules = rules
        self._stats = stats
        self._spelling = spelling

    def __len__(self) -> int:
        return len(self._candidates)

    def numbers(self, namespace: str, key: str) -> NDArray[np.float64]:
        if self._unknown(namespace, key):
            return np.full(len(self), math.nan)
        figures = namespace == "stats" and key in _FIGURES
        plain = Plain(self._raw(namespace, key), self._rules)
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
        # Only the protocol depends on the spelling; other variables have one column for all spellings.
        return Raw(namespace, key, self._spelling if key == _PROTOCOL else 0)


@dataclass(frozen=True, slots=True, eq=False)
class FunctionResult:
    """The results of one function for the pools that report it; `positions` are theirs among the candidates.

    `error` is set if the text is malformed. Otherwise each of `spellings` has the rows of `positions` whose protocol
    has so many spellings, and their outcomes.
    """

    text: str
    positions: NDArray[np.intp]
    error: ExpressionError | None = None
    expression: Expression | None = None
    spellings: tuple[tuple[NDArray[np.intp], Outcomes], ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionInputs:
    """The inputs of the functions in a column.

    `figure_dependent` are the texts that read figures, which claims change; `request_dependent` are the other texts
    that read `request_variables`.
    """

    request_variables: tuple[Variable, ...]
    request_dependent: frozenset[str]
    figure_dependent: frozenset[str]

    def is_fixed(self, text: str) -> bool:
        """Return whether the result for a pool is the same for all requests until its next report."""
        return text not in self.figure_dependent and text not in self.request_dependent

    def request_key(self, request: RequestSpec) -> Hashable:
        """Return a key that is equal for requests with the same values of all variables that the functions read."""
        shared = request_namespaces(request)
        asked: list[Hashable] = []
        for variable in self.request_variables:
            values = shared.get(variable.namespace)
            value = MISSING if values is None else values.get(variable.key, MISSING)
            asked.append((variable.namespace, variable.key, values is None, stand_in(value)))
        return tuple(asked)


def function_inputs(column: CodedColumn, dialect: str, table: PoolTable) -> FunctionInputs:
    """Return the inputs of the functions in a column."""
    return table.concluded((function_inputs, column, dialect), lambda: _function_inputs(column, dialect, table))


def _function_inputs(column: CodedColumn, dialect: str, table: PoolTable) -> FunctionInputs:
    request_variables: dict[str, Variable] = {}
    request_dependent, figure_dependent = set(), set()
    for text in filter(None, table.coded(column).values):
        try:
            expression = compile_expression(text, dialect)
        except ExpressionError:
            continue
        if any(variable.namespace == "stats" and variable.key in _FIGURES for variable in expression.variables):
            figure_dependent.add(text)
            continue
        asked = [variable for variable in expression.variables if variable.namespace not in _POOL_NAMESPACES]
        request_variables.update((variable.name, variable) for variable in asked)
        if asked:
            request_dependent.add(text)
    ordered = tuple(request_variables[name] for name in sorted(request_variables))
    return FunctionInputs(ordered, frozenset(request_dependent), frozenset(figure_dependent))


def function_results(
    column: CodedColumn,
    dialect: str,
    stats: frozenset[str],
    request: RequestSpec,
    candidates: Candidates,
    wanted: Callable[[str], bool] = lambda text: True,
) -> Iterator[FunctionResult]:
    """Yield the results of each distinct function in a column for the candidates that report it.

    Only functions whose text is `wanted` are evaluated.
    """
    functions = candidates.coded(column)
    shared = request_namespaces(request)
    for code, positions in grouped(functions.codes):
        text = functions.values[code]
        if text is None or not wanted(text):
            continue
        try:
            expression = compile_expression(text, dialect)
        except ExpressionError as error:
            yield FunctionResult(text, positions, error)
            continue
        outcomes = []
        everyone = np.arange(len(positions))
        for spelling, rows in _spellings(expression, candidates, positions, everyone):
            pools = candidates.take(positions[rows])
            over = PoolRows(pools, expression.rules, shared=shared, stats=stats, spelling=spelling)
            outcomes.append((rows, expression.evaluate_rows(over)))
        yield FunctionResult(text, positions, None, expression, tuple(outcomes))


def spellings(expression: Expression, pool: PoolState) -> int:
    """Return how often a function is evaluated for a pool: once per spelling of its protocol, if it reads that."""
    return _count_spellings(pool) if _reads_protocol(expression) else 1


def _reads_protocol(expression: Expression) -> bool:
    return any(variable.key == _PROTOCOL for variable in expression.variables)


def _spellings(
    expression: Expression, candidates: Candidates, positions: NDArray[np.intp], everyone: NDArray[np.intp]
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield each spelling to evaluate, with the rows that have so many; only 0 if no protocol is read."""
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


def describe_values(expression: Expression, request: RequestSpec, pool: PoolState, stats: frozenset[str]) -> str:
    """Return the variables of a function with their values, for a reason: ` with volume.size=10`."""
    namespaces = {**request_namespaces(request), **pool_namespaces(pool, stats)}
    held = []
    for variable in expression.variables:
        value = (namespaces.get(variable.namespace) or {}).get(variable.key, MISSING)
        held.append(f"{variable.name}={'(not there)' if value is MISSING else shown(value)}")
    return f" with {', '.join(held)}" if held else ""
