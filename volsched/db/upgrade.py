"""Migrations, which alembic runs over a connection of the caller. alembic is imported when it is needed: it is slow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from volsched.exceptions import DatabaseUnavailable

if TYPE_CHECKING:
    from alembic.config import Config

#: Only one process upgrades at a time: the number and the name of the server's lock.
LOCK = 7_686_571
LOCK_SECONDS = 60
#: alembic's own table.
STAMP = sa.table("alembic_version", sa.column("version_num"))
MIGRATIONS = Path(__file__).parent / "migrations"


def latest() -> str:
    """Return the revision that this version of volsched needs: the number of the last migration's file."""
    files = (MIGRATIONS / "versions").glob("[0-9]*_*.py")
    found = max((file.name.partition("_")[0] for file in files), default=None)
    if found is None:
        raise DatabaseUnavailable("this volsched has no migrations: its installation is incomplete; install it again")
    return found


def stamped(connection: Connection) -> str | None:
    """Return the revision of the tables; None if there are none."""
    if not sa.inspect(connection).has_table(STAMP.name):
        return None
    found = connection.execute(sa.select(STAMP)).scalar()
    return None if found is None else str(found)


def has(revision: str) -> bool:
    """Return whether this version of volsched has the revision."""
    from alembic.script import ScriptDirectory

    return any(script.revision == revision for script in ScriptDirectory.from_config(configuration()).walk_revisions())


def configuration(connection: Connection | None = None) -> Config:
    """Return alembic's configuration; no file is read."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, revision: str) -> None:
    """Upgrade the tables to a revision. Raises DatabaseUnavailable."""
    from alembic import command

    with _alone(connection), _explained():
        command.upgrade(configuration(connection), revision)


def downgrade(connection: Connection, revision: str) -> None:
    """Downgrade the tables to a revision. Raises DatabaseUnavailable."""
    from alembic import command

    with _alone(connection), _explained():
        command.downgrade(configuration(connection), revision)


@contextmanager
def _explained() -> Iterator[None]:
    from alembic.script.revision import RevisionError
    from alembic.util import CommandError

    try:
        yield
    except (CommandError, RevisionError) as problem:
        raise DatabaseUnavailable(f"no such migration: {problem}; is the database a newer volsched's?") from problem


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Let only one process upgrade. On SQLite the transaction for writing does that by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        yield
    elif connection.dialect.name == "mysql":
        if connection.execute(sa.select(sa.func.get_lock(f"volsched-{LOCK}", LOCK_SECONDS))).scalar() != 1:
            raise DatabaseUnavailable(
                f"another process has been upgrading the database for {LOCK_SECONDS} s; try again"
            )
        try:
            yield
            connection.exec_driver_sql("COMMIT")  # the next process must read the new revision
        finally:
            connection.execute(sa.select(sa.func.release_lock(f"volsched-{LOCK}")))
    else:
        yield
