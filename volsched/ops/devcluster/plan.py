"""The plan of a developer's installation, kept in a file from one command to the next."""

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
from volsched.ops.devcluster.server import Server, Site, free_ports, user_of

FILE = "cluster.json"
DATABASES: Mapping[str, type[Server]] = {"postgresql": PostgreSQL, "mariadb": MariaDB}
DEFAULT_DATABASE = "postgresql"
DEFAULT_NUMBER = 2


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The parts of the installation, their places, and the processes that were started."""

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
        """The servers, in the order of starting."""
        return DATABASES[self.database](), RabbitMQ()

    @property
    def services(self) -> tuple[str, ...]:
        """The names of volsched's processes, in the order of starting."""
        return (
            *(f"scheduler-{number + 1}" for number in range(self.schedulers)),
            *(f"agent-{number + 1}" for number in range(self.agents)),
        )

    def site(self, server: Server) -> Site:
        return Site(
            folder=self.folder / server.name,
            ports=self.ports[server.name],
            password=self.password,
            user=user_of(server),
        )

    def url(self, server: Server, database: str = "") -> str:
        """Return the URL for clients, with the password."""
        return server.url(self.site(server), database)

    def with_ports(self) -> Plan:
        """Return the plan with ports for every server."""
        ports = dict(self.ports)
        for server in self.servers:
            if server.name not in ports:
                ports[server.name] = free_ports(server.ports, [port for taken in ports.values() for port in taken])
        return replace(self, ports=ports)

    def save(self) -> None:
        """Write the file atomically, readable by the owner only."""
        draft = self.file.with_suffix(".draft")
        values = {name: value for name, value in asdict(self).items() if name != "folder"}
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            json.dump(values, opened, indent=1)
        draft.replace(self.file)


def read(folder: Path) -> Plan | None:
    """Return the plan of the installation in a folder; None where there is none. Raises InvalidRequest."""
    file = folder / FILE
    try:
        values: dict[str, Any] = json.loads(file.read_text())
        ports = {name: tuple(map(int, numbers)) for name, numbers in values.pop("ports").items()}
        return Plan(folder=folder, ports=ports, made=tuple(values.pop("made")), **values)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
        what = f"{file} cannot be read ({problem}); remove the folder once none of its processes runs"
        raise InvalidRequest("--folder", what) from problem
