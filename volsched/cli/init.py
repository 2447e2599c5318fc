"""`volsched init`: a first configuration and its database; and the writing of configuration files."""

from __future__ import annotations

import argparse
import os
import shlex
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from volsched.cli.command import Command
from volsched.exceptions import InvalidRequest

FILE_NAME = "volsched.conf"
BACKEND, POOL = "disk1", "pool1"


class Init(Command):
    """Write a configuration with a first storage backend, and create the database.

    The backend keeps volumes as files in a folder. Without FOLDER, the configuration goes to ~/.volsched (for root: to
    /etc/volsched), and the rest to the user's folder for the state of programs. The global option --config-file selects
    another configuration file.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("folder", metavar="FOLDER", nargs="?", help="keep everything in this folder")
        parser.add_argument(
            "--pool-size",
            metavar="GIB",
            help="the capacity of the first pool (default: that of its file system)",
        )
        parser.add_argument("--force", action="store_true", help="overwrite an existing configuration file")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        folder = Path(parsed_args.folder).expanduser().absolute() if parsed_args.folder else None
        file = self._file(folder)
        if not parsed_args.force:
            refuse_to_overwrite(file)
        state = folder if folder is not None else _state_folder()
        text = _text(state, parsed_args.pool_size)
        with drafted(file, text, overwrite=parsed_args.force) as draft:
            database = _initialize(draft)
        self._describe(file, state, database)

    def _file(self, folder: Path | None) -> Path:
        named = self.app.options.config_file or []
        if len(named) > 1 or self.app.options.config_dir:
            raise InvalidRequest("--config-file", "init writes one file: give one --config-file, and no --config-dir")
        if named:
            return Path(named[0]).expanduser().absolute()
        return (folder if folder is not None else _configuration_folder()) / FILE_NAME

    def _describe(self, file: Path, state: Path, database: str) -> None:
        default = file == _configuration_folder() / FILE_NAME
        program = "volsched" if default else f"volsched --config-file {shlex.quote(str(file))}"
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


def _initialize(file: Path) -> str:
    """Create the database, the backend's folder and its first report; return the database's file or URL."""
    from volsched import conf
    from volsched.service.application import open_application
    from volsched.service.database_version import upgrade

    configuration = conf.load([str(file)])
    database = upgrade(configuration).place
    with open_application(configuration) as application:
        application.report()
    return database


def _configuration_folder() -> Path:
    return Path("/etc/volsched") if os.geteuid() == 0 else Path.home() / ".volsched"


def _state_folder() -> Path:
    from volsched.conf.infrastructure import default_state_path

    return Path(default_state_path())


def _text(state: Path, pool_size_gb: str | None) -> str:
    pool_size = {"pool_size_gb": f"{POOL}:{pool_size_gb}"} if pool_size_gb is not None else {}
    return text_of(
        "Written by `volsched init`. `volsched config sample` shows every option,\n"
        "`volsched config check` shows whether this file is valid.",
        [
            Section(
                name="paths",
                about="The folder for volsched's files, such as the database.",
                options={"state_path": str(state)},
            ),
            Section(
                name="scheduler",
                about="Filters select the pools that fit a volume, weighers order them.",
                options={
                    "driver": "filter",
                    "filters": "availability_zone, capacity, capabilities",
                    "weighers": "capacity",
                },
            ),
            Section(
                name="agent",
                about="The storage of this machine. Do not change the host name while there are volumes.",
                options={"host": socket.gethostname(), "backends": BACKEND},
            ),
            Section(
                name=f"backend_{BACKEND}",
                about="Each pool is a folder below `path`, each volume a file in it.",
                options={"driver": "directory", "path": str(state / BACKEND), "pools": POOL, **pool_size},
            ),
        ],
    )


# -- writing configuration files -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of a configuration file, with a comment for its readers."""

    name: str
    about: str
    options: Mapping[str, str] = field(default_factory=dict)


def text_of(heading: str, sections: Sequence[Section]) -> str:
    """Return the text of a configuration file. A `$` in a value is written `$$`, the escape of oslo.config."""
    blocks = ["\n".join(f"# {line}" for line in heading.splitlines())]
    for section in sections:
        options = [f"{name} = {_written(name, value)}" for name, value in section.options.items()]
        blocks.append("\n".join([f"# {section.about}", f"[{section.name}]", *options]))
    return "\n\n".join(blocks) + "\n"


def _written(name: str, value: str) -> str:
    if value != value.strip() or "\n" in value or "\r" in value:
        raise InvalidRequest(name, f"expected text without line breaks or outer spaces, got {value!r}")
    return value.replace("$", "$$")


def refuse_to_overwrite(file: Path) -> None:
    """Raise InvalidRequest if the file exists."""
    if os.path.lexists(file):
        raise InvalidRequest("--config-file", f"{file} exists already; --force overwrites it")


@contextmanager
def drafted(file: Path, text: str, *, overwrite: bool = False) -> Iterator[Path]:
    """Write a draft beside `file` for use in the block; then rename it to `file`, or remove it if the block raises.

    Readers of `file` never see a part of it. Raises InvalidRequest.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.name}.", delete=False) as draft:
            os.fchmod(draft.fileno(), 0o640)
            draft.write(text)
    except OSError as problem:
        raise InvalidRequest("--config-file", f"{file} cannot be written: {problem.strerror}") from problem
    try:
        yield Path(draft.name)
        if overwrite:
            os.replace(draft.name, file)
        else:
            os.link(draft.name, file)  # fails if somebody else has created the file meanwhile
    except FileExistsError:
        refuse_to_overwrite(file)
        raise
    finally:
        Path(draft.name).unlink(missing_ok=True)
