"""What an expression is evaluated over, many rows at once, and what comes of it."""

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

#: Marks a variable that a row does not have.
MISSING = object()


class Rows(Protocol):
    """What an expression is evaluated over: the values of its variables, one a row."""

    #: Namespaces whose values are the same for every row.
    shared: Mapping[str, Any]
    #: Fewer rows than this are evaluated one by one.
    few: int

    def __len__(self) -> int: ...

    def numbers(self, namespace: str, key: str) -> Numbers:
        """What `Meaning.number` makes of each row's raw value, nan where the row does not have it."""
        ...

    def coded(self, namespace: str, key: str) -> Coded | None:
        """The interned raw values (MISSING among them), where they are kept; else None."""
        ...

    def raw(self, namespace: str, key: str, row: int) -> Any:
        """One raw value, or MISSING."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """The value of an expression for each row.

    `numbers` has plain numbers and bools (`truths` says which are bools); every other value is in `others`, and every
    row without a value in `errors`. Both have nan in `numbers`.
    """

    numbers: Numbers
    truths: Truths
    others: Mapping[int, Any]
    errors: Mapping[int, ExpressionError]

    def __len__(self) -> int:
        return len(self.numbers)

    def value(self, row: int) -> Any:
        """As `Expression.evaluate` gives it for this row, but that a whole number may be a float. Raises its error."""
        if row in self.errors:
            raise self.errors[row]
        if row in self.others:
            return self.others[row]
        number = float(self.numbers[row])
        return bool(number) if self.truths[row] else number
