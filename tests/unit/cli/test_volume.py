from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any, NoReturn

from tests import TestCase
from volsched.cli import volume
from volsched.exceptions import DatabaseUnavailable
from volsched.model.volume import Volume, VolumeStatus

ASKED = Volume(
    id="5a1f0c1e-0000-4000-8000-000000000001", project_id="p", user_id="me", size_gb=1, status=VolumeStatus.CREATING
)


class Locked:
    """An application whose database somebody locked after the request was written down."""

    def settle(self, volume_id: str, **how: object) -> NoReturn:
        raise DatabaseUnavailable("the file is locked by another process; nothing was changed, try again")


class TestSettle(TestCase):
    def settle(self, *, wait: bool) -> Volume | None:
        command: Any = SimpleNamespace(app=SimpleNamespace(stderr=io.StringIO()))
        application: Any = Locked()
        return volume.settle(command, application, ASKED, wait=wait)

    def test_who_is_interrupted_hears_that_the_request_is_kept(self) -> None:
        with self.assertRaises(DatabaseUnavailable) as caught:
            self.settle(wait=True)
        said = str(caught.exception)
        self.assertIn("is creating, and the request is kept: do not ask again", said)
        self.assertIn(f"volsched volume show {ASKED.id} --wait", said)
        self.assertTrue(said.endswith("it was interrupted for the file is locked by another process"), said)

    def test_who_does_not_wait_is_not_interrupted(self) -> None:
        self.assertIs(ASKED, self.settle(wait=False))
