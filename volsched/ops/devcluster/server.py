"""What every kind of server needs so that it can be started from its installed programs, by anybody, on loopback."""

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

#: Programs of servers are not on everybody's path.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin"])
LOOPBACK = "127.0.0.1"
ACCOUNT = "volsched"


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where a server lives: a folder of its own, its ports, and who runs it."""

    folder: Path
    ports: tuple[int, ...]  # the first is the one that clients use
    password: str  # of the account `volsched`
    user: str | None = None  # None: who we are
    settings: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))  # in the server's own words

    def write(self, name: str, text: str) -> Path:
        """A file that only the server may read."""
        file = self.folder / name
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            opened.write(text)
        if self.user is not None:
            shutil.chown(file, self.user, group_of(self.user))
        return file


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process that makes up a server."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] | None = None  # None: that of who starts it


class Server(abc.ABC):
    """A kind of server. Nothing of it is kept outside of its site."""

    name: str
    title: str
    package: str
    user: str  # who runs it where we are root
    ports = 1
    stop_signal = signal.SIGTERM  # ends it in order, without waiting for its clients

    @abc.abstractmethod
    def missing(self) -> str | None:
        """The program that is not installed; None where all are."""

    @abc.abstractmethod
    def set_up(self, site: Site) -> Sequence[Sequence[str]]:
        """Write what the server reads when it is first started; returns commands to be run in the site before that."""

    @abc.abstractmethod
    def processes(self, site: Site) -> Sequence[Process]:
        """What is to run, in order; the last one is the server."""

    @abc.abstractmethod
    def url(self, site: Site, database: str = "") -> str:
        """For a client with the account's password. `database` "": the administrators'."""

    @abc.abstractmethod
    def answers(self, url: str) -> bool:
        """Whether it runs by now."""


def who_runs(server: Server) -> str | None:
    """The user to run it as: database servers refuse to be run by root. None: who we are."""
    return server.user if os.geteuid() == 0 else None


def group_of(user: str | None) -> int | None:
    """The number of a user's own group."""
    return None if user is None else pwd.getpwnam(user).pw_gid


def free_ports(number: int, taken: Sequence[int] = ()) -> tuple[int, ...]:
    """Ports of loopback that nobody listens at now, and that are not among `taken`."""
    probes: list[socket.socket] = []
    found: list[int] = []
    try:
        while len(found) < number:
            probe = socket.socket()
            probes.append(probe)  # held until all are found, so that none is found twice
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
            if port not in taken:
                found.append(port)
    finally:
        for probe in probes:
            probe.close()
    return tuple(found)


def set_up(server: Server, site: Site) -> None:
    """Make the site ready for the first start. Raises CalledProcessError; `setup.log` says why."""
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
    """Whether a database server lets us in."""
    import sqlalchemy as sa
    from sqlalchemy.pool import NullPool

    try:
        with sa.create_engine(url, poolclass=NullPool).connect():
            return True
    except sa.exc.OperationalError:
        return False


def flags(settings: Mapping[str, object]) -> tuple[str, ...]:
    """--name=value for each."""
    return tuple(f"--{name}={value}" for name, value in settings.items())


def program(name: str) -> str | None:
    """The path of an installed program."""
    return shutil.which(name, path=PATH)
