"""Tests of what loading gives: the plugins, constructed from the configuration."""

from __future__ import annotations

import json

import tests
from tests.unit.loader.packages import Site, a_filter
from volsched import conf, loader
from volsched_drivers.filters.capacity import CapacityFilter
from volsched_drivers.weight_handlers.ordered import OrderedWeightHandler

SHOW = """
import json, sys
from volsched import conf, loader
configuration = conf.load(sys.argv[1:])
plugins = loader.load(configuration, loader.Catalog.discover())
print(json.dumps({
    "filters": [[name, type(plugin).__module__] for name, plugin in plugins.filters],
    "values": {name: vars(plugin) for name, plugin in plugins.filters},
    "imported": sorted(name for name in sys.modules if name.startswith("acme")),
    "warnings": [problem.code for problem in plugins.warnings],
}, default=repr))
"""

DIALECT = """
    from oslo_config import cfg
    from volsched.plugins import PoolFilter

    class RackFilter(PoolFilter):
        contract = (1, 0)

        @classmethod
        def config_opts(cls):
            return [cfg.StrOpt("expression_dialect", default="none", help="How expressions are read.")]

        def __init__(self, *, expression_dialect):
            self.expression_dialect = expression_dialect

        def rejects(self, request, pool):
            return None
"""


class TestLoad(tests.TestCase):
    def load(self, text: str = "", kinds: tuple[loader.Kind, ...] = loader.KINDS) -> loader.Plugins:
        path = self.folder() / "volsched.conf"
        path.write_text(text)
        return loader.load(conf.load([str(path)], use_env=False), loader.Catalog.discover(), kinds)

    def test_the_defaults(self) -> None:
        plugins = self.load()
        self.assertEqual(["availability_zone", "capacity", "capabilities"], [name for name, _ in plugins.filters])
        self.assertIsInstance(dict(plugins.filters)["capacity"], CapacityFilter)
        self.assertEqual(["capacity"], [name for name, _ in plugins.weighers])
        self.assertIsInstance(plugins.weight_handler, OrderedWeightHandler)
        self.assertEqual((["log"], []), (list(plugins.notifiers), list(plugins.backends)))

    def test_cinders_lists(self) -> None:
        plugins = self.load(
            "[DEFAULT]\n"
            "scheduler_driver = cinder.scheduler.filter_scheduler.FilterScheduler\n"
            "scheduler_default_filters = AvailabilityZoneFilter,CapacityFilter,CapabilitiesFilter,RetryFilter\n"
            "scheduler_default_weighers = CapacityWeigher,AllocatedCapacityWeigher\n"
            "scheduler_weight_handler = cinder.scheduler.weights.OrderedHostWeightHandler\n"
            "capacity_weight_multiplier = 2.5\n"
        )
        self.assertEqual(
            ["availability_zone", "capacity", "capabilities", "ignore_attempted_hosts"],
            [name for name, _ in plugins.filters],
        )
        self.assertEqual(["capacity", "allocated_capacity"], [name for name, _ in plugins.weighers])
        self.assertEqual({"capacity": 2.5, "allocated_capacity": -1.0}, {n: w.multiplier for n, w in plugins.weighers})
        self.assertEqual({"VS122"}, {problem.code for problem in plugins.warnings})

    def test_backends_with_their_zones(self) -> None:
        folder = self.folder()
        plugins = self.load(
            "[agent]\n"
            "backends = disk1, disk2\n"
            "availability_zone = north\n"
            f"[backend_disk1]\ndriver = directory\npath = {folder}/1\npools = p\n"
            f"[backend_disk2]\ndriver = directory\npath = {folder}/2\npools = p\navailability_zone = south\n"
        )
        self.assertEqual(["disk1", "disk2"], list(plugins.backends))
        self.assertEqual({"disk1": "north", "disk2": "south"}, dict(plugins.zones))
        self.assertEqual([], list(folder.iterdir()), "nothing is done before the start")

    def test_only_some_kinds(self) -> None:
        text = "[agent]\nbackends = disk1\n[backend_disk1]\ndriver = nothing\n"
        plugins = self.load(text, (loader.NOTIFIER,))
        self.assertEqual((), plugins.filters)
        self.assertEqual((), plugins.warnings)
        with self.assertRaises(LookupError):
            plugins.weight_handler  # noqa: B018 - the access is what is tested

    def test_nothing_is_stopped_twice_over_or_before_a_start(self) -> None:
        plugins = self.load()
        plugins.stop()
        plugins.start()
        plugins.stop()
        plugins.stop()

    def test_problems_are_one_error(self) -> None:
        with self.assertRaises(loader.LoadProblems) as raised:
            self.load("[scheduler]\nfilters = a, b\n")
        self.assertEqual(["VS101", "VS101"], [problem.code for problem in raised.exception.problems])
        self.assertIn("2 problems; nothing was started", str(raised.exception))

    def test_the_same_configuration_twice(self) -> None:
        path = self.folder() / "volsched.conf"
        path.write_text("[notifications]\nnotifiers = log, other\n[notifier_other]\ndriver = noop\n")
        configuration, catalog = conf.load([str(path)], use_env=False), loader.Catalog.discover()
        for _ in range(2):
            self.assertEqual(["log", "other"], list(loader.load(configuration, catalog).notifiers))


