"""What authors of plugins import says what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests import TestCase
from tests.meta.sources import TOP, python_files, tree_of

#: Where every public class and function says what it is, and where every public method does too.
TOLD = ("volsched/plugins", "volsched/model", "volsched/testing", "volsched/languages/expressions")
TOLD_IN_FULL = (
    "volsched/plugins",
    "volsched/testing/builders.py",
    "volsched/testing/laws",
    "volsched/testing/installed.py",
)

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def public(nodes: list[ast.stmt]) -> Iterator[Definition]:
    """The classes and functions among these that others may use."""
    for node in nodes:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node


class TestDocstrings(TestCase):
    def test_every_public_class_and_function_has_one(self) -> None:
        for path in python_files(*TOLD):
            if "parity" in path.parts:
                continue  # a tool of volsched's own, of which the command line is what others use
            for node in public(tree_of(path).body):
                with self.subTest(path=str(path.relative_to(TOP)), name=node.name):
                    self.assertTrue(ast.get_docstring(node), "says nothing")

    def test_every_public_method_of_an_interface_has_one(self) -> None:
        files = [
            path
            for path in python_files("volsched/plugins", "volsched/testing")
            if str(path.relative_to(TOP)).startswith(TOLD_IN_FULL)
        ]
        every = [(path, node) for path in files for node in tree_of(path).body if isinstance(node, ast.ClassDef)]
        promised = {it.name for _, owner in every for it in public(owner.body) if ast.get_docstring(it)}
        for path, owner in every:
            if not owner.name.startswith("_"):
                for node in public(owner.body):
                    with self.subTest(path=str(path.relative_to(TOP)), name=f"{owner.name}.{node.name}"):
                        self.assertTrue(node.name in promised, "neither it nor what it overrides says anything")
