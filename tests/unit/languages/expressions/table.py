"""Rows for tests: a mapping of namespaces each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsched.languages.expressions import MISSING, Expression
from volsched.model.candidates import Coded


class Table:
    """Rows of plain mappings; `interned` says whether values are kept by code, as a snapshot keeps them."""

    def __init__(
        self,
        expression: Expression,
        shared: Mapping[str, Any],
        rows: Sequence[Mapping[str, Mapping[str, Any]]],
        *,
        interned: bool = False,
        few: int = 0,
    ) -> None:
        self.shared = shared
        self.few = few
        self._number = expression.rules.number
        self._rows = rows
        self._interned = interned

    def __len__(self) -> int:
        return len(self._rows)

    def raw(self, namespace: str, key: str, row: int) -> Any:
        return self._rows[row].get(namespace, {}).get(key, MISSING)

    def numbers(self, namespace: str, key: str) -> NDArray[np.float64]:
        raws = [self.raw(namespace, key, row) for row in range(len(self))]
        return np.array([math.nan if raw is MISSING else self._number(raw) for raw in raws], np.float64)

    def coded(self, namespace: str, key: str) -> Coded | None:
        if not self._interned:
            return None
        codes: dict[str, int] = {}
        values: list[Any] = []
        found = np.zeros(len(self), np.intp)
        for row in range(len(self)):
            raw = self.raw(namespace, key, row)
            found[row] = codes.setdefault(f"{type(raw)} {raw!r}", len(values))
            if found[row] == len(values):
                values.append(raw)
        return Coded(tuple(values), found)

    def namespaces(self, row: int) -> Mapping[str, Any]:
        return {**self.shared, **self._rows[row]}
