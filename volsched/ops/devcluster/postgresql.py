"""PostgreSQL from its installed programs."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

from volsched.ops.devcluster.server import ACCOUNT, LOOPBACK, Process, Server, Site, database_answers, flags, program


class PostgreSQL(Server):
    """Requires passwords, and listens on loopback only."""

    name = "postgresql"
    title = "PostgreSQL"
    package = "postgresql"
    user = "postgres"
    stop_signal = signal.SIGINT

    def missing(self) -> str | None:
        return None if _programs() else "initdb"

    def set_up(self, site: Site) -> Sequence[Sequence[str]]:
        secret = site.write("password", site.password)
        return [
            [
                f"{_programs()}/initdb",
                f"--pgdata={site.folder / 'data'}",
                f"--username={ACCOUNT}",
                f"--pwfile={secret}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ]
        ]

    def processes(self, site: Site) -> Sequence[Process]:
        settings = {
            "port": site.ports[0],
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": "",
            "max_connections": 100,
            "shared_buffers": "32MB",
            **site.settings,
        }
        arguments = (f"{_programs()}/postgres", "-D", str(site.folder / "data"), *flags(settings))
        return [Process(name=self.name, arguments=arguments)]

    def url(self, site: Site, database: str = "") -> str:
        return f"postgresql+psycopg://{ACCOUNT}:{site.password}@{LOOPBACK}:{site.ports[0]}/{database or 'postgres'}"

    def answers(self, url: str) -> bool:
        return database_answers(url)


def _programs() -> Path | None:
    """Return the folder of the newest installed server's programs."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = program("initdb")
    return Path(found).resolve().parent if found else None
