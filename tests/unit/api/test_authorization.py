"""Authority: the policy of the moment, which follows its file."""

from __future__ import annotations

import os
from pathlib import Path

from tests import TestCase
from volsched.api.authorization import Authorizer
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
        authorizer = Authorizer(self.find)
        self.assertTrue(authorizer.allows(MEMBER, "volume:extend"))
        self.write('"volume:extend": "!"')
        authorizer.reload()
        self.assertFalse(authorizer.allows(MEMBER, "volume:extend"))
        self.write('"volume:extent": ""')
        with self.assertLogs("volsched.api.authorization", "ERROR") as said:
            authorizer.reload()
        self.assertIn("did you mean volume:extend?; the policy stays as it was", said.output[0])
        self.assertFalse(authorizer.allows(MEMBER, "volume:extend"))
        self.file.unlink()
        authorizer.reload()
        self.assertTrue(authorizer.allows(MEMBER, "volume:extend"))

    def test_a_bad_file_at_the_start(self) -> None:
        self.write("nonsense")
        with self.assertRaises(ConfigurationError):
            Authorizer(self.find)

    def test_whose_things_are_there(self) -> None:
        authorizer = Authorizer()
        self.assertIsNone(authorizer.visible_project({"is_admin": True}, "volume"))
        self.assertEqual("p1", authorizer.visible_project(MEMBER, "volume"))
        for context in ({}, {"project_id": ""}, {"roles": ["member"]}):
            with self.subTest(context), self.assertRaises(NotAuthorized):
                authorizer.visible_project(context, "volume")
            with self.subTest(context), self.assertRaises(NotAuthorized):
                authorizer.listed_project(context, "volume", all_projects=False)
