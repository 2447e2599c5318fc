from __future__ import annotations

import io
from collections.abc import Callable

from tests import TestCase
from volsched.cli.progress import Progress
from volsched.model.volume import Volume, VolumeStatus

VOLUME = Volume(id="v1", project_id="p", user_id="u", size_gb=1, status=VolumeStatus.CREATING, name="disk")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def clock(*moments: float) -> Callable[[], float]:
    left = list(moments)
    return lambda: left.pop(0)


class TestProgress(TestCase):
    def test_nothing_is_said_within_a_second(self) -> None:
        stream = Terminal()
        with Progress(stream, now=clock(0.0, 0.5)) as progress:
            progress(VOLUME)
        self.assertEqual("", stream.getvalue())

    def test_after_a_second_the_volume_and_its_status_are_named_and_tidied_up(self) -> None:
        stream = Terminal()
        with Progress(stream, now=clock(0.0, 2.1, 2.2)) as progress:
            progress(VOLUME)
            progress(VOLUME)
        line = "volume disk: creating, 2 s"
        self.assertEqual(f"\r{line}\r{' ' * len(line)}\r", stream.getvalue())

    def test_what_is_no_terminal_stays_clean(self) -> None:
        stream = io.StringIO()
        with Progress(stream, now=clock(0.0, 9.0)) as progress:
            progress(VOLUME)
        self.assertEqual("", stream.getvalue())
