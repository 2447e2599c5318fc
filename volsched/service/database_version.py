"""The version of the configured database's tables, and their upgrade."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from volsched.conf import Configuration
    from volsched.db.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseVersion:
    """A database, the version of its tables, and the version that this volsched needs."""

    name: str  # the URL without its password
    place: str  # the SQLite file, or else the name
    version: str | None
    needed: str


def read_version(conf: Configuration) -> DatabaseVersion:
    """Return the version of the tables. Raises DatabaseUnavailable."""
    with closing(_database(conf)) as database:
        return _version(database)


def upgrade(conf: Configuration) -> DatabaseVersion:
    """Create the tables, or upgrade them to the version that is needed. Raises DatabaseUnavailable."""
    with closing(_database(conf)) as database:
        database.upgrade()
        return _version(database)


def _database(conf: Configuration) -> Database:
    from volsched.db.database import Database

    return Database.configured(conf)


def _version(database: Database) -> DatabaseVersion:
    from volsched.db.upgrade import latest

    place = str(database.file or database.name)
    return DatabaseVersion(name=database.name, place=place, version=database.version(), needed=latest())
