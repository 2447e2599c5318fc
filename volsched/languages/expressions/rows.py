"""The input and the result of an expression that is evaluated for many rows at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from volsched.exceptions import ExpressionError
from volsched.model.candidates import Coded

Positions = NDArray[np.intp]
Numbers = NDArray[np.float64]
Truths = NDArray[np.bool_]

#: The value of a variable that a row does not have.
MISSING = object()


class Rows(Protocol):
    """The values of variables, one per row."""

    #: Namespaces whose values are the same for every row.
    shared: Mapping[str, Any]
    #: Below this number, rows are evaluated one by one.
    few: int

    def __len__(self) -> int: ...

    def numbers(self, namespace: str, key: str) -> Numbers:
        """Return `DialectRules.number` of each row's raw value, nan for rows without it."""
        ...

    def coded(self, namespace: str, key: str) -> Coded | None:
        """Return the interned raw values, including MISSING, or None if they are not interned."""
        ...

    def raw(self, namespace: str, key: str, row: int) -> Any:
        """Return one raw value, or MISSING."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """The value of an expression for each row.

    `numbers` holds exact numbers and bools (`truths` marks the bools). Other values are in `others` and errors in
    `errors`, with nan in `numbers`.
    """

    numbers: Numbers
    truths: Truths
    others: Mapping[int, Any]
    errors: Mapping[int, ExpressionError]

    def __len__(self) -> int:
        return len(self.numbers)

    def value(self, row: int) -> Any:
        """Return the value of a row, as `Expression.evaluate` does, but integers may be floats. Raise its error."""
        if row in self.errors:
            raise self.errors[row]
        if row in self.others:
            return self.others[row]
        number = float(self.numbers[row])
        return bool(number) if self.truths[row] else number