class TestOnlyWhatIsNamed(tests.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.site = Site(self.folder())

    def show(self, text: str) -> dict[str, object]:
        done = self.site.python("-c", SHOW, self.site.configured(text))
        self.assertEqual(0, done.status, done.stderr)
        shown: dict[str, object] = json.loads(done.stdout)
        return shown

    def test_is_imported(self) -> None:
        for name in ("one", "two"):
            self.site.publish(
                f"acme-{name}",
                "1.0",
                modules={f"acme_{name}": a_filter()},
                entry_points={"volsched.filters": {name: f"acme_{name}:RackFilter"}},
            )
        shown = self.show("[scheduler]\nfilters = two\n")
        self.assertEqual([["two", "acme_two"]], shown["filters"])
        self.assertEqual(["acme_two"], shown["imported"])

    def test_a_class_name_as_an_alias_of_a_strangers_plugin(self) -> None:
        group = {"volsched.filters": {"rack": "acme_rack:RackFilter"}}
        self.site.publish("acme-rack", "1.0", modules={"acme_rack": a_filter()}, entry_points=group)
        self.assertEqual([["rack", "acme_rack"]], self.show("[scheduler]\nfilters = RackFilter\n")["filters"])

    def test_what_the_operator_sets_once_for_all(self) -> None:
        group = {"volsched.filters": {"rack": "acme_rack:RackFilter"}}
        self.site.publish("acme-rack", "1.0", modules={"acme_rack": DIALECT}, entry_points=group)
        for text, dialect in (
            ("", "strict"),
            ("expression_dialect = cinder\n", "cinder"),
            ("expression_dialect = cinder\n[filter_rack]\nexpression_dialect = strict\n", "strict"),
        ):
            with self.subTest(text=text):
                shown = self.show("[scheduler]\nfilters = rack\n" + text)
                self.assertEqual({"rack": {"expression_dialect": dialect}}, shown["values"])

    def test_a_reinstalled_package_is_seen_at_once(self) -> None:
        group = {"volsched.filters": {"rack": "acme_rack:RackFilter"}}
        self.site.publish("acme-rack", "1.0", modules={"acme_rack": a_filter()}, entry_points=group)
        self.show("[scheduler]\nfilters = rack\n")
        entry_points = self.site.folder / "acme_rack-1.0.dist-info" / "entry_points.txt"
        entry_points.write_text("[volsched.filters]\nshelf = acme_rack:RackFilter\n")
        self.assertEqual([["shelf", "acme_rack"]], self.show("[scheduler]\nfilters = shelf\n")["filters"])
