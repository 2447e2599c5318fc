"""What setup.cfg publishes exists, is named as PLUGINS ask, and is what the installed package publishes."""

from __future__ import annotations

import configparser
import importlib
import importlib.metadata
import re

from tests import TestCase
from tests.meta.sources import TOP
from volsched.plugins import Plugin

NAME = re.compile(r"[a-z][a-z0-9_]*")
PLUGIN_GROUPS = (
    "volsched.schedulers",
    "volsched.filters",
    "volsched.weighers",
    "volsched.weight_handlers",
    "volsched.notifiers",
    "volsched.backends",
)


def published() -> dict[str, dict[str, str]]:
    """Group -> name -> `module:attribute`, from setup.cfg."""
    config = configparser.ConfigParser()
    config.read(TOP / "setup.cfg")
    groups: dict[str, dict[str, str]] = {}
    for group, lines in config["options.entry_points"].items():
        pairs = (line.split("=", 1) for line in lines.splitlines() if "=" in line)
        groups[group] = {name.strip(): value.strip() for name, value in pairs}
    return groups


class TestEntryPoints(TestCase):
    def test_each_can_be_imported(self) -> None:
        for group, entries in published().items():
            for name, value in entries.items():
                with self.subTest(group=group, name=name):
                    module, attribute = value.split(":")
                    self.assertTrue(callable(getattr(importlib.import_module(module), attribute)))

    def test_names_will_do_as_option_groups_and_environment_variables(self) -> None:
        for group, entries in published().items():
            for name in entries if group.startswith("volsched.") else ():
                with self.subTest(group=group, name=name):
                    self.assertRegex(name, NAME)

    def test_each_plugin_states_its_contract_and_describes_itself(self) -> None:
        for group in PLUGIN_GROUPS:
            for name, value in published()[group].items():
                with self.subTest(group=group, name=name):
                    module, attribute = value.split(":")
                    plugin = getattr(importlib.import_module(module), attribute)
                    self.assertTrue(issubclass(plugin, Plugin))
                    self.assertIn("contract", vars(plugin), "an inherited contract does not count")
                    self.assertTrue(vars(plugin).get("__doc__"), "no docstring of its own")

    def test_each_driver_comes_from_the_drivers_package(self) -> None:
        for group in PLUGIN_GROUPS:
            for name, value in published()[group].items():
                with self.subTest(group=group, name=name):
                    self.assertTrue(value.startswith("volsched_drivers."))

    def test_the_installed_package_publishes_the_same(self) -> None:
        installed: dict[str, dict[str, str]] = {}
        for entry in importlib.metadata.distribution("volsched").entry_points:
            installed.setdefault(entry.group, {})[entry.name] = entry.value
        self.assertEqual(published(), installed, "setup.cfg changed since the installation: make test installs anew")
