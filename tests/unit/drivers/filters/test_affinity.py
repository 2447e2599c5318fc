"""Keeping volumes apart, and together."""

from __future__ import annotations

from typing import Any

from tests import TestCase
from volsched.exceptions import InvalidRequest, NoValidBackend
from volsched.model.request import Facts
from volsched.plugins import VOLUME_BACKENDS
from volsched.testing.builders import PROJECT_ID, a_pool, a_pool_table, a_report, a_request, a_volume
from volsched.testing.installed import a_chooser
from volsched.testing.memory import scheduler_resources
from volsched_drivers.filters.affinity import DifferentBackendFilter, SameBackendFilter
from volsched_drivers.schedulers.filter import FilterScheduler

ONE = "064a2c8a-cb00-42f9-a364-0b7e7fd77038"
TWO = "0e7c5373-59d1-477c-ad43-bedaecee2856"
UNSEEN = "47b016f8-a45f-4494-a5af-f97915c07061"
POOLS = a_pool_table(a_pool("a"), a_pool("b"), a_pool("c", cluster_name="cluster@disk"))
FACTS = Facts(volume_backends={ONE: "node1@disk#a", TWO: "cluster@disk#c"})


class AffinityTest(TestCase):
    def passed(self, plugin: DifferentBackendFilter | SameBackendFilter, hint: Any) -> str:
        name = "different_host" if isinstance(plugin, DifferentBackendFilter) else "same_host"
        candidates = POOLS.candidates()
        self.screening = plugin.screen(a_request(hints={name: hint}, facts=FACTS), candidates)
        return "".join(pool.name for pool in candidates.take(self.screening.passed))

    def test_kept_apart(self) -> None:
        plugin = DifferentBackendFilter()
        for hint, passed in (([], "abc"), ([ONE], "bc"), (ONE, "bc"), ([ONE, TWO], "b"), ([TWO], "ab")):
            with self.subTest(hint=hint):
                self.assertEqual(passed, self.passed(plugin, hint))
        self.assertEqual(f"holds volume {TWO}, which different_host excludes", self.screening.why(2))

    def test_kept_together(self) -> None:
        plugin = SameBackendFilter()
        for hint, passed in (([], "abc"), ([ONE], "a"), (TWO, "c"), ([ONE, TWO], "ac")):
            with self.subTest(hint=hint):
                self.assertEqual(passed, self.passed(plugin, hint))
        self.assertEqual("holds none of the 2 volumes of same_host", self.screening.why(1))

    def test_volumes_that_the_user_may_not_see(self) -> None:
        """F10: together with such a one is nowhere, apart from it is everywhere."""
        self.assertEqual("", self.passed(SameBackendFilter(), [UNSEEN]))
        self.assertEqual("abc", self.passed(DifferentBackendFilter(), [UNSEEN]))

    def test_every_spelling_of_an_id_means_the_same(self) -> None:
        """F10: for Cinder on SQLite such an id is accepted, and no volume has it."""
        for spelling in (ONE.upper(), ONE.replace("-", "")):
            with self.subTest(spelling):
                self.assertEqual("a", self.passed(SameBackendFilter(), spelling))
                self.assertEqual("bc", self.passed(DifferentBackendFilter(), [spelling]))

    def test_what_is_no_id_is_told(self) -> None:
        """Cinder rejects every pool, which tells nobody what is wrong."""
        for plugin, name in ((DifferentBackendFilter(), "different_host"), (SameBackendFilter(), "same_host")):
            for hint, place in (
                ("", "''"),
                ("nope", "'nope'"),
                ([ONE, "x"], "[1]: expected a UUID, got 'x'"),
                (None, "None"),
                ([None], "[0]: expected a UUID"),
            ):
                with self.subTest(name=name, hint=hint), self.assertRaises(InvalidRequest) as caught:
                    self.passed(plugin, hint)
                self.assertTrue(caught.exception.field.startswith(f"scheduler_hints.{name}"))
                self.assertIn(place, str(caught.exception))

    def test_no_hint(self) -> None:
        for plugin in (DifferentBackendFilter(), SameBackendFilter()):
            self.assertTrue(plugin.screen(a_request(), POOLS.candidates()).passed.all())
            self.assertEqual({VOLUME_BACKENDS}, plugin.needs)


class PlacedTest(TestCase):
    """What the scheduler writes into a volume's row is what these filters look for."""

    def test_a_volume_in_a_cluster_is_found_again(self) -> None:
        resources = scheduler_resources(
            a_report("node1@disk", [{}, {}], cluster_name="cluster@disk"),
            a_report("node2@disk"),
            volumes=[a_volume(id=ONE), a_volume(id=TWO)],
            chooser=a_chooser(["different_backend", "same_backend"]),
        )
        properties = {"size": 1, "project_id": PROJECT_ID}
        driver, context = FilterScheduler(resources), {"project_id": PROJECT_ID}
        first = driver.schedule_create_volume(context, {"volume_id": ONE, "volume_properties": properties}, {}).chosen
        assert first is not None
        spec = {"volume_id": TWO, "volume_properties": properties}
        hints = {"scheduler_hints": {"same_host": [ONE]}}
        self.assertEqual(
            first.pool_id, driver.backend_passes_filters(context, first.pool_id, spec, hints).chosen.pool_id
        )
        hints = {"scheduler_hints": {"different_host": [ONE]}}
        with self.assertRaises(NoValidBackend):
            driver.backend_passes_filters(context, first.pool_id, spec, hints)
