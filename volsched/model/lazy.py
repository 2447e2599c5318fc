"""Sequences that are worked out when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


class LazySequence(Sequence[T]):
    """What `work_out` gives, asked once, when the first item or the length is wanted."""

    def __init__(self, work_out: Callable[[], Iterable[T]]) -> None:
        self._work_out = work_out
        self._items: tuple[T, ...] | None = None

    @property
    def _known(self) -> tuple[T, ...]:
        if self._items is None:
            self._items = tuple(self._work_out())
        return self._items

    def __getitem__(self, at: Any) -> Any:
        return self._known[at]

    def __len__(self) -> int:
        return len(self._known)
