"""Migrations, run by alembic over a connection that the caller holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy.engine import Connection

from volsched.exceptions import DatabaseUnavailable

#: One upgrade at a time: the number and the name of the server's lock.
LOCK = 7_686_571
LOCK_SECONDS = 60


def configuration(connection: Connection | None = None) -> Config:
    """What alembic needs to know; no file is read."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, revision: str) -> None:
    with _alone(connection), _named():
        command.upgrade(configuration(connection), revision)


def downgrade(connection: Connection, revision: str) -> None:
    with _alone(connection), _named():
        command.downgrade(configuration(connection), revision)


def latest() -> str:
    """The revision that this version of volsched needs."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    if head is None:
        raise DatabaseUnavailable("this volsched has no migrations: it is not whole; install it again")
    return head


def knows(revision: str) -> bool:
    """Whether the revision is one of this version's."""
    return any(script.revision == revision for script in ScriptDirectory.from_config(configuration()).walk_revisions())


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except (CommandError, RevisionError) as problem:
        raise DatabaseUnavailable(f"no such migration: {problem}; is the database a newer volsched's?") from problem


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Nobody else upgrades meanwhile. A SQLite transaction for writing sees to that by itself."""
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
            connection.exec_driver_sql("COMMIT")  # the next one must see the revision that was written
        finally:
            connection.execute(sa.select(sa.func.release_lock(f"volsched-{LOCK}")))
    else:
        yield
