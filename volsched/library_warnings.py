"""Warnings of libraries that are addressed to developers, not to the users of commands."""

from __future__ import annotations

import warnings

#: Patterns for the start of messages. volsched does not use eventlet: oslo.utils checks for it, and oslo.service
#: imports it.
IGNORED = (
    r"\s*Eventlet is deprecated",
    "eventletutils module is deprecated",
    r"Using fork\(\) is a bad idea",
)


def ignore_library_warnings() -> None:
    """Ignore these warnings from now on; call this before libraries are imported."""
    for message in IGNORED:
        warnings.filterwarnings("ignore", message=message)
