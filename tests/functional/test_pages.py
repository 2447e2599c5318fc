"""Run the README, tutorials and how-to guides: write each file, run each command, compare each output."""

from __future__ import annotations

import ddt

from tests import TestCase
from tests.meta.sources import TOP
from tests.pages import File, Reader, Step, read, refresh, same


@ddt.ddt
class TestPages(TestCase):
    def test_readme(self) -> None:
        Reader(self.folder()).follow(TOP / "README.rst")

    @ddt.data(
        "index",
        "tutorials/operator",
        "tutorials/filter-plugin",
        "howto/audit-and-repair",
        "howto/cordon-and-drain",
        "howto/day-two-operations",
        "howto/deploy-distributed",
        "howto/notifications",
        "howto/python-client",
        "howto/quotas",
        "howto/scheduler-drivers",
        "howto/security",
        "howto/volume-operations",
        "howto/plugins/backends",
        "howto/plugins/commands",
        "howto/plugins/filters",
        "howto/plugins/notifiers",
        "howto/plugins/schedulers",
        "howto/plugins/weighers",
        "howto/plugins/weight-handlers",
    )
    def test_page(self, name: str) -> None:
        Reader(self.folder()).follow(TOP / "doc" / f"{name}.rst")


class TestReader(TestCase):
    def page(self, text: str) -> list[File | Step]:
        path = self.folder() / "page.rst"
        path.write_text(text)
        return list(read(path))

    def test_files_and_sessions_are_found_in_order(self) -> None:
        found = self.page(
            "Text.\n\n.. code-block:: ini\n   :caption: a/b.conf\n\n   [x]\n\n   y = 1\n\nMore.\n\n"
            ".. code-block:: console\n\n   $ one \\\n     more\n   said\n   $ two\n\n.. code-block:: sh\n\n   not run\n"
        )
        self.assertEqual(
            [File("a/b.conf", "[x]\n\ny = 1\n"), Step("one \\\n  more", "said"), Step("two", "")],
            found,
        )

    def test_what_varies_is_the_same(self) -> None:
        self.assertTrue(
            same(
                "made 0b2c7dd2-5d2b-4f0e-8b37-0a4b6a0b5c11 in 1.2 s",
                "made " + "f" * 8 + "-1111" * 3 + "-" + "0" * 12 + " in 15 ms",
            )
        )
        self.assertTrue(same("first\n...\nlast", "first\nsecond\nthird\nlast\n"))
        self.assertFalse(same("10 GiB left", "11 GiB left"))
        self.assertFalse(same("first\n...\nlast", "first\nsecond"))

    def test_a_page_that_is_wrong_is_noticed(self) -> None:
        page = self.folder() / "page.rst"
        page.write_text(".. code-block:: console\n\n   $ false\n   nothing of the kind\n")
        with self.assertRaisesRegex(AssertionError, "exit status 1"):
            Reader(self.folder()).follow(page)
        page.write_text("Nothing to do.\n")
        with self.assertRaisesRegex(AssertionError, "no command"):
            Reader(self.folder()).follow(page)

    def test_the_last_status_and_the_places_are_there(self) -> None:
        reader = Reader(self.folder())
        reader.do(File("~/data", "in /srv/volsched"))
        self.assertEqual("", reader.do(Step("false", "")))
        self.assertEqual("1\n", reader.do(Step("echo $?", "1")))
        self.assertEqual("in /srv/volsched\n", reader.do(Step("echo $(cat /home/you/data)", "")))

    def test_a_page_is_refreshed(self) -> None:
        page = self.folder() / "page.rst"
        page.write_text(".. code-block:: console\n\n   $ echo one\n   $ echo two\n   three\n\nText.\n")
        refresh(page)
        self.assertEqual(
            ".. code-block:: console\n\n   $ echo one\n   one\n   $ echo two\n   two\n\nText.\n", page.read_text()
        )
