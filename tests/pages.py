"""Pages of the documentation, run as a reader would: files are written, commands are typed, outputs compared.

A code block with a caption is a file of that name. A `console` block is a session: `$ ` begins a command, a line that
ends with a backslash goes on in the next, the rest is what is printed. Blocks of other kinds are not run.

`python -m tests.pages PAGE...` writes what is printed now into pages.
"""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import warm

BLOCK = re.compile(
    r"^(?P<indent> *)\.\. code-block:: (?P<language>\w+)\n(?P<options>(?:(?P=indent) +:.*\n)*)\n"
    r"(?P<text>(?:(?:(?P=indent) +.*)?\n)+)",
    re.MULTILINE,
)
CAPTION = re.compile(r":caption: *(.+)")

PLACES_OF_PROGRAMS = ("/usr/local/bin", "/usr/bin", "/bin")
#: What is different each time, and what stands for it where outputs are compared.
VARYING = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+00:00)?"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)?( ms| s|s)\b"), "DURATION"),
    (re.compile(r"\b\d+ (options|tests)\b"), r"SOME \1"),  # every new one would change every page
)


@dataclass(frozen=True)
class File:
    """A file that the reader is asked to write."""

    name: str
    text: str


@dataclass(frozen=True)
class Step:
    """A command that the reader is asked to type, and what it is said to print."""

    command: str
    output: str


def read(page: Path) -> Iterator[File | Step]:
    """What a page asks for, in order."""
    for block in BLOCK.finditer(page.read_text() + "\n"):
        text = textwrap.dedent(block["text"]).strip("\n") + "\n"
        caption = CAPTION.search(block["options"])
        if caption:
            yield File(caption[1].strip(), text)
        elif block["language"] == "console":
            yield from _session(text)


def _session(text: str) -> Iterator[Step]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        end = 1 + next((at for at, line in enumerate(lines) if not line.endswith("\\")), len(lines) - 1)
        yield Step("\n".join(lines[:end]), "\n".join(lines[end:]))


class Reader:
    """Somebody who follows a page in an empty folder, which is also the home folder.

    What a page calls `/home/you` and `/srv/volsched` are folders of this machine, which goes by the name of node1.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "home"
        self.folder.mkdir()
        self.places = {
            "/home/you": str(self.folder),
            "/srv/volsched": str(folder / "srv"),
        }
        self.status = 0
        programs = folder / "bin"
        programs.mkdir()
        warm.server().shim(programs / "volsched")
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TMPDIR") if name in os.environ}
        self.environment = {
            **kept,
            "HOME": str(self.folder),
            "PATH": os.pathsep.join(
                [str(programs), str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
            ),
            "COLUMNS": "120",
            "OS_AGENT__HOST": "node1",
            # `pip install .` installs beside the interpreter and not into it, from what is here already.
            "PIP_TARGET": str(self.folder / "env"),
            "PIP_NO_INDEX": "1",
            "PIP_NO_DEPS": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # pip's spelling of: do not isolate
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
            "PIP_QUIET": "1",
            "PYTHONPATH": str(self.folder / "env"),
        }

    def follow(self, page: Path) -> None:
        """Do all that the page asks for. Raises AssertionError where it does not happen as the page says."""
        steps = list(read(page))
        if not any(isinstance(step, Step) for step in steps):
            raise AssertionError(f"{page} has no command to type")
        for step in steps:
            printed = self.do(step)
            if isinstance(step, Step) and not same(step.output, printed):
                lines = difflib.unified_diff(
                    comparable(step.output), comparable(printed), "the page", "what is printed", lineterm=""
                )
                raise AssertionError(f"$ {step.command}\n{printed}exit status {self.status}\n" + "\n".join(lines))

    def do(self, step: File | Step) -> str:
        """Write a file, or type a command and give what it prints, in the words of the page."""
        if isinstance(step, File):
            file = self.folder / self._here(step.name.replace("~", self.environment["HOME"]))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self._here(step.text))
            return ""
        if step.command.startswith("cd "):
            self.folder = self.folder / step.command.removeprefix("cd ")
            return ""
        done = subprocess.run(
            ["bash", "-c", f"(exit {self.status})\n{self._here(step.command)}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        self.status = done.returncode
        return self._there(done.stdout)

    def _here(self, text: str) -> str:
        for name, place in self.places.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", place, text)
        return text

    def _there(self, text: str) -> str:
        for name, place in self.places.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(place)}(?![\w-])", name, text)
        return text


def refresh(page: Path) -> None:
    """Write what is printed now into the page, where it is not the same."""
    text = page.read_text()
    # A folder whose name is as long as the one on the page, so that tables keep their shape.
    with tempfile.TemporaryDirectory(prefix="", dir="/tmp") as made:
        reader = Reader(Path(made))
        reader.places["/srv/volsched"] = made
        done = 0
        for step in read(page):
            printed = reader.do(step)
            if isinstance(step, Step):
                old, new = (_indented(f"$ {step.command}\n{output}") for output in (step.output, printed))
                at = text.index(old, done)
                if not same(step.output, printed):
                    text = text[:at] + new + text[at + len(old) :]
                    old = new
                done = at + len(old)
    page.write_text(text)


def _indented(session: str) -> str:
    lines = (line.rstrip() for line in session.rstrip("\n").splitlines())
    return "".join(f"   {line}".rstrip() + "\n" for line in lines)


def same(expected: str, printed: str) -> bool:
    """Whether this was printed, but for what varies; a line of three dots stands for any lines."""
    parts = re.split(r"^\s*\.\.\.$", "\n".join(comparable(expected)), flags=re.MULTILINE)
    pattern = r"[\s\S]*".join(re.escape(part.strip("\n")) for part in parts)
    return re.fullmatch(pattern, "\n".join(comparable(printed))) is not None


def comparable(text: str) -> list[str]:
    """The lines, without what is different each time, and without the blanks and rules that follow its width."""
    for pattern, name in VARYING:
        text = pattern.sub(name, text)
    lines = (re.sub(r"[-─━]{3,}", "---", re.sub(r"[ \t]+", " ", line)).strip() for line in text.splitlines())
    return [line for line in lines if line]


if __name__ == "__main__":
    for name in sys.argv[1:]:
        refresh(Path(name))
