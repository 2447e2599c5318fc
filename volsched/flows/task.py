"""What the tasks of every flow share: their names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from taskflow import task


class VolschedTask(task.Task):  # type: ignore[misc]  # taskflow has no type hints
    """A task named by its module and class, so that a stored flow finds it again in another process."""

    def __init__(self, addons: Iterable[str] = (), **kwargs: Any) -> None:
        name = ";".join([f"{type(self).__module__}.{type(self).__qualname__}", *addons])
        super().__init__(name=kwargs.pop("name", name), **kwargs)
