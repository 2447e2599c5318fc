"""Storage backends: what a volume agent drives."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from volsched.exceptions import StorageError
from volsched.model.volume import Volume
from volsched.plugins.options import Plugin


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """What a backend found out about an existing volume it took over."""

    size_gb: int
    provider_location: str


class StorageBackend(Plugin, abc.ABC):
    """Keeps volumes in pools. Every method may be called again for the same volume and must then be harmless.

    `pool` is the pool's name (the part after '#'). Failures are StorageError, which names what and the fix.

    What else it can do, it declares in `capabilities`: MIGRATE has the methods of `Migrates`, SNAPSHOT those of
    `TakesSnapshots`, CLONE the one of `Clones`. What is not declared is refused, in words.
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


class Migrates(Protocol):
    """The capability MIGRATE: volumes move between its pools, and from and to other backends.

    A move has three steps, each by the agent of the backend concerned, each of which may be taken again after a
    crash: where the volume is, `offer`; where it goes, `migrate`; and when the database says that the volume is there
    now, `delete_volume` where it was. Until then the original is not touched.
    """

    def offer(self, volume: Volume, pool: str) -> Mapping[str, str]:
        """What another backend needs to read the volume: plain data, with a `kind` that says how to understand it.

        Whatever serves the offer must end by itself, or with `delete_volume`. Nobody writes to the volume meanwhile.
        """
        ...

    def migrate(self, volume: Volume, pool: str, offer: Mapping[str, str]) -> str:
        """Make the volume here, as a copy of what is offered; returns where it is.

        It is there whole and verified, or not at all. Where it is there already, it must hold the same; nothing that
        is there is ever replaced. Raises InvalidRequest where the offer is of a kind that it cannot read.
        """
        ...


class TakesSnapshots(Protocol):
    """The capability SNAPSHOT: a volume's content at one moment is kept, in the volume's own pool."""

    def snapshot(self, volume: Volume, pool: str, snapshot_id: str) -> None:
        """Take it: whole, or not at all; harmless where it is there."""
        ...

    def delete_snapshot(self, volume: Volume, pool: str, snapshot_id: str) -> None:
        """Remove it; harmless where it is gone. The volume and what was made from the snapshot stay as they are."""
        ...

    def create_from_snapshot(self, volume: Volume, pool: str, snapshot_id: str) -> str:
        """Make a volume that holds what the snapshot holds, and zeros up to its own size; returns where it is."""
        ...


class Clones(Protocol):
    """The capability CLONE: a new volume begins as a copy of another one in the same pool."""

    def clone(self, volume: Volume, pool: str, source: Volume) -> str:
        """Make a volume that holds what `source` holds, and zeros up to its own size; returns where it is."""
        ...


def migrates(backend: StorageBackend, backend_id: str) -> Migrates:
    """The backend, as one that can. Raises StorageError where it does not declare so."""
    return cast("Migrates", _declared(backend, backend_id, "MIGRATE", "move volumes"))


def takes_snapshots(backend: StorageBackend, backend_id: str) -> TakesSnapshots:
    """The backend, as one that can. Raises StorageError where it does not declare so."""
    return cast("TakesSnapshots", _declared(backend, backend_id, "SNAPSHOT", "take snapshots"))


def clones(backend: StorageBackend, backend_id: str) -> Clones:
    """The backend, as one that can. Raises StorageError where it does not declare so."""
    return cast("Clones", _declared(backend, backend_id, "CLONE", "copy volumes"))


def _declared(backend: StorageBackend, backend_id: str, capability: str, what: str) -> StorageBackend:
    if capability not in backend.capabilities:
        driver = type(backend).__name__
        raise StorageError(backend_id, f"its driver {driver} cannot {what} (it has no capability {capability})")
    return backend
