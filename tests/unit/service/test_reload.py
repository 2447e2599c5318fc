"""Reload: a good candidate is in force as a whole, a bad one changes nothing."""

from __future__ import annotations

from pathlib import Path

import tests
from volsched import conf
from volsched.db.database import Database
from volsched.service.application import Application
from volsched.service.generation import CurrentApplication, DeliveryLoop
from volsched.service.reload import Reloaded, Reloader
from volsched_drivers.notifiers.jsonl import JsonlNotifier

BASE = """
[paths]
state_path = HOME
[scheduler]
filters = capacity
[notifications]
notifiers = ops
[notifier_ops]
driver = jsonl
path = HOME/ops.jsonl
"""
LOGGER = "volsched.service.reload"


class TestReload(tests.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = self.folder()
        self.file = self.home / "volsched.conf"
        database = Database(f"sqlite:///{self.home}/volsched.db")
        database.upgrade()
        database.close()
        self.write(BASE)
        self.first = Application(conf.load([str(self.file)], use_env=False))
        self.first.start()
        self.first.scheduler  # noqa: B018 - a service has made it
        self.current = CurrentApplication(self.first)
        self.addCleanup(lambda: self.current.application.close())
        self.reloader = Reloader(
            self.current, DeliveryLoop(self.current), lambda: conf.load([str(self.file)], use_env=False)
        )

    def write(self, text: str) -> None:
        self.file.write_text(text.replace("HOME", str(self.home)))

    def refused(self, text: str, words: str) -> None:
        self.write(text)
        with self.assertLogs(LOGGER, "ERROR") as logged:
            done = self.reloader.reload()
        self.assertIn(words, done.problem or "")
        self.assertIn(words, logged.output[0])
        self.assertIs(self.first, self.current.application)
        self.assertEqual(1, done.generation)
        ops = self.first.plugins.notifiers["ops"]
        assert isinstance(ops, JsonlNotifier)
        self.assertIsNotNone(ops._file, "it runs as before")

    def reloaded(self, text: str) -> Reloaded:
        self.write(text)
        with self.assertLogs(LOGGER, "INFO"):
            done = self.reloader.reload()
        self.assertIsNone(done.problem)
        return done

    def test_good_configuration_is_in_force(self) -> None:
        done = self.reloaded(BASE.replace("filters = capacity", "filters = capabilities, capacity\nmax_attempts = 9"))
        self.assertEqual(("[scheduler] filters", "[scheduler] max_attempts"), done.changed)
        self.assertEqual((2, ()), (done.generation, done.until_restart))
        now = self.current.application
        self.assertIsNot(self.first, now)
        self.assertIs(self.first.database, now.database)
        self.assertIs(self.first.plugins.notifiers["ops"], now.plugins.notifiers["ops"])
        self.assertEqual((9, 2), (now.driver.resources.max_attempts, now.driver.resources.config_generation))

    def test_unchanged_configuration_is_a_new_generation(self) -> None:
        self.assertEqual(((), 2), (self.reloaded(BASE).changed, self.current.application.generation))
        self.assertEqual(3, self.reloaded(BASE).generation)

    def test_missing_file_is_refused(self) -> None:
        self.file.unlink()
        with self.assertLogs(LOGGER, "ERROR"):
            self.assertIn("expected a file, got none", self.reloader.reload().problem or "")

    def test_malformed_file_is_refused(self) -> None:
        self.refused(BASE + "what is this\n", "volsched.conf:11")

    def test_all_errors_are_reported(self) -> None:
        text = BASE.replace("filters = capacity", "filters = capcity\nmax_attempts = 0")
        self.refused(text, "VS101")
        self.refused(text, "VS108")

    def test_notifier_that_cannot_start_is_refused(self) -> None:
        self.refused(BASE.replace("HOME/ops", "HOME/no folder/ops"), "VS111 [notifier_ops]")

    def test_fixed_options_keep_their_values(self) -> None:
        other = "[database]\nconnection = sqlite:////elsewhere/pa$$word.db\n[agent]\nhost = another\n"
        done = self.reloaded(BASE + other)
        self.assertEqual(("[agent] host", "[database] connection"), done.until_restart)
        for option, group in (("host", "agent"), ("connection", "database")):
            self.assertEqual(self.first.conf[group][option], self.current.application.conf[group][option])
        back = self.reloaded(BASE)
        self.assertEqual((), back.changed)

    def test_fixed_value_with_a_dollar_is_kept(self) -> None:
        state = Path(str(self.home) + "$more")
        state.mkdir()
        self.addCleanup(state.rmdir)
        done = self.reloaded(BASE.replace("state_path = HOME", f"state_path = {str(state).replace('$', '$$')}"))
        self.assertEqual(("[paths] state_path",), done.until_restart)
        self.assertEqual(str(self.home), self.current.application.conf.paths.state_path)
