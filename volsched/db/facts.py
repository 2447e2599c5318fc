"""Facts: what filters and weighers need to know beyond the request, each in one query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

from volsched.db.database import Database
from volsched.db.schema import volumes
from volsched.exceptions import InvalidRequest

#: How the migration_status of a volume begins into which another one is being moved.
MIGRATION_TARGET = "target:"


def _no_compute(instance_id: str) -> str:
    raise InvalidRequest(
        "scheduler_hints.local_to_instance",
        f"the host of instance {instance_id} is not known: no compute service is configured",
    )


class Facts:
    """Facts from the volumes' rows. A port: FactSource.

    `instance_host` is who knows the hypervisor of an instance, for the database does not.
    """

    def __init__(self, database: Database, *, instance_host: Callable[[str], str] = _no_compute) -> None:
        self._database = database
        self._instance_host = instance_host

    def backends_of(self, volume_ids: Sequence[str], project_id: str | None) -> Mapping[str, str]:
        """Volume id -> host or cluster pool id, of the undeleted volumes that the project may see (None: all)."""
        if not volume_ids:
            return {}
        statement = sa.select(volumes.c.id, volumes.c.cluster_name, volumes.c.host).where(
            volumes.c.id.in_(sorted(set(volume_ids)))
        )
        if project_id is not None:
            # the copy that a volume is being moved into is the operator's business
            target = volumes.c.migration_status.startswith(MIGRATION_TARGET, autoescape=True)
            shown = sa.or_(volumes.c.migration_status.is_(None), sa.not_(target))
            statement = statement.where(volumes.c.project_id == project_id, shown)
        found = self._database.read(lambda connection: connection.execute(statement).all())
        return {row.id: row.cluster_name or row.host for row in found if row.cluster_name or row.host}

    def volume_counts(self) -> Mapping[str, int]:
        """Host of volumes, as their rows have it (host@backend#pool) -> number of undeleted ones, of all projects."""
        statement = (
            sa.select(volumes.c.host, sa.func.count()).where(volumes.c.host.is_not(None)).group_by(volumes.c.host)
        )
        found = self._database.read(lambda connection: connection.execute(statement).all())
        return {row.host: int(row[1]) for row in found}

    def instance_host(self, instance_id: str) -> str:
        """The hypervisor host of a compute instance. Raises InvalidRequest naming the hint where it cannot be told."""
        return self._instance_host(instance_id)
