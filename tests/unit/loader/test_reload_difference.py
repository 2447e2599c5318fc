"""Tests of the exchange of plugins: what stays, what starts, what stops, and what a failure leaves."""

from __future__ import annotations

import tests
from volsched import conf, loader
from volsched.loader.reload_difference import ReloadDifference, providers
from volsched_drivers.notifiers.jsonl import JsonlNotifier


class ReloadCase(tests.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = self.folder()

    def plugins(self, text: str) -> loader.Plugins:
        path = self.home / "volsched.conf"
        path.write_text(text.replace("HOME", str(self.home)))
        return loader.load(conf.load([str(path)], use_env=False), loader.Catalog.discover())

    def running(self, text: str) -> loader.Plugins:
        plugins = self.plugins(text)
        plugins.start()
        self.addCleanup(plugins.stop)
        return plugins

    def is_open(self, plugin: object) -> bool:
        assert isinstance(plugin, JsonlNotifier)
        return plugin._file is not None


def jsonl(name: str, file: str) -> str:
    return f"[notifier_{name}]\ndriver = jsonl\npath = HOME/{file}\n"


class TestReloadDifference(ReloadCase):
    def test_what_is_the_same_goes_on(self) -> None:
        old = self.running("[notifications]\nnotifiers = a, b\n" + jsonl("a", "a") + jsonl("b", "b"))
        new = self.plugins(
            "[scheduler]\nfilters = capacity\n[notifications]\nnotifiers = b, c\n" + jsonl("b", "b") + jsonl("c", "c")
        )
        exchange = ReloadDifference(old, new)
        self.addCleanup(exchange.plugins.stop)
        self.assertIs(old.notifiers["b"], exchange.plugins.notifiers["b"])
        self.assertIs(dict(old.filters)["capacity"], dict(exchange.plugins.filters)["capacity"])
        self.assertEqual(["b", "c"], list(exchange.plugins.notifiers))
        exchange.exchange_notifiers()
        opened = [self.is_open(it) for it in (old.notifiers["a"], old.notifiers["b"], exchange.plugins.notifiers["c"])]
        self.assertEqual([False, True, True], opened)

    def test_another_value_makes_another_plugin(self) -> None:
        old = self.running("[notifications]\nnotifiers = a\n" + jsonl("a", "a"))
        exchange = ReloadDifference(old, self.plugins("[notifications]\nnotifiers = a\n" + jsonl("a", "elsewhere")))
        self.addCleanup(exchange.plugins.stop)
        self.assertIsNot(old.notifiers["a"], exchange.plugins.notifiers["a"])

    def test_a_notifier_that_cannot_start_leaves_all_as_it_was(self) -> None:
        old = self.running("[notifications]\nnotifiers = a\n" + jsonl("a", "a"))
        exchange = ReloadDifference(
            old, self.plugins("[notifications]\nnotifiers = b, c\n" + jsonl("b", "b") + jsonl("c", "no folder/c"))
        )
        with self.assertRaisesRegex(loader.LoadProblems, r"VS111 \[notifier_c\]"):
            exchange.exchange_notifiers()
        self.assertTrue(self.is_open(old.notifiers["a"]))
        self.assertFalse(self.is_open(exchange.plugins.notifiers["b"]))

    def test_backends_go_on_whatever_is_said_of_them(self) -> None:
        disk = "[agent]\nbackends = {0}\n[backend_{0}]\ndriver = directory\npath = HOME/{0}\npools = x\n"
        old, new = self.plugins(disk.format("one")), self.plugins(disk.format("two"))
        exchanged = ReloadDifference(old, new).plugins
        self.assertEqual(dict(old.backends), dict(exchanged.backends))
        self.assertEqual(["one"], list(exchanged.zones))

    def test_who_brought_them(self) -> None:
        found = set(providers(self.plugins("[scheduler]\nfilters = capacity\n")))
        version = loader.Catalog.discover().entries[0].version
        self.assertLessEqual({f"filter_capacity=volsched {version}", f"scheduler_filter=volsched {version}"}, found)
