"""Tests of the catalog: which plugin a written name means."""

from __future__ import annotations

import importlib.metadata

import tests
from volsched.distributions import normal_name
from volsched.loader import FILTER, NOTIFIER, SCHEDULER, WEIGHT_HANDLER, Catalog, Entry, Kind
from volsched.loader.problems import did_you_mean


def an_entry(name: str, package: str = "acme", kind: Kind = FILTER, value: str = "acme:RackFilter") -> Entry:
    entry_point = importlib.metadata.EntryPoint(name, value, kind.entry_points)
    return Entry(kind=kind, name=name, package=package, version="1.0", entry_point=entry_point)


class TestCatalog(tests.TestCase):
    def test_what_is_installed(self) -> None:
        catalog = Catalog.discover()
        self.assertLessEqual({"availability_zone", "capabilities", "capacity"}, set(catalog.names(FILTER)))
        for entry in catalog:
            if entry.name in ("filter", "chance") and entry.kind is SCHEDULER:
                self.assertEqual("volsched", entry.package)

    def test_sorted_by_kind_name_and_package(self) -> None:
        entries = [an_entry("b"), an_entry("a", "zeta"), an_entry("a"), an_entry("a", kind=SCHEDULER)]
        self.assertEqual(
            [
                ("scheduler driver", "a", "acme"),
                ("filter", "a", "acme"),
                ("filter", "a", "zeta"),
                ("filter", "b", "acme"),
            ],
            [(entry.kind.name, entry.name, entry.package) for entry in Catalog(entries)],
        )

    def test_called(self) -> None:
        catalog = Catalog(
            [
                an_entry("rack"),
                an_entry("shelf", "acme_two", value="two:ShelfFilter"),
                an_entry("shelf", "zeta", value="zeta:ShelfFilter"),
                an_entry("log", kind=NOTIFIER),
                an_entry("ordered", "volsched", WEIGHT_HANDLER, "volsched_drivers.x:OrderedWeightHandler"),
                an_entry("filter", "volsched", SCHEDULER, "volsched_drivers.y:FilterScheduler"),
            ]
        )
        for kind, written, packages in (
            (FILTER, "rack", ["acme"]),
            (FILTER, "acme:rack", ["acme"]),
            (FILTER, "other:rack", []),
            (FILTER, "RackFilter", ["acme"]),
            (FILTER, "shelf", ["acme_two", "zeta"]),
            (FILTER, "ShelfFilter", ["acme_two", "zeta"]),
            (FILTER, "Acme.Two:shelf", ["acme_two"]),
            (FILTER, "zeta:ShelfFilter", ["zeta"]),
            (FILTER, "log", []),
            (FILTER, "", []),
            (FILTER, "Rack", []),
            (WEIGHT_HANDLER, "OrderedHostWeightHandler", ["volsched"]),
            (WEIGHT_HANDLER, "cinder.scheduler.weights.OrderedHostWeightHandler", ["volsched"]),
            (WEIGHT_HANDLER, "cinder.scheduler.weights.OtherHandler", []),
            (SCHEDULER, "cinder.scheduler.filter_scheduler.FilterScheduler", ["volsched"]),
        ):
            with self.subTest(kind=kind.name, written=written):
                self.assertEqual(packages, [entry.package for entry in catalog.called(kind, written)])

    def test_a_published_name_comes_before_a_class_name(self) -> None:
        catalog = Catalog([an_entry("one", value="x:two"), an_entry("two", value="x:Three")])
        self.assertEqual(["two"], [entry.name for entry in catalog.called(FILTER, "two")])

    def test_names_of_packages_are_compared_as_pip_does(self) -> None:
        self.assertEqual(normal_name("Acme_Rack.Filters"), normal_name("acme-rack-filters"))


class TestDidYouMean(tests.TestCase):
    def test_hints(self) -> None:
        known = {"capacity", "CapacityFilter", "json"}
        for written, hint in (
            ("capcity", "did you mean 'capacity'? "),
            ("Capacity", "did you mean 'capacity'? "),
            ("capacityfilter", "did you mean 'CapacityFilter'? "),
            ("quux", ""),
            ("", ""),
        ):
            with self.subTest(written=written):
                self.assertEqual(hint, did_you_mean(written, known))
