"""Volumes, as a Python program asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from volsched.client.session import Session
from volsched.db.messages import MessageRecord
from volsched.model.decision import Decision
from volsched.model.volume import Volume


class Volumes:
    """`client.volumes`. A volume is named by its id, its name, or the `Volume` that an earlier call returned.

    Each call raises NotAuthorized where the policy does not allow it, VolumeNotFound where there is no such volume for
    who asks, InvalidRequest where an argument is wrong, and DatabaseUnavailable. What changes a volume returns at once,
    with the volume in a status that ends in -ing; `wait` returns when that is over.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(
        self,
        size_gb: int | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        volume_type: str | None = None,
        zone: str | None = None,
        metadata: Mapping[str, str] | None = None,
        hints: Mapping[str, Any] | None = None,
        snapshot: str | None = None,
        source: Volume | str | None = None,
        group: str | None = None,
    ) -> Volume:
        """Ask for a volume. `snapshot` or `source`: what it begins as a copy of. Raises QuotaExceeded."""
        return self._session.writing.volumes.create(
            self._session.context,
            size_gb=size_gb,
            name=name,
            description=description,
            volume_type=volume_type,
            zone=zone,
            metadata=metadata,
            hints=hints,
            snapshot=snapshot,
            source=None if source is None else _named(source),
            group=group,
        )

    def manage(
        self,
        host: str,
        ref: Mapping[str, str],
        *,
        name: str | None = None,
        description: str | None = None,
        volume_type: str | None = None,
        zone: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Volume:
        """Take something that a backend keeps already under management. `host`: host@backend#pool."""
        return self._session.writing.volumes.manage(
            self._session.context,
            host=host,
            ref=ref,
            name=name,
            description=description,
            volume_type=volume_type,
            zone=zone,
            metadata=metadata,
        )

    def get(self, volume: Volume | str) -> Volume:
        """The volume as it is now."""
        return self._session.application.volumes.get(self._session.context, _named(volume))

    def list(self, *, all_projects: bool = False) -> Sequence[Volume]:
        """The project's volumes, oldest first; an administrator may ask for everybody's."""
        return self._session.application.volumes.list(self._session.context, all_projects=all_projects)

    def delete(self, volume: Volume | str) -> Volume:
        """Delete it and what it holds."""
        return self._session.writing.volumes.delete(self._session.context, _named(volume))

    def extend(self, volume: Volume | str, new_size_gb: int) -> Volume:
        """Make it larger, where it is. Raises QuotaExceeded."""
        return self._session.writing.volumes.extend(self._session.context, _named(volume), new_size_gb)

    def retype(self, volume: Volume | str, new_type: str, *, migration_policy: str = "never") -> Volume:
        """Give it another type. `migration_policy`: whether it may be moved for it, never or on-demand."""
        return self._session.writing.volumes.retype(
            self._session.context, _named(volume), new_type, migration_policy=migration_policy
        )

    def migrate(self, volume: Volume | str, host: str) -> Volume:
        """Move it to a pool, or to another pool of a backend."""
        return self._session.writing.volumes.migrate(self._session.context, _named(volume), host)

    def messages(self, volume: Volume | str) -> Sequence[MessageRecord]:
        """What its owner was told, oldest first; also of a volume that is gone."""
        return self._session.application.volumes.messages(self._session.context, _named(volume))

    def explain(self, volume: Volume | str) -> Mapping[str, Any]:
        """The last decision about it; with pools and figures only for who may see what is the operator's."""
        return self._session.application.volumes.explain(self._session.context, _named(volume))

    def dry_run(
        self,
        size_gb: int | None = None,
        *,
        volume_type: str | None = None,
        zone: str | None = None,
        hints: Mapping[str, Any] | None = None,
        snapshot: str | None = None,
        source: Volume | str | None = None,
        group: str | None = None,
    ) -> Decision:
        """What `create` would decide now; nothing is kept."""
        with self._session.shared.turn():
            application = self._session.application
            application.pools.renew()
            return application.volumes.dry_run(
                self._session.context,
                size_gb=size_gb,
                volume_type=volume_type,
                zone=zone,
                hints=hints,
                snapshot=snapshot,
                source=None if source is None else _named(source),
                group=group,
            )

    def wait(self, volume: Volume | str, *, timeout: float | None = None) -> Volume | None:
        """The volume when nobody works on it any more; None where it is gone.

        Raises TimeoutError where that takes more than `timeout` seconds: the request is kept, and can be waited for
        again. Where no message bus is configured, the work is done in this call.
        """
        application, context = self._session.application, self._session.context
        known = volume.id if isinstance(volume, Volume) else application.volumes.get(context, volume).id
        found = self._session.shared.settled(lambda left: application.settle(known, timeout=left), timeout)
        return None if found is None else application.volumes.shown(context, found)


def _named(volume: Volume | str) -> str:
    return volume.id if isinstance(volume, Volume) else volume
