"""Storage backends: what a volume agent drives."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from volsched.domain.volume import Volume
from volsched.plugins.options import Plugin


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """What a backend found out about an existing volume it took over."""

    size_gb: int
    provider_location: str


class StorageBackend(Plugin, abc.ABC):
    """Keeps volumes in pools. Every method may be called again for the same volume and must then be harmless.

    `pool` is the pool's name (the part after '#'). Failures are StorageError, which names what and the mend.
    """

    @abc.abstractmethod
    def report(self) -> Mapping[str, Any]:
        """Its capabilities now, in Cinder's words: backend-level keys and `pools`, a list of dicts with `pool_name`."""

    @abc.abstractmethod
    def create_volume(self, volume: Volume, pool: str) -> str:
        """Make it; returns where it is (provider_location)."""

    @abc.abstractmethod
    def delete_volume(self, volume: Volume, pool: str) -> None:
        """Remove it; harmless where it is gone."""

    @abc.abstractmethod
    def extend_volume(self, volume: Volume, pool: str, new_size_gb: int) -> None:
        """Grow it to this size; harmless where it has it."""

    @abc.abstractmethod
    def manage_existing(self, volume: Volume, pool: str, ref: Mapping[str, str]) -> Managed:
        """Take over what `ref` names. Raises InvalidRequest where `ref` will not do."""
