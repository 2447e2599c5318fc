"""The adapters for Cinder's plugins: what such a plugin sees, and what volsched sees of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tests import TestCase
from volsched.exceptions import PluginError
from volsched.model.candidates import PoolTable
from volsched.model.pool import PoolState
from volsched.model.request import RequestSpec, Retry, VolumeType
from volsched.plugins import cinder_adapters

POOLS = PoolTable(
    [
        PoolState(pool_id="h@b#fast", backend_id="h@b", name="fast", host="h@b", zone="az1", free_gb=50, total_gb=80),
        PoolState(pool_id="c@b#deep", backend_id="c@b", name="deep", host="h2@b", cluster_name="c@b", free_gb=math.inf),
        PoolState(pool_id="h3@b#odd", backend_id="h3@b", name="odd", host="h3@b", free_gb=math.nan),
    ]
)


class RoomierThan:
    """A filter as somebody wrote it for Cinder."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, Mapping[str, Any]]] = []

    def backend_passes(self, backend_state: Any, filter_properties: Mapping[str, Any]) -> bool:
        self.seen.append((backend_state, filter_properties))
        return backend_state.free_capacity_gb == "infinite" or backend_state.free_capacity_gb == 50


class ByName:
    """A weigher as somebody wrote it for Cinder."""

    minval = maxval = None

    def weight_multiplier(self) -> float:
        return -2.0

    def _weigh_object(self, host_state: Any, weight_properties: Mapping[str, Any]) -> float:
        return len(host_state.pool_name) * weight_properties["size"]


class TestAdapters(TestCase):
    def test_a_filter_is_called_for_each_pool(self) -> None:
        adapted = RoomierThan()
        made = cinder_adapters.CinderFilter("RoomierThan", adapted)
        screening = made.screen(RequestSpec(size_gb=3), POOLS.candidates())
        self.assertEqual([True, True, False], screening.passed.tolist())
        self.assertIn("RoomierThan", screening.why(2))
        states = [state for state, _ in adapted.seen]
        self.assertEqual(["h@b#fast", "c@b#deep", "h3@b#odd"], [state.backend_id for state in states])
        self.assertEqual(["h@b#fast", "h2@b#deep", "h3@b#odd"], [state.host for state in states])
        self.assertEqual([50, "infinite", "unknown"], [state.free_capacity_gb for state in states])
        self.assertEqual("az1", states[0].service["availability_zone"])

    def test_a_weigher_keeps_its_multiplier(self) -> None:
        made = cinder_adapters.CinderWeigher("ByName", ByName())
        self.assertEqual(-2.0, made.multiplier)
        weights = made.weigh(RequestSpec(size_gb=3), POOLS.candidates())
        self.assertEqual(np.float64, weights.dtype)
        self.assertEqual([12.0, 12.0, 9.0], weights.tolist())

    def test_the_request_has_the_form_of_cinders(self) -> None:
        request = RequestSpec(
            volume_id="v1",
            size_gb=3,
            project_id="p",
            zones=("az1",),
            volume_type=VolumeType(id="t1", name="gold", extra_specs={"a": "b"}),
            hints={"same_host": ["x"]},
            retry=Retry(num_attempts=2, backends=("h@b#p",)),
        )
        properties = cinder_adapters.filter_properties(request)
        self.assertEqual({"a": "b"}, properties["volume_type"]["extra_specs"])
        self.assertEqual(["az1"], properties["request_spec"]["availability_zones"])
        self.assertEqual({"same_host": ["x"]}, properties["scheduler_hints"])
        self.assertEqual(["h@b#p"], properties["retry"]["backends"])
        self.assertEqual("p", properties["context"].project_id)

    def test_a_plugin_may_change_its_arguments(self) -> None:
        request = RequestSpec(hints={"a": 1}, properties={"size": 3})
        properties = cinder_adapters.filter_properties(request)
        properties["scheduler_hints"]["a"] = 2
        properties["request_spec"]["volume_properties"]["size"] = 9
        self.assertEqual(({"a": 1}, {"size": 3}), (request.hints, request.properties))

    def test_an_adapted_class_is_a_volsched_plugin(self) -> None:
        made = cinder_adapters.adapted_filter(RoomierThan)()
        self.assertEqual((1, 0), type(made).contract)
        self.assertEqual("A filter as somebody wrote it for Cinder.", type(made).__doc__)
        self.assertEqual([True, True, False], made.screen(RequestSpec(), POOLS.candidates()).passed.tolist())
        self.assertEqual(-2.0, cinder_adapters.adapted_weigher(ByName)().multiplier)

    def test_overrides_that_the_adapter_would_ignore_are_refused_by_name(self) -> None:
        for base, adapt, name in (
            (RoomierThan, cinder_adapters.adapted_filter, "filter_all"),
            (RoomierThan, cinder_adapters.adapted_filter, "host_passes"),
            (ByName, cinder_adapters.adapted_weigher, "weigh_objects"),
        ):
            overriding = type("Overriding", (base,), {name: lambda self, *arguments: []})
            with self.subTest(name=name), self.assertRaisesRegex(PluginError, f"Overriding overrides {name}"):
                adapt(overriding)  # type: ignore[operator]
        bounded = type("Bounded", (ByName,), {"maxval": 100.0})
        with self.assertRaisesRegex(PluginError, "Bounded overrides maxval"):
            cinder_adapters.adapted_weigher(bounded)
        inherited = type("Base", (), {"filter_all": lambda self: [], "__module__": "cinder.scheduler.base_filter"})
        cinder_adapters.adapted_filter(type("Adapted", (RoomierThan, inherited), {}))
