"""The base classes of commands that make requests: waiting with progress, the result, and why a request failed."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TextIO, TypeVar

from volsched.cli.command import Command, Lister, ShowOne
from volsched.exceptions import DatabaseUnavailable, NotFound
from volsched.model.group import Group
from volsched.model.snapshot import Snapshot
from volsched.model.volume import Volume

if TYPE_CHECKING:
    from volsched.api.api import Api

Item = TypeVar("Item", Volume, Snapshot, Group)

PROGRESS_AFTER_SECONDS = 1.0


class Progress:
    """A progress line on a terminal, shown after a second. A context manager that erases the line."""

    def __init__(self, stream: TextIO, *, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._since = now()
        self._shown = ""

    def __call__(self, item: Volume | Snapshot | Group) -> None:
        """Show the status of the item that is waited for."""
        waited = self._now() - self._since
        if waited < PROGRESS_AFTER_SECONDS or not self._stream.isatty():
            return
        kind = type(item).__name__.lower()
        self._write(f"{kind} {item.name or item.id}: {item.status.value}, {waited:.0f} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        if text == self._shown:
            return
        self._stream.write("\r" + text.ljust(len(self._shown)) + ("" if text else "\r"))
        self._stream.flush()
        self._shown = text


def add_wait_argument(parser: argparse.ArgumentParser) -> None:
    """Add --wait and --no-wait."""
    parser.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="return when the work is done (the default), or as soon as the request is stored",
    )


def add_all_projects_argument(parser: argparse.ArgumentParser) -> None:
    """Add --all-projects."""
    parser.add_argument("--all-projects", action="store_true", help="list those of all projects, not of your own only")


def failed(item: Volume | Snapshot | Group) -> bool:
    """Return whether the item is in one of its error statuses."""
    return item.status.value.startswith("error")


def wait_for(command: Command | Lister | ShowOne, service: Any, item: Item, *, wait: bool = True) -> Item | None:
    """Return the item when no work on it is left, with a progress line meanwhile; None if it is gone.

    Raises DatabaseUnavailable with the advice to wait for the stored request instead of repeating it.
    """
    if not wait:
        return item
    with Progress(command.app.stderr) as progress:
        try:
            found: Item | None = service.wait(item, progress=progress)
            return found
        except DatabaseUnavailable as problem:
            kind = type(item).__name__.lower()
            reason = str(problem).partition(";")[0]
            raise DatabaseUnavailable(
                f"{kind} {item.id} is {item.status.value}, and the request is stored: do not repeat it, but wait for "
                f"it with volsched {kind} show {item.id}{' --wait' if kind == 'volume' else ''}; waiting was "
                f"interrupted because {reason}"
            ) from problem


class Requesting(ShowOne):
    """A command that makes a request about one item, waits for it, and shows the item."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add_wait_argument(parser)
        return parser

    def finished(self, service: Any, item: Item, parsed_args: argparse.Namespace) -> Item:
        """Return the item when the work is done, or at once with --no-wait. Raises NotFound if it is gone."""
        found = wait_for(self, service, item, wait=parsed_args.wait)
        if found is None:
            raise NotFound(type(item).__name__.lower(), item.id, "it was deleted meanwhile")
        return found

    def check(self, api: Api, item: Volume | Snapshot | Group) -> None:
        """Write why the request failed if the item is in an error status."""
        if failed(item):
            self.fail(api.volumes.failure(message_id(item)) or item.status.value)


class Deleting(Command):
    """A command that deletes items by name or id. If one of them is unknown, none is deleted."""

    kind: ClassVar[str]  # of the items, and with an s, the API's service

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("names", metavar="ID", nargs="+", help=f"the {self.kind}'s id or name")
        add_wait_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.api() as api:
            service = getattr(api, f"{self.kind}s")
            for item_id in dict.fromkeys([service.get(name).id for name in parsed_args.names]):
                item = service.delete(item_id)
                left = wait_for(self, service, item, wait=parsed_args.wait) if item is not None else None
                if left is not None and parsed_args.wait and failed(left):
                    reason = api.volumes.failure(message_id(left)) or left.status.value
                    self.fail(f"{self.kind} {left.id} was not deleted: {reason}")


def message_id(item: Volume | Snapshot | Group) -> str:
    """Return the id under which messages about the item are stored: a snapshot's are its volume's."""
    return item.volume_id if isinstance(item, Snapshot) else item.id
