"""The validators of single fields, and what every way in accepts."""

from __future__ import annotations

import functools
import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.exceptions import InvalidRequest
from volsched.model import limits, parsing

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4),
    max_leaves=12,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
CONTROLS = st.characters(categories=["Cc", "Zl", "Zp"])
VALIDATORS = (
    parsing.backend_from,
    parsing.frozen_mapping,
    parsing.hints_from,
    parsing.metadata_from,
    parsing.name_from,
    parsing.optional_name,
    parsing.plain_mapping,
    parsing.reference_from,
    parsing.size_from,
    parsing.type_name_from,
)


def nested(levels: int) -> Any:
    return functools.reduce(lambda inner, _: [inner], range(levels), 1)


class TestValidators(TestCase):
    @given(ANYTHING)
    def test_any_value_is_accepted_or_refused_in_few_words(self, value: Any) -> None:
        for validator in VALIDATORS:
            try:
                validator(value, "field")
            except InvalidRequest as refusal:
                self.assertTrue(refusal.field.startswith("field"), refusal)
                self.assertIn("expected ", refusal.problem)
                self.assertIn(", got ", refusal.problem)
                self.assertLess(len(str(refusal)), 500)

    @given(st.text(max_size=20), CONTROLS, st.text(max_size=20))
    def test_names_with_line_breaks_or_control_characters_are_refused(self, before: str, bad: str, after: str) -> None:
        for validator in (parsing.name_from, parsing.optional_name, parsing.type_name_from, parsing.backend_from):
            with self.assertRaises(InvalidRequest):
                validator(before + bad + after, "name")
        for metadata in ({before + bad + after: "x"}, {"x": before + bad + after}):
            with self.assertRaises(InvalidRequest):
                parsing.metadata_from(metadata)

    def test_a_name_has_at_most_255_characters(self) -> None:
        self.assertEqual("n" * 255, parsing.name_from("n" * 255, "name"))
        with self.assertRaisesRegex(InvalidRequest, "^name: expected a line of 1 to 255 .* got 256 characters$"):
            parsing.name_from("n" * 256, "name")
        with self.assertRaisesRegex(InvalidRequest, "got ''"):
            parsing.name_from("", "name")

    def test_a_type_name_has_no_spaces_at_its_ends(self) -> None:
        """MariaDB would take `gold` and `gold ` for the same name."""
        self.assertEqual("gold plus", parsing.type_name_from("gold plus"))
        for name in ("gold ", " gold", " "):
            with self.assertRaises(InvalidRequest):
                parsing.type_name_from(name)

    @given(st.integers(1, limits.MAX_SIZE_GB))
    def test_a_size_is_accepted_as_a_number_or_as_digits_where_allowed(self, size: int) -> None:
        self.assertEqual(size, parsing.size_from(size))
        self.assertEqual(size, parsing.size_from(float(size)))
        self.assertEqual(size, parsing.size_from(str(size), text=True))
        with self.assertRaises(InvalidRequest):
            parsing.size_from(str(size))

    def test_a_size_out_of_range_is_refused_with_the_range(self) -> None:
        for value in (0, -1, limits.MAX_SIZE_GB + 1, 10**400, math.nan, math.inf, True, 1.5, None, "\u0661", "1" * 20):
            with self.subTest(value=value), self.assertRaisesRegex(InvalidRequest, "from 1 to 2147483647, got"):
                parsing.size_from(value, text=True)

    def test_a_backend_has_a_host_and_a_backend_name(self) -> None:
        for name in ("h@b", "h@b#p", "h@b#p#q@r"):
            self.assertEqual(name, parsing.backend_from(name))
        for name in ("h", "@b", "h@", "h@#p", "h#p@b"):
            with self.subTest(name), self.assertRaises(InvalidRequest):
                parsing.backend_from(name)


class TestStructures(TestCase):
    @given(st.dictionaries(st.text(max_size=9), JSON, max_size=5))
    def test_json_is_copied_unchanged(self, value: dict[str, Any]) -> None:
        copied = parsing.plain_mapping(value, "hints")
        self.assertEqual(value, copied)
        self.assertEqual(value, json.loads(json.dumps(copied)))

    @given(st.dictionaries(st.text(max_size=9), ANYTHING, max_size=5))
    def test_accepted_structures_survive_json(self, value: dict[str, Any]) -> None:
        try:
            copied = parsing.plain_mapping(value, "hints")
        except InvalidRequest:
            return
        self.assertEqual(copied, json.loads(json.dumps(copied, allow_nan=False)))

    def test_deep_nesting_is_refused(self) -> None:
        """Hints nested 500 deep were once accepted by create and stopped every scheduler that read them."""
        self.assertTrue(parsing.hints_from({"k": nested(limits.MAX_DEPTH - 1)}))
        for levels in (limits.MAX_DEPTH, 500, 100_000):
            with self.subTest(levels), self.assertRaisesRegex(InvalidRequest, "scheduler_hints.k: .*12 levels"):
                parsing.hints_from({"k": nested(levels)})

    def test_what_create_stores_is_what_the_scheduler_accepts(self) -> None:
        spec = {"volume_properties": {"size": 1}}
        for hints in ({"k": nested(limits.MAX_DEPTH - 1)}, {str(n): n for n in range(limits.MAX_ENTRIES)}):
            kept = parsing.hints_from(hints)
            self.assertEqual(set(kept), set(parsing.request_from(None, spec, {"scheduler_hints": kept}).hints))

    def test_non_finite_numbers_are_refused_in_hints(self) -> None:
        for value in (math.nan, [math.inf], {"b": [-math.inf]}):
            with self.subTest(value=value), self.assertRaisesRegex(InvalidRequest, "scheduler_hints.a.*finite numbers"):
                parsing.hints_from({"a": value})

    def test_too_many_values_are_refused(self) -> None:
        with self.assertRaisesRegex(InvalidRequest, "at most 50000 values"):
            parsing.plain_mapping({str(n): list(range(2000)) for n in range(26)}, "hints")

    def test_too_much_metadata_is_refused(self) -> None:
        self.assertEqual({"a": ""}, parsing.metadata_from({"a": ""}))
        with self.assertRaisesRegex(InvalidRequest, "metadata: expected at most 128 entries, got 129"):
            parsing.metadata_from({str(n): "" for n in range(129)})
