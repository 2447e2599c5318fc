from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

from tests import TestCase
from volsched.cli.request_commands import Progress, wait_for
from volsched.exceptions import DatabaseUnavailable
from volsched.model.volume import Volume, VolumeStatus

VOLUME = Volume(id="v1", project_id="p", user_id="u", size_gb=1, status=VolumeStatus.CREATING, name="disk")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def clock(*moments: float) -> Callable[[], float]:
    left = list(moments)
    return lambda: left.pop(0)


class TestProgress(TestCase):
    def test_nothing_is_shown_within_a_second(self) -> None:
        stream = Terminal()
        with Progress(stream, now=clock(0.0, 0.5)) as progress:
            progress(VOLUME)
        self.assertEqual("", stream.getvalue())

    def test_after_a_second_the_status_is_shown_and_erased_at_the_end(self) -> None:
        stream = Terminal()
        with Progress(stream, now=clock(0.0, 2.1, 2.2)) as progress:
            progress(VOLUME)
            progress(VOLUME)
        line = "volume disk: creating, 2 s"
        self.assertEqual(f"\r{line}\r{' ' * len(line)}\r", stream.getvalue())

    def test_nothing_is_shown_without_a_terminal(self) -> None:
        stream = io.StringIO()
        with Progress(stream, now=clock(0.0, 9.0)) as progress:
            progress(VOLUME)
        self.assertEqual("", stream.getvalue())


class LockedDatabase:
    """A service whose database becomes unavailable while it waits."""

    def wait(self, item: Volume, *, progress: object) -> NoReturn:
        raise DatabaseUnavailable("the file is locked by another process; nothing was changed, try again")


class TestWaitFor(TestCase):
    def wait(self, *, wait: bool) -> Volume | None:
        command: Any = SimpleNamespace(app=SimpleNamespace(stderr=io.StringIO()))
        return wait_for(command, LockedDatabase(), VOLUME, wait=wait)

    def test_an_interrupted_wait_advises_to_wait_for_the_stored_request(self) -> None:
        with self.assertRaises(DatabaseUnavailable) as caught:
            self.wait(wait=True)
        message = str(caught.exception)
        self.assertIn("volume v1 is creating, and the request is stored: do not repeat it", message)
        self.assertIn("volsched volume show v1 --wait", message)
        self.assertTrue(message.endswith("because the file is locked by another process"), message)

    def test_without_waiting_the_volume_is_returned_as_it_is(self) -> None:
        self.assertIs(VOLUME, self.wait(wait=False))
