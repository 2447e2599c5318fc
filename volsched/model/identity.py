"""Ids: derived from what they name, so that repeated work is recognized, and the parts of a pool's id."""

from __future__ import annotations

import hashlib
import uuid

#: Everything that volsched derives an id for (work, decisions, events) is named within this name space.
NAMESPACE = uuid.UUID("6f0d6f5c-3c07-5b0e-9c55-6b6f1d1f7a10")
_PREFIX = NAMESPACE.bytes


def derived_id(*parts: object) -> str:
    """The same parts give the same id."""
    name = "/".join(map(str, parts))
    # As uuid.uuid5 does it, with the version and the variant in their places, at half its cost.
    digest = hashlib.sha1(_PREFIX + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def backend_of(pool_id: str) -> str:
    """Return the backend id (host@backend) of a pool id (host@backend#pool), or of a backend id."""
    return pool_id.partition("#")[0]


def pool_name_of(pool_id: str) -> str:
    """Return the name of a pool: the part of its id after the backend's; empty for a backend id."""
    return pool_id.partition("#")[2]


def host_of(pool_id: str) -> str:
    """Return the host of a pool id or of a backend id."""
    return backend_of(pool_id).partition("@")[0]
