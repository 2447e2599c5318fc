"""The policy: its defaults, the overrides of a file, and the errors of an invalid file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from tests import TestCase
from volsched import policy
from volsched.exceptions import ConfigurationError
from volsched.policy.rules import ADMIN, ADMIN_OR_OWNER, ANYBODY, list_rules, sample

LOCAL = {"is_admin": True, "project_id": "default", "roles": ["admin"]}
ADMINISTRATOR = {"is_admin": False, "project_id": "ops", "roles": ["admin"]}
MEMBER = {"is_admin": False, "project_id": "p1", "user_id": "u1", "roles": ["member"]}
NOBODY = {"is_admin": False}


def of_project(project_id: str | None, user_id: str | None = None) -> dict[str, Any]:
    return {"project_id": project_id, "user_id": user_id}


class TestDefaults(TestCase):
    """The defaults alone, and the defaults in oslo.policy because of an override of another rule."""

    def test_each_default_allows_its_users(self) -> None:
        expected = {
            ADMIN: {"local": True, "administrator": True, "owner": False, "stranger": False, "nobody": False},
            ADMIN_OR_OWNER: {"local": True, "administrator": True, "owner": True, "stranger": False, "nobody": False},
            ANYBODY: {"local": True, "administrator": True, "owner": True, "stranger": True, "nobody": True},
        }
        asks: dict[str, tuple[dict[str, Any], str | None]] = {
            "local": (LOCAL, "p1"),
            "administrator": (ADMINISTRATOR, "p1"),
            "owner": (MEMBER, "p1"),
            "stranger": (MEMBER, "p2"),
            "nobody": (NOBODY, None),
        }
        for made in (policy.Policy(), policy.Policy({"somebody": "role:somebody"})):
            for rule in policy.RULES:
                for name, (who, project) in asks.items():
                    with self.subTest(rule=rule.name, who=name, overrides=len(made.overrides)):
                        self.assertIs(expected[rule.check][name], made.allows(rule.name, who, of_project(project)))

    def test_absent_projects_are_not_equal(self) -> None:
        self.assertFalse(policy.Policy().allows("volume:get", {"project_id": ""}, of_project("")))

    def test_an_unknown_rule_raises_key_error(self) -> None:
        with self.assertRaises(KeyError):
            policy.Policy().allows("volume:get_rich", LOCAL, of_project("p1"))

    def test_names_and_descriptions_have_their_form(self) -> None:
        self.assertEqual(len(policy.RULES), len({rule.name for rule in policy.RULES}))
        for rule in policy.RULES:
            with self.subTest(rule.name):
                self.assertRegex(rule.name, r"^[a-z]+:[a-z_]+$")
                self.assertRegex(rule.description, r"^[A-Z].*\.$")

    def test_the_tools_of_oslo_policy_list_every_rule(self) -> None:
        self.assertEqual([rule.name for rule in (*policy.BASES, *policy.RULES)], [rule.name for rule in list_rules()])


BAD = {
    '"volume:creat": "role:x"': "'volume:creat' is not a rule; did you mean volume:create?",
    '"volume:get": "role:x or nonsense"': "'volume:get' 'role:x or nonsense' cannot be parsed",
    '"volume:get": "role:x or"': "'volume:get' 'role:x or' cannot be parsed",
    '"volume:get": 7': "'volume:get' expected text .*, got 7",
    '"volume:get": ["role:x"]': r"'volume:get' expected text .*, got \['role:x'\]",
    '"volume:get": "rule:storage"': "'volume:get' refers to rule:storage, which does not exist",
    '"volume:get": "http://elsewhere/check"': "a check of the kind http, which is not supported",
    '"a": "rule:b"\n"b": "not rule:a"': "'a' refers to itself",
    "- volume:get": "expected a mapping",
    '"volume:get': "is not valid YAML",
}


class TestFile(TestCase):
    def file(self, text: str) -> Path:
        made = self.folder() / "policy.yaml"
        made.write_text(text)
        return made

    def test_a_file_overrides_its_rules_only(self) -> None:
        made = policy.of(
            self.file(
                '"storage_team": "role:storage"\n'
                '"volume:migrate": "rule:storage_team or rule:admin"\n'
                '"volume:delete": "rule:owner and user_id:%(user_id)s"\n'
                '"volume:extend": "!"\n'
            )
        )
        storage = {**MEMBER, "roles": ["storage"]}
        self.assertTrue(made.allows("volume:migrate", storage, of_project("p2")))
        self.assertFalse(made.allows("volume:migrate", MEMBER, of_project("p1")))
        self.assertTrue(made.allows("volume:delete", MEMBER, of_project("p1", "u1")))
        self.assertFalse(made.allows("volume:delete", MEMBER, of_project("p1", "u2")))
        self.assertFalse(made.allows("volume:delete", LOCAL, of_project("p1")), "the file says owners only")
        self.assertFalse(made.allows("volume:extend", LOCAL, of_project("default")))
        self.assertTrue(made.allows("volume:get", MEMBER, of_project("p1")))

    def test_a_file_can_redefine_the_administrator(self) -> None:
        made = policy.of(self.file('"admin": "role:boss"'))
        self.assertTrue(made.allows("pool:list", {**MEMBER, "roles": ["boss"]}, of_project("p1")))
        self.assertFalse(made.allows("pool:list", ADMINISTRATOR, of_project("p1")))

    def test_an_invalid_file_is_refused(self) -> None:
        logging.getLogger("oslo_policy").setLevel(logging.CRITICAL)  # its log has the same errors
        self.addCleanup(logging.getLogger("oslo_policy").setLevel, logging.NOTSET)
        for text, told in BAD.items():
            file = self.file(text)
            with self.subTest(text), self.assertRaisesRegex(ConfigurationError, told) as caught:
                policy.of(file)
            self.assertIn(str(file), str(caught.exception))

    def test_a_missing_file_is_refused(self) -> None:
        with self.assertRaisesRegex(ConfigurationError, "none.yaml.*No such file"):
            policy.of(self.folder() / "none.yaml")

    def test_the_sample_has_every_rule_with_its_default(self) -> None:
        text = sample()
        self.assertFalse(policy.of(self.file(text)).overrides)
        uncommented = "\n".join(line[1:] for line in text.splitlines() if line.startswith('#"'))
        made = policy.of(self.file(uncommented))
        self.assertEqual(dict(policy.Policy().checks), dict(made.checks))
        self.assertEqual(len(made.checks), len(made.overrides))
