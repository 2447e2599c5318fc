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
import pwd
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

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
    authority: str = ""  # the certificate of who vouches for it

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


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a kind of server is found, set up and started."""

    user: str  # who runs it where we are root
    missing: Callable[[], str | None]  # why it cannot be started here
    start: Callable[[Path, int, str, str | None], subprocess.Popen[bytes]]  # folder, port, password, user
    url: Callable[[int, str], str]  # port, password
    answers: Callable[[str], bool] = field(default_factory=lambda: _database_answers)  # whether it runs by now


def require(kind: str) -> Server:
    """The server, started where it does not run. Where it is not installed: failed in CI, skipped elsewhere."""
    if kind not in _USED:
        why = RECIPES[kind].missing()
        if why is not None and os.environ.get("CI", "").lower() in ("1", "true"):
            raise AssertionError(f"{why}; CI needs it: tools/install-servers")
        if why is not None:
            raise unittest.SkipTest(f"{why}; tools/install-servers installs it")
        _USED[kind] = _used(kind)
    return _USED[kind][0]


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
    folder.mkdir(mode=0o711, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise AssertionError(f"{folder} belongs to somebody else; remove it")
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
    recipe = RECIPES[kind]
    shared = _shared_folder()
    for stale in shared.glob(f"{kind}-*"):
        shutil.rmtree(stale, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=shared))
    user = recipe.user if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)
    try:
        password = secrets.token_hex(16)
        port = _free_port()
        _certify(folder, user)
        running = recipe.start(folder, port, password, user)
        url = recipe.url(port, password)
        _wait_for(running, recipe.answers, url)
        apart = folder / "tls-port"
        server = Server(
            kind=kind,
            url=url,
            tls_port=int(apart.read_text()) if apart.exists() else port,
            authority=str(folder / "authority.pem"),
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

    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    issued.private_key_pem.write_to_path(str(folder / "server.key"))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(folder / "server.pem"), append=True)
    (folder / "server.key").chmod(0o600)
    if user is not None:
        for name in ("authority.pem", "server.key", "server.pem"):
            shutil.chown(folder / name, user, pwd.getpwnam(user).pw_gid)


def _say(line: str) -> None:
    """To whoever started us, who listens for one line."""
    if not sys.stdout.closed:
        sys.stdout.write(f"{line}\n")
        sys.stdout.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(running: subprocess.Popen[bytes], answers: Callable[[str], bool], url: str) -> None:
    until = time.monotonic() + START_SECONDS * 3 / 4
    while not answers(url):
        if running.poll() is not None:
            raise RuntimeError(f"ended with {running.returncode}")
        if time.monotonic() > until:
            raise TimeoutError("does not answer")
        time.sleep(0.02)


def _database_answers(url: str) -> bool:
    try:
        with sa.create_engine(url, poolclass=NullPool).connect():
            return True
    except sa.exc.OperationalError:
        return False


def _broker_answers(url: str) -> bool:
    from kombu import Connection  # type: ignore[attr-defined]
    from kombu.exceptions import OperationalError

    try:
        with Connection(url.replace("rabbit://", "amqp://"), connect_timeout=2) as connection:  # type: ignore[no-untyped-call]
            connection.connect()
            return True
    except (OSError, OperationalError):
        return False


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


def _run(arguments: list[str], folder: Path, user: str | None) -> None:
    with (folder / "setup.log").open("ab") as log:
        subprocess.run(arguments, cwd=folder, user=user, group=_group(user), stdout=log, stderr=log, check=True)


#: What this keeper started.
_SPAWNED: list[subprocess.Popen[bytes]] = []


def _spawn(
    arguments: list[str], folder: Path, user: str | None, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    def die_with_parent() -> None:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)

    with (folder / "server.log").open("ab") as log:
        running = subprocess.Popen(
            arguments,
            cwd=folder,
            user=user,
            group=_group(user),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )
    _SPAWNED.append(running)
    return running


def _group(user: str | None) -> int | None:
    return None if user is None else pwd.getpwnam(user).pw_gid


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


def _postgresql_programs() -> Path | None:
    """The folder of the newest installed server's programs."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).parent if found else None


def _postgresql_missing() -> str | None:
    return None if _postgresql_programs() else "PostgreSQL is not installed"


def _start_postgresql(folder: Path, port: int, password: str, user: str | None) -> subprocess.Popen[bytes]:
    programs = _postgresql_programs()
    assert programs is not None
    data, secret = folder / "data", folder / "password"
    secret.write_text(password)
    if user is not None:
        shutil.chown(secret, user)
    _run(
        [
            f"{programs}/initdb",
            f"--pgdata={data}",
            "--username=volsched",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ],
        folder,
        user,
    )
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": 100,
        "deadlock_timeout": "200ms",
        "shared_buffers": "32MB",
        "ssl": "on",
        "ssl_cert_file": folder / "server.pem",
        "ssl_key_file": folder / "server.key",
    }
    return _spawn(
        [f"{programs}/postgres", "-D", str(data), *(f"--{key}={value}" for key, value in settings.items())],
        folder,
        user,
    )


