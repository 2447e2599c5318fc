"""As whom a command acts, and `volsched policy …`."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import unittest.mock
from typing import Any

from tests import TestCase
from tests.meta.sources import TOP
from volsched.cli.main import Program
from volsched.cli.policy import PolicySample

MINE = {"project_id": "default", "is_admin": True, "roles": ["admin"]}
AS_ADMINISTRATOR = """
import sys
from volsched.policy import RULES, Policy
made = Policy()
assert all(made.allows(rule.name, {"is_admin": True, "project_id": "p"}, {"project_id": "q"}) for rule in RULES)
assert "oslo_policy" not in sys.modules
"""


class TestContext(TestCase):
    def context(self, *options: str, **environment: str) -> dict[str, Any]:
        program = Program()
        program.options, _ = program.parser.parse_known_args(list(options))
        with unittest.mock.patch.dict(os.environ, {"OS_USER_ID": "me", **environment}):
            made = PolicySample(program, None).context()
        self.assertEqual(environment.get("OS_USER_ID", "me"), made.pop("user_id"))
        return made

    def test_who_asks(self) -> None:
        member = {**MINE, "is_admin": False, "roles": ["member"]}
        for options, environment, expected in (
            ((), {}, MINE),
            ((), {"OS_PROJECT_ID": "p1"}, {**MINE, "project_id": "p1"}),
            ((), {"OS_ROLES": ""}, MINE),
            ((), {"OS_ROLES": "reader, storage"}, {**member, "roles": ["reader", "storage"]}),
            (("--as-project", "p1"), {}, {**member, "project_id": "p1"}),
            (("--as-project", "p1"), {"OS_PROJECT_ID": "p2"}, {**member, "project_id": "p1"}),
            (("--as-role", "a", "--as-role", "b"), {"OS_ROLES": "c"}, {**member, "roles": ["a", "b"]}),
            (("--as-role", "admin"), {}, {**member, "roles": ["admin"]}),
        ):
            with self.subTest(options=options, environment=environment):
                self.assertEqual(expected, self.context(*options, **environment))

    def test_another_user_is_no_administrator(self) -> None:
        program = Program()
        program.options, _ = program.parser.parse_known_args(["--as-user", "eve"])
        made = PolicySample(program, None).context()
        self.assertEqual(("eve", False, ["member"]), (made["user_id"], made["is_admin"], made["roles"]))


class TestCommands(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = self.folder()
        (self.home / "volsched.conf").write_text(f"[paths]\nstate_path = {self.home}\n")
        self.enterContext(unittest.mock.patch.dict(os.environ, {"OS_USER_ID": "me"}))

    def run_program(self, *command: str) -> tuple[int, str]:
        said = io.StringIO()
        with (
            unittest.mock.patch("sys.stdout", said),
            unittest.mock.patch("sys.stderr", said),
            unittest.mock.patch.object(Program, "configure_logging"),
        ):
            status = Program().run(["--config-file", str(self.home / "volsched.conf"), *command])
        return status, said.getvalue()

    def write(self, text: str) -> None:
        (self.home / "policy.yaml").write_text(text)

    def test_list_and_show_tell_what_is_in_force(self) -> None:
        self.write('"team": "role:storage"\n"pool:list": "rule:team"\n')
        rows = {row["Rule"]: row for row in json.loads(self.run_program("policy", "list", "-f", "json")[1])}
        self.assertEqual(
            ("rule:team", f"{self.home}/policy.yaml"), (rows["pool:list"]["Who may"], rows["team"]["Origin"])
        )
        self.assertEqual("default", rows["volume:get"]["Origin"])
        shown = json.loads(self.run_program("policy", "show", "pool:list", "-f", "json")[1])
        self.assertEqual(("rule:team", "rule:admin"), (shown["Who may"], shown["Default"]))
        self.assertEqual(2, self.run_program("policy", "show", "pool:lst")[0])

    def test_check_says_whether_somebody_may(self) -> None:
        for options, expected in (
            (("volume:delete",), 0),
            (("volume:delete", "--as-project", "p1"), 0),
            (("volume:delete", "--as-project", "p1", "--of-project", "p2"), 1),
            (("pool:list", "--as-role", "member"), 1),
            (("pool:list", "--as-role", "admin"), 0),
            (("pool:lst",), 2),
        ):
            with self.subTest(options):
                self.assertEqual(expected, self.run_program("policy", "check", *options)[0])

    def test_another_file_by_its_option(self) -> None:
        (self.home / "other.yaml").write_text('"pool:list": "!"')
        with unittest.mock.patch.dict(os.environ, {"OS_POLICY__FILE": "other.yaml"}):
            self.assertEqual(1, self.run_program("policy", "check", "pool:list")[0])
        with unittest.mock.patch.dict(os.environ, {"OS_POLICY__FILE": "none.yaml"}):
            status, said = self.run_program("policy", "list")
        self.assertEqual(2, status)
        self.assertIn(f"[policy] file ({self.home}/none.yaml): cannot be read: No such file", said)

    def test_an_administrator_without_a_file_waits_for_no_library(self) -> None:
        subprocess.run([sys.executable, "-c", AS_ADMINISTRATOR], cwd=TOP, check=True)
