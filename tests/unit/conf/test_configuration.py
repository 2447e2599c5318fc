"""Tests of reading a configuration, and of telling where each value came from."""

from __future__ import annotations

import os
import threading
import unittest.mock
from pathlib import Path

import tests
from volsched import conf
from volsched.conf import Source
from volsched.conf.configuration import BadValue
from volsched.conf.infrastructure import default_state_path
from volsched.exceptions import ConfigurationError


class ConfigurationCase(tests.TestCase):
    """A folder for configuration files, and an environment without options."""

    def setUp(self) -> None:
        super().setUp()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        self.enterContext(unittest.mock.patch.dict(os.environ, kept, clear=True))
        self.home = self.folder()

    def file(self, text: str, name: str = "volsched.conf") -> str:
        path = self.home / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    def load(self, text: str) -> conf.Configuration:
        return conf.load([self.file(text)])


class TestLoad(ConfigurationCase):
    def test_defaults(self) -> None:
        made = self.load("")
        self.assertEqual("filter", made.scheduler.driver)
        self.assertEqual(["availability_zone", "capacity", "capabilities"], made.scheduler.filters)
        self.assertIsNone(made.database.connection)
        self.assertEqual(Source.DEFAULT, made.origin("scheduler", "filters").source)

    def test_a_secret_may_be_in_a_file_of_its_own(self) -> None:
        kept = self.home / "secret"
        made = self.load(f"[database]\nconnection = file:{kept}\n[compute]\nusername = file:{kept}\n")
        for text, told in ((None, "No such file or directory"), ("\n", "an empty file")):
            if text is not None:
                kept.write_text(text)
            with self.subTest(text), self.assertRaisesRegex(BadValue, f"file {kept}, got: {told}; write file:/PATH"):
                _ = made.database.connection
        kept.write_text("sqlite:////x/$y\n")
        self.assertEqual("sqlite:////x/$y", made.database.connection)
        self.assertEqual(f"file:{kept}", made.compute.username, "which is no secret")
        with unittest.mock.patch.dict(os.environ, {"OS_MESSAGING__TRANSPORT_URL": f"file:{kept}"}):
            self.assertEqual("sqlite:////x/$y", self.load("").messaging.transport_url)

    def test_each_configuration_is_its_own(self) -> None:
        one, other = self.load("[scheduler]\ndriver = chance\n"), self.load("")
        self.assertEqual(("chance", "filter"), (one.scheduler.driver, other.scheduler.driver))

    def test_later_files_win_then_folders_then_the_environment(self) -> None:
        files = [self.file(f"[scheduler]\nmax_attempts = {n}\n", f"{n}.conf") for n in (4, 5)]
        self.assertEqual(5, conf.load(files).scheduler.max_attempts)
        self.file("[scheduler]\nmax_attempts = 6\n", "conf.d/20.conf")
        self.file("[scheduler]\nmax_attempts = 7\n", "conf.d/10.conf")
        self.file("[scheduler]\nmax_attempts = 8\n", "conf.d/30.txt")
        made = conf.load(files, [str(self.home / "conf.d")])
        self.assertEqual(6, made.scheduler.max_attempts)
        self.assertEqual(f"{self.home}/conf.d/20.conf:2", str(made.origin("scheduler", "max_attempts")))
        with unittest.mock.patch.dict(os.environ, {"OS_SCHEDULER__MAX_ATTEMPTS": "9"}):
            made = conf.load(files, [str(self.home / "conf.d")])
            self.assertEqual(9, made.scheduler.max_attempts)
            origin = made.origin("scheduler", "max_attempts")
            self.assertEqual("environment variable OS_SCHEDULER__MAX_ATTEMPTS", str(origin))
            self.assertEqual(6, conf.load(files, [str(self.home / "conf.d")], use_env=False).scheduler.max_attempts)

    def test_the_usual_places(self) -> None:
        self.file("[scheduler]\nmax_attempts = 4\n", ".volsched/volsched.conf")
        with unittest.mock.patch.dict(os.environ, {"HOME": str(self.home)}):
            self.assertEqual(4, conf.load().scheduler.max_attempts)

    def test_names_of_cinders_options(self) -> None:
        made = self.load(
            "[DEFAULT]\n"
            "scheduler_driver = cinder.scheduler.filter_scheduler.FilterScheduler\n"
            "scheduler_default_filters = AvailabilityZoneFilter,CapacityFilter\n"
            "scheduler_default_weighers = CapacityWeigher\n"
            "scheduler_weight_handler = cinder.scheduler.weights.stochastic.StochasticHostWeightHandler\n"
            "scheduler_max_attempts = 5\n"
            "max_over_subscription_ratio = auto\n"
            "enabled_backends = lvm1\n"
        )
        self.assertEqual(["AvailabilityZoneFilter", "CapacityFilter"], made.scheduler.filters)
        self.assertEqual((5, "auto"), (made.scheduler.max_attempts, made.scheduler.max_over_subscription_ratio))
        self.assertEqual(["lvm1"], made.agent.backends)
        origin = made.origin("scheduler", "filters")
        self.assertEqual(("[DEFAULT] scheduler_default_filters", 3), (origin.name, origin.line))
        self.assertIn("[DEFAULT] scheduler_default_filters", made.label("scheduler", "filters"))

    def test_a_doubled_dollar_is_a_literal_one(self) -> None:
        made = self.load("[database]\nconnection = mysql+pymysql://u:pa$$word@h/n\n")
        self.assertEqual("mysql+pymysql://u:pa$word@h/n", made.database.connection)

    def test_a_single_dollar_in_a_password_is_refused_without_showing_any_of_it(self) -> None:
        for password in ("p$w0rd", "p${w0rd}", "p$w0rd.x", "p$database", "p$connection", "p${database.connection}"):
            made = self.load(f"[database]\nconnection = mysql+pymysql://u:{password}@h/n\n")
            with self.subTest(password=password), self.assertRaises(BadValue) as raised:
                _ = made.database.connection
            self.assertIn("write a literal $ as $$", str(raised.exception))
            self.assertIn("volsched.conf:2", str(raised.exception))
            self.assertNotIn("w0rd", str(raised.exception))

    def test_an_unknown_option_is_an_attribute_error(self) -> None:
        with self.assertRaises(AttributeError):
            _ = self.load("").scheduler.no_such_option

    def test_a_pipe_is_read_once_and_used(self) -> None:
        pipe = self.home / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_text, args=("[scheduler]\nmax_attempts = 7\n",))
        writer.start()
        made = conf.load([str(pipe)])
        writer.join()
        self.assertEqual(7, made.scheduler.max_attempts)
        self.assertEqual(f"{pipe}:2", str(made.origin("scheduler", "max_attempts")))

    def test_a_byte_order_mark_is_skipped(self) -> None:
        path = self.home / "volsched.conf"
        path.write_bytes(b"\xef\xbb\xbf[agent]\navailability_zone = k\xc3\xb6ln\n")
        self.assertEqual("köln", conf.load([str(path)]).agent.availability_zone)
        secret = self.home / "secret"
        secret.write_bytes(b"\xef\xbb\xbfsqlite:////x\n")
        self.assertEqual("sqlite:////x", self.load(f"[database]\nconnection = file:{secret}\n").database.connection)

    def test_hidden_files_of_a_folder_are_ignored(self) -> None:
        self.file("[scheduler]\nmax_attempts = 6\n", "conf.d/10.conf")
        (self.home / "conf.d" / ".#10.conf").symlink_to("me@host.77:1")
        self.file("no configuration", "conf.d/.hidden.conf")
        self.assertEqual(6, conf.load([], [str(self.home / "conf.d")]).scheduler.max_attempts)


