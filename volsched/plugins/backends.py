"""Storage backends: what a volume agent drives."""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol, Self, cast

from volsched.exceptions import StorageError
from volsched.model.report import StoredVolume
from volsched.model.volume import Volume
from volsched.plugins.options import Plugin

#: The contract of storage backends that this volsched offers: (major, minor). Policy: doc/reference/contract.rst.
BACKEND_CONTRACT = (2, 0)
#: An expected storage id (see `StorageBackend.identify`): the operator accepts whatever storage is there.
ANY_STORAGE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at one work item: the volume and the pool that it concerns, and the lease that it holds.

    A process can be stopped inside a storage call for longer than its lease. Another process then makes the next
    attempt, and the storage may have changed in every way before the first one continues. A backend therefore:

    * builds whatever it makes under a name that contains `generation`, which no other attempt has, and publishes the
      result in one atomic step that replaces nothing;
    * calls `check` immediately before each step that publishes, removes, replaces or shortens anything;
    * first removes what the `earlier` attempts left, so that one of them which has passed its `check` finds its own
      unpublished file gone and can no longer publish it.
    """

    volume: Volume
    pool: str  # the pool's name, the part after '#'
    work_id: str
    number: int  # 1 for the first attempt
    #: Raises LeaseLost where another attempt has begun, DatabaseUnavailable where that cannot be found out.
    check: Callable[[], object] = field(repr=False, compare=False)

    @property
    def generation(self) -> str:
        """A part of a name that no other attempt has: hexadecimal digits and one '-', at most 24 characters."""
        return self._generation(self.number)

    @property
    def earlier(self) -> Iterable[str]:
        """The generations of the attempts before this one at the same work item."""
        return map(self._generation, range(1, self.number))

    def of(self, volume: Volume) -> Self:
        """Return the same attempt, about another volume."""
        return replace(self, volume=volume)

    def _generation(self, number: int) -> str:
        return f"{hashlib.blake2b(self.work_id.encode(), digest_size=8).hexdigest()}-{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """What a backend found out about an existing volume it took over."""

    size_gb: int
    provider_location: str


class StorageBackend(Plugin, abc.ABC):
    """Keeps volumes in pools. Every method may be called again for the same volume and must then be harmless.

    Every method that changes something receives the `Attempt` on whose behalf it acts, and keeps to the rules that
    are stated there. Failures are StorageError, which names the problem and the fix; StorageMismatch where the storage
    holds something else than the volume's row says, in which case nothing is changed.

    Further abilities are declared in `capabilities`: MIGRATE has the methods of `Migrates`, SNAPSHOT those of
    `TakesSnapshots`, CLONE the one of `Clones`. A request for an undeclared ability is refused with a message.
    """

    @abc.abstractmethod
    def report(self) -> Mapping[str, Any]:
        """Return its capabilities now, in Cinder's words: backend-level keys and `pools`, dicts with `pool_name`."""

    def identify(self, expected: Mapping[str, str | None]) -> Mapping[str, str | None]:
        """Compare the storage of each pool with the id that the database has for it; return the ids that are there.

        Called before every report. `expected` maps pools to ids; None, or no entry: the pool is new, and a backend
        that can mark its storage gives it an id now, provided that this cannot be the wrong storage (an empty folder);
        ANY_STORAGE: the operator accepts the storage that is there. A pool whose storage has another id, or none where
        one is expected, must not be used until it has the expected one: the backend reports it as down.

        A backend whose storage cannot be mistaken for another one keeps this default and returns nothing.
        """
        return MappingProxyType({})

    @abc.abstractmethod
    def list_volumes(self) -> Iterable[StoredVolume]:
        """Return every volume and snapshot that it holds, one after another, without those that are being made.

        Raises StorageError where a pool cannot be read, so that an unreadable pool is never mistaken for an empty one.
        """

    @abc.abstractmethod
    def create_volume(self, attempt: Attempt) -> str:
        """Create the volume; return its location (provider_location). An attempt that fails leaves nothing visible."""

    @abc.abstractmethod
    def delete_volume(self, attempt: Attempt) -> None:
        """Remove the volume and what unfinished attempts left of it; harmless where there is none."""

    @abc.abstractmethod
    def extend_volume(self, attempt: Attempt, new_size_gb: int) -> None:
        """Grow the volume to this size, and never shrink it; harmless where it has the size already."""

    @abc.abstractmethod
    def manage_existing(self, attempt: Attempt, ref: Mapping[str, str]) -> Managed:
        """Take over what `ref` names. Raises InvalidRequest where `ref` cannot be taken over."""


class Migrates(Protocol):
    """The capability MIGRATE: volumes move between its pools, and from and to other backends.

    A move has three steps, each by the agent of the backend concerned, each of which may be repeated after a crash:
    `offer` in the old pool, `migrate` in the new one, and, once the database says that the volume is in the new pool,
    `delete_volume` in the old one. Until then the original is not touched.
    """

    def offer(self, attempt: Attempt) -> Mapping[str, str]:
        """Return what another backend needs to read the volume: plain data, with a `kind` that names its meaning.

        Whatever serves the offer must end by itself, or with `delete_volume`. Nobody writes to the volume meanwhile.
        """
        ...

    def migrate(self, attempt: Attempt, offer: Mapping[str, str]) -> str:
        """Make the volume in the attempt's pool as a copy of what is offered; return its location.

        The copy is published whole and verified, or not at all. A volume that is there already must hold the same;
        nothing is ever replaced. Raises InvalidRequest where the offer is of a kind that it cannot read.
        """
        ...


class TakesSnapshots(Protocol):
    """The capability SNAPSHOT: a volume's content at one moment is kept, in the volume's own pool."""

    def snapshot(self, attempt: Attempt, snapshot_id: str) -> None:
        """Take the snapshot: whole, or not at all; harmless where it is there."""
        ...

    def delete_snapshot(self, attempt: Attempt, snapshot_id: str) -> None:
        """Remove the snapshot; harmless where it is gone. The volume and copies of the snapshot stay as they are."""
        ...

    def create_from_snapshot(self, attempt: Attempt, snapshot_id: str) -> str:
        """Create a volume with the content of the snapshot, and zeros up to its own size; return its location."""
        ...


class Clones(Protocol):
    """The capability CLONE: a new volume begins as a copy of another one in the same pool."""

    def clone(self, attempt: Attempt, source: Volume) -> str:
        """Create a volume with the content of `source`, and zeros up to its own size; return its location."""
        ...


def migrates(backend: StorageBackend, backend_id: str) -> Migrates:
    """Return the backend with these methods. Raises StorageError where it does not declare the capability."""
    return cast("Migrates", _declared(backend, backend_id, "MIGRATE", "move volumes"))


def takes_snapshots(backend: StorageBackend, backend_id: str) -> TakesSnapshots:
    """Return the backend with these methods. Raises StorageError where it does not declare the capability."""
    return cast("TakesSnapshots", _declared(backend, backend_id, "SNAPSHOT", "take snapshots"))


def clones(backend: StorageBackend, backend_id: str) -> Clones:
    """Return the backend with these methods. Raises StorageError where it does not declare the capability."""
    return cast("Clones", _declared(backend, backend_id, "CLONE", "copy volumes"))


def _declared(backend: StorageBackend, backend_id: str, capability: str, what: str) -> StorageBackend:
    if capability not in backend.capabilities:
        driver = type(backend).__name__
        raise StorageError(backend_id, f"its driver {driver} cannot {what} (it has no capability {capability})")
    return backend
