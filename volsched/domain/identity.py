"""Ids that follow from what they name, so that doing something again is recognised."""

from __future__ import annotations

import uuid

#: Everything that volsched derives an id for (work, decisions, events) is named within this name space.
NAMESPACE = uuid.UUID("6f0d6f5c-3c07-5b0e-9c55-6b6f1d1f7a10")


def derived_id(*parts: object) -> str:
    """The same parts give the same id."""
    return str(uuid.uuid5(NAMESPACE, "/".join(map(str, parts))))
