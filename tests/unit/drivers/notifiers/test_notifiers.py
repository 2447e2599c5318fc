"""The notifiers that come with volsched, on real files and loggers."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests import TestCase
from volsched.model.event import Event, Priority
from volsched_drivers.notifiers.jsonl import JsonlNotifier
from volsched_drivers.notifiers.log import LogNotifier
from volsched_drivers.notifiers.noop import NoopNotifier


def an_event(id: str = "e1", priority: Priority = Priority.INFO, payload: Mapping[str, Any] | None = None) -> Event:
    return Event(
        id=id,
        event_type="volume.create.end",
        priority=priority,
        occurred_at="2026-11-22T09:00:00",
        publisher="agent.host1",
        volume_id="v1",
        payload=payload or {},
    )


class TestNoop(TestCase):
    def test_every_event_is_accepted(self) -> None:
        NoopNotifier().notify(an_event())


class TestLog(TestCase):
    def test_event_is_logged_at_the_level_of_its_priority(self) -> None:
        for priority, level in ((Priority.INFO, "INFO"), (Priority.WARN, "WARNING"), (Priority.ERROR, "ERROR")):
            with self.subTest(priority=priority), self.assertLogs("volsched.notification", "DEBUG") as seen:
                LogNotifier().notify(an_event(priority=priority))
                self.assertEqual([level], [record.levelname for record in seen.records])
                text = seen.records[0].getMessage()
                self.assertEqual("volume.create.end", text.split(" ", 1)[0])
                self.assertEqual(an_event(priority=priority).plain(), json.loads(text.split(" ", 1)[1]))

    def test_configured_logger_is_used(self) -> None:
        with self.assertLogs("elsewhere", "INFO"):
            LogNotifier(logger="elsewhere").notify(an_event())

    def test_empty_logger_is_refused(self) -> None:
        self.assertEqual(1, len(LogNotifier(logger=" ").validate()))


class TestJsonl(TestCase):
    def setUp(self) -> None:
        self.path = self.folder() / "events.jsonl"

    def notifier(self, *, fsync: bool = False) -> JsonlNotifier:
        made = JsonlNotifier(path=str(self.path), fsync=fsync)
        self.addCleanup(made.stop)
        return made

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def test_constructor_does_no_io(self) -> None:
        self.notifier()
        self.assertFalse(self.path.exists())

    def test_each_event_is_one_line(self) -> None:
        for fsync in (False, True):
            self.notifier(fsync=fsync).notify(an_event(payload={"text": "two\nlines"}))
        self.assertEqual([an_event(payload={"text": "two\nlines"}).plain()] * 2, self.lines())

    def test_new_file_is_created_after_rotation(self) -> None:
        notifier = self.notifier()
        notifier.notify(an_event("before"))
        moved = self.path.rename(self.path.with_suffix(".1"))
        notifier.notify(an_event("after"))
        self.assertEqual(["after"], [line["id"] for line in self.lines()])
        self.assertEqual(1, len(moved.read_text().splitlines()))

    def test_new_file_is_created_after_removal(self) -> None:
        notifier = self.notifier()
        notifier.notify(an_event("before"))
        self.path.unlink()
        notifier.notify(an_event("after"))
        self.assertEqual(["after"], [line["id"] for line in self.lines()])

    def test_incomplete_line_is_ended_first(self) -> None:
        self.path.write_text('{"id": "hal')
        self.notifier().notify(an_event("whole"))
        self.assertEqual("whole", json.loads(self.path.read_text().splitlines()[-1])["id"])

    def test_short_write_is_an_error_and_the_next_line_is_separate(self) -> None:
        notifier = self.notifier()
        notifier.notify(an_event("first"))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.path.stat().st_size + 10, limits[1]))
        try:
            with self.assertRaisesRegex(OSError, "only 10 of"):
                notifier.notify(an_event("torn"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        notifier.notify(an_event("third"))
        texts = self.path.read_text().splitlines()
        self.assertEqual(["first", "third"], [json.loads(texts[index])["id"] for index in (0, 2)])

    def test_path_that_is_not_a_file_is_refused(self) -> None:
        folder = self.folder()
        os.mkfifo(folder / "pipe")
        for path, text in (
            (folder, "expected a file, got a directory"),
            (folder / "pipe", "expected a regular file"),
            (folder / "missing" / "file", "No such file"),
        ):
            with self.subTest(path=path.name):
                notifier = JsonlNotifier(path=str(path))
                with self.assertRaisesRegex(OSError, text):
                    notifier.start()
                self.assertRegex(notifier.health() or "", text)
                with self.assertRaisesRegex(OSError, text):
                    notifier.notify(an_event())

    def test_bad_options_are_named(self) -> None:
        self.assertEqual(2, len(JsonlNotifier(path="", mode="rw").validate()))
        self.assertEqual(1, len(JsonlNotifier(path="x", mode="7777").validate()))
        self.assertEqual([], JsonlNotifier(path="x").validate())

    def test_start_and_stop_may_be_repeated(self) -> None:
        notifier = self.notifier()
        notifier.stop()
        notifier.start()
        notifier.start()
        notifier.stop()
        notifier.stop()
        notifier.notify(an_event())
        self.assertEqual(1, len(self.lines()))

    def test_lines_of_threads_and_processes_do_not_mix(self) -> None:
        program = (
            "import sys\n"
            "from volsched.model.event import Event, Priority\n"
            "from volsched_drivers.notifiers.jsonl import JsonlNotifier\n"
            "notifier = JsonlNotifier(path=sys.argv[1])\n"
            "for number in range(200):\n"
            "    notifier.notify(Event(id=f'{sys.argv[2]}-{number}', event_type='t', priority=Priority.INFO,\n"
            "                          occurred_at='', publisher='', payload={'filling': 'x' * 3000}))\n"
            "notifier.stop()\n"
        )
        others = [subprocess.Popen([sys.executable, "-c", program, str(self.path), str(number)]) for number in range(2)]
        notifier = self.notifier()

        def write(name: str) -> None:
            for number in range(200):
                notifier.notify(an_event(f"{name}-{number}", payload={"filling": "x" * 3000}))

        threads = [threading.Thread(target=write, args=(f"t{number}",)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([0, 0], [other.wait() for other in others])
        self.assertEqual(800, len({line["id"] for line in self.lines()}))

    def test_new_file_has_the_configured_permissions(self) -> None:
        self.addCleanup(os.umask, os.umask(0))
        path = Path(self.folder()) / "private"
        notifier = JsonlNotifier(path=str(path), mode="0600")
        self.addCleanup(notifier.stop)
        notifier.start()
        self.assertEqual(0o600, path.stat().st_mode & 0o777)