class TestLines(ConfigurationCase):
    def test_the_line_of_an_option(self) -> None:
        made = self.load(
            "# a comment\n"
            "\n"
            "[scheduler]\n"
            "filters = capacity,\n"
            "    capabilities,\n"
            "    json\n"
            "weighers = capacity\n"
            "\n"
            "[Database]\n"
            "connection: sqlite://\n"
            "[scheduler]\n"
            "driver = chance"
        )
        lines = {
            ("scheduler", "filters"): 4,
            ("scheduler", "weighers"): 7,
            ("database", "connection"): 10,
            ("scheduler", "driver"): 12,
        }
        for (group, name), line in lines.items():
            with self.subTest(group=group, name=name):
                self.assertEqual(line, made.origin(group, name).line)
        self.assertEqual(["capacity", "capabilities", "json"], made.scheduler.filters)

    def test_the_assignment_that_counts(self) -> None:
        for text, value, line in (
            ("[scheduler]\ndriver = one\ndriver = two\n", "two", 3),
            ("[DEFAULT]\nscheduler_driver = old\n[scheduler]\ndriver = new\n", "new", 4),
            ("[scheduler]\ndriver = new\n[DEFAULT]\nscheduler_driver = old\n", "new", 2),
        ):
            with self.subTest(text=text):
                made = self.load(text)
                self.assertEqual((value, line), (made.scheduler.driver, made.origin("scheduler", "driver").line))

    def test_an_old_name_in_a_later_file_counts(self) -> None:
        first = self.file("[scheduler]\ndriver = new\n", "1.conf")
        second = self.file("[DEFAULT]\nscheduler_driver = old\n", "2.conf")
        made = conf.load([first, second])
        self.assertEqual("old", made.scheduler.driver)
        self.assertEqual(f"{second}:2", str(made.origin("scheduler", "driver")))

    def test_an_override(self) -> None:
        made = self.load("[scheduler]\ndriver = chance\n")
        made.set_override("driver", "filter", "scheduler")
        self.assertEqual(Source.OVERRIDE, made.origin("scheduler", "driver").source)


