"""Tests of generations: the numbers of configurations."""

from __future__ import annotations

import json

import tests
from volsched import conf
from volsched.conf.generations import FILE, Generations, fingerprint


class TestFingerprint(tests.TestCase):
    def mark(self, text: str, *also: str) -> str:
        path = self.folder() / "volsched.conf"
        path.write_text("[paths]\nstate_path = /srv/v\n" + text)
        return fingerprint(conf.load([str(path)], use_env=False), also)

    def test_it_is_that_of_the_values(self) -> None:
        self.assertEqual(self.mark(""), self.mark("[scheduler]\nmax_attempts = 3\n"), "its default")
        self.assertNotEqual(self.mark(""), self.mark("[scheduler]\nmax_attempts = 4\n"))

    def test_whose_plugins_counts(self) -> None:
        self.assertNotEqual(self.mark("", "acme 1.0"), self.mark("", "acme 1.1"))
        self.assertEqual(self.mark("", "a", "b"), self.mark("", "b", "a"))

    def test_nothing_can_be_learnt_of_a_secret(self) -> None:
        one, other = (f"[database]\nconnection = sqlite:////{name}\n" for name in ("one", "other"))
        self.assertEqual(self.mark(one), self.mark(other))


class TestGenerations(tests.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = self.folder()
        self.generations = Generations(self.home)

    def test_each_configuration_has_one(self) -> None:
        self.assertEqual(1, self.generations.of("a", ["/etc/volsched.conf"]))
        self.assertEqual(2, self.generations.of("b"))
        self.assertEqual(1, Generations(self.home).of("a"), "also in another process")
        first = json.loads((self.home / FILE).read_text().splitlines()[0])
        self.assertEqual((1, "a", ["/etc/volsched.conf"]), (first["generation"], first["fingerprint"], first["files"]))

    def test_each_reload_has_a_greater_one(self) -> None:
        one = self.generations.of("a")
        two = self.generations.after(one, "a")
        three = self.generations.after(two, "b")
        four = self.generations.after(three, "a")
        self.assertEqual([1, 2, 3, 4], [one, two, three, four])
        self.assertEqual(4, self.generations.of("a"), "who starts now has the latest")

    def test_services_that_reload_together_share_it(self) -> None:
        self.generations.of("a")
        self.assertEqual(2, self.generations.after(1, "b"))
        self.assertEqual(2, self.generations.after(1, "b"))
        self.assertEqual(3, self.generations.after(2, "b"))

    def test_a_torn_line_is_passed_over(self) -> None:
        self.generations.of("a")
        with (self.home / FILE).open("a") as file:
            file.write('{"generation": 2, "finge\n[]\n')
        self.assertEqual(1, self.generations.of("a"))
        self.assertEqual(2, self.generations.of("b"))

    def test_where_nothing_can_be_kept_each_process_counts_for_itself(self) -> None:
        nowhere = Generations(self.home / "not there")
        self.assertEqual([1, 1, 2, 6], [nowhere.of("a"), nowhere.of("b"), nowhere.after(1, "b"), nowhere.after(5, "b")])
        self.assertFalse((self.home / "not there").exists())
