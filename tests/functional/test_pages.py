"""The README and the tutorials, followed word by word."""

from __future__ import annotations

from tests import TestCase
from tests.meta.sources import TOP
from tests.pages import File, Reader, Step, read, same


class TestPages(TestCase):
    def test_readme(self) -> None:
        Reader(self.folder()).follow(TOP / "README.rst")

    def test_tutorial_for_operators(self) -> None:
        folder = self.folder()
        Reader(folder, {"/srv/volsched": folder / "srv"}).follow(TOP / "doc" / "user" / "tutorial.rst")

    def test_tutorial_for_authors(self) -> None:
        Reader(self.folder()).follow(TOP / "doc" / "author" / "tutorial.rst")


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
        with self.assertRaisesRegex(AssertionError, "exit status 1"):
            Reader(self.folder()).type(Step("false", "nothing of the kind"))

    def test_the_last_status_is_there(self) -> None:
        reader = Reader(self.folder())
        reader.type(Step("false", ""))
        reader.type(Step("echo $?", "1"))
