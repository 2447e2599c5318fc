"""A request for a new volume: one value from the command line or the client to the scheduler's queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from volsched.model.serialization import NOTHING, Serializable


class CreateVolumeRequest(Serializable, frozen=True, kw_only=True):
    """The fields of a new volume, as the user gives them; `volsched.api` validates them.

    `volume_type`, `snapshot`, `source` and `group` are names or ids. The volume is empty, or a copy of `snapshot` or of
    the volume `source`; size and type then default to those of the original.
    """

    size_gb: Any = None  # a whole number of GiB, as an int or as decimal digits
    name: str | None = None
    description: str | None = None
    volume_type: str | None = None
    zone: str | None = None
    metadata: Mapping[str, str] = NOTHING
    hints: Mapping[str, Any] = NOTHING  # scheduler hints
    snapshot: str | None = None
    source: str | None = None
    group: str | None = None
