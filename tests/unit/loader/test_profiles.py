"""Tests of profiles, from the configuration to the plugins."""

from __future__ import annotations

from typing import Any

import tests
from volsched import conf, loader


class ProfilesCase(tests.TestCase):
    """A configuration with profiles."""

    def examine(self, text: str) -> tuple[loader.Plugins | None, list[loader.Problem]]:
        path = self.folder() / "volsched.conf"
        path.write_text(text)
        configuration = conf.load([str(path)], use_env=False)
        plugins, problems = loader.examine(configuration, loader.Catalog.discover())
        return plugins, list(problems)

    def load(self, text: str) -> loader.Plugins:
        plugins, problems = self.examine(text)
        self.assertEqual([], problems)
        assert plugins is not None
        return plugins

    def one(self, text: str, code: str) -> loader.Problem:
        _, problems = self.examine(text)
        self.assertEqual([code], [problem.code for problem in problems], problems)
        return problems[0]


class TestProfiles(ProfilesCase):
    def test_what_is_not_said_is_as_for_everybody(self) -> None:
        plugins = self.load("[scheduler]\nprofiles = gold\n[profile_gold]\ntypes = gold, platinum\n")
        (gold,) = plugins.by_profile
        self.assertEqual(("gold", ("gold", "platinum")), (gold.name, gold.types))
        self.assertEqual(plugins.filters, gold.filters)
        self.assertEqual(plugins.weighers, gold.weighers)
        self.assertIs(plugins.weight_handler, gold.weight_handler)
        self.assertEqual((), plugins.of_profiles)

    def test_lists_of_its_own(self) -> None:
        plugins = self.load(
            "[scheduler]\nprofiles = gold\n[profile_gold]\ntypes = gold\nfilters = CapacityFilter, driver\n"
            "weighers = goodness\nweight_handler = stochastic\n"
        )
        (gold,) = plugins.by_profile
        self.assertEqual(["capacity", "driver"], [name for name, _ in gold.filters])
        self.assertIs(dict(plugins.filters)["capacity"], gold.filters[0][1], "made once, and shared")
        self.assertEqual(["goodness"], [name for name, _ in gold.weighers])
        self.assertIsNot(plugins.weight_handler, gold.weight_handler)
        self.assertEqual(["availability_zone", "capacity", "capabilities"], [name for name, _ in plugins.filters])
        self.assertEqual(["capacity"], [name for name, _ in plugins.weighers])
        self.assertEqual(3, len(plugins.of_profiles))

    def test_options_of_its_own(self) -> None:
        plugins = self.load(
            "[scheduler]\nprofiles = pack\nweighers = capacity, allocated_capacity\n"
            "[weigher_allocated_capacity]\nallocated_capacity_weight_multiplier = -7\n[profile_pack]\ntypes = archive\n"
            "[profile_pack_weigher_capacity]\ncapacity_weight_multiplier = -1\n"
        )
        (pack,) = plugins.by_profile
        everybodys, own = dict(plugins.weighers), dict(pack.weighers)
        self.assertEqual((1.0, -1.0), (everybodys["capacity"].multiplier, own["capacity"].multiplier))
        self.assertIs(everybodys["allocated_capacity"], own["allocated_capacity"])

    def test_what_is_not_in_its_own_section_is_as_for_everybody(self) -> None:
        plugins = self.load(
            "[scheduler]\nprofiles = pack\nfilters = driver\nexpression_dialect = cinder\n[profile_pack]\n"
            "types = archive\n[profile_pack_filter_driver]\n"
        )
        (pack,) = plugins.by_profile
        everybodys, own = plugins.filters[0][1], pack.filters[0][1]
        self.assertIsNot(everybodys, own)
        self.assertEqual(values_of(everybodys), values_of(own))

    def test_mistakes(self) -> None:
        named = "[scheduler]\nprofiles = gold\n"
        for text, code, words in (
            (named, "VS115", "there is no section [profile_gold]"),
            (
                named + "[profile_gold]\nfilters = capacity\n",
                "VS107",
                "expected the volume types of the profile 'gold', got none",
            ),
            (
                named + "[profile_gold]\ntypes = gold\nfilters = capcity\n",
                "VS101",
                "expected the name of a filter, got 'capcity'",
            ),
            (named + "[profile_gold]\ntypes = gold\nfilters = log\n", "VS102", "one of the notifiers"),
            (named + "[profile_gold]\ntypes = gold\nfilters =\n", "VS125", "expected at least one filter"),
            (named + "[profile_gold]\ntypes = gold\nfiltres = capacity\n", "VS109", "has no option 'filtres'"),
            ("[scheduler]\nprofiles = Gold-1\n", "VS101", "expected the name of a profile, got 'Gold-1'"),
            ("[scheduler]\nprofiles = gold, gold\n[profile_gold]\ntypes = gold\n", "VS114", "listed twice"),
            ("[profile_gold]\ntypes = gold\n", "VS116", "neither [scheduler] profiles nor a profile names 'gold'"),
            (
                "[scheduler]\nprofiles = a, b\n[profile_a]\ntypes = gold\n[profile_b]\ntypes = iron, gold\n",
                "VS127",
                "the volume type 'gold' is in the profile 'a' too",
            ),
            (
                named + "[profile_gold]\ntypes = gold\n[profile_gold_weigher_capacity]\n"
                "capacity_weight_multiplier = much\n",
                "VS108",
                "got 'much'",
            ),
        ):
            with self.subTest(text=text):
                self.assertIn(words, self.one(text, code).what)

    def test_a_mistake_that_profiles_share_is_told_once(self) -> None:
        text = "[scheduler]\nprofiles = a, b\nfilters = capcity\n[profile_a]\ntypes = x\n[profile_b]\ntypes = y\n"
        self.one(text, "VS101")


def values_of(plugin: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(plugin).items() if isinstance(value, str | int | float)}
