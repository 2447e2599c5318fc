"""`volsched dev …`: the distributed form on one machine, for developers."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volsched.cli.command import ANSWER_IS_NO, Command, Document, Lister
from volsched.exceptions import InvalidRequest

if TYPE_CHECKING:
    from volsched.ops.devcluster.cluster import Cluster
    from volsched.ops.devcluster.plan import Plan

FOLDER = ".volsched-dev"
MOST = 20


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", metavar="FOLDER", default=FOLDER, help=f"where everything is kept (default: {FOLDER})"
    )


def _folder(parsed_args: argparse.Namespace) -> Path:
    return Path(parsed_args.folder).expanduser().absolute()


def _known(folder: Path) -> Plan | None:
    from volsched.ops.devcluster.plan import read

    return read(folder)


def _number(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to {MOST}")
    return number


class DevUp(Document):
    """Start a database server, a message broker, schedulers and agents on this machine, on loopback only.

    For developers: the servers are those that are installed here, each in a folder of its own, with a password of its
    own. Run again, it starts what does not run any more, and says the same. Exit status: 0 all of it is ready, 1 a part
    did not start (what was started is stopped again), 2 a server is not installed, or the folder cannot be used.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _add_folder(parser)
        parser.add_argument(
            "--database", choices=("postgresql", "mariadb"), help="the database server (default: postgresql)"
        )
        for name in ("schedulers", "agents"):
            parser.add_argument(f"--{name}", type=_number, metavar="N", help=f"so many {name} (default: 2)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        from volsched.ops.devcluster.cluster import Cluster, locked
        from volsched.ops.devcluster.plan import Plan

        folder = _folder(parsed_args)
        with locked(folder):
            plan = _known(folder) or Plan(folder=folder)
            if plan.ports and parsed_args.database not in (None, plan.database):
                raise InvalidRequest(
                    "--database",
                    f"{folder} has one in {plan.database}: volsched dev down --remove, or another --folder",
                )
            given = {name: getattr(parsed_args, name) for name in ("database", "schedulers", "agents")}
            chosen = {name: value for name, value in given.items() if value is not None}
            cluster = Cluster(dataclasses.replace(plan, **chosen), self.say)
            cluster.up()
            return self._described(cluster)

    def _described(self, cluster: Cluster) -> tuple[Sequence[str], Sequence[Any]]:
        plan = cluster.plan
        parts = [{**dataclasses.asdict(part), "log": str(part.log)} for part in cluster.parts()]
        return ("folder", "config_file", "parts"), (str(plan.folder), str(plan.configuration), parts)

    def lines(self, document: Mapping[str, Any]) -> Iterable[str]:
        file, folder = document["config_file"], document["folder"]
        given = "" if folder == str(Path(FOLDER).absolute()) else f" --folder {folder}"
        yield "volsched runs. Its configuration:"
        yield f"  {file}"
        yield "Try:"
        yield f"  volsched --config-file {file} volume create --size 1 --name first"
        yield f"  volsched --config-file {file} volume explain first"
        yield f"  volsched dev status{given}"
        yield "Stop it, and delete all of it:"
        yield f"  volsched dev down{given} --remove"


class DevStatus(Lister):
    """Show what of a developer's installation runs. Exit status 1: not all of it is ready."""

    columns = ("Part", "PID", "State", "Address", "Log")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _add_folder(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        from volsched.ops.devcluster.cluster import Cluster

        plan = _known(_folder(parsed_args))
        parts = Cluster(plan, self.say).parts() if plan is not None else ()
        if not parts or any(part.state != "ready" for part in parts):
            self.exit_status = ANSWER_IS_NO
        return self.columns, [(part.name, part.pid, part.state, part.address, str(part.log)) for part in parts]

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        return f"there is no installation in {_folder(parsed_args)}; volsched dev up makes one"


class DevDown(Command):
    """Stop a developer's installation: the services with their work in hand first, the database last.

    Where nothing runs, nothing is done. Exit status 1: something had to be killed.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _add_folder(parser)
        parser.add_argument("--remove", action="store_true", help="delete the folder with everything in it, too")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from volsched.ops.devcluster.cluster import Cluster, locked

        folder = _folder(parsed_args)
        if _known(folder) is None:
            self.say(f"there is no installation in {folder}")
            return
        with locked(folder):
            plan = _known(folder)
            if plan is None:
                return
            cluster = Cluster(plan, self.say)
            cluster.down()
            if parsed_args.remove:
                cluster.remove()
