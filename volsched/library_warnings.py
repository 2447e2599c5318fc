"""Warnings that libraries address to us, and that whoever runs a command can do nothing about."""

from __future__ import annotations

import warnings

#: Matched from the start of the message. Nothing of ours uses eventlet: oslo.utils asks whether it is there, and
#: oslo.service imports it.
ADDRESSED_TO_US = (
    r"\s*Eventlet is deprecated",
    "eventletutils module is deprecated",
    r"Using fork\(\) is a bad idea",
)


def hush() -> None:
    """From here on these warnings are not shown; call it before anything heavy is imported."""
    for message in ADDRESSED_TO_US:
        warnings.filterwarnings("ignore", message=message)
