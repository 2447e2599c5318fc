"""Quotas: limits of a project, for all volume types together and for each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from volsched.db.database import Database
from volsched.db.schema import quotas, reservations, volumes
from volsched.exceptions import InvalidRequest, QuotaExceeded
from volsched.model.identity import derived_id

RESOURCES = ("gigabytes", "volumes")  # in the order in which they are locked
UNLIMITED = -1
ALL_TYPES = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Use, reservations and limit of one resource."""

    resource: str
    limit: int
    used: int
    reserved: int


class Quotas:
    """Limits of projects. A port: QuotaStore.

    Usage is the sum of the volumes' rows and the reservations that have not expired, so that it is always exact.
    """

    def __init__(
        self,
        database: Database,
        *,
        defaults: Mapping[str, int] = MappingProxyType({}),
        reservation_seconds: float = 3600.0,
    ) -> None:
        """`defaults`: limits over all types, for projects without limits of their own."""
        self._database = database
        self._defaults = {resource: defaults.get(resource, UNLIMITED) for resource in RESOURCES}
        self._lifetime = timedelta(seconds=reservation_seconds)

    def reserve(self, project_id: str, *, volumes: int, gigabytes: int, volume_type_id: str | None = None) -> str:
        """Reserve; return the id of the reservation, which expires by itself. Raises QuotaExceeded."""
        reservation = str(uuid.uuid4())
        asked = {"volumes": volumes, "gigabytes": gigabytes}

        def write(connection: Connection) -> None:
            if connection.execute(sa.select(reservations.c.id).where(reservations.c.id == reservation)).first():
                return  # committed before, and the connection was lost
            self._lock(connection, project_id)
            now = self._database.now(connection)
            for type_id in [ALL_TYPES] + [one for one in [volume_type_id] if one]:
                self._refuse_beyond(connection, project_id, type_id, asked, now)
            _reserve(connection, reservation, project_id, volume_type_id, asked, now + self._lifetime)

        self._database.run(write)
        return reservation

    def reserve_retype(self, project_id: str, *, gigabytes: int, volume_type_id: str) -> str:
        """Reserve, within the limits of a volume type, for a volume of the project that has another type.

        The project's use over all types stays as it is. Raises QuotaExceeded.
        """
        reservation = str(uuid.uuid4())
        asked = {"volumes": 1, "gigabytes": gigabytes}

        def write(connection: Connection) -> None:
            if connection.execute(sa.select(reservations.c.id).where(reservations.c.id == reservation)).first():
                return  # committed before, and the connection was lost
            self._lock(connection, project_id)
            now = self._database.now(connection)
            self._refuse_beyond(connection, project_id, volume_type_id, asked, now)
            _reserve(connection, reservation, project_id, volume_type_id, asked, now + self._lifetime)
            # The counterpart makes the sum over all types zero.
            less = {resource: -amount for resource, amount in asked.items()}
            _reserve(connection, _counterpart(reservation), project_id, ALL_TYPES, less, now + self._lifetime)

        self._database.run(write)
        return reservation

    def commit(self, reservation: str) -> None:
        """End a reservation whose volumes are rows now; harmless if it is gone."""
        self._database.run(lambda connection: end(connection, reservation))

    def cancel(self, reservation: str) -> None:
        """End a reservation; harmless if it is gone."""
        self._database.run(lambda connection: end(connection, reservation))

    def expire(self) -> int:
        """Delete expired reservations, which no longer count; return their number."""
        return self._database.run(
            lambda connection: (
                connection.execute(
                    sa.delete(reservations).where(reservations.c.expires_at <= self._database.now(connection))
                ).rowcount
            )
        )

    def set_limit(self, project_id: str, resource: str, limit: int | None, volume_type_id: str | None = None) -> None:
        """Set a limit. -1: unlimited; None: the default. Raises InvalidRequest."""
        if resource not in RESOURCES:
            raise InvalidRequest("resource", f"{resource!r} has no quota; there are {', '.join(RESOURCES)}")
        if limit is not None and limit < UNLIMITED:
            raise InvalidRequest("limit", f"{limit} is less than -1 (unlimited)")
        self._database.run(lambda connection: _set(connection, project_id, volume_type_id, resource, limit))

    def usage(self, project_id: str, volume_type_id: str | None = None) -> tuple[Usage, ...]:
        """Return one entry for each resource. `volume_type_id`: of this type only; None: over all types."""
        return self._database.read(
            lambda connection: self._usage(
                connection, project_id, volume_type_id or ALL_TYPES, self._database.now(connection)
            )
        )

    def _refuse_beyond(
        self, connection: Connection, project_id: str, type_id: str, asked: Mapping[str, int], now: datetime
    ) -> None:
        """Raise QuotaExceeded if a limit would be exceeded; `type_id` ALL_TYPES: over all types."""
        for usage in self._usage(connection, project_id, type_id, now):
            wanted = asked[usage.resource]
            if usage.limit != UNLIMITED and wanted > 0 and usage.used + usage.reserved + wanted > usage.limit:
                resource = usage.resource if not type_id else f"{usage.resource} of volume type {type_id}"
                raise QuotaExceeded(resource, limit=usage.limit, used=usage.used, reserved=usage.reserved, asked=wanted)

    def _lock(self, connection: Connection, project_id: str) -> None:
        """Lock the project's limits, if it has any, against reservations of other transactions."""
        own = sa.select(quotas).where(quotas.c.project_id == project_id).order_by(*quotas.primary_key.columns)
        found = {row.resource for row in connection.execute(own.with_for_update()) if not row.volume_type_id}
        for resource, limit in self._defaults.items():
            if limit != UNLIMITED and resource not in found:
                _set(connection, project_id, None, resource, None)

    def _usage(self, connection: Connection, project_id: str, type_id: str, now: datetime) -> tuple[Usage, ...]:
        own = sa.select(quotas).where(quotas.c.project_id == project_id, quotas.c.volume_type_id == type_id)
        limits = {row.resource: row.hard_limit for row in connection.execute(own)}
        used = sa.select(sa.func.count(), sa.func.sum(volumes.c.size_gb)).where(volumes.c.project_id == project_id)
        reserved = sa.select(sa.func.sum(reservations.c.volumes), sa.func.sum(reservations.c.gigabytes)).where(
            reservations.c.project_id == project_id, reservations.c.expires_at > now
        )
        if type_id:
            used = used.where(volumes.c.volume_type_id == type_id)
            reserved = reserved.where(reservations.c.volume_type_id == type_id)
        defaults = {} if type_id else self._defaults
        counted = dict(zip(("volumes", "gigabytes"), connection.execute(used).one(), strict=True))
        set_aside = dict(zip(("volumes", "gigabytes"), connection.execute(reserved).one(), strict=True))
        return tuple(
            Usage(
                resource=resource,
                limit=_or(limits.get(resource), defaults.get(resource, UNLIMITED)),
                used=int(counted[resource] or 0),
                reserved=int(set_aside[resource] or 0),
            )
            for resource in RESOURCES
        )


def end(connection: Connection, reservation: str) -> None:
    """Delete a reservation and its counterpart."""
    ids = [reservation, _counterpart(reservation)]
    connection.execute(sa.delete(reservations).where(reservations.c.id.in_(ids)))


def _counterpart(reservation: str) -> str:
    return derived_id("reservation", reservation)


def _reserve(
    connection: Connection,
    reservation: str,
    project_id: str,
    volume_type_id: str | None,
    asked: Mapping[str, int],
    expires_at: datetime,
) -> None:
    connection.execute(
        sa.insert(reservations).values(
            id=reservation,
            project_id=project_id,
            volume_type_id=volume_type_id or ALL_TYPES,
            **asked,
            expires_at=expires_at,
        )
    )


def _set(connection: Connection, project_id: str, type_id: str | None, resource: str, limit: int | None) -> None:
    which = {"project_id": project_id, "volume_type_id": type_id or ALL_TYPES, "resource": resource}
    known = sa.update(quotas).filter_by(**which).values(hard_limit=limit)
    if connection.execute(known).rowcount == 0:
        connection.execute(sa.insert(quotas).values(**which, hard_limit=limit))


def _or(limit: int | None, default: int) -> int:
    return default if limit is None else int(limit)
