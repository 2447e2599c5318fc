"""Authority: the policy of the moment, which follows its file."""

from __future__ import annotations

import os
from pathlib import Path

from tests import TestCase
from volsched.api.authorization import Authority
from volsched.exceptions import ConfigurationError, NotAuthorized

MEMBER = {"project_id": "p1", "roles": ["member"]}


class TestAuthority(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.folder() / "policy.yaml"
        self.moment = 1_000_000_000

    def find(self) -> Path | None:
        return self.file if self.file.exists() else None

    def write(self, text: str) -> None:
        self.file.write_text(text)
        self.moment += 1
        os.utime(self.file, (self.moment, self.moment))

    def test_a_file_that_changes_is_read_anew_and_a_bad_one_changes_nothing(self) -> None:
        authority = Authority(self.find)
        self.assertTrue(authority.allows(MEMBER, "volume:extend"))
        self.write('"volume:extend": "!"')
        authority.look()
        self.assertFalse(authority.allows(MEMBER, "volume:extend"))
        self.write('"volume:extent": ""')
        with self.assertLogs("volsched.api.authorization", "ERROR") as said:
            authority.look()
        self.assertIn("did you mean volume:extend?; the policy stays as it was", said.output[0])
        self.assertFalse(authority.allows(MEMBER, "volume:extend"))
        self.file.unlink()
        authority.look()
        self.assertTrue(authority.allows(MEMBER, "volume:extend"))

    def test_a_bad_file_at_the_start(self) -> None:
        self.write("nonsense")
        with self.assertRaises(ConfigurationError):
            Authority(self.find)

    def test_whose_things_are_there(self) -> None:
        authority = Authority()
        self.assertIsNone(authority.sees({"is_admin": True}, "volume"))
        self.assertEqual("p1", authority.sees(MEMBER, "volume"))
        for context in ({}, {"project_id": ""}, {"roles": ["member"]}):
            with self.subTest(context), self.assertRaises(NotAuthorized):
                authority.sees(context, "volume")
            with self.subTest(context), self.assertRaises(NotAuthorized):
                authority.lists(context, "volume", all_projects=False)
