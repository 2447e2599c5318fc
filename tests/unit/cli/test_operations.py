"""Commands call the API, so that the Python client can do everything that they can."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, get_type_hints

from tests import TestCase
from volsched import api as api_package
from volsched import cli
from volsched.api.api import Api
from volsched.cli.command import Command, Document, Lister, ShowOne
from volsched.client import Client

#: Modules of commands that concern this machine: configuration, plugins, database tables, services, the demonstration.
LOCAL = ("config", "database", "demo.command", "dev", "doctor", "health", "init", "plugin", "policy")


def commands() -> Iterator[tuple[str, Any]]:
    """Yield the name and the class of each command of volsched."""
    for entry in importlib.metadata.entry_points(group="volsched.commands"):
        if entry.value.startswith("volsched."):
            yield entry.name.replace("_", " "), entry.load()


def services() -> dict[str, Any]:
    """Return the classes of the client's services by name."""
    found = {}
    for name, part in vars(Api).items():
        if isinstance(part, cached_property):
            kind = get_type_hints(part.func, localns=_classes())["return"]
            found[name] = kind
    return found


def _classes() -> dict[str, Any]:
    """Return the service classes, which the module of Api imports for the type checker only."""
    classes: dict[str, Any] = {}
    for file in Path(api_package.__path__[0]).glob("*.py"):
        module = importlib.import_module(f"volsched.api.{file.stem}")
        classes.update({name: item for name, item in vars(module).items() if isinstance(item, type)})
    return classes


class TestOperations(TestCase):
    def test_the_operation_of_every_command_is_a_method_of_the_client(self) -> None:
        self.assertTrue(issubclass(Client, Api))
        known = services()
        called = 0
        for name, command in commands():
            with self.subTest(name):
                self.assertTrue(issubclass(command, Command | Lister | ShowOne | Document))
                local = command.__module__.removeprefix("volsched.cli.") in LOCAL
                self.assertEqual(local, not command.operation, "a command names the method of the API that it calls")
                if command.operation:
                    service, _, method = command.operation.partition(".")
                    self.assertTrue(callable(getattr(known[service], method)))
                    called += 1
        self.assertGreater(called, 30)

    def test_every_method_of_the_client_has_a_docstring(self) -> None:
        for name, service in services().items():
            for method, function in inspect.getmembers(service):
                if callable(function) and not method.startswith("_"):
                    with self.subTest(f"{name}.{method}"):
                        self.assertTrue(function.__doc__)


class TestImports(TestCase):
    def test_commands_import_no_store(self) -> None:
        for file in sorted(Path(cli.__path__[0]).rglob("*.py")):
            imports = {
                name
                for node in _run_time_imports(ast.parse(file.read_text()))
                for name in (
                    [node.module or ""] if isinstance(node, ast.ImportFrom) else [it.name for it in node.names]
                )
            }
            with self.subTest(file.name):
                self.assertEqual(set(), {name for name in imports if name.startswith(("volsched.db", "sqlalchemy"))})


def _run_time_imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports, except those for the type checker."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from _run_time_imports(node)
