"""Tests of the lists of options: every one can be explained, and the generator's defaults are ours."""

from __future__ import annotations

from oslo_config import cfg

import tests
from volsched.conf import opts
from volsched.conf.option_types import allowed


class TestOptions(tests.TestCase):
    def test_each_has_help_a_type_and_a_default_that_fits(self) -> None:
        for group, options in opts.shipped_opts():
            for option in options:
                with self.subTest(group=group.name, option=option.dest):
                    self.assertTrue((option.help or "").strip().endswith("."), option.help)
                    self.assertTrue(allowed(option))
                    if isinstance(option.type, cfg.types.Integer | cfg.types.Float) and "multiplier" not in option.dest:
                        self.assertIsNotNone(option.type.min)

    def test_what_looks_secret_is(self) -> None:
        for group, options in opts.core_opts():
            for option in options:
                if any(word in option.dest for word in ("connection", "password", "secret", "token", "transport_url")):
                    with self.subTest(group=group.name, option=option.dest):
                        self.assertTrue(option.secret)

    def test_groups_of_plugins(self) -> None:
        groups = {group.name for group, _ in opts.shipped_opts()}
        self.assertLessEqual({"weigher_capacity", "notifier_jsonl", "backend_directory"}, groups)

    def test_every_published_plugin_is_listed(self) -> None:
        shipped = {group.name for group, _ in opts.shipped_opts()}
        self.assertLessEqual(shipped, {group.name for group, _ in opts.list_opts()})

    def test_each_call_makes_new_options(self) -> None:
        one, other = opts.core_opts()[0][1][0], opts.core_opts()[0][1][0]
        self.assertIsNot(one, other)


class TestAllowed(tests.TestCase):
    def test_in_words(self) -> None:
        for option, words in (
            (cfg.IntOpt("a"), "a whole number"),
            (cfg.IntOpt("a", min=1), "a whole number, 1 or more"),
            (cfg.FloatOpt("a", max=2), "a number, 2 or less"),
            (cfg.IntOpt("a", min=1, max=3), "a whole number from 1 to 3"),
            (cfg.BoolOpt("a"), "true or false"),
            (cfg.StrOpt("a", choices=["x", "y"]), "one of x, y"),
            (cfg.StrOpt("a"), "text"),
            (cfg.StrOpt("a", max_length=9), "text of at most 9 characters"),
            (cfg.StrOpt("a", regex="^[ab]$"), "text that matches ^[ab]$"),
            (cfg.ListOpt("a"), "a list, separated by commas, of: text"),
            (cfg.PortOpt("a"), "a whole number from 0 to 65535"),
            (cfg.DictOpt("a"), "a list, separated by commas, of name:value, each value text"),
        ):
            with self.subTest(words=words):
                self.assertEqual(words, allowed(option))
