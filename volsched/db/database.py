"""A database: its transactions, errors and version."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from volsched.db import engines, upgrade
from volsched.db.error_codes import Fault, fault_of
from volsched.exceptions import DatabaseUnavailable, InvalidRequest
from volsched.model.ports import Clock

if TYPE_CHECKING:
    from volsched.conf import Configuration

LOG = logging.getLogger(__name__)
T = TypeVar("T")

#: How often a transaction is run again after a lost connection, and after another one inserted the same row first.
MOST_RECONNECTS = 3
MOST_DUPLICATES = 5
#: The SQLite file in [paths] state_path that is used where no connection is configured.
FILE_NAME = "volsched.db"

_NOW = {
    "postgresql": sa.text("SELECT clock_timestamp() AT TIME ZONE 'UTC'"),
    "mysql": sa.text("SELECT UTC_TIMESTAMP(6)"),
}


class Database:
    """A database whose connections are made when they are needed, in the process that needs them: forking is safe."""

    def __init__(
        self,
        url: str | URL,
        *,
        echo: bool = False,
        patience_seconds: float = 15.0,
        pool_size: int = 5,
        clock: Clock | None = None,
    ) -> None:
        """Raises ConfigurationError if `url` is not a database URL. `clock`: replaces the database server's clock."""
        self.url = engines.parse(url)
        self.kind = self.url.get_backend_name()  # sqlite, postgresql, mysql
        self.file = engines.sqlite_file(self.url)
        self._echo = echo
        self._patience = patience_seconds
        self._pool_size = pool_size
        self._clock = clock
        self._engine: Engine | None = None
        self._process = 0
        self._making = threading.Lock()
        # A database in memory has one connection, which one thread at a time may use.
        self._turn: AbstractContextManager[object] = (
            threading.RLock() if self.kind == "sqlite" and self.file is None else nullcontext()
        )

    @classmethod
    def configured(cls, conf: Configuration, *, patience_seconds: float = 15.0, pool_size: int = 5) -> Self:
        """Return the database that `conf` selects: the URL of [database] connection, or a file in the state path.

        The file's URL is built from its path and never interpolated: a path may contain `?`, `%` and `#`.
        """
        url = conf.database.connection or engines.file_url(Path(conf.paths.state_path) / FILE_NAME)
        return cls(url, patience_seconds=patience_seconds, pool_size=pool_size)

    def __repr__(self) -> str:
        return f"Database({self.url.render_as_string(hide_password=True)!r})"

    @property
    def name(self) -> str:
        """The URL without its password."""
        return self.url.render_as_string(hide_password=True)

    @property
    def skips_locked(self) -> bool:
        """Whether the database has SELECT … FOR UPDATE SKIP LOCKED."""
        return self.kind != "sqlite"

    def now(self, connection: Connection) -> datetime:
        """Return the time for leases, heartbeats and reports: the server's, because the hosts' clocks may differ."""
        if self._clock is not None:
            return self._clock()
        statement = _NOW.get(self.kind)
        if statement is None:  # a SQLite file is used on one host only
            return datetime.now(UTC).replace(tzinfo=None)
        return connection.execute(statement).scalar_one()  # type: ignore[no-any-return]

    def clock(self) -> datetime:
        """Return the same time outside of a transaction. Raises DatabaseUnavailable."""
        return self.read(self.now)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Begin a transaction for writing, committed at the end of the block. Raises DatabaseUnavailable."""
        try:
            with self._begun(reading=False) as connection:
                yield connection
        except (DBAPIError, PoolExhausted) as problem:
            self._refuse(problem)

    def run(self, transaction: Callable[[Connection], T]) -> T:
        """Run a transaction and return its result after the commit; it is run again, whole, after a conflict.

        It must have no effect except through the connection, and running it again after a commit must be harmless:
        after a lost connection it is not known whether it was committed. Raises DatabaseUnavailable, and IntegrityError
        for a violated constraint.
        """
        return self._repeat(transaction, reading=False)

    def read(self, transaction: Callable[[Connection], T]) -> T:
        """Run a transaction that only reads and waits for no writer."""
        return self._repeat(transaction, reading=True)

    def upgrade(self, revision: str = "head") -> None:
        """Upgrade the tables to this version of volsched; again is harmless. Raises DatabaseUnavailable."""
        if self.file is not None:
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as problem:
                raise DatabaseUnavailable(f"{self.name}: {problem}; nothing was changed") from problem
        with self._migration() as connection:
            upgrade.upgrade(connection, revision)

    def downgrade(self, revision: str) -> None:
        """Downgrade the tables to an earlier revision, or to `base`. Raises DatabaseUnavailable."""
        with self._migration() as connection:
            upgrade.downgrade(connection, revision)

    def version(self) -> str | None:
        """Return the revision of the tables; None if there are none. Raises DatabaseUnavailable."""
        if self.file is not None and not self.file.exists():
            return None
        return self.read(upgrade.stamped)

    def check(self) -> None:
        """Raise DatabaseUnavailable, with the fix, if the tables are not those of this version of volsched."""
        found, wanted = self.version(), upgrade.latest()
        if found == wanted:
            return
        if found is None:
            raise DatabaseUnavailable(f"{self.name} has no tables yet; run volsched db upgrade")
        if upgrade.has(found):
            raise DatabaseUnavailable(
                f"{self.name} is at {found}, this volsched needs {wanted}; run volsched db upgrade"
            )
        raise DatabaseUnavailable(f"{self.name} is at {found}, which a newer volsched made; upgrade volsched here")

    def close(self) -> None:
        """Close every connection; the next transaction makes new ones."""
        with self._making:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _repeat(self, transaction: Callable[[Connection], T], *, reading: bool) -> T:
        until = time.monotonic() + self._patience
        tries = dict.fromkeys(Fault, 0)
        while True:
            try:
                with self._begun(reading=reading) as connection:
                    return transaction(connection)
            except PoolExhausted as problem:
                self._refuse(problem)
            except UnicodeEncodeError as problem:
                given = f"{problem.object!r:.80}"
                raise InvalidRequest("value", f"expected text that UTF-8 can encode, got {given}") from problem
            except DBAPIError as problem:
                fault = fault_of(problem)
                tries[fault] += 1
                again = (
                    (fault is Fault.RACE and time.monotonic() < until)
                    or (fault is Fault.LOST and tries[fault] < MOST_RECONNECTS)
                    or (fault is Fault.DUPLICATE and tries[fault] < MOST_DUPLICATES)
                )
                if not again:
                    self._refuse(problem)
                LOG.debug("transaction tried again (%s): %s", fault.value, problem.orig)
                # Two transactions that met would meet again: wait for a random time, longer after each conflict.
                time.sleep(random.uniform(0, min(0.5, 0.01 * 2 ** tries[fault])))  # noqa: S311 - no secret

    @contextmanager
    def _begun(self, *, reading: bool) -> Iterator[Connection]:
        engine = self._made()
        if reading and self.kind == "sqlite":
            engine = engine.execution_options(**{engines.BEGIN: "BEGIN"})
        with self._turn, engine.begin() as connection:
            yield connection

    @contextmanager
    def _migration(self) -> Iterator[Connection]:
        try:
            if self.kind == "sqlite":
                with self._turn, self._made(create=True).begin() as connection:
                    yield connection
                return
            # A statement may change a large table, and alembic pauses between statements.
            engine = engines.make(
                self.url, echo=self._echo, patience_seconds=self._patience, pool_size=1, bounded=False
            )
            try:
                with engine.begin() as connection:
                    yield connection
            finally:
                engine.dispose()
        except DBAPIError as problem:
            self._refuse(problem)

    def _made(self, *, create: bool = False) -> Engine:
        with self._making:
            if self._engine is not None and self._process == os.getpid():
                return self._engine
            if self.file is not None and not create and not self.file.exists():
                raise DatabaseUnavailable(f"{self.file} does not exist; run volsched db upgrade (or volsched init)")
            if self._engine is not None:
                self._engine.dispose(close=False)  # its connections belong to the parent process
            self._engine = engines.make(
                self.url, echo=self._echo, patience_seconds=self._patience, pool_size=self._pool_size
            )
            self._process = os.getpid()
            return self._engine

    def _refuse(self, problem: DBAPIError | PoolExhausted) -> NoReturn:
        """Raise the error with its meaning and a fix; an error that only the caller can handle is raised unchanged."""
        if isinstance(problem, PoolExhausted):
            raise DatabaseUnavailable(f"{self.name}: all connections are in use; try again") from problem
        fault = fault_of(problem)
        cause = " ".join(str(problem.orig).split())
        match fault:
            case Fault.RACE:
                raise DatabaseUnavailable(
                    f"{self.name} is locked by another process ({cause}); nothing was changed, try again"
                ) from problem
            case Fault.LOST if "certificate" in cause.lower():
                raise DatabaseUnavailable(
                    f"{self.name} and volsched do not trust each other's certificates ({cause}); "
                    "see the certificates that [database] connection names"
                ) from problem
            case Fault.LOST:
                raise DatabaseUnavailable(f"{self.name} does not answer ({cause}); is the server up?") from problem
            case Fault.REFUSED:
                hint = "; is its disk full?" if cause == "disk I/O error" else ""
                raise DatabaseUnavailable(f"{self.name} cannot be used: {cause}{hint}") from problem
            case Fault.NOT_UPGRADED:
                raise DatabaseUnavailable(f"{self.name}: {cause}; run volsched db upgrade") from problem
            case Fault.TOO_LONG:
                raise InvalidRequest("value", f"the database cannot keep it: {cause}") from problem
            case _:
                raise problem
