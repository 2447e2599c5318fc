"""Real servers for the functional tests: started on loopback when a test first asks, gone with the last who asked.

A server is shared by all test processes of this checkout. Whoever uses it holds a shared lock on a file; its keeper, a
process of its own, waits for the exclusive lock, which the kernel gives it when the last user has ended, in whatever
way. The server in turn dies with its keeper. So nothing is left behind, and nobody has to be told.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from volsched.ops.devcluster import server as dev
from volsched.ops.devcluster.mariadb import MariaDB
from volsched.ops.devcluster.postgresql import PostgreSQL
from volsched.ops.devcluster.rabbitmq import RabbitMQ
from volsched.ops.devcluster.server import Process, Site, free_ports, group_of, set_up, user_of

START_SECONDS = 60
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that runs."""

    kind: str
    url: str  # for an administrator of it, without TLS
    keeper: int
    pid: int
    tls_port: int = 0  # where it speaks TLS
    authorizer: str = ""  # the certificate of who vouches for it

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new, empty database, which goes away with the block. Not of a broker."""
        name = f"test_{uuid.uuid4().hex}"
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        force = " WITH (FORCE)" if self.kind == "postgresql" else ""
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        try:
            yield sa.make_url(self.url).set(database=name).render_as_string(hide_password=False)
        finally:
            with engine.connect() as connection:
                connection.exec_driver_sql(f"DROP DATABASE {name}{force}")


def require(kind: str) -> Server:
    """The server, started where it does not run. Where it is not installed: failed in CI, skipped elsewhere."""
    if kind not in _USED:
        require_installed(kind)
        _USED[kind] = _used(kind)
    return _USED[kind][0]


def require_installed(kind: str) -> None:
    """Where a server's programs are not installed: failed in CI, skipped elsewhere."""
    if KINDS[kind].missing() is None:
        return
    why = f"{KINDS[kind].title} is not installed"
    if os.environ.get("CI", "").lower() in ("1", "true"):
        raise AssertionError(f"{why}; CI needs it: tools/install-servers")
    raise unittest.SkipTest(f"{why}; tools/install-servers installs it")


#: What this process uses, with the locks that say so; they end with the process.
_USED: dict[str, tuple[Server, int]] = {}


def _used(kind: str) -> tuple[Server, int]:
    folder = _shared_folder()
    with (folder / f"{kind}.starting").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)  # others wait here while one of us starts it
        users = os.open(folder / f"{kind}.users", os.O_WRONLY | os.O_CREAT, 0o600)
        fcntl.flock(users, fcntl.LOCK_SH)  # where a keeper is just stopping it, this waits until it has
        known = folder / f"{kind}.json"
        server = Server(**json.loads(known.read_text())) if known.exists() else None
        if server is None or not _is_alive(server.keeper) or not _is_alive(server.pid):
            server = _start(kind)
            known.write_text(json.dumps(asdict(server)))
        return server, users


