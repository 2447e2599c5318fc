"""Sequences and mappings that are worked out when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


class Late(Sequence[T]):
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


class LateMapping(Mapping[str, T]):
    """What `work_out` gives, asked once, when the first key or value is wanted."""

    def __init__(self, work_out: Callable[[], Mapping[str, T]]) -> None:
        self._work_out = work_out
        self._items: Mapping[str, T] | None = None

    @property
    def _known(self) -> Mapping[str, T]:
        if self._items is None:
            self._items = self._work_out()
        return self._items

    def __getitem__(self, key: str) -> T:
        return self._known[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)
