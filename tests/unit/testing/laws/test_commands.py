"""The laws for commands bite."""

from __future__ import annotations

import argparse
import unittest
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from typing import Any

from tests import TestCase
from tests.unit.testing.laws.biting import laws_of
from volsched.cli.command import Command
from volsched.testing import CommandConformance


class Sound(Command):
    """Does nothing, and says so."""

    argument: tuple[str, Any] = ("--loudly", "say it loudly")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        name, told = self.argument
        parser.add_argument(name, help=told)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Do nothing."""


class Silent(Sound):
    argument = ("--loudly", None)


class Longwinded(Sound):
    __doc__ = "Does nothing, " + "and nothing, " * 12


class Percent(Sound):
    """Does nothing."""

    argument = ("--share", "which part, in %")


def point(name: str) -> EntryPoint:
    return EntryPoint(name, "a.module:Command", "volsched.commands")


#: law -> what is published under which name, and the class.
BROKEN: dict[str, tuple[str, Sequence[EntryPoint], Any]] = {
    "test_it_is_published_once": ("quiet", (), Sound),
    "test_its_name_can_be_typed": ("Quiet-Now", (point("Quiet-Now"),), Sound),
    "test_it_is_a_command": ("quiet", (point("quiet"),), unittest.TestResult),
    "test_it_has_a_docstring": ("quiet", (point("quiet"),), Longwinded),
    "test_every_argument_has_help": ("quiet", (point("quiet"),), Silent),
    "test_its_help_can_be_shown": ("quiet", (point("quiet"),), Percent),
}


class CommandLawsTest(TestCase):
    def told(self, law: str, name: str, published: Sequence[EntryPoint], command: Any) -> list[str]:
        """What the law says against a command."""
        body = {
            "plugin_name": name,
            "_published": lambda case: list(published),
            "command_class": lambda case: command,
        }
        result = unittest.TestResult()
        type("Tried", (CommandConformance, unittest.TestCase), body)(law).run(result)
        self.assertEqual((1, []), (result.testsRun, result.skipped))
        return [text for _, text in (*result.failures, *result.errors)]

    def test_every_law_bites(self) -> None:
        for law, (name, published, command) in BROKEN.items():
            with self.subTest(law=law):
                self.assertEqual([], self.told(law, "quiet_now", [point("quiet_now")], Sound))
                self.assertTrue(self.told(law, name, published, command), "it got away")

    def test_no_law_is_left_out(self) -> None:
        self.assertEqual(laws_of(CommandConformance), set(BROKEN))
