"""RabbitMQ from its installed programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from volsched.ops.devcluster.server import ACCOUNT, LOOPBACK, PATH, Process, Server, Site, program

SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one in PATH changes users and logs by itself


class RabbitMQ(Server):
    """Uses a name server of its own, apart from other installations; all on loopback."""

    name = "rabbitmq"
    title = "RabbitMQ"
    package = "rabbitmq-server"
    user = "rabbitmq"
    ports = 3  # clients, Erlang's name server, Erlang itself

    def missing(self) -> str | None:
        if not SCRIPT.exists():
            return SCRIPT.name
        return next((name for name in ("epmd", "erl") if program(name) is None), None)

    def set_up(self, site: Site) -> Sequence[Sequence[str]]:
        settings = {
            "listeners.tcp.default": f"{LOOPBACK}:{site.ports[0]}",
            "default_user": ACCOUNT,
            "default_pass": site.password,
            "loopback_users": "none",
            "log.file": "false",
            "log.console": "true",
            "log.console.level": "error",
            **site.settings,
        }
        site.write("rabbitmq.conf", "".join(f"{name} = {value}\n" for name, value in settings.items()))
        site.write("plugins", "[].")
        return []

    def processes(self, site: Site) -> Sequence[Process]:
        port, names, distribution = site.ports
        environment = {
            "PATH": PATH,
            "HOME": str(site.folder),
            "LANG": "C.UTF-8",
            "RUNNING_UNDER_SYSTEMD": "true",  # the script then executes the server in its own process
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(names),
            "RABBITMQ_NODENAME": f"volsched-{port}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_CONFIG_FILE": str(site.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(site.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(site.folder / "data"),
            "RABBITMQ_LOG_BASE": str(site.folder),
            "RABBITMQ_PID_FILE": str(site.folder / "pid"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        # Otherwise the server starts the name server in the background, where it stays.
        name_server = (str(program("epmd")), "-address", LOOPBACK, "-port", str(names))
        return [
            Process(name="epmd", arguments=name_server),
            Process(name=self.name, arguments=(str(SCRIPT),), environment=environment),
        ]

    def url(self, site: Site, database: str = "") -> str:
        return f"rabbit://{ACCOUNT}:{site.password}@{LOOPBACK}:{site.ports[0]}/"

    def answers(self, url: str) -> bool:
        from kombu import Connection  # type: ignore[attr-defined]
        from kombu.exceptions import OperationalError

        try:
            with Connection(url.replace("rabbit://", "amqp://"), connect_timeout=2) as connection:  # type: ignore[no-untyped-call]
                connection.connect()
                return True
        except (OSError, OperationalError):
            return False