class TestBadValues(ConfigurationCase):
    def assert_bad(self, group: str, name: str, value: str, *words: str) -> None:
        made = self.load(f"[{group}]\n{name} = {value}\n")
        with self.assertRaises(BadValue) as raised:
            made[group][name]
        self.assertEqual(f"[{group}] {name} ({self.home}/volsched.conf:2)", raised.exception.option)
        for word in words:
            self.assertIn(word, str(raised.exception))

    def test_what_is_refused(self) -> None:
        for name, value, word in (
            ("max_attempts", "0", "a whole number from 1 to 100"),
            ("max_attempts", "three", "'three'"),
            ("poll_interval", "nan", "finite"),
            ("poll_interval", "-1", "a number from 0.05 to 60.0"),
            ("max_over_subscription_ratio", "0.5", "number of at least 1, or auto"),
            ("max_over_subscription_ratio", "inf", "not finite"),
            ("max_over_subscription_ratio", "plenty", "'plenty' is neither a number nor auto"),
            ("expression_dialect", "perl", "one of strict, cinder"),
        ):
            with self.subTest(name=name, value=value):
                self.assert_bad("scheduler", name, value, word)

    def test_the_host_has_no_at_sign(self) -> None:
        self.assert_bad("agent", "host", "a@b", "text that matches")

    def test_a_relative_folder(self) -> None:
        self.assert_bad("paths", "state_path", "var/lib", "'var/lib'", "absolute path of a folder")

    def test_a_folder_below_the_home(self) -> None:
        with unittest.mock.patch.dict(os.environ, {"HOME": "/home/u"}):
            self.assertEqual("/home/u/state", self.load("[paths]\nstate_path = ~/x/../state/\n").paths.state_path)

    def test_the_text_of_a_ratio_is_kept(self) -> None:
        made = self.load("[scheduler]\nmax_over_subscription_ratio = 1.50\n")
        self.assertEqual("1.50", made.scheduler.max_over_subscription_ratio)


class TestFilesThatCannotBeRead(ConfigurationCase):
    def assert_refused(self, files: list[str], dirs: list[str], option: str, problem: str) -> None:
        with self.assertRaises(ConfigurationError) as raised:
            conf.load(files, dirs)
        self.assertEqual(option, raised.exception.option)
        self.assertIn(problem, raised.exception.problem)

    def test_no_such_file_or_folder(self) -> None:
        gone = str(self.home / "gone")
        self.assert_refused([gone], [], gone, "expected a file, got none")
        self.assert_refused([], [gone], gone, "expected a folder, got none")
        self.assert_refused([str(self.home)], [], str(self.home), "got a folder; name folders with --config-dir")
        self.assert_refused([], [self.file("")], self.file(""), "expected a folder, got none")

    def test_text_that_is_none(self) -> None:
        path = self.home / "binary.conf"
        path.write_bytes(b"[scheduler]\ndriver = \xff\xfe\n")
        self.assert_refused([str(path)], [], str(path), "is not text")

    def test_a_line_that_cannot_be_understood(self) -> None:
        for text, line, problem in (
            ("[scheduler]\ndriver filter\n", 2, "No ':' or '=' found in assignment"),
            ("[scheduler\n", 1, "Invalid section"),
            ("driver = filter\n", 1, "an option before the first [section]"),
            ("[scheduler]\n = 3\n", 2, "Unexpected continuation line"),
        ):
            with self.subTest(text=text):
                path = self.file(text)
                self.assert_refused([path], [], f"{path}:{line}", problem)


class TestStatePath(tests.TestCase):
    def test_by_user(self) -> None:
        for user, variables, wanted in (
            (0, {"XDG_STATE_HOME": "/x"}, "/var/lib/volsched"),
            (1000, {"XDG_STATE_HOME": "/x"}, "/x/volsched"),
            (1000, {"XDG_STATE_HOME": "relative", "HOME": "/home/u"}, "/home/u/.local/state/volsched"),
        ):
            with (
                self.subTest(user=user, variables=variables),
                unittest.mock.patch.dict(os.environ, variables),
                unittest.mock.patch("os.geteuid", return_value=user),
            ):
                self.assertEqual(Path(wanted), Path(default_state_path()))
