"""SQLAlchemy engines, set up so that a transaction means the same on each database."""

from __future__ import annotations

import math
import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from volsched.exceptions import ConfigurationError

OPTION = "[database] connection"
DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mariadb+pymysql": "mysql+pymysql",
}
#: What the query of a SQLite URL may contain.
SQLITE_QUERY = {"timeout", "cached_statements", "uri", "mode", "cache", "immutable", "vfs", "nolock", "psow"}
EXTRAS = {"postgresql+psycopg": "postgresql", "mysql+pymysql": "mysql"}
#: The time within which a server must accept a connection.
CONNECT_SECONDS = 5
#: The bounds of a session, below the default lease: the longest pause inside a transaction, after which the server
#: ends it and releases its locks, and the longest silence of a server, after which the connection is lost.
PAUSE_SECONDS = 20
SILENCE_SECONDS = 40
#: The time after which a server closes an unused session: more than a connection stays in the pool.
UNUSED_SECONDS = 3600
#: The execution option with the statement that begins a SQLite transaction.
BEGIN = "volsched_begin"
#: The pause before the next attempt to prepare a new SQLite file that another process prepares.
TURN_SECONDS = 0.01


def parse(url: str | URL) -> URL:
    """Return the URL with the driver that is used. Raises ConfigurationError."""
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        # The text may contain a password, so it is not shown.
        raise ConfigurationError(OPTION, "not a database URL, e.g. sqlite:////var/lib/volsched/volsched.db") from None
    driver = DRIVERS.get(parsed.drivername)
    if driver is None:
        known = ", ".join(sorted(set(DRIVERS.values())))
        raise ConfigurationError(OPTION, f"{parsed.drivername!r} is not supported; there are {known}")
    path, question, rest = str(url).removeprefix("sqlite:///").partition("?")
    unknown = not parsed.query or parsed.query.keys() - SQLITE_QUERY
    if driver == "sqlite" and isinstance(url, str) and question and unknown:
        raise ConfigurationError(
            OPTION,
            f"expected options of SQLite behind the question mark, got {rest[:80]!r}; for a path that contains one, "
            f"leave the option out and set [paths] state_path to the folder of volsched.db (the URL ends at {path!r})",
        )
    return parsed.set(drivername=driver)


def file_url(file: Path) -> URL:
    """Return the URL of a SQLite file, whatever characters its path contains."""
    return URL.create("sqlite", database=str(file))


def sqlite_file(url: URL) -> Path | None:
    """Return the file of a SQLite database; None for a server or a database in memory."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))


def make(url: URL, *, echo: bool, patience_seconds: float, pool_size: int, bounded: bool = True) -> Engine:
    """Return an engine without connections. Raises ConfigurationError if the driver is not installed.

    `bounded` False: a statement may take any time, and so may a pause in a transaction.
    """
    kind = url.get_backend_name()
    try:
        if kind == "sqlite":
            return _sqlite(url, echo=echo, patience_seconds=patience_seconds)
        return _server(url, echo=echo, patience_seconds=patience_seconds, pool_size=pool_size, bounded=bounded)
    except (ModuleNotFoundError, NoSuchModuleError) as problem:
        extra = EXTRAS.get(url.drivername, kind)
        raise ConfigurationError(OPTION, f"{problem}; fix: pip install 'volsched[{extra}]'") from problem


def _sqlite(url: URL, *, echo: bool, patience_seconds: float) -> Engine:
    arguments: dict[str, Any] = {"timeout": patience_seconds, "check_same_thread": False}
    in_memory: dict[str, Any] = {} if sqlite_file(url) is not None else {"poolclass": StaticPool}
    engine = sa.create_engine(url, echo=echo, connect_args=arguments, **in_memory)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions: `begin` does
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        if not in_memory:
            _write_ahead(cursor, patience_seconds)
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later cannot wait for another writer: it fails at once. So a
        # transaction for writing takes the lock when it begins.
        connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN IMMEDIATE"))

    return engine


def _write_ahead(cursor: sqlite3.Cursor, patience_seconds: float) -> None:
    """Let readers and a writer work at the same time. SQLite does not wait for the lock that this needs, so we do."""
    until = time.monotonic() + patience_seconds
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(TURN_SECONDS)


def _server(url: URL, *, echo: bool, patience_seconds: float, pool_size: int, bounded: bool) -> Engine:
    wait = max(1, math.ceil(patience_seconds))
    postgresql = url.get_backend_name() == "postgresql"
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS}
    if postgresql:
        # A server that vanished is noticed whether a statement is on its way or its result is awaited.
        quarter = max(1, SILENCE_SECONDS // 4)
        arguments |= {"keepalives_idle": quarter, "keepalives_interval": quarter, "keepalives_count": 3}
        arguments |= {"tcp_user_timeout": SILENCE_SECONDS * 1000}
    elif bounded:
        arguments |= {"read_timeout": SILENCE_SECONDS, "write_timeout": SILENCE_SECONDS}
    engine = sa.create_engine(
        url,
        echo=echo,
        # Each statement reads what is committed: after it waited for a lock, it reads the values anew.
        isolation_level="READ COMMITTED",
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_recycle=1800,
        connect_args={key: value for key, value in arguments.items() if key not in url.query},
    )
    settings = (_postgresql if postgresql else _mariadb)(wait, bounded=bounded)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, record: object) -> None:
        with connection.cursor() as cursor:
            for setting in settings:
                cursor.execute(setting)
        connection.commit()

    return engine


def _postgresql(wait: int, *, bounded: bool) -> list[str]:
    """Return the settings of a session: the server ends it, and releases its locks, if the client does not answer."""
    settings = [f"SET lock_timeout = {wait * 1000}"]
    if bounded:
        quarter = max(1, PAUSE_SECONDS // 4)
        settings += [
            f"SET idle_in_transaction_session_timeout = {PAUSE_SECONDS * 1000}",
            f"SET tcp_keepalives_idle = {quarter}",
            f"SET tcp_keepalives_interval = {quarter}",
            "SET tcp_keepalives_count = 3",
            f"SET tcp_user_timeout = {PAUSE_SECONDS * 1000}",
        ]
    return settings


def _mariadb(wait: int, *, bounded: bool) -> list[str]:
    """Return the settings of a session. Locks of tables are waited for as long as those of rows."""
    settings = [f"SET innodb_lock_wait_timeout = {wait}, lock_wait_timeout = {wait}"]
    if bounded:
        settings += [f"SET idle_transaction_timeout = {PAUSE_SECONDS}, wait_timeout = {UNUSED_SECONDS}"]
    return settings
