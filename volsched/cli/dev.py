"""`volsched dev …`: an installation with servers, schedulers and agents on one machine, for developers."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volsched.cli.command import FAILED, Command, Document, Fields, Lister, Rows
from volsched.exceptions import InvalidRequest

if TYPE_CHECKING:
    from volsched.ops.devcluster.cluster import Cluster
    from volsched.ops.devcluster.plan import Plan

FOLDER = ".volsched-dev"
MOST_PROCESSES = 20


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", metavar="FOLDER", default=FOLDER, help=f"the folder of the installation (default: {FOLDER})"
    )


def _folder(parsed_args: argparse.Namespace) -> Path:
    return Path(parsed_args.folder).expanduser().absolute()


def _read_plan(folder: Path) -> Plan | None:
    from volsched.ops.devcluster.plan import read

    return read(folder)


def _number(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_PROCESSES:
        raise argparse.ArgumentTypeError(f"expected 1 to {MOST_PROCESSES}, got {text}")
    return number


class DevUp(Document):
    """Start a database server, a message broker, schedulers and agents on this machine, on loopback only.

    For developers: it uses the installed servers, each with its own folder and password. Run again, it starts the
    parts that have stopped. Exit status: 0 all parts are ready, 1 a part did not start (the started parts are stopped
    again), 2 a server is not installed, or the folder cannot be used.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _add_folder(parser)
        parser.add_argument(
            "--database", choices=("postgresql", "mariadb"), help="the database server (default: postgresql)"
        )
        for name in ("schedulers", "agents"):
            parser.add_argument(f"--{name}", type=_number, metavar="N", help=f"the number of {name} (default: 2)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        from volsched.ops.devcluster.cluster import Cluster, locked
        from volsched.ops.devcluster.plan import Plan

        folder = _folder(parsed_args)
        with locked(folder):
            plan = _read_plan(folder) or Plan(folder=folder)
            if plan.ports and parsed_args.database not in (None, plan.database):
                raise InvalidRequest(
                    "--database",
                    f"{folder} has a database in {plan.database}; volsched dev down --remove deletes it",
                )
            given = {name: getattr(parsed_args, name) for name in ("database", "schedulers", "agents")}
            chosen = {name: value for name, value in given.items() if value is not None}
            cluster = Cluster(dataclasses.replace(plan, **chosen), self.say)
            cluster.up()
            return self._described(cluster)

    def _described(self, cluster: Cluster) -> Fields:
        plan = cluster.plan
        parts = [{**dataclasses.asdict(part), "log": str(part.log)} for part in cluster.parts()]
        return ("folder", "config_file", "parts"), (str(plan.folder), str(plan.configuration), parts)

    def lines(self, document: Mapping[str, Any]) -> Iterable[str]:
        file, folder = document["config_file"], document["folder"]
        given = "" if folder == str(Path(FOLDER).absolute()) else f" --folder {folder}"
        yield "volsched is running. Its configuration:"
        yield f"  {file}"
        yield "Try:"
        yield f"  volsched --config-file {file} volume create --size 1 --name first"
        yield f"  volsched --config-file {file} volume explain first"
        yield f"  volsched dev status{given}"
        yield "Stop and delete it:"
        yield f"  volsched dev down{given} --remove"


class DevStatus(Lister):
    """Show the parts of a developer's installation. Exit status 1: one is not ready."""

    columns = ("Part", "PID", "State", "Address", "Log")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _add_folder(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        from volsched.ops.devcluster.cluster import Cluster

        plan = _read_plan(_folder(parsed_args))
        parts = Cluster(plan, self.say).parts() if plan is not None else ()
        if not parts or any(part.state != "ready" for part in parts):
            self.exit_status = FAILED
        return self.columns, [(part.name, part.pid, part.state, part.address, str(part.log)) for part in parts]

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return f"there is no installation in {_folder(parsed_args)}; volsched dev up creates one"


class DevDown(Command):
    """Stop a developer's installation: the services first, when their work in progress is done, the database last.

    Exit status 1: a process had to be killed.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _add_folder(parser)
        parser.add_argument("--remove", action="store_true", help="also delete the folder")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from volsched.ops.devcluster.cluster import Cluster, locked

        folder = _folder(parsed_args)
        if _read_plan(folder) is None:
            self.say(f"there is no installation in {folder}")
            return
        with locked(folder):
            plan = _read_plan(folder)
            if plan is None:
                return
            cluster = Cluster(plan, self.say)
            cluster.down()
            if parsed_args.remove:
                cluster.remove()
