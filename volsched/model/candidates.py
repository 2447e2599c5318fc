"""The pool table that scheduling works on, and the selection of its rows that is still eligible."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from volsched.model.pool import PoolState

S = TypeVar("S", bound=np.generic)
T = TypeVar("T")
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]

#: Rows in which a shared column or list of pools may be outdated before it is copied.
MAX_OUTDATED = 64
#: Computed results kept at a time; each may be as long as the table.
MAX_RESULTS = 256


@dataclass(frozen=True, slots=True)
class Column(Generic[S]):
    """A typed key: how to read one value out of a pool. Plugins add their own.

    `figures` says that the value changes when room is claimed (free, allocated, provisioned and what follows from
    them); every other column is kept when claims alone change a pool.
    """

    name: str
    dtype: type[S]
    read: Callable[[PoolState], Any]
    figures: bool = False

    def __hash__(self) -> int:
        return hash(self.name)

    def of(self, table: PoolTable) -> NDArray[S]:
        """Return the value of each pool, read-only."""
        return _read_only(np.fromiter(map(self.read, table.pools), np.dtype(self.dtype), len(table)))

    def patched(self, before: NDArray[S], table: PoolTable, rows: Sequence[int]) -> NDArray[S]:
        """Return the values, if only the pools of these rows differ from `before`."""
        values = before.copy()
        for row in rows:
            values[row] = self.read(table.pool(row))
        return _read_only(values)


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """A key whose values are interned: equal values share a code, so a rule is evaluated once per distinct value."""

    name: str
    read: Callable[[PoolState], Any]

    def __hash__(self) -> int:
        return hash(self.name)

    def of(self, table: PoolTable) -> Coded:
        """Return the interned value of each pool."""
        nothing = Coded((), np.zeros(len(table), np.intp))
        return self._read(nothing, enumerate(table.pools))

    def patched(self, before: Coded, table: PoolTable, rows: Sequence[int]) -> Coded | None:
        """Return the values, if only the pools of these rows differ; None if most values would be unused."""
        if len(before.values) > 2 * len(before.codes):
            return None
        return self._read(before, ((row, table.pool(row)) for row in rows))

    def _read(self, before: Coded, pools: Iterable[tuple[int, PoolState]]) -> Coded:
        codes, values, marks = before.codes.copy(), list(before.values), dict(before.marks)
        for row, pool in pools:
            value = self.read(pool)
            code = codes[row] = marks.setdefault(stand_in(value), len(values))
            if code == len(values):
                values.append(value)
        return Coded(tuple(values), _read_only(codes), marks)


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """Interned values: `values[codes[row]]` is row's value. `codes` has one entry a row, read-only.

    `values` may contain values that no row has any more.
    """

    values: tuple[Any, ...]
    codes: NDArray[np.intp]
    marks: Mapping[Any, int] = field(default_factory=dict)  # the stand-in of each value -> its code

    def where(self, judge: Callable[[Any], bool]) -> Mask:
        """Return the mask of rows whose value `judge` accepts; it is called once per distinct value."""
        return np.fromiter((judge(value) for value in self.values), np.bool_, len(self.values))[self.codes]


def _read_only(array: NDArray[S]) -> NDArray[S]:
    array.setflags(write=False)
    return array


def stand_in(value: Any) -> Any:
    """Return a hashable key for a value that distinguishes types: 1, 1.0 and True have different keys."""
    if isinstance(value, Mapping):
        return (dict, tuple((key, stand_in(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return (type(value), tuple(stand_in(item) for item in value))
    try:
        hash(value)
    except TypeError:
        return (type(value), repr(value))
    return (type(value), value)


@dataclass(frozen=True, slots=True)
class _Judged:
    """Verdicts on pools, with the interface of a column."""

    judge: Callable[[Candidates], NDArray[Any]]

    def of(self, table: PoolTable) -> NDArray[Any]:
        return _read_only(self.judge(table.candidates()))

    def patched(self, before: NDArray[Any], table: PoolTable, rows: Sequence[int]) -> NDArray[Any]:
        verdicts = before.copy()
        changed = np.unique(rows)
        verdicts[changed] = self.judge(Candidates(table, _read_only(changed)))
        return _read_only(verdicts)


class _Columns:
    """The columns of one table, and those of earlier tables with the rows in which they are outdated.

    An outdated column is updated when it is read, or when many of its rows are outdated; verdicts are dropped then.
    """

    __slots__ = ("_behind", "_read")

    def __init__(self) -> None:
        self._read: dict[Any, Any] = {}
        self._behind: dict[Any, tuple[Any, tuple[int, ...]]] = {}

    def __len__(self) -> int:
        return len(self._read)

    def known(self, key: Any) -> Any:
        """Return the column of this key, or None if it was not read or is outdated."""
        return self._read.get(key)

    def get(self, key: Any, table: PoolTable, reader: Any = None) -> Any:
        """Return the column of this key; `reader` (by default the key) reads it if needed."""
        found = self._read.get(key)
        if found is None:
            reader = key if reader is None else reader
            before, rows = self._behind.pop(key, (None, ()))
            if before is not None:
                found = reader.patched(before, table, rows)
            if found is None:
                found = reader.of(table)
            self._read[key] = found
        return found

    def following(self, rows: tuple[int, ...], table: PoolTable) -> _Columns:
        """Return the columns of the next table, in which these rows differ."""
        made = _Columns()
        for key, (before, others) in list(self._behind.items()):
            if len(others) <= MAX_OUTDATED:
                made._behind[key] = (before, others + rows)
            elif isinstance(key, Column | CodedColumn):
                self.get(key, table)
        for key, column in list(self._read.items()):
            made._behind[key] = (column, rows)
        return made


class PoolTable:
    """All pools at one instant, in the order in which they were first reported. Never changes.

    Columns are read once and kept. `replace` returns the next table, which shares the unchanged pools and columns;
    columns are patched row by row when they are read. After a claim, only columns of figures change.
    """

    __slots__ = ("_changed", "_concluded", "_figures", "_judged", "_lasting", "_listed", "_rows", "every_row")

    def __init__(self, pools: Sequence[PoolState]) -> None:
        self._listed = pools
        self._changed: dict[int, PoolState] = {}  # instead of those in `_listed`
        self._figures = _Columns()
        self._lasting = _Columns()
        self._judged = _Columns()
        self._concluded: dict[Hashable, Any] = {}
        self._rows: dict[str, int] | None = None
        self.every_row: Rows = _read_only(np.arange(len(pools)))

    def __len__(self) -> int:
        return len(self._listed)

    @property
    def pools(self) -> Sequence[PoolState]:
        """The pools in their order."""
        changed = self._changed  # always read before `_listed`: threads may come here together
        if changed:
            listed = list(self._listed)
            for row, pool in changed.items():
                listed[row] = pool
            self._listed, self._changed = listed, {}
        return self._listed

    def pool(self, row: int) -> PoolState:
        """The pool at a row."""
        return self._changed.get(row) or self._listed[row]

    def column(self, key: Column[S]) -> NDArray[S]:
        """Return one value per pool, in table order, read-only."""
        found: NDArray[S] = (self._figures if key.figures else self._lasting).get(key, self)
        return found

    def coded(self, key: CodedColumn) -> Coded:
        """Return the interned values of `key`, one code per pool, in table order."""
        found: Coded = self._lasting.get(key, self)
        return found

    def judged(self, key: Hashable, judge: Callable[[Candidates], NDArray[S]]) -> NDArray[S]:
        """Return the verdicts of `judge` on all pools, read-only. After a report only the reported pools are judged.

        The verdict on a pool may depend only on `key` and on that pool's columns that are not figures.
        """
        found: NDArray[S] | None = self._judged.known(key)
        if found is None:
            if len(self._judged) > MAX_RESULTS:
                self._judged = _Columns()
            found = self._judged.get(key, self, _Judged(judge))
        return found

    def concluded(self, key: Hashable, conclude: Callable[[], T]) -> T:
        """Return the result of `conclude`, computed once. It may depend only on `key` and columns without figures."""
        found: T | None = self._concluded.get(key)
        if found is None:
            if len(self._concluded) >= MAX_RESULTS:
                self._concluded.clear()
            found = self._concluded[key] = conclude()
        return found

    def row(self, pool_id: str) -> int | None:
        """Return the row of a pool, or None if it is not in the table."""
        if self._rows is None:
            self._rows = {pool.pool_id: row for row, pool in enumerate(self.pools)}
        return self._rows.get(pool_id)

    def replace(self, pools: Mapping[int, PoolState], *, only_figures: bool = False) -> PoolTable:
        """Return the next table, with the pools at these rows replaced.

        `only_figures`: only free, allocated and provisioned capacity changed, so the other columns are shared.
        """
        made = object.__new__(PoolTable)
        changed = self._changed if len(self._changed) <= MAX_OUTDATED else {}
        made._listed, made._changed = self._listed if changed else self.pools, {**changed, **pools}
        rows = tuple(pools)
        made._figures = self._figures.following(rows, self)
        made._lasting = self._lasting if only_figures else self._lasting.following(rows, self)
        made._judged = self._judged if only_figures else self._judged.following(rows, self)
        made._concluded = self._concluded if only_figures else {}
        made._rows = self._rows
        made.every_row = self.every_row
        return made

    def candidates(self) -> Candidates:
        """Return all pools as candidates."""
        return Candidates(self, self.every_row)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """A selection of a table. Filters narrow it, weighers reorder it.

    `rows` are table row numbers, in the order in which the pools are considered.
    """

    table: PoolTable
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[PoolState]:
        """Iterate over the pools."""
        pools = self.table.pools
        return (pools[row] for row in self.rows.tolist())

    def __getitem__(self, position: int) -> PoolState:
        return self.table.pool(int(self.rows[position]))

    @property
    def weights(self) -> NDArray[np.float64]:
        """One total per candidate: 0 as long as they are not ranked."""
        return np.zeros(len(self))

    @property
    def _untouched(self) -> bool:
        """Whether these are all pools of the table in their order: positions are row numbers."""
        return self.rows is self.table.every_row

    @property
    def complete(self) -> bool:
        """Whether these are all pools of the table (a selection never repeats a row)."""
        return len(self.rows) == len(self.table)

    def column(self, key: Column[S]) -> NDArray[S]:
        """Return one value per candidate, in candidate order. It may be read-only."""
        column = self.table.column(key)
        return column if self._untouched else column[self.rows]

    def coded(self, key: CodedColumn) -> Coded:
        """Return the interned values of the whole table, with one code per candidate."""
        coded = self.table.coded(key)
        return coded if self._untouched else Coded(coded.values, coded.codes[self.rows])

    def judged(self, key: Hashable, judge: Callable[[Candidates], NDArray[S]]) -> NDArray[S]:
        """Return the verdicts of `judge` on the candidates; see `PoolTable.judged`."""
        verdicts = self.table.judged(key, judge)
        return verdicts if self._untouched else verdicts[self.rows]

    def take(self, selection: Mask | Rows) -> Candidates:
        """Narrow by a mask, or permute and narrow by positions (not table rows)."""
        if selection.dtype != np.bool_ or len(selection) != len(self.rows):
            return Candidates(self.table, self.rows[selection])
        positions = selection.nonzero()[0]  # and not by the mask itself, which takes twice as long
        if len(positions) == len(selection):
            return self
        return Candidates(self.table, _read_only(positions if self._untouched else self.rows[positions]))
