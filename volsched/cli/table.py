"""Values as people read them in a table: units are in the column's name, numbers line up, absence is a dash."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

ABSENT = "-"
MOST_DECIMALS = 2


def for_people(value: Any) -> str:
    """One value as text: `-` for none, yes and no, `a=1, b=2` for mappings."""
    if value is None or value == "":
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value, _decimals([value]))
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={for_people(item)}" for key, item in value.items()) or ABSENT
    if isinstance(value, list | tuple):
        return ", ".join(map(for_people, value)) or ABSENT
    return str(value)


def moment(value: datetime | str | None) -> str | None:
    """A time in UTC to the second, ISO 8601."""
    if value is None:
        return None
    given = datetime.fromisoformat(value) if isinstance(value, str) else value
    return given.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def sort_key(value: Any) -> tuple[bool, bool, Any]:
    """Orders what a column may hold: numbers by size, then words, then absence."""
    if value is None:
        return True, True, 0
    if isinstance(value, int | float):
        return False, False, value
    return False, True, str(value)


def number(value: float, decimals: int) -> str:
    """A number with so many decimals; infinity and not-a-number are words."""
    if math.isinf(value):
        return "unbounded"
    if math.isnan(value):
        return "unknown"
    return f"{value:.{decimals}f}"


def aligned(column_names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[list[str]]:
    """The rows as text; columns of numbers have as many decimals throughout and are flush right."""
    columns = list(zip(*rows, strict=True)) or [()] * len(column_names)
    made = [_column(name, values) for name, values in zip(column_names, columns, strict=True)]
    return [list(row) for row in zip(*made, strict=True)]


def _column(name: str, values: Sequence[Any]) -> list[str]:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if not numbers or any(isinstance(value, str) and value for value in values):
        return [for_people(value) for value in values]
    decimals = _decimals(numbers)
    texts = [
        number(float(value), decimals) if isinstance(value, int | float) and not isinstance(value, bool) else ABSENT
        for value in values
    ]
    width = max(len(name), *map(len, texts))
    return [text.rjust(width) for text in texts]


def _decimals(numbers: Iterable[float]) -> int:
    """The fewest decimals that lose nothing visible, at most two."""
    finite = [value for value in numbers if math.isfinite(value)]
    for decimals in range(MOST_DECIMALS):
        if all(abs(value - round(value, decimals)) < 0.005 for value in finite):
            return decimals
    return MOST_DECIMALS


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, indent: str = "  ") -> list[str]:
    """Lines of columns two spaces apart under a header, for longer texts than a framed table is good for."""
    everything = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[at]) for row in everything) for at in range(len(header))]
    lines = [
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in everything
    ]
    lines.insert(1, indent + "  ".join("-" * width for width in widths))
    return lines
