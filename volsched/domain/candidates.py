"""The table that scheduling works on: a snapshot of all pools, and the selection still in the running."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from volsched.domain.pool import PoolState

S = TypeVar("S", bound=np.generic)
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]


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


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """A key whose values are interned: equal values share a code, so that a rule is judged once per distinct value."""

    name: str
    read: Callable[[PoolState], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """Interned values: `values[codes[row]]` is row's value. `codes` has one entry a row, read-only.

    Values that no row has any more may be among `values`.
    """

    values: tuple[Any, ...]
    codes: NDArray[np.intp]
    marks: Mapping[Any, int] = field(default_factory=dict)  # the stand-in of each value -> its code

    def where(self, judge: Callable[[Any], bool]) -> Mask:
        """The mask of rows whose value `judge` accepts; `judge` is called once per distinct value."""
        return np.fromiter((judge(value) for value in self.values), np.bool_, len(self.values))[self.codes]


def _read_only(array: NDArray[S]) -> NDArray[S]:
    array.flags.writeable = False
    return array


def _intern(value: Any) -> Any:
    """A hashable stand-in that keeps types apart: 1, 1.0 and True are different values."""
    if isinstance(value, Mapping):
        return (dict, tuple((key, _intern(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return (type(value), tuple(_intern(item) for item in value))
    try:
        hash(value)
    except TypeError:
        return (type(value), repr(value))
    return (type(value), value)


def _coded(read: Callable[[PoolState], Any], pools: Mapping[int, PoolState], before: Coded) -> Coded:
    """The next interned values: those of `before`, with the rows of `pools` read anew."""
    codes, values, marks = before.codes.copy(), list(before.values), dict(before.marks)
    for row, pool in pools.items():
        value = read(pool)
        code = codes[row] = marks.setdefault(_intern(value), len(values))
        if code == len(values):
            values.append(value)
    return Coded(tuple(values), _read_only(codes), marks)


class PoolSnapshot:
    """All pools at one instant, in the order in which they were first reported. Never changes.

    Columns are read once and kept. `replace` gives the next snapshot, which takes over every column that the
    replaced rows leave as it was, and patches the others row by row.
    """

    __slots__ = ("_coded", "_columns", "_rows", "every_row", "pools")

    def __init__(self, pools: Sequence[PoolState]) -> None:
        self.pools = pools
        self._columns: dict[Column[Any], NDArray[Any]] = {}
        self._coded: dict[CodedColumn, Coded] = {}
        self._rows: dict[str, int] | None = None
        self.every_row: Rows = _read_only(np.arange(len(pools)))

    def __len__(self) -> int:
        return len(self.pools)

    def column(self, key: Column[S]) -> NDArray[S]:
        """One value a pool, in snapshot order, read-only."""
        found = self._columns.get(key)
        if found is None:
            found = _read_only(np.fromiter(map(key.read, self.pools), np.dtype(key.dtype), len(self.pools)))
            self._columns[key] = found
        return cast("NDArray[S]", found)

    def coded(self, key: CodedColumn) -> Coded:
        """The interned values of `key`, one code a pool, in snapshot order."""
        found = self._coded.get(key)
        if found is None:
            nothing = Coded((), np.zeros(len(self.pools), np.intp))
            found = self._coded[key] = _coded(key.read, dict(enumerate(self.pools)), nothing)
        return found

    def row(self, pool_id: str) -> int | None:
        """The row of a pool, or None where it is not in the snapshot."""
        if self._rows is None:
            self._rows = {pool.pool_id: row for row, pool in enumerate(self.pools)}
        return self._rows.get(pool_id)

    def replace(self, pools: Mapping[int, PoolState], *, only_figures: bool = False) -> PoolSnapshot:
        """The next snapshot: the pools at these rows replaced, the rest as it was.

        `only_figures`: nothing but free, allocated and provisioned capacity changed, so that every other column is
        shared with this snapshot.
        """
        listed = list(self.pools)
        for row, pool in pools.items():
            listed[row] = pool
        made = PoolSnapshot(listed)
        made._rows = self._rows
        for key, column in self._columns.items():
            if only_figures and not key.figures:
                made._columns[key] = column
                continue
            patched = column.copy()
            for row, pool in pools.items():
                patched[row] = key.read(pool)
            made._columns[key] = _read_only(patched)
        if only_figures:
            made._coded = self._coded
            return made
        for coded_key, coded in self._coded.items():
            if len(coded.values) <= 2 * len(listed):  # else most are of the past: interned anew when it is asked for
                made._coded[coded_key] = _coded(coded_key.read, pools, coded)
        return made

    def candidates(self) -> Candidates:
        """Every pool, still in the running."""
        return Candidates(self, self.every_row)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """A selection of a snapshot. Filters narrow it, weighers reorder it.

    `rows` are snapshot row numbers, in the order in which the pools are considered.
    """

    snapshot: PoolSnapshot
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[PoolState]:
        """The row face: one pool after the other."""
        pools = self.snapshot.pools
        return (pools[row] for row in self.rows)

    def __getitem__(self, position: int) -> PoolState:
        return self.snapshot.pools[int(self.rows[position])]

    @property
    def complete(self) -> bool:
        """Whether these are all pools of the snapshot (a selection never repeats a row)."""
        return len(self.rows) == len(self.snapshot)

    def column(self, key: Column[S]) -> NDArray[S]:
        """The column face: one value a candidate, in candidate order. May be read-only."""
        column = self.snapshot.column(key)
        return column if self.rows is self.snapshot.every_row else column[self.rows]

    def coded(self, key: CodedColumn) -> Coded:
        """The interned face: `values` are those of the whole snapshot, `codes` one a candidate."""
        coded = self.snapshot.coded(key)
        return coded if self.rows is self.snapshot.every_row else Coded(coded.values, coded.codes[self.rows])

    def take(self, selection: Mask | Rows) -> Candidates:
        """Narrow by a mask, or permute and narrow by positions (not snapshot rows)."""
        if selection.dtype == np.bool_ and len(selection) == len(self.rows) and selection.all():
            return self
        return Candidates(self.snapshot, self.rows[selection])
