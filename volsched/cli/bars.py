"""A pool as a picture in text: a bar that shows how much of it is taken."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TextIO

WIDTH = 24


@dataclass(frozen=True, slots=True)
class Marks:
    """The characters that a bar is drawn with."""

    taken: str
    free: str


BLOCKS = Marks("\N{FULL BLOCK}", "\N{LIGHT SHADE}")
ASCII = Marks("#", ".")


def marks_for(stream: TextIO) -> Marks:
    """Blocks where the stream can show them, else plain ASCII."""
    try:
        (BLOCKS.taken + BLOCKS.free).encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def bar(taken: float, limit: float, marks: Marks, *, width: int = WIDTH) -> str:
    """`taken` of `limit`, to scale. Something taken shows, and so does something free; more than all is all."""
    if not math.isfinite(limit) or limit <= 0 or not math.isfinite(taken):
        return marks.free * width
    share = min(max(taken / limit, 0.0), 1.0)
    filled = round(share * width)
    if 0 < share < 1:
        filled = min(max(filled, 1), width - 1)
    return marks.taken * filled + marks.free * (width - filled)
