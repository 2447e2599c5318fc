"""Options that name other plugins: found, checked and made like those that are selected."""

from __future__ import annotations

from tests import TestCase
from tests.unit.loader.packages import Site
from volsched import conf, loader
from volsched.testing.builders import a_report
from volsched.testing.memory import scheduler_resources
from volsched_drivers.schedulers.best_fit import BestFitScheduler
from volsched_drivers.schedulers.chance import ChanceScheduler
from volsched_drivers.schedulers.shadow import ShadowScheduler

SHADOW = "[scheduler]\ndriver = shadow\n"


class TestReferences(TestCase):
    def load(self, text: str) -> loader.Plugins:
        path = self.folder() / "volsched.conf"
        path.write_text(text)
        return loader.load(conf.load([str(path)], use_env=False), loader.Catalog.discover())

    def refused(self, text: str) -> list[str]:
        with self.assertRaises(loader.LoadProblems) as caught:
            self.load(text)
        return [f"{problem.code} {problem.where}: {problem.what}" for problem in caught.exception.problems]

    def test_they_are_made_with_the_same_world(self) -> None:
        resources = scheduler_resources(a_report())
        made = self.load(SHADOW + "[scheduler_shadow]\ndriver = chance\nwait = 0.5\n").scheduler(resources)
        self.addCleanup(made.stop)
        assert isinstance(made, ShadowScheduler)
        self.assertEqual(("chance", "best_fit", 0.5), (made.driver.name, made.beside.name, made.wait))
        self.assertIsInstance(made.driver.plugin, ChanceScheduler)
        self.assertIsInstance(made.beside.plugin, BestFitScheduler)
        self.assertIs(resources, made.beside.plugin.resources)

    def test_a_name_that_is_none(self) -> None:
        (problem,) = self.refused(SHADOW + "[scheduler_shadow]\nbeside = best_fitt\n")
        where = r"\[scheduler_shadow\] beside.*volsched.conf:4"
        self.assertRegex(problem, rf"VS101 .*{where}.*: expected the name of a scheduler driver, got 'best_fitt'")

    def test_a_name_of_another_kind(self) -> None:
        (problem,) = self.refused(SHADOW + "[scheduler_shadow]\nbeside = capacity\n")
        self.assertRegex(problem, "VS102 .*beside.*'capacity' is one of the filters, not one of the schedulers")

    def test_one_that_names_itself(self) -> None:
        (problem,) = self.refused(SHADOW + "[scheduler_shadow]\nbeside = shadow\n")
        self.assertRegex(problem, "VS108 .*beside.*'shadow' would contain itself")

    def test_what_the_plugin_itself_objects_to_is_found_when_it_is_made(self) -> None:
        plugins = self.load(SHADOW + "[scheduler_shadow]\nbeside = filter\n")
        with self.assertRaisesRegex(loader.LoadProblems, "expected another driver than filter"):
            plugins.scheduler(scheduler_resources(a_report()))


class TestStrangers(TestCase):
    def test_their_options_are_read_and_their_packages_must_be_allowed(self) -> None:
        site = Site(self.folder())
        site.publish(
            "acme-drivers",
            "1.0",
            modules={
                "acme_drivers": """
                    from oslo_config import cfg
                    from volsched_drivers.schedulers.filter import FilterScheduler

                    class Mine(FilterScheduler):
                        "Chooses as filter does."
                        contract = (1, 0)

                        @classmethod
                        def config_opts(cls):
                            return [cfg.IntOpt("depth", required=True, help="How deep.")]

                        def __init__(self, resources, *, depth):
                            super().__init__(resources)
                            self.depth = depth
                """
            },
            entry_points={"volsched.schedulers": {"mine": "acme_drivers:Mine"}},
        )
        for text, code, words in (
            ("", "VS107", "needs the option depth"),
            ("[scheduler_mine]\ndepth = deep\n", "VS108", "'deep'"),
            ("[scheduler_mine]\ndept = 1\n", "VS109", "no option 'dept'"),
            ("[scheduler_mine]\ndepth = 1\n[plugins]\nallowed_packages = other\n", "VS110", "acme-drivers"),
        ):
            with self.subTest(text=text):
                status, found = site.check(SHADOW + "[scheduler_shadow]\nbeside = mine\n" + text, {})
                self.assertEqual(2, status)
                self.assertIn((code, True), [(one["Code"], words in one["Problem"]) for one in found], found)
