from __future__ import annotations

from pathlib import Path

from tests import TestCase
from volsched import conf
from volsched.cli import init
from volsched.cli.demo import scenario
from volsched.db.database import Database
from volsched.exceptions import InvalidRequest

SECTION = init.Section(name="paths", about="Where files go.", options={"state_path": "/data/$home"})


class TestText(TestCase):
    def test_text_has_sections_options_and_comments_and_a_dollar_is_doubled(self) -> None:
        self.assertEqual(
            "# Two\n# lines\n\n# Where files go.\n[paths]\nstate_path = /data/$$home\n",
            init.text_of("Two\nlines", [SECTION]),
        )

    def test_values_that_a_file_cannot_represent_are_refused(self) -> None:
        for value in (" /blank", "/line\nbreak", "/blank "):
            with self.subTest(value), self.assertRaises(InvalidRequest) as caught:
                init.text_of("", [init.Section(name="paths", about="", options={"state_path": value})])
            self.assertEqual("state_path", caught.exception.field)

    def test_oslo_config_reads_the_value_that_was_written(self) -> None:
        file = self.folder() / "a.conf"
        file.write_text(init.text_of("", [SECTION]))
        self.assertEqual("/data/$home", conf.load([str(file)], use_env=False).paths.state_path)


class TestDrafted(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = self.folder()
        self.file = self.home / "sub" / "a.conf"

    def left(self) -> list[Path]:
        return sorted(self.home.glob("sub/*"))

    def test_the_draft_becomes_the_file_at_the_end(self) -> None:
        with init.drafted(self.file, "text\n") as draft:
            self.assertEqual("text\n", draft.read_text())
            self.assertFalse(self.file.exists())
        self.assertEqual("text\n", self.file.read_text())
        self.assertEqual([self.file], self.left())

    def test_a_block_that_raises_leaves_no_file(self) -> None:
        with self.assertRaises(LookupError), init.drafted(self.file, "text\n"):
            raise LookupError
        self.assertEqual([], self.left())

    def test_a_file_that_was_created_meanwhile_is_not_replaced(self) -> None:
        with (
            self.assertRaisesRegex(InvalidRequest, "exists already; --force overwrites it"),
            init.drafted(self.file, "text\n"),
        ):
            self.file.write_text("theirs\n")
        self.assertEqual("theirs\n", self.file.read_text())
        self.assertEqual([self.file], self.left())

    def test_overwrite_replaces_the_file(self) -> None:
        self.file.parent.mkdir()
        self.file.write_text("old\n")
        with init.drafted(self.file, "new\n", overwrite=True):
            self.assertEqual("old\n", self.file.read_text())
        self.assertEqual("new\n", self.file.read_text())

    def test_a_folder_that_cannot_be_written_is_named(self) -> None:
        (self.home / "sub").write_text("a file, no folder")
        with self.assertRaisesRegex(InvalidRequest, "cannot be written"), init.drafted(self.file, ""):
            self.fail("there is no draft")


class TestScenario(TestCase):
    def test_the_demonstration_s_configuration_selects_its_driver(self) -> None:
        folder = self.folder()
        file = folder / scenario.CONFIGURATION
        for driver in ("filter", "chance"):
            with self.subTest(driver):
                file.write_text(scenario.configuration(folder, driver))
                read = conf.load([str(file)], use_env=False)
                self.assertEqual(driver, read.scheduler.driver)
                self.assertEqual(["fast", "bulk", "remote"], read.agent.backends)
                self.assertEqual(folder / "volsched.db", Database.configured(read).file)
