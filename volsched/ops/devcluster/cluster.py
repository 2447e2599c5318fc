"""A developer's installation: start, status and stop of its servers and services."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from volsched.exceptions import InvalidRequest, VolschedError
from volsched.ops.devcluster import configuration, processes
from volsched.ops.devcluster.plan import Plan
from volsched.ops.devcluster.server import LOOPBACK, PATH, Process, Server, set_up
from volsched.service.pidfile import PidFiles

#: Time, in seconds, for a part to become ready, and to end.
START_SECONDS = 120.0
STOP_SECONDS = 90.0
CHECK_SECONDS = 0.1
SERVICE = "import sys; from volsched.cli.services import {name}_main; sys.exit({name}_main())"

Report = Callable[[str], None]


class PartFailed(VolschedError):
    """A part of the installation did not start, or did not stop."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """The present state of a process."""

    name: str
    pid: int | None
    state: str  # ready, starting, ended
    address: str | None
    log: Path


class Cluster:
    """An installation in a folder. Commands that change it take turns: see `locked`."""

    def __init__(self, plan: Plan, report: Report) -> None:
        self.plan = plan
        self._report = report
        self._started: list[str] = []

    # -- up ----------------------------------------------------------------------------------------------------------

    def up(self) -> None:
        """Start all parts that do not run, and wait until all are ready.

        After a failure, the parts that this call started are stopped again. Raises InvalidRequest, PartFailed.
        """
        self._check()
        try:
            self.plan = self.plan.with_ports()
            self.plan.save()
            for server in self.plan.servers:
                self._start_server(server)
            configuration.write(self.plan)
            self._make_database()
            self._stop([name for name in self.plan.running if self._is_too_many(name)])
            for name in self.plan.services:
                self._start_service(name)
            for name in self.plan.services:
                self._await(name, lambda name=name: self._is_ready(name))  # type: ignore[misc]
            self._await_reports()
        except BaseException:
            if self._started:
                self._report("failed; the parts that were started are stopped again")
                self._stop(self._started)
            raise

    def _check(self) -> None:
        for server in self.plan.servers:
            why = server.missing()
            if why is not None:
                raise InvalidRequest(
                    server.name,
                    f"{server.title} is not installed (no program {why}); fix: apt-get install {server.package}, or "
                    f"tools/install-servers {server.name} in volsched's source tree",
                )
            user = self._site_user(server)
            if user is not None and not _may_enter(self.plan.folder, user):
                raise InvalidRequest(
                    "--folder",
                    f"{self.plan.folder}: not accessible to the user {user}, who runs {server.title}; "
                    "use an accessible folder, e.g. --folder /var/tmp/volsched-dev",
                )

    def _site_user(self, server: Server) -> str | None:
        return server.user if os.geteuid() == 0 else None

    def _start_server(self, server: Server) -> None:
        site, begun = self.plan.site(server), time.monotonic()
        parts = [process.name for process in server.processes(site)]
        if all(processes.is_running(self.plan.running.get(name)) for name in parts):
            self._report(f"{server.title} runs")
        else:
            self._report(f"{server.title} starts at {LOOPBACK}:{site.ports[0]}")
        if server.name not in self.plan.made:
            self._set_up(server)
        for process in server.processes(site):
            if not processes.is_running(self.plan.running.get(process.name)):
                self._start(process, site.folder, site.folder / f"{process.name}.log", user=site.user)
        url = self.plan.url(server)
        self._await(server.name, lambda: server.answers(url))
        if server.name in self._started:
            self._report(f"{server.title} is ready after {time.monotonic() - begun:.1f} s")

    def _set_up(self, server: Server) -> None:
        site = self.plan.site(server)
        shutil.rmtree(site.folder, ignore_errors=True)  # left by a failed attempt
        site.folder.mkdir(mode=0o700)
        if site.user is not None:
            shutil.chown(site.folder, site.user, site.user)
        try:
            set_up(server, site)
        except (OSError, subprocess.CalledProcessError) as problem:
            words = processes.end_of_log(site.folder / "setup.log")
            raise PartFailed(f"{server.title}: setup failed: {problem}\n{words}") from problem
        self._keep(made=(*self.plan.made, server.name))

    def _make_database(self) -> None:
        import sqlalchemy as sa
        from sqlalchemy.pool import NullPool

        from volsched.db.database import Database

        server = self.plan.servers[0]
        engine = sa.create_engine(self.plan.url(server), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            names = connection.exec_driver_sql(
                "SELECT datname FROM pg_database" if server.name == "postgresql" else "SHOW DATABASES"
            )
            if configuration.DATABASE not in names.scalars().all():
                connection.exec_driver_sql(f"CREATE DATABASE {configuration.DATABASE}")
        database = Database(self.plan.url(server, configuration.DATABASE))
        try:
            database.upgrade()
        finally:
            database.close()

    def _start_service(self, name: str) -> None:
        if processes.is_running(self.plan.running.get(name)):
            return
        self._report(f"{name} starts")
        program, _, number = name.partition("-")
        files = [self.plan.configuration]
        if program == "agent":
            files.append(configuration.agent_file(self.plan, int(number) - 1))
        named = [argument for file in files for argument in ("--config-file", str(file))]
        process = Process(
            name=name,
            arguments=(sys.executable, "-c", SERVICE.format(name=program), *named),
            environment=processes.without_settings(os.environ),
        )
        self._start(process, self.plan.folder, self.log(name))

    def _start(self, process: Process, folder: Path, log: Path, *, user: str | None = None) -> None:
        owner = processes.start(process, folder, log, user=user)
        self._started.append(process.name)
        self._keep(running={**self.plan.running, process.name: owner})

    def _await(self, name: str, true: Callable[[], bool]) -> None:
        """Wait for a part. Raises PartFailed with the end of its log."""
        pause, until = threading.Event(), time.monotonic() + START_SECONDS
        while not true():
            ended = not processes.is_running(self.plan.running[name])
            if ended or time.monotonic() > until:
                why = "ended" if ended else f"is not ready after {START_SECONDS:.0f} s"
                log = self.log(name)
                raise PartFailed(f"{name} {why}; the end of {log}:\n{processes.end_of_log(log)}")
            pause.wait(CHECK_SECONDS)

    def _await_reports(self) -> None:
        """Wait until every backend has reported, so that volumes can be placed."""
        from volsched.db.backends import Backends
        from volsched.db.database import Database

        database = Database(self.plan.url(self.plan.servers[0], configuration.DATABASE))
        wanted = {f"{configuration.host_of(number)}@disk" for number in range(self.plan.agents)}
        try:
            backends = Backends(database)
            for name in self.plan.services[-1:] if wanted else ():
                self._await(name, lambda: wanted <= {each.backend_id for each in backends.list() if each.pools})
        finally:
            database.close()

    def _is_ready(self, name: str) -> bool:
        return self.plan.running.get(name) in {record.head for record in PidFiles(str(self.plan.state)).alive()}

    def _is_too_many(self, name: str) -> bool:
        return name.startswith(("scheduler-", "agent-")) and name not in self.plan.services

    # -- status -----------------------------------------------------------------------------------------------

    def parts(self) -> Sequence[Part]:
        """Return all parts of the plan, in the order of starting."""
        found = []
        for server in self.plan.servers:
            if server.name not in self.plan.ports:
                continue
            ports = iter(self.plan.ports[server.name])
            site = self.plan.site(server)
            for process in reversed(server.processes(site)):
                ready = process.name != server.name or server.answers(self.plan.url(server))
                found.append(self._part(process.name, ready, f"{LOOPBACK}:{next(ports)}"))
        found += [self._part(name, self._is_ready(name), None) for name in self.plan.services]
        return found

    def _part(self, name: str, ready: bool, address: str | None) -> Part:
        owner = self.plan.running.get(name)
        running = processes.is_running(owner)
        state = "ended" if not running else "ready" if ready else "starting"
        pid = int(owner.split(":")[-2]) if owner is not None and running else None
        return Part(name=name, pid=pid, state=state, address=address, log=self.log(name))

    def log(self, name: str) -> Path:
        """Return the log file of a part."""
        for server in self.plan.servers:
            if name == server.name or (name == "epmd" and server.name == "rabbitmq"):
                return self.plan.folder / server.name / f"{name}.log"
        return self.plan.folder / f"{name}.log"

    # -- down --------------------------------------------------------------------------------------------------------

    def down(self) -> None:
        """Stop all parts: the services first, after their work in progress, the database last."""
        self._stop(list(self.plan.running))

    def remove(self) -> None:
        """Delete the folder. No part may run."""
        shutil.rmtree(self.plan.folder)

    def _stop(self, names: Sequence[str]) -> None:
        """Raises PartFailed where a part had to be killed."""
        services = [name for name in names if name.startswith(("scheduler-", "agent-"))]
        servers = [name for name in self._servers_backwards() if name in names]
        killed = [*self._stop_together(services), *(late for name in servers for late in self._stop_together([name]))]
        if killed:
            raise PartFailed(f"killed, because they did not end within {STOP_SECONDS:.0f} s: {', '.join(killed)}")

    def _stop_together(self, names: Sequence[str]) -> Iterator[str]:
        """Stop parts together; yield the names of those that had to be killed."""
        owners = {name: self.plan.running[name] for name in names if name in self.plan.running}
        signals = {server.name: server.stop_signal for server in self.plan.servers}
        for name, owner in owners.items():
            if processes.is_running(owner):
                self._report(f"{name} stops")
                processes.send_signal(owner, signals.get(name, signal.SIGTERM))
        until = time.monotonic() + STOP_SECONDS
        for name, owner in owners.items():
            if not processes.wait_until_gone(owner, max(0.0, until - time.monotonic())):
                processes.send_signal(owner, signal.SIGKILL)
                processes.wait_until_gone(owner, STOP_SECONDS)
                yield name
        self._keep(running={name: owner for name, owner in self.plan.running.items() if name not in owners})

    def _servers_backwards(self) -> Sequence[str]:
        with_ports = [server for server in self.plan.servers if server.name in self.plan.ports]
        return [
            process.name
            for server in reversed(with_ports)
            for process in reversed(server.processes(self.plan.site(server)))
        ]

    def _keep(self, **changes: object) -> None:
        self.plan = replace(self.plan, **changes)  # type: ignore[arg-type]
        self.plan.save()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the installation for this block. Raises InvalidRequest where the folder contains other files."""
    import fcntl

    others = 0o711 if os.geteuid() == 0 else 0o700  # servers run as other users
    try:
        created = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for each in created:
            each.chmod(others)  # whatever the umask
        known = {"cluster.json", "lock"}
        if not known & set(os.listdir(folder)) and any(folder.iterdir()):
            raise InvalidRequest("--folder", f"{folder} contains other files; use a new or empty folder")
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                if folder.exists() and os.listdir(folder) == ["lock"]:  # unused
                    shutil.rmtree(folder)
    except OSError as problem:
        if isinstance(problem, FileNotFoundError | PermissionError | NotADirectoryError | FileExistsError):
            raise InvalidRequest("--folder", f"{folder} cannot be used: {problem}") from problem
        raise


def _may_enter(folder: Path, user: str) -> bool:
    entered = subprocess.run(  # noqa: S603 - a program of the system
        [shutil.which("test", path=PATH) or "test", "-x", str(folder)], user=user, extra_groups=(), check=False
    )
    return entered.returncode == 0
