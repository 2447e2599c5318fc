"""Snapshots, as a Python program asks for them."""

from __future__ import annotations

from collections.abc import Sequence

from volsched.client.session import Session
from volsched.model.snapshot import Snapshot
from volsched.model.volume import Volume


class Snapshots:
    """`client.snapshots`. A snapshot is named by its id, its name, or the `Snapshot` that an earlier call returned."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, volume: Volume | str, *, name: str | None = None) -> Snapshot:
        """Keep what a volume holds now, in its pool."""
        named = volume.id if isinstance(volume, Volume) else volume
        return self._session.writing.snapshots.create(self._session.context, named, name=name)

    def get(self, snapshot: Snapshot | str) -> Snapshot:
        """The snapshot as it is now."""
        return self._session.application.snapshots.get(self._session.context, _named(snapshot))

    def list(self, *, volume: Volume | str | None = None, all_projects: bool = False) -> Sequence[Snapshot]:
        """The project's snapshots, oldest first, or those of one volume."""
        named = volume.id if isinstance(volume, Volume) else volume
        return self._session.application.snapshots.list(self._session.context, volume=named, all_projects=all_projects)

    def delete(self, snapshot: Snapshot | str) -> Snapshot:
        """Remove it. What was made from it stays."""
        return self._session.writing.snapshots.delete(self._session.context, _named(snapshot))

    def wait(self, snapshot: Snapshot | str, *, timeout: float | None = None) -> Snapshot | None:
        """The snapshot when nobody works on it any more; None where it is gone. Raises TimeoutError."""
        known = snapshot.id if isinstance(snapshot, Snapshot) else self.get(snapshot).id
        application = self._session.application
        return self._session.shared.settled(lambda left: application.settle_snapshot(known, timeout=left), timeout)


def _named(snapshot: Snapshot | str) -> str:
    return snapshot.id if isinstance(snapshot, Snapshot) else snapshot
