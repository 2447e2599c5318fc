"""What a developer's installation consists of, and what is known of it from one command to the next."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from volsched.exceptions import InvalidRequest
from volsched.ops.devcluster.mariadb import MariaDB
from volsched.ops.devcluster.postgresql import PostgreSQL
from volsched.ops.devcluster.rabbitmq import RabbitMQ
from volsched.ops.devcluster.server import Server, Site, free_ports, who_runs

FILE = "cluster.json"
DATABASES: Mapping[str, type[Server]] = {"postgresql": PostgreSQL, "mariadb": MariaDB}
DEFAULT_DATABASE = "postgresql"
DEFAULT_NUMBER = 2


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What there should be, where everything is, and which processes were started."""

    folder: Path
    database: str = DEFAULT_DATABASE
    schedulers: int = DEFAULT_NUMBER
    agents: int = DEFAULT_NUMBER
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    ports: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # by server
    made: tuple[str, ...] = ()  # servers that are set up
    running: Mapping[str, str] = field(default_factory=dict)  # process -> host:pid:start time

    @property
    def file(self) -> Path:
        return self.folder / FILE

    @property
    def configuration(self) -> Path:
        """The file for commands and schedulers."""
        return self.folder / "volsched.conf"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def servers(self) -> tuple[Server, ...]:
        """In the order in which they start."""
        return DATABASES[self.database](), RabbitMQ()

    @property
    def services(self) -> tuple[str, ...]:
        """The names of the processes of volsched that there should be, in the order in which they start."""
        return (
            *(f"scheduler-{number + 1}" for number in range(self.schedulers)),
            *(f"agent-{number + 1}" for number in range(self.agents)),
        )

    def site(self, server: Server) -> Site:
        return Site(
            folder=self.folder / server.name,
            ports=self.ports[server.name],
            password=self.password,
            user=who_runs(server),
        )

    def url(self, server: Server, database: str = "") -> str:
        """For a client, with the password."""
        return server.url(self.site(server), database)

    def with_ports(self) -> Plan:
        """The same with a place to listen at for every server."""
        ports = dict(self.ports)
        for server in self.servers:
            if server.name not in ports:
                ports[server.name] = free_ports(server.ports, [port for taken in ports.values() for port in taken])
        return replace(self, ports=ports)

    def save(self) -> None:
        """Whole or not at all, for nobody else to read."""
        draft = self.file.with_suffix(".draft")
        values = {name: value for name, value in asdict(self).items() if name != "folder"}
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            json.dump(values, opened, indent=1)
        draft.replace(self.file)


def read(folder: Path) -> Plan | None:
    """What is known of the installation in a folder; None where there is none. Raises InvalidRequest."""
    file = folder / FILE
    try:
        values: dict[str, Any] = json.loads(file.read_text())
        ports = {name: tuple(map(int, numbers)) for name, numbers in values.pop("ports").items()}
        return Plan(folder=folder, ports=ports, made=tuple(values.pop("made")), **values)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
        what = f"{file} cannot be read ({problem}); remove the folder when nothing of it runs"
        raise InvalidRequest("--folder", what) from problem
