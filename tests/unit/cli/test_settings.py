from __future__ import annotations

from pathlib import Path

from tests import TestCase
from volsched import conf
from volsched.cli import demo_world, settings
from volsched.db.database import Database
from volsched.exceptions import InvalidRequest

SECTION = settings.Section(name="paths", about="Where files go.", options={"state_path": "/data/$home"})


class TestText(TestCase):
    def test_sections_options_and_comments_and_a_dollar_is_doubled(self) -> None:
        self.assertEqual(
            "# Two\n# lines\n\n# Where files go.\n[paths]\nstate_path = /data/$$home\n",
            settings.text_of("Two\nlines", [SECTION]),
        )

    def test_what_a_file_cannot_hold_is_refused(self) -> None:
        for value in (" /blank", "/line\nbreak", "/blank "):
            with self.subTest(value), self.assertRaises(InvalidRequest) as caught:
                settings.text_of("", [settings.Section(name="paths", about="", options={"state_path": value})])
            self.assertEqual("state_path", caught.exception.field)

    def test_oslo_config_reads_what_was_meant(self) -> None:
        file = self.folder() / "a.conf"
        file.write_text(settings.text_of("", [SECTION]))
        self.assertEqual("/data/$home", conf.load([str(file)], use_env=False).paths.state_path)


class TestDrafted(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = self.folder()
        self.file = self.home / "sub" / "a.conf"

    def left(self) -> list[Path]:
        return sorted(self.home.glob("sub/*"))

    def test_the_draft_takes_its_place_at_the_end(self) -> None:
        with settings.drafted(self.file, "text\n") as draft:
            self.assertEqual("text\n", draft.read_text())
            self.assertFalse(self.file.exists())
        self.assertEqual("text\n", self.file.read_text())
        self.assertEqual([self.file], self.left())

    def test_where_the_block_fails_nothing_is_left(self) -> None:
        with self.assertRaises(LookupError), settings.drafted(self.file, "text\n"):
            raise LookupError
        self.assertEqual([], self.left())

    def test_a_file_that_came_meanwhile_is_not_replaced(self) -> None:
        with (
            self.assertRaisesRegex(InvalidRequest, "is there already; --force overwrites it"),
            settings.drafted(self.file, "text\n"),
        ):
            self.file.write_text("theirs\n")
        self.assertEqual("theirs\n", self.file.read_text())
        self.assertEqual([self.file], self.left())

    def test_overwriting_is_asked_for(self) -> None:
        self.file.parent.mkdir()
        self.file.write_text("old\n")
        with settings.drafted(self.file, "new\n", overwrite=True):
            self.assertEqual("old\n", self.file.read_text())
        self.assertEqual("new\n", self.file.read_text())

    def test_a_folder_that_cannot_be_written_is_named(self) -> None:
        (self.home / "sub").write_text("a file, no folder")
        with self.assertRaisesRegex(InvalidRequest, "cannot be written"), settings.drafted(self.file, ""):
            self.fail("there is no draft")


class TestDemoWorld(TestCase):
    def test_the_demonstration_s_configuration_selects_its_driver(self) -> None:
        folder = self.folder()
        file = folder / demo_world.CONFIGURATION
        for driver in ("filter", "chance"):
            with self.subTest(driver):
                file.write_text(demo_world.configuration(folder, driver))
                read = conf.load([str(file)], use_env=False)
                self.assertEqual(driver, read.scheduler.driver)
                self.assertEqual(["fast", "bulk", "remote"], read.agent.backends)
                self.assertEqual(folder / "volsched.db", Database.configured(read).file)
