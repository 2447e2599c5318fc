"""Values as text in tables: units are in the column's name, numbers are aligned, an absent value is a dash."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

ABSENT = "-"
MOST_DECIMALS = 2


def for_people(value: Any) -> str:
    """Return a value as text: `-` if absent, yes or no, `a=1, b=2` for a mapping."""
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
    """Return a UTC time as ISO 8601 text, to the second."""
    if value is None:
        return None
    given = datetime.fromisoformat(value) if isinstance(value, str) else value
    return given.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def sort_key(value: Any) -> tuple[bool, bool, Any]:
    """Return a key that sorts numbers by size, then texts, then absent values."""
    if value is None:
        return True, True, 0
    if isinstance(value, int | float):
        return False, False, value
    return False, True, str(value)


def number(value: float, decimals: int) -> str:
    """Return a number with this many decimals; infinity is `unbounded`, NaN is `unknown`."""
    if math.isinf(value):
        return "unbounded"
    if math.isnan(value):
        return "unknown"
    return f"{value:.{decimals}f}"


def aligned(column_names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[list[str]]:
    """Return the rows as text; a column of numbers has one number of decimals and is aligned to the right."""
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
    """Return the fewest decimals, at most two, that show every number without rounding."""
    finite = [value for value in numbers if math.isfinite(value)]
    for decimals in range(MOST_DECIMALS):
        if all(abs(value - round(value, decimals)) < 0.005 for value in finite):
            return decimals
    return MOST_DECIMALS


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, indent: str = "  ") -> list[str]:
    """Return lines of columns under a header, without a frame, for long texts."""
    everything = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[at]) for row in everything) for at in range(len(header))]
    lines = [
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in everything
    ]
    lines.insert(1, indent + "  ".join("-" * width for width in widths))
    return lines


# -- bars --------------------------------------------------------------------------------------------------------------

BAR_WIDTH = 24


@dataclass(frozen=True, slots=True)
class Marks:
    """The characters that a bar consists of."""

    taken: str
    free: str


BLOCKS = Marks("\N{FULL BLOCK}", "\N{LIGHT SHADE}")
ASCII = Marks("#", ".")


def marks_for(stream: TextIO) -> Marks:
    """Return block characters if the stream can encode them, else ASCII."""
    try:
        (BLOCKS.taken + BLOCKS.free).encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def bar(taken: float, limit: float, marks: Marks, *, width: int = BAR_WIDTH) -> str:
    """Return a bar of `taken` to scale with `limit`. The least part taken or free is one character."""
    if not math.isfinite(limit) or limit <= 0 or not math.isfinite(taken):
        return marks.free * width
    share = min(max(taken / limit, 0.0), 1.0)
    filled = round(share * width)
    if 0 < share < 1:
        filled = min(max(filled, 1), width - 1)
    return marks.taken * filled + marks.free * (width - filled)
