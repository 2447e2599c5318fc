"""`volsched demo`: the main job, end to end, in a temporary folder."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import Any

from volsched.cli import bars, demo_world
from volsched.cli.command import Command
from volsched.cli.demo_script import Demonstration, Step
from volsched.exceptions import InvalidRequest


class Demo(Command):
    """Show what volsched does: a small world of its own, in a folder of its own.

    Three storage backends with five pools in two zones; two volume types; a dozen volumes, placed by two scheduler
    drivers; a request that nothing can serve, explained; an existing file that becomes a volume; a task that fails and
    is reverted. Everything that is said was read back from the database and the file system.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--folder", metavar="DIR", help="use this folder, which must be empty or not there yet")
        parser.add_argument(
            "--again", action="store_true", help="first remove what an earlier demonstration left in the folder"
        )
        parser.add_argument(
            "--remove", action="store_true", help="remove the folder at the end (default: keep it, to look around)"
        )
        parser.add_argument(
            "-f", "--format", choices=("text", "json"), default="text", help="the story (text), or all of its facts"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        folder = _folder(parsed_args.folder, again=parsed_args.again)
        try:
            self._show(folder, parsed_args)
        except (BrokenPipeError, KeyboardInterrupt):  # nobody looks any more
            if parsed_args.remove:
                shutil.rmtree(folder)
            raise

    def _show(self, folder: Path, parsed_args: argparse.Namespace) -> None:
        telling = parsed_args.format == "text"
        if telling:
            self._tell(f"volsched demo, in {folder}")
        demonstration = Demonstration(folder, context=self.context(), marks=bars.marks_for(self.app.stdout))
        facts: dict[str, Any] = {"folder": str(folder)}
        for number, step in enumerate(demonstration.steps(), start=1):
            facts.update(step.facts)
            if telling:
                self._tell(*_told(number, step))
        facts.update(configuration=str(demonstration.file), database=str(folder / demo_world.DATABASE))
        if parsed_args.remove:
            shutil.rmtree(folder)
        if telling:
            self._tell(*_ending(folder, demonstration.file, removed=parsed_args.remove))
        else:
            self._tell(json.dumps(facts, indent=2))

    def _tell(self, *lines: str) -> None:
        print(*lines, sep="\n", file=self.app.stdout, flush=True)


def _folder(named: str | None, *, again: bool) -> Path:
    """The folder to play in, which is there and empty. Raises InvalidRequest."""
    if named is None:
        return Path(tempfile.mkdtemp(prefix="volsched-demo-")).resolve()
    folder = Path(named).expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if again:
            _clear(folder)
        if any(folder.iterdir()):
            fix = "remove what is in it, or name another; --again does away with an earlier demonstration"
            raise InvalidRequest("--folder", f"{folder} is not empty; {fix}")
    except OSError as problem:
        raise InvalidRequest("--folder", f"{folder} cannot be used: {problem.strerror}") from problem
    return folder


def _clear(folder: Path) -> None:
    """Remove what a demonstration makes, if the configuration file says that this is one's folder."""
    file = folder / demo_world.CONFIGURATION
    if not file.is_file() or not file.read_text().startswith(f"# {demo_world.HEADING.splitlines()[0]}"):
        return
    for name in demo_world.BACKENDS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for pattern in (f"{demo_world.DATABASE}*", demo_world.EVENTS, f".{demo_world.CONFIGURATION}.*"):
        for made in folder.glob(pattern):
            made.unlink()
    file.unlink()


def _told(number: int, step: Step) -> list[str]:
    return ["", f"{number}. {step.title}", "", *step.lines]


def _ending(folder: Path, file: Path, *, removed: bool) -> list[str]:
    if removed:
        return ["", f"All of it is removed again: {folder}"]
    program = f"volsched --config-file {shlex.quote(str(file))}"
    return [
        "",
        "Files of the volumes  " + ", ".join(str(folder / name) for name in demo_world.BACKENDS),
        f"Database              {folder / 'volsched.db'}",
        f"Configuration         {file}",
        f"Events                {folder / demo_world.EVENTS}",
        "",
        "Look around:",
        f"  {program} volume list",
        f"  {program} volume explain photos",
        f"  {program} place --dry-run --size 5 --type gold",
        "Remove it:",
        f"  rm -r {shlex.quote(str(folder))}",
    ]
