"""The laws for sub-commands of the `volsched` program."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import unittest

    Laws = unittest.TestCase
else:
    Laws = object  # a TestCase would be collected in every module that imports it

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class CommandConformance(Laws):
    """The laws for commands. Set `plugin_name`, with underscores between the words of the command."""

    plugin_name: ClassVar[str]
    group: ClassVar[str] = "volsched.commands"

    def command_class(self) -> Any:
        """Return the class that is published under the name."""
        found = self._published()
        self.assertTrue(found, f"no entry point {self.plugin_name!r} in {self.group}: install the package")
        return found[0].load()

    def parser(self) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        made: argparse.ArgumentParser = self.command_class()(None, None).get_parser(f"volsched {self.plugin_name}")
        return made

    def _published(self) -> list[EntryPoint]:
        return list(entry_points(group=self.group, name=self.plugin_name))

    def _arguments(self) -> Iterator[argparse.Action]:
        return (action for action in self.parser()._actions if action.help != argparse.SUPPRESS)

    def test_it_is_published_once(self) -> None:
        """One package publishes the name, once: otherwise one command would hide the others."""
        found = {(point.value, point.dist.name if point.dist else "?") for point in self._published()}
        self.assertEqual(1, len(found), f"{self.plugin_name!r} is published {len(found)} times: {found}")

    def test_its_name_can_be_typed(self) -> None:
        """Its name has lower-case letters and digits, and underscores between words."""
        self.assertTrue(NAME.fullmatch(self.plugin_name), f"expected a name, got {self.plugin_name!r}")

    def test_it_is_a_command(self) -> None:
        """It is a complete class that derives from cliff's Command."""
        from cliff.command import Command  # here, because the import is slow and few tests need it

        found = self.command_class()
        self.assertTrue(
            inspect.isclass(found) and issubclass(found, Command),
            f"expected a Command, got {found!r}",
        )
        self.assertFalse(sorted(getattr(found, "__abstractmethods__", ())), "these methods are missing")

    def test_it_has_a_docstring(self) -> None:
        """The first line of its docstring is what `volsched --help` lists."""
        docstring = (vars(self.command_class()).get("__doc__") or "").strip()
        self.assertTrue(docstring, "write a docstring for the class itself")
        self.assertLessEqual(len(docstring.partition("\n")[0]), 120, "shorten its first line, which is shown in a list")

    def test_every_argument_has_help(self) -> None:
        """Every argument has help text."""
        without_help = [
            ", ".join(action.option_strings) or action.dest for action in self._arguments() if not action.help
        ]
        self.assertEqual([], without_help, "these have no help")

    def test_its_help_can_be_shown(self) -> None:
        """The help text can be formatted: argparse fails on a single percent sign."""
        self.assertIn("usage:", self.parser().format_help())
