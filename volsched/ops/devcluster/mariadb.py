"""MariaDB from its installed programs."""

from __future__ import annotations

from collections.abc import Sequence

from volsched.ops.devcluster.server import ACCOUNT, LOOPBACK, Process, Server, Site, database_answers, flags, program

PROGRAMS = ("mariadbd", "mariadb-install-db")


class MariaDB(Server):
    """Requires passwords, and listens on loopback only."""

    name = "mariadb"
    title = "MariaDB"
    package = "mariadb-server"
    user = "mysql"

    def missing(self) -> str | None:
        return next((name for name in PROGRAMS if program(name) is None), None)

    def set_up(self, site: Site) -> Sequence[Sequence[str]]:
        site.write(  # one statement a line; executed at every start
            "first.sql",
            f"CREATE USER IF NOT EXISTS '{ACCOUNT}'@'{LOOPBACK}' IDENTIFIED BY '{site.password}';\n"
            f"GRANT ALL ON *.* TO '{ACCOUNT}'@'{LOOPBACK}' WITH GRANT OPTION;\n",
        )
        data = f"--datadir={site.folder / 'data'}"
        return [[str(program("mariadb-install-db")), "--no-defaults", data, "--skip-test-db", "--skip-name-resolve"]]

    def processes(self, site: Site) -> Sequence[Process]:
        settings = {
            "datadir": site.folder / "data",
            "port": site.ports[0],
            "bind-address": LOOPBACK,
            "socket": "socket",  # in the data folder: a whole path may be too long for one
            "pid-file": site.folder / "pid",
            "init-file": site.folder / "first.sql",
            "innodb-buffer-pool-size": "32M",
            "innodb-log-file-size": "16M",
            "max-connections": 100,
            **site.settings,
        }
        options = ("--no-defaults", *flags(settings), "--skip-name-resolve", "--skip-log-bin")
        return [Process(name=self.name, arguments=(str(program("mariadbd")), *options))]

    def url(self, site: Site, database: str = "") -> str:
        return f"mysql+pymysql://{ACCOUNT}:{site.password}@{LOOPBACK}:{site.ports[0]}/{database or 'mysql'}"

    def answers(self, url: str) -> bool:
        return database_answers(url)
