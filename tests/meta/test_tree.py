"""What holds for every file of the project, whoever writes it."""

from __future__ import annotations

import ast
import re
from urllib.parse import urlsplit

from tests import TestCase
from tests.meta.sources import PACKAGES, TOP, name_of, python_files, text_files, tree_of

LONGEST = 450  # lines of a module
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager", "managers"}
LOOPBACK = {"127.0.0.1", "localhost", "::1", "0.0.0.0"}
RESERVED = (".example", ".example.org", ".example.com", ".test", ".invalid")  # never reached by anybody

#: Where time itself is what must pass.
MAY_SLEEP = {
    "volsched/db/database.py",  # a random pause, so that two transactions which met do not meet again
    "volsched/db/engines.py",  # SQLite tells nobody that it is done
    "volsched_drivers/backends/files.py",  # a lock of another process: nobody is called when it is released
    "tests/servers.py",  # a server that starts tells nobody when it is ready
}


class TestTree(TestCase):
    def test_modules_are_named_for_a_noun_and_of_readable_length(self) -> None:
        for path in python_files(*PACKAGES):
            with self.subTest(path=path.relative_to(TOP)):
                self.assertNotIn(path.stem, SAYS_NOTHING)
                self.assertLessEqual(len(path.read_text().splitlines()), LONGEST)

    def test_every_module_says_in_a_sentence_what_it_is(self) -> None:
        for path in python_files(*PACKAGES, "tools"):
            tree = tree_of(path)
            if not tree.body:
                continue
            with self.subTest(path=path.relative_to(TOP)):
                self.assertTrue(ast.get_docstring(tree), "no docstring")

    def test_nothing_is_left_to_do(self) -> None:
        left = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
        for path in python_files(*PACKAGES, "tests", "tools", "doc"):
            with self.subTest(path=path.relative_to(TOP)):
                self.assertIsNone(left.search(path.read_text()))

    def test_nothing_outside_the_project_is_referred_to(self) -> None:
        outside = re.compile(r"(\.\./|/work/)" r"shared\b|/work/" r"main\b")
        for path in text_files():
            with self.subTest(path=path.relative_to(TOP)):
                self.assertIsNone(outside.search(path.read_text(errors="replace")))

    def test_nothing_waits_by_sleeping(self) -> None:
        for path in python_files(*PACKAGES, "tests"):
            if str(path.relative_to(TOP)) in MAY_SLEEP:
                continue
            for node in ast.walk(tree_of(path)):
                if isinstance(node, ast.Call) and name_of(node.func).split(".")[-1] == "sleep":
                    if [ast.unparse(argument) for argument in node.args] == ["0"]:  # lets another thread go first
                        continue
                    with self.subTest(path=path.relative_to(TOP), line=node.lineno):
                        self.fail("wait for what is to happen: an event, a condition, a row; not for time to pass")

    def test_no_test_names_a_host_that_is_not_this_machine(self) -> None:
        for path in python_files("tests"):
            for node in ast.walk(tree_of(path)):
                if not (isinstance(node, ast.Constant) and isinstance(node.value, str) and "://" in node.value):
                    continue
                for address in re.findall(r"\w+://[^\s'\"<>{}]+", node.value):
                    try:
                        host = urlsplit(address).hostname or ""
                    except ValueError:  # a test of malformed addresses
                        continue
                    with self.subTest(path=path.relative_to(TOP), line=node.lineno, address=address):
                        self.assertNotEqual("0.0.0.0", host, "listens on every network; use 127.0.0.1")
                        self.assertTrue("." not in host or host in LOOPBACK or f".{host}".endswith(RESERVED), host)


class TestTests(TestCase):
    def test_every_folder_of_tests_is_a_package(self) -> None:
        for folder in sorted({path.parent for path in python_files("tests")}):
            if not {"data", "thirdparty"} & {*folder.relative_to(TOP).parts}:
                with self.subTest(folder=folder.relative_to(TOP)):
                    self.assertTrue((folder / "__init__.py").exists(), "unittest discovery does not see it")

    def test_only_what_both_runners_understand_is_used(self) -> None:
        one_runner = {"pytest", "testtools", "oslotest", "testscenarios"}
        for path in python_files("tests"):
            tree = tree_of(path)
            imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
            imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
            with self.subTest(path=path.relative_to(TOP)):
                self.assertFalse(one_runner & {name.split(".")[0] for name in imported})
                self.assertFalse([name for name in functions if name == "load_tests" or name.startswith("test")])

    def test_every_test_class_has_the_base_that_makes_warnings_errors(self) -> None:
        for path in python_files("tests"):
            if "thirdparty" in path.parts:
                continue  # what strangers write
            for node in tree_of(path).body:
                if isinstance(node, ast.ClassDef) and path.name != "__init__.py":
                    with self.subTest(path=path.relative_to(TOP), name=node.name):
                        bases = {name_of(base) for base in node.bases}
                        self.assertNotIn("unittest.TestCase", bases, "use tests.TestCase")

    def test_a_stray_async_test_is_refused(self) -> None:
        with self.assertRaisesRegex(TypeError, "would pass without running"):

            class Stray(TestCase):
                async def test_nothing(self) -> None: ...

    def test_unit_tests_mirror_the_packages(self) -> None:
        for path in python_files("tests/unit"):
            inside = path.parent.relative_to(TOP / "tests" / "unit")
            first, *rest = inside.parts or ("",)
            home = {"drivers": TOP / "volsched_drivers", "tools": TOP / "tools"}.get(first, TOP / "volsched" / first)
            with self.subTest(folder=inside):
                self.assertTrue(home.joinpath(*rest).is_dir(), f"no {home.joinpath(*rest)}")
