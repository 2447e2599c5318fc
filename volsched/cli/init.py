"""`volsched init`: from nothing to a working volsched in one command."""

from __future__ import annotations

import argparse
import os
import shlex
import socket
from pathlib import Path

from volsched.cli import settings
from volsched.cli.command import Command
from volsched.exceptions import InvalidRequest

FILE_NAME = "volsched.conf"
BACKEND, POOL = "disk1", "pool1"


class Init(Command):
    """Write a configuration with a first storage backend, and make the database.

    The backend keeps volumes as files in a folder. Without FOLDER, everything goes to its usual place: the
    configuration to ~/.volsched (for root to /etc/volsched), the rest to where the state of programs is kept. The
    global option --config-file says where the configuration goes instead.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("folder", metavar="FOLDER", nargs="?", help="keep everything in this folder")
        parser.add_argument(
            "--pool-size",
            metavar="GIB",
            help="how much the first pool may hold; without it, as much as its file system",
        )
        parser.add_argument("--force", action="store_true", help="overwrite an existing configuration file")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        folder = Path(parsed_args.folder).expanduser().absolute() if parsed_args.folder else None
        file = self._file(folder)
        if not parsed_args.force:
            settings.refuse_to_overwrite(file)
        state = folder if folder is not None else _state_folder()
        text = _text(state, parsed_args.pool_size)
        with settings.drafted(file, text, overwrite=parsed_args.force) as draft:
            database = self._try_out(draft)
        self._tell(file, state, database)

    def _try_out(self, draft: Path) -> str:
        """Make the database, the backend's folder and its first report; returns the database's name."""
        from volsched import conf
        from volsched.service.application import open_application

        configuration = conf.load([str(draft)])
        database = settings.make_database(configuration)
        with open_application(configuration) as application:
            application.report()
        return database

    def _file(self, folder: Path | None) -> Path:
        named = self.app.options.config_file or []
        if len(named) > 1 or self.app.options.config_dir:
            raise InvalidRequest("--config-file", "init writes one file: give one --config-file, and no --config-dir")
        if named:
            return Path(named[0]).expanduser().absolute()
        return (folder if folder is not None else _configuration_folder()) / FILE_NAME

    def _tell(self, file: Path, state: Path, database: str) -> None:
        usual = file == _configuration_folder() / FILE_NAME
        program = "volsched" if usual else f"volsched --config-file {shlex.quote(str(file))}"
        print(
            f"configuration  {file}",
            f"database       {database}",
            f"volumes        {state / BACKEND / POOL}",
            "",
            "Next:",
            f"  {program} pool list",
            f"  {program} volume create --size 1 --name first",
            f"  {program} volume explain first",
            sep="\n",
            file=self.app.stdout,
        )


def _configuration_folder() -> Path:
    return Path("/etc/volsched") if os.geteuid() == 0 else Path.home() / ".volsched"


def _state_folder() -> Path:
    from volsched.conf.infrastructure import default_state_path

    return Path(default_state_path())


def _text(state: Path, pool_size_gb: str | None) -> str:
    pool_size = {"pool_size_gb": f"{POOL}:{pool_size_gb}"} if pool_size_gb is not None else {}
    return settings.text_of(
        "Written by `volsched init`. `volsched config sample` shows every option there is,\n"
        "`volsched config check` tells whether this file is well.",
        [
            settings.Section(
                name="paths",
                about="Where volsched keeps its files, the database first of all.",
                options={"state_path": str(state)},
            ),
            settings.Section(
                name="scheduler",
                about="How volumes are placed: which pools will do, and which of them is best.",
                options={
                    "driver": "filter",
                    "filters": "availability_zone, capacity, capabilities",
                    "weighers": "capacity",
                },
            ),
            settings.Section(
                name="agent",
                about="The storage of this machine. Its name must stay the same for as long as there are volumes.",
                options={"host": socket.gethostname(), "backends": BACKEND},
            ),
            settings.Section(
                name=f"backend_{BACKEND}",
                about="Each pool is a folder below `path`, each volume a file in it.",
                options={"driver": "directory", "path": str(state / BACKEND), "pools": POOL, **pool_size},
            ),
        ],
    )