def _shared_folder() -> Path:
    """Where the processes of this checkout find one another; servers that run as other users can pass through."""
    mark = hashlib.sha256(f"{os.geteuid()}:{Path(__file__).resolve()}".encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"volsched-servers-{mark}"
    folder.mkdir(exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise AssertionError(f"{folder} belongs to somebody else; remove it")
    folder.chmod(0o711)  # servers run as other users, and tests in this process may have changed the umask
    return folder


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _start(kind: str) -> Server:
    """Start it with its keeper; once more where it ended, for another program may have taken its port meanwhile."""
    said = _keeper_says(kind)
    if not said.startswith("{"):
        said = _keeper_says(kind)
    if not said.startswith("{"):
        raise AssertionError(f"{kind} did not start: {said or f'silent for {START_SECONDS} s'}")
    return Server(**json.loads(said))


def _keeper_says(kind: str) -> str:
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.servers", kind],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,  # an interrupt meant for the tests leaves it to end in order
    )
    assert keeper.stdout is not None
    ready, _, _ = select.select([keeper.stdout], [], [], START_SECONDS)
    said = keeper.stdout.readline().decode() if ready else ""
    keeper.stdout.close()
    keeper.returncode = 0  # it outlives us by design: no warning about a child that still runs
    return said


# -- the keeper: one process a server ----------------------------------------------------------------------------------


def keep(kind: str) -> None:
    """Start a server, say so, and stop it when nobody uses it any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    recipe = KINDS[kind]
    shared = _shared_folder()
    for stale in shared.glob(f"{kind}-*"):
        shutil.rmtree(stale, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=shared))
    user = user_of(recipe)
    if user is not None:
        shutil.chown(folder, user, group_of(user))
    try:
        *ports, tls_port = free_ports(recipe.ports + 1)
        _certify(folder, user)
        site = Site(
            folder=folder,
            ports=tuple(ports),
            password=secrets.token_hex(16),
            user=user,
            settings=SETTINGS[kind](folder, tls_port),
        )
        set_up(recipe, site)
        running = [spawn(process, site) for process in recipe.processes(site)][-1]
        url = recipe.url(site) + WITHOUT_TLS[kind]
        wait_for(running, recipe.answers, url)
        server = Server(
            kind=kind,
            url=url,
            tls_port=tls_port if kind == "rabbitmq" else ports[0],
            authorizer=str(folder / "authority.pem"),
            keeper=os.getpid(),
            pid=running.pid,
        )
        _say(json.dumps(asdict(server)))
        with (shared / f"{kind}.users").open("w") as users:
            fcntl.flock(users, fcntl.LOCK_EX)
            (shared / f"{kind}.json").unlink(missing_ok=True)
            _stop_all()
    except Exception as problem:
        _say(f"{problem!r} {_last_words(folder)}".replace("\n", " "))
        raise
    finally:
        _stop_all()
        shutil.rmtree(folder, ignore_errors=True)


def _certify(folder: Path, user: str | None) -> None:
    """Write a certificate for a server on loopback, its key, and the certificate of who vouches for it."""
    import trustme

    authorizer = trustme.CA()
    issued = authorizer.issue_cert("localhost", "127.0.0.1")
    authorizer.cert_pem.write_to_path(str(folder / "authority.pem"))
    issued.private_key_pem.write_to_path(str(folder / "server.key"))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(folder / "server.pem"), append=True)
    (folder / "server.key").chmod(0o600)
    if user is not None:
        for name in ("authority.pem", "server.key", "server.pem"):
            shutil.chown(folder / name, user, group_of(user))


def _say(line: str) -> None:
    """To whoever started us, who listens for one line."""
    if not sys.stdout.closed:
        sys.stdout.write(f"{line}\n")
        sys.stdout.close()


def wait_for(running: subprocess.Popen[bytes], answers: Callable[[str], bool], url: str) -> None:
    """Returns when the server answers. Raises RuntimeError where it ended, TimeoutError where it takes too long."""
    until = time.monotonic() + START_SECONDS * 3 / 4
    while not answers(url):
        if running.poll() is not None:
            raise RuntimeError(f"ended with {running.returncode}")
        if time.monotonic() > until:
            raise TimeoutError("does not answer")
        time.sleep(0.02)


def _stop_all() -> None:
    """At once: what they hold is thrown away."""
    for running in reversed(_SPAWNED):
        running.send_signal(signal.SIGQUIT)
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def _last_words(folder: Path) -> str:
    return " | ".join(log.read_text(errors="replace")[-2000:] for log in folder.glob("*.log"))


#: What this keeper started.
_SPAWNED: list[subprocess.Popen[bytes]] = []


def spawn(process: Process, site: Site) -> subprocess.Popen[bytes]:
    """One process of a server, which dies with the thread that starts it."""

    def die_with_parent() -> None:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)

    with (site.folder / "server.log").open("ab") as log:
        running = subprocess.Popen(
            process.arguments,
            cwd=site.folder,
            user=site.user,
            group=group_of(site.user),
            env=process.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )
    _SPAWNED.append(running)
    return running


# -- what tests want of them: nothing is kept, so nothing is made safe; and TLS ----------------------------------------


def _of_postgresql(folder: Path, tls_port: int) -> dict[str, object]:
    return {
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "deadlock_timeout": "200ms",
        "max_connections": 200,
        "ssl": "on",
        "ssl_cert_file": folder / "server.pem",
        "ssl_key_file": folder / "server.key",
    }


def _of_mariadb(folder: Path, tls_port: int) -> dict[str, object]:
    return {
        "innodb-flush-log-at-trx-commit": 0,
        "innodb-flush-method": "nosync",
        "max-connections": 200,
        "ssl-ca": folder / "authority.pem",
        "ssl-cert": folder / "server.pem",
        "ssl-key": folder / "server.key",
    }


def _of_rabbitmq(folder: Path, tls_port: int) -> dict[str, object]:
    return {
        "listeners.ssl.default": f"127.0.0.1:{tls_port}",
        "ssl_options.cacertfile": folder / "authority.pem",
        "ssl_options.certfile": folder / "server.pem",
        "ssl_options.keyfile": folder / "server.key",
    }


KINDS: dict[str, dev.Server] = {kind.name: kind for kind in (PostgreSQL(), MariaDB(), RabbitMQ())}
SETTINGS = {"postgresql": _of_postgresql, "mariadb": _of_mariadb, "rabbitmq": _of_rabbitmq}
WITHOUT_TLS = {"postgresql": "?sslmode=disable", "mariadb": "?ssl_disabled=true", "rabbitmq": ""}

if __name__ == "__main__":
    keep(sys.argv[1])