# -- MariaDB -----------------------------------------------------------------------------------------------------------


def _mariadb_missing() -> str | None:
    found = all(shutil.which(name, path=_PATH) for name in ("mariadbd", "mariadb-install-db"))
    return None if found else "MariaDB is not installed"


_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])


def _start_mariadb(folder: Path, port: int, password: str, user: str | None) -> subprocess.Popen[bytes]:
    data, first = folder / "data", folder / "first.sql"
    first.write_text(
        f"CREATE USER 'volsched'@'127.0.0.1' IDENTIFIED BY '{password}';\n"  # one statement a line
        "GRANT ALL ON *.* TO 'volsched'@'127.0.0.1' WITH GRANT OPTION;\n"
    )
    if user is not None:
        shutil.chown(first, user)
    install, server = (str(shutil.which(name, path=_PATH)) for name in ("mariadb-install-db", "mariadbd"))
    _run([install, "--no-defaults", f"--datadir={data}", "--skip-test-db", "--skip-name-resolve"], folder, user)
    settings = {
        "datadir": data,
        "port": port,
        "bind-address": "127.0.0.1",
        "socket": folder / "socket",
        "pid-file": folder / "pid",
        "init-file": first,
        "innodb-flush-log-at-trx-commit": 0,
        "innodb-flush-method": "nosync",
        "innodb-buffer-pool-size": "32M",
        "innodb-log-file-size": "16M",
        "max-connections": 100,
        "ssl-ca": folder / "authority.pem",
        "ssl-cert": folder / "server.pem",
        "ssl-key": folder / "server.key",
    }
    options = [f"--{key}={value}" for key, value in settings.items()]
    return _spawn([server, "--no-defaults", *options, "--skip-name-resolve", "--skip-log-bin"], folder, user)


# -- RabbitMQ ----------------------------------------------------------------------------------------------------------

_RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one in PATH changes users and logs by itself


def _rabbitmq_missing() -> str | None:
    found = _RABBITMQ.exists() and shutil.which("epmd") and shutil.which("erl")
    return None if found else "RabbitMQ is not installed"


def _start_rabbitmq(folder: Path, port: int, password: str, user: str | None) -> subprocess.Popen[bytes]:
    names, distribution, tls = _free_port(), _free_port(), _free_port()
    (folder / "tls-port").write_text(str(tls))
    settings = folder / "rabbitmq.conf"
    settings.write_text(
        f"listeners.tcp.default = 127.0.0.1:{port}\n"
        f"listeners.ssl.default = 127.0.0.1:{tls}\n"
        f"ssl_options.cacertfile = {folder}/authority.pem\n"
        f"ssl_options.certfile = {folder}/server.pem\n"
        f"ssl_options.keyfile = {folder}/server.key\n"
        f"default_user = volsched\ndefault_pass = {password}\n"
        "loopback_users = none\nlog.file = false\nlog.console = true\nlog.console.level = error\n"
    )
    (folder / "plugins").write_text("[].")
    environment = {
        "PATH": _PATH,
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "RUNNING_UNDER_SYSTEMD": "true",  # then the server takes the script's place, and ours is its process
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(names),
        "RABBITMQ_NODENAME": f"volsched-{port}@localhost",
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_CONFIG_FILE": str(settings),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    # Erlang's name server, which would else be started in the background and stay for ever.
    _spawn([str(shutil.which("epmd")), "-address", "127.0.0.1", "-port", str(names)], folder, user)
    return _spawn([str(_RABBITMQ)], folder, user, environment)


def _url(driver: str, rest: str) -> Callable[[int, str], str]:
    def url(port: int, password: str) -> str:
        return f"{driver}://volsched:{password}@127.0.0.1:{port}/{rest}"

    return url


RECIPES: dict[str, Recipe] = {
    "postgresql": Recipe(
        user="postgres",
        missing=_postgresql_missing,
        start=_start_postgresql,
        url=_url("postgresql+psycopg", "postgres?sslmode=disable"),
    ),
    "mariadb": Recipe(
        user="mysql",
        missing=_mariadb_missing,
        start=_start_mariadb,
        url=_url("mysql+pymysql", "mysql?ssl_disabled=true"),
    ),
    "rabbitmq": Recipe(
        user="rabbitmq",
        missing=_rabbitmq_missing,
        start=_start_rabbitmq,
        url=_url("rabbit", ""),
        answers=_broker_answers,
    ),
}

if __name__ == "__main__":
    keep(sys.argv[1])
