"""Private volume types: who sees and uses them."""

from __future__ import annotations

from collections.abc import Callable

from tests import TestCase
from tests.unit.test_client import configured
from volsched.api.api import Api
from volsched.client import Client
from volsched.exceptions import InvalidRequest, NotAuthorized, VolumeTypeNotFound


class TestPrivateTypes(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.client = self.enterContext(Client(configured(self.folder())))
        self.client.types.create("secret", is_public=False)
        self.client.types.create("open")
        self.client.types.add_project("secret", "friend")
        self.friend, self.stranger = self.client.acting_as("friend"), self.client.acting_as("stranger")

    def names(self, api: Api) -> list[str | None]:
        return [kind.name for kind in api.types.list()]

    def test_only_projects_with_access_and_operators_see_it(self) -> None:
        self.assertEqual(["open", "secret"], self.names(self.client))
        self.assertEqual(["open", "secret"], self.names(self.friend))
        self.assertEqual(["open"], self.names(self.stranger))
        self.assertEqual("secret", self.friend.types.get("secret").name)

    def test_it_does_not_exist_for_other_projects(self) -> None:
        volume = self.stranger.volumes.create(1, volume_type="open")
        self.assertIsNotNone(self.stranger.volumes.wait(volume))
        secret = str(self.client.types.get("secret").id)
        attempts: dict[str, Callable[[str], object]] = {
            "show": self.stranger.types.get,
            "create": lambda name: self.stranger.volumes.create(1, volume_type=name),
            "retype": lambda name: self.stranger.volumes.retype(volume.id, name),
            "group": lambda name: self.stranger.groups.create([name]),
            "quota": lambda name: self.stranger.quotas.usage(volume_type=name),
        }
        for what, attempt in attempts.items():
            for name in ("secret", secret):
                with self.subTest(what, name=name), self.assertRaises(VolumeTypeNotFound):
                    attempt(name)

    def test_a_project_with_access_uses_it(self) -> None:
        made = self.friend.volumes.wait(self.friend.volumes.create(1, volume_type="secret"))
        assert made is not None
        self.assertEqual(self.client.types.get("secret").id, made.volume_type_id)

    def test_access_that_was_revoked(self) -> None:
        self.client.types.remove_project("secret", "friend")
        self.assertEqual(["open"], self.names(self.friend))
        self.assertEqual([], list(self.client.types.projects("secret")))
        with self.assertRaisesRegex(InvalidRequest, "'friend' has no access"):
            self.client.types.remove_project("secret", "friend")

    def test_a_public_type_has_no_access_list(self) -> None:
        for attempt in (self.client.types.add_project, self.client.types.remove_project):
            with self.assertRaisesRegex(InvalidRequest, "'open' is public"):
                attempt("open", "friend")

    def test_access_is_for_operators(self) -> None:
        with self.assertRaises(NotAuthorized):
            self.friend.types.add_project("secret", "stranger")
        with self.assertRaises(NotAuthorized):
            self.friend.types.projects("secret")
