"""A server that a test kills and restarts; committed data survives."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from tests import servers
from volsched.ops.devcluster.server import Site, free_ports, group_of, set_up, user_of

#: What is committed outlives the server, though not the machine.
SETTINGS: dict[str, dict[str, object]] = {
    "postgresql": {"fsync": "off"},
    "mariadb": {"innodb-flush-log-at-trx-commit": 2, "innodb-flush-method": "nosync"},
    "rabbitmq": {},
}


class MortalServer:
    """One server on loopback, for the `with` block."""

    def __init__(self, kind: str) -> None:
        """Skips the test, or fails it in CI, where the server is not installed."""
        servers.require_installed(kind)
        self._server = servers.KINDS[kind]
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        folder = Path(tempfile.mkdtemp(prefix=f"volsched-test-{self._server.name}-"))
        user = user_of(self._server)
        if user is not None:
            shutil.chown(folder, user, group_of(user))
        ports, settings = free_ports(self._server.ports), SETTINGS[self._server.name]
        self._site = Site(folder=folder, ports=ports, password=secrets.token_hex(16), user=user, settings=settings)
        set_up(self._server, self._site)
        self.url = self._server.url(self._site)
        self.start()
        return self

    def __exit__(self, *problem: object) -> None:
        for process in self._running:
            process.kill()
            process.wait()
        shutil.rmtree(self._site.folder, ignore_errors=True)

    def start(self) -> None:
        """Returns when it answers."""
        until = time.monotonic() + servers.START_SECONDS
        *before, last = self._server.processes(self._site)
        if not self._running:
            self._running += [servers.spawn(process, self._site) for process in before]
        while True:
            running = servers.spawn(last, self._site)
            self._running.append(running)
            try:
                return servers.wait_for(running, self._server.answers, self.url)
            except RuntimeError:  # what the dead one held is not free yet
                if time.monotonic() > until:
                    raise

    def kill(self) -> None:
        """As kill -9 does."""
        self._running[-1].kill()
        self._running[-1].wait()

    def database(self) -> str:
        """The URL of a new, empty database, which goes away with the server; not of a broker."""
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE test")
        return self._server.url(self._site, "test")
