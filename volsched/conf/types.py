"""Option types that oslo.config does not have."""

from __future__ import annotations

import math
import os

from oslo_config import types

AUTO = "auto"


class OverSubscription(types.ConfigType):  # type: ignore[misc]  # oslo.config's types are not followed
    """`auto`, or a number of at least 1, kept as the text that it was written as."""

    def __init__(self) -> None:
        super().__init__(type_name="number of at least 1, or auto")

    def __call__(self, value: object) -> str:
        text = str(value).strip()
        if text == AUTO:
            return text
        try:
            number = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is neither a number nor {AUTO}") from None
        if not (math.isfinite(number) and number >= 1.0):
            raise ValueError(f"{text} is below 1 or not finite")
        return text

    def __repr__(self) -> str:
        return "OverSubscription()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OverSubscription)

    def __hash__(self) -> int:
        return hash(OverSubscription)

    def _formatter(self, value: object) -> str:
        return str(value)


class Folder(types.ConfigType):  # type: ignore[misc]  # oslo.config's types are not followed
    """The absolute path of a folder, which need not be there; `~` is the home of who runs the program."""

    def __init__(self) -> None:
        super().__init__(type_name="absolute path of a folder")

    def __call__(self, value: object) -> str:
        path = os.path.expanduser(str(value).strip())
        if not os.path.isabs(path):
            raise ValueError(f"{value} would be another folder wherever the program is started")
        return os.path.normpath(path)

    def __repr__(self) -> str:
        return "Folder()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Folder)

    def __hash__(self) -> int:
        return hash(Folder)

    def _formatter(self, value: object) -> str:
        return str(value)
