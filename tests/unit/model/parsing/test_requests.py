"""Parsing of requests."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.exceptions import InvalidRequest
from volsched.model.limits import MAX_SIZE_GB
from volsched.model.parsing import request_from
from volsched.model.request import Operation, RequestSpec

VOLUME = "5a1f0c1e-0000-4000-8000-000000000001"


def a_spec(size: Any = 10, **more: Any) -> dict[str, Any]:
    properties = {"size": size, **more.pop("properties", {})}
    return {"volume_id": VOLUME, "volume_properties": properties, **more}


def parsed(spec: Any = None, properties: Any = None, context: Any = None, **more: Any) -> RequestSpec:
    return request_from(context, a_spec() if spec is None else spec, properties, **more)


class TestSizes(TestCase):
    def test_a_wrong_size_is_refused_naming_the_field(self) -> None:
        for size in (0, -5, "10", "", None, 1.5, True, float("nan"), float("inf"), 10**9 * 5, 10**400, [10], {}):
            with self.subTest(size=size), self.assertRaises(InvalidRequest) as caught:
                parsed(a_spec(size))
            self.assertEqual("volume_properties.size", caught.exception.field)
            self.assertIn("whole number of GiB", caught.exception.problem)

    def test_a_float_that_is_a_whole_number_is_accepted(self) -> None:
        self.assertEqual(10, parsed(a_spec(10.0)).size_gb)
        self.assertEqual(MAX_SIZE_GB, parsed(a_spec(MAX_SIZE_GB)).size_gb)

    def test_a_size_of_0_is_accepted_except_for_create(self) -> None:
        for operation in (Operation.MANAGE, Operation.GROUP, Operation.RETYPE):
            self.assertEqual(0, parsed(a_spec(0), operation=operation).size_gb)
        with self.assertRaises(InvalidRequest):
            parsed(a_spec(-1), operation=Operation.MANAGE)

    def test_missing_properties_are_refused_naming_the_field(self) -> None:
        for spec, field in (
            ({"volume_id": VOLUME, "volume_properties": {}}, "volume_properties.size"),
            ({"volume_id": VOLUME}, "request_spec.volume_properties"),
            ({"volume_properties": 5}, "volume_properties"),
            ("a spec", "request_spec"),
            (None, "request_spec"),
        ):
            with self.subTest(field), self.assertRaises(InvalidRequest) as caught:
                request_from(None, spec, {})
            self.assertEqual(field, caught.exception.field)

    def test_the_new_size_may_be_digits(self) -> None:
        self.assertEqual(15, parsed(properties={"new_size": "15"}).new_size_gb)
        self.assertEqual(5, parsed(properties={"new_size": 15}).wanted_gb)
        for size in ("big", "1.5", -3, 1.5, [], float("inf")):
            if not size:
                continue
            with self.subTest(size=size), self.assertRaises(InvalidRequest) as caught:
                parsed(properties={"new_size": size})
            self.assertEqual("filter_properties.new_size", caught.exception.field)


class TestZones(TestCase):
    def test_create_uses_the_zone_of_the_properties(self) -> None:
        """Cinder ignores the zone of a spec that is a dictionary without resource_properties."""
        spec = a_spec(properties={"availability_zone": "az1"})
        self.assertEqual("az1", parsed(spec).zone)
        self.assertEqual("az1", parsed(spec, operation=Operation.GROUP).zone)
        self.assertIsNone(parsed(spec, operation=Operation.MIGRATE).zone, "that is where the volume is")

    def test_resource_properties_take_precedence(self) -> None:
        spec = a_spec(properties={"availability_zone": "az1"}, resource_properties={"availability_zone": "az2"})
        self.assertEqual("az2", parsed(spec, operation=Operation.RETYPE).zone)

    def test_several_zones_are_accepted(self) -> None:
        for given_zones, zones in ((["a", "b"], ("a", "b")), ([None], (None,)), ("nova", ("nova",)), ([], ())):
            with self.subTest(given_zones):
                self.assertEqual(zones, parsed(a_spec(availability_zones=given_zones)).zones)

    def test_wrong_zones_are_refused_naming_the_field(self) -> None:
        for zones in (5, [5], {"a": 1}, [["a"]]):
            with self.subTest(zones), self.assertRaises(InvalidRequest) as caught:
                parsed(a_spec(availability_zones=zones))
            self.assertEqual("request_spec.availability_zones", caught.exception.field)


class TestOtherFields(TestCase):
    def test_fields_are_read_from_their_places(self) -> None:
        spec = a_spec(
            properties={
                "user_id": "me",
                "metadata": {"a": "b"},
                "qos_specs": {"maxIOPS": "500"},
                "attach_status": "detached",
            },
            volume_type={"id": "t1", "name": "gold", "extra_specs": {"provisioning:type": "thick"}},
            snapshot_id="s",
            group_id="g",
            resource_backend="h@b",
        )
        properties = {
            "scheduler_hints": {"same_host": "x"},
            "vol_exists_on": "h@b#p",
            "retry": {"num_attempts": 1, "backends": ["h@b#p"], "hosts": ["h@b#p"]},
        }
        request = parsed(spec, properties, {"project_id": "ours", "is_admin": True})
        self.assertEqual(("me", "ours", True), (request.user_id, request.project_id, request.is_admin))
        self.assertEqual({"a": "b"}, request.metadata)
        self.assertEqual({"maxIOPS": "500"}, request.qos_specs)
        self.assertEqual("detached", request.attach_status)
        self.assertEqual((VOLUME, "s", "g"), (request.volume_id, request.snapshot_id, request.group_id))
        self.assertEqual("h@b", request.resource_backend)
        self.assertEqual("h@b#p", request.exists_on)
        self.assertEqual({"same_host": "x"}, request.hints)
        self.assertFalse(request.thin)
        assert request.retry is not None
        self.assertEqual(("h@b#p",), request.retry.backends)

    def test_the_operation_of_the_spec_takes_precedence(self) -> None:
        spec = a_spec(operation="extend_volume")
        self.assertIs(Operation.EXTEND, parsed(spec, operation=Operation.MANAGE).operation)
        self.assertIs(Operation.MANAGE, parsed(a_spec(operation="?"), operation=Operation.MANAGE).operation)

    def test_a_type_is_read_from_each_request(self) -> None:
        """A type is parsed again unless exactly the same one came before."""
        for specs in ({"a": "1"}, {"a": "2"}, {"a": "2", "b": 1}, {"a": "2", "b": True}, {"a": "2"}, {"a": 1}, {}):
            volume_type = {"id": "t", "name": "n", "extra_specs": specs}
            with self.subTest(specs=specs):
                asked = parsed(a_spec(volume_type=volume_type)).extra_specs
                self.assertEqual(repr(list(specs.items())), repr(list(asked.items())))

    def test_a_kept_type_is_a_copy(self) -> None:
        given = {"id": "t", "name": "n", "extra_specs": {"a": "1"}}
        first = parsed(a_spec(volume_type=given))
        given["extra_specs"]["a"] = "2"
        self.assertEqual({"a": "1"}, dict(first.extra_specs))
        self.assertEqual({"a": "2"}, dict(parsed(a_spec(volume_type=given)).extra_specs))

    def test_a_group_is_placed_by_the_group_type(self) -> None:
        spec = a_spec(0, group_type={"name": "gt", "extra_specs": {"a": "b"}})
        self.assertEqual({"a": "b"}, parsed(spec, operation=Operation.GROUP).extra_specs)
        self.assertEqual({}, parsed({**spec, "volume_type": None}, operation=Operation.GROUP).extra_specs)

    def test_empty_hints_are_accepted(self) -> None:
        """In Cinder, hints of `None` fail the request when a filter reads them."""
        for hints in (None, {}, [], ""):
            self.assertEqual({}, parsed(properties={"scheduler_hints": hints}).hints)

    def test_malformed_parts_are_refused_naming_the_field(self) -> None:
        for spec, properties, field in (
            (a_spec(), {"scheduler_hints": "same_host=x"}, "scheduler_hints"),
            (a_spec(), {"scheduler_hints": [1]}, "scheduler_hints"),
            (a_spec(), "properties", "filter_properties"),
            (a_spec(), {"retry": "twice"}, "filter_properties.retry"),
            (a_spec(), {"retry": {"backends": []}}, "filter_properties.retry.num_attempts"),
            (a_spec(), {"retry": {"num_attempts": 1, "backends": [5]}}, "filter_properties.retry.backends"),
            (a_spec(volume_type="gold"), {}, "request_spec.volume_type"),
            (a_spec(volume_type={"extra_specs": ["a"]}), {}, "request_spec.volume_type.extra_specs"),
            (a_spec(volume_id=5), {}, "request_spec.volume_id"),
            (a_spec(properties={"metadata": "m"}), {}, "volume_properties.metadata"),
            (a_spec(properties={"x": object()}), {}, "volume_properties.x"),
            (a_spec(properties={"x": {5: 1}}), {}, "volume_properties.x"),
        ):
            with self.subTest(field), self.assertRaises(InvalidRequest) as caught:
                parsed(spec, properties)
            self.assertEqual(field, caught.exception.field)

    def test_nothing_is_shared_with_the_caller(self) -> None:
        spec = a_spec(properties={"metadata": {"a": ["b"]}})
        before = copy.deepcopy(spec)
        request = parsed(spec)
        spec["volume_properties"]["metadata"]["a"].append("c")
        self.assertEqual({"a": ("b",)}, request.metadata)
        self.assertNotEqual(before, spec)
        with self.assertRaises(TypeError):
            request.properties["size"] = 5  # type: ignore[index]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        "volume_id",
        "volume_properties",
        "volume_type",
        "availability_zones",
        "resource_properties",
        "operation",
        "group_id",
    ]
)
ASKED = st.sampled_from(["scheduler_hints", "new_size", "retry", "vol_exists_on"])


class TestFuzz(TestCase):
    @given(
        st.dictionaries(KEYS, ANYTHING) | ANYTHING,
        st.dictionaries(ASKED, ANYTHING) | ANYTHING,
        st.dictionaries(st.sampled_from(["size", "availability_zone", "metadata", "qos_specs", "user_id"]), ANYTHING),
        st.sampled_from(Operation),
    )
    def test_any_input_is_parsed_or_refused_with_invalid_request(
        self, spec: Any, asked: Any, described: Any, operation: Any
    ) -> None:
        for candidate in (spec, {"volume_properties": described}, {**a_spec(), "volume_type": spec}):
            try:
                request_from(asked, candidate, asked, operation=operation)
            except InvalidRequest as problem:
                self.assertTrue(problem.field)
                self.assertLess(len(str(problem)), 1000)
