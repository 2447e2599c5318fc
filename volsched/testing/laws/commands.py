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
    Laws = object  # a mixin that were a TestCase would be collected wherever it is imported

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class CommandConformance(Laws):
    """What every command keeps to. Set `plugin_name`; an underscore in it stands for the space between two words."""

    plugin_name: ClassVar[str]
    group: ClassVar[str] = "volsched.commands"

    def command_class(self) -> Any:
        """What is published under the name."""
        found = self._published()
        self.assertTrue(found, f"nothing called {self.plugin_name!r} is published in {self.group}: is it installed?")
        return found[0].load()

    def parser(self) -> argparse.ArgumentParser:
        """How it understands its arguments."""
        made: argparse.ArgumentParser = self.command_class()(None, None).get_parser(f"volsched {self.plugin_name}")
        return made

    def _published(self) -> list[EntryPoint]:
        return list(entry_points(group=self.group, name=self.plugin_name))

    def _arguments(self) -> Iterator[argparse.Action]:
        return (action for action in self.parser()._actions if action.help != argparse.SUPPRESS)

    def test_it_is_published_once(self) -> None:
        """One package publishes the name, once: the first would hide all others."""
        found = {(point.value, point.dist.name if point.dist else "?") for point in self._published()}
        self.assertEqual(1, len(found), f"{self.plugin_name!r} is published {len(found)} times: {found}")

    def test_its_name_can_be_typed(self) -> None:
        """Small letters and digits, an underscore between words."""
        self.assertTrue(NAME.fullmatch(self.plugin_name), f"{self.plugin_name!r} is none")

    def test_it_is_a_command(self) -> None:
        """It is a class that derives from cliff's Command, and lacks nothing."""
        from cliff.command import Command  # here, for few tests are about commands and the import is slow

        found = self.command_class()
        self.assertTrue(inspect.isclass(found) and issubclass(found, Command), f"{found!r} is no command")
        self.assertFalse(sorted(getattr(found, "__abstractmethods__", ())), "it is not complete")

    def test_it_says_what_it_does(self) -> None:
        """The first line of its docstring is what `volsched --help` lists."""
        told = (vars(self.command_class()).get("__doc__") or "").strip()
        self.assertTrue(told, "write a docstring for the class itself")
        self.assertLessEqual(len(told.partition("\n")[0]), 120, "its first line is for a list: make it shorter")

    def test_every_argument_has_help(self) -> None:
        """Whoever types --help reads what each is for."""
        silent = [", ".join(action.option_strings) or action.dest for action in self._arguments() if not action.help]
        self.assertEqual([], silent, "these have no help")

    def test_its_help_can_be_shown(self) -> None:
        """A percent sign that means nothing to argparse would end it in an error."""
        self.assertIn("usage:", self.parser().format_help())
