"""Servers that any user can start from their installed programs, on loopback."""

from __future__ import annotations

import abc
import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

#: Programs of servers are not on every user's path.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin"])
LOOPBACK = "127.0.0.1"
ACCOUNT = "volsched"


@dataclass(frozen=True, kw_only=True)
class Site:
    """The folder of a server, its ports, and the user who runs it."""

    folder: Path
    ports: tuple[int, ...]  # the first one is for clients
    password: str  # of the account `volsched`
    user: str | None = None  # None: the current user
    settings: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))  # options of the server

    def write(self, name: str, text: str) -> Path:
        """Write a file that only the server may read; return its path."""
        file = self.folder / name
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            opened.write(text)
        if self.user is not None:
            shutil.chown(file, self.user, group_of(self.user))
        return file


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process of a server."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] | None = None  # None: that of this process


class Server(abc.ABC):
    """A kind of server. All of its files are in its site."""

    name: str
    title: str
    package: str
    user: str  # who runs it for root
    ports = 1
    stop_signal = signal.SIGTERM  # stops it in order, without waiting for clients

    @abc.abstractmethod
    def missing(self) -> str | None:
        """Return a program that is not installed; None where all are."""

    @abc.abstractmethod
    def set_up(self, site: Site) -> Sequence[Sequence[str]]:
        """Write the files for the first start; return commands to run in the site before it."""

    @abc.abstractmethod
    def processes(self, site: Site) -> Sequence[Process]:
        """Return the processes to start, in order; the last one is the server."""

    @abc.abstractmethod
    def url(self, site: Site, database: str = "") -> str:
        """Return the URL for clients, with the password. `database` "": the administrative one."""

    @abc.abstractmethod
    def answers(self, url: str) -> bool:
        """Return whether the server accepts connections."""


def user_of(server: Server) -> str | None:
    """Return the user to run it as, for servers refuse to run as root. None: the current user."""
    return server.user if os.geteuid() == 0 else None


def group_of(user: str | None) -> int | None:
    """Return the number of a user's own group."""
    return None if user is None else pwd.getpwnam(user).pw_gid


def free_ports(number: int, taken: Sequence[int] = ()) -> tuple[int, ...]:
    """Return free ports of loopback that are not among `taken`."""
    probes: list[socket.socket] = []
    found: list[int] = []
    try:
        while len(found) < number:
            probe = socket.socket()
            probes.append(probe)  # kept open until all are found, so that none is found twice
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
            if port not in taken:
                found.append(port)
    finally:
        for probe in probes:
            probe.close()
    return tuple(found)


def set_up(server: Server, site: Site) -> None:
    """Prepare the site for the first start. Raises CalledProcessError; the output is in `setup.log`."""
    with (site.folder / "setup.log").open("ab") as log:
        for command in server.set_up(site):
            subprocess.run(  # noqa: S603 - the installed server's own programs
                command,
                cwd=site.folder,
                user=site.user,
                group=group_of(site.user),
                extra_groups=None if site.user is None else (),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
            )


def database_answers(url: str) -> bool:
    """Return whether a database server accepts the login."""
    import sqlalchemy as sa
    from sqlalchemy.pool import NullPool

    try:
        with sa.create_engine(url, poolclass=NullPool).connect():
            return True
    except sa.exc.OperationalError:
        return False


def flags(settings: Mapping[str, object]) -> tuple[str, ...]:
    """Return --name=value for each setting."""
    return tuple(f"--{name}={value}" for name, value in settings.items())


def program(name: str) -> str | None:
    """Return the path of an installed program."""
    return shutil.which(name, path=PATH)
