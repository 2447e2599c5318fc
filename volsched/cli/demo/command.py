"""The command `volsched demo`."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import Any

from volsched.cli.command import Command
from volsched.cli.demo import scenario
from volsched.cli.demo.script import Demonstration, Step
from volsched.cli.table import marks_for
from volsched.exceptions import InvalidRequest


class Demo(Command):
    """Demonstrate volsched in a folder of its own.

    Three storage backends with five pools in two zones; two volume types; a dozen volumes, placed by two scheduler
    drivers; a request that no pool fits, explained; an existing file that becomes a volume; a task that fails and is
    reverted. Everything that is shown was read back from the database and the file system.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--folder", metavar="DIR", help="use this folder, which must be empty or new")
        parser.add_argument(
            "--again", action="store_true", help="first remove the files of an earlier demonstration from the folder"
        )
        parser.add_argument("--remove", action="store_true", help="remove the folder at the end")
        parser.add_argument(
            "-f", "--format", choices=("text", "json"), default="text", help="text for people, or the facts as JSON"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        folder = _folder(parsed_args.folder, again=parsed_args.again)
        try:
            self._show(folder, parsed_args)
        except (BrokenPipeError, KeyboardInterrupt):
            if parsed_args.remove:
                shutil.rmtree(folder)
            raise

    def _show(self, folder: Path, parsed_args: argparse.Namespace) -> None:
        as_text = parsed_args.format == "text"
        if as_text:
            self._write(f"volsched demo, in {folder}")
        demonstration = Demonstration(folder, context=self.context(), marks=marks_for(self.app.stdout))
        facts: dict[str, Any] = {"folder": str(folder)}
        for number, step in enumerate(demonstration.steps(), start=1):
            facts.update(step.facts)
            if as_text:
                self._write(*_text(number, step))
        facts.update(configuration=str(demonstration.file), database=str(folder / scenario.DATABASE))
        if parsed_args.remove:
            shutil.rmtree(folder)
        if as_text:
            self._write(*_ending(folder, demonstration.file, removed=parsed_args.remove))
        else:
            self._write(json.dumps(facts, indent=2))

    def _write(self, *lines: str) -> None:
        print(*lines, sep="\n", file=self.app.stdout, flush=True)


def _folder(named: str | None, *, again: bool) -> Path:
    """Return an existing empty folder. Raises InvalidRequest."""
    if named is None:
        return Path(tempfile.mkdtemp(prefix="volsched-demo-")).resolve()
    folder = Path(named).expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if again:
            _clear(folder)
        if any(folder.iterdir()):
            fix = "empty it, or name another; --again removes an earlier demonstration"
            raise InvalidRequest("--folder", f"{folder} is not empty; {fix}")
    except OSError as problem:
        raise InvalidRequest("--folder", f"{folder} cannot be used: {problem.strerror}") from problem
    return folder


def _clear(folder: Path) -> None:
    """Remove the files of a demonstration, if the configuration file shows that this is its folder."""
    file = folder / scenario.CONFIGURATION
    if not file.is_file() or not file.read_text().startswith(f"# {scenario.HEADING.splitlines()[0]}"):
        return
    for name in scenario.BACKENDS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for pattern in (f"{scenario.DATABASE}*", scenario.EVENTS, f".{scenario.CONFIGURATION}.*"):
        for made in folder.glob(pattern):
            made.unlink()
    file.unlink()


def _text(number: int, step: Step) -> list[str]:
    return ["", f"{number}. {step.title}", "", *step.lines]


def _ending(folder: Path, file: Path, *, removed: bool) -> list[str]:
    if removed:
        return ["", f"The folder is removed: {folder}"]
    program = f"volsched --config-file {shlex.quote(str(file))}"
    return [
        "",
        "Files of the volumes  " + ", ".join(str(folder / name) for name in scenario.BACKENDS),
        f"Database              {folder / 'volsched.db'}",
        f"Configuration         {file}",
        f"Events                {folder / scenario.EVENTS}",
        "",
        "Inspect it:",
        f"  {program} volume list",
        f"  {program} volume explain photos",
        f"  {program} place --dry-run --size 5 --type gold",
        "Remove it:",
        f"  rm -r {shlex.quote(str(folder))}",
    ]
