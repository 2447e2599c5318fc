"""The requirement language of extra specs."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.exceptions import InvalidRequest
from volsched.languages.extra_specs import meets, path_of, requirement_from, step_into
from volsched.model.columns import NOT_REPORTED

YES, NO = True, False


class MatchingTest(TestCase):
    def test_operators(self) -> None:
        cases: tuple[tuple[Any, str | None, bool], ...] = (
            # no operator: the whole text, without conversion
            ("gold", "gold", YES), ("gold", "silver", NO), (5, "5", NO), (True, "True", NO), ("", "", YES),
            ("a b", "a b", YES), (None, "None", NO), ("None", "None", YES), (None, None, YES), ("x", None, NO),
            # `<`, `>` and `<all-in>` are not operators: the whole text is compared
            ("b", "> a", NO), ("> a", "> a", YES), ("<all-in> a", "<all-in> a", YES), (["a"], "<all-in> a", NO),
            # `=` means at least
            (7, "= 5", YES), (5, "= 5", YES), (4, "= 5", NO), ("7.5", "= 7", YES), ("x", "= 5", NO), (5, "= x", NO),
            (5, "== 5.0", YES), (6, "== 5", NO), ("1e2", "== 100", YES), (5, "!= 5", NO), (5, "!= 6", YES),
            (5, ">= 5", YES), (5, "<= 4", NO), (True, "= 1", YES), (5, "=", NO), ("", "=", NO),
            # only the first word after an operator counts
            (5, "== 5 6", YES), ("abc", "<in> b x", YES),
            ("iSCSI,FC", "<in> FC", YES), ("gold", "<in> silver", NO), ("gold", "<in>", NO),
            ("yes", "<is> True", YES), ("1", "<is> t", YES), (True, "<is> on", YES), (False, "<is> False", YES),
            ("odd", "<is> False", YES), (2, "<is> True", NO), (1, "<is> true", YES), (True, "<is> odd", NO),
            ("b", "s== b", YES), ("b", "s!= b", NO), ("b", "s< c", YES), ("b", "s<= b", YES), ("b", "s> a", YES),
            ("10", "s>= 9", NO), (5, "s== 5", NO), (5, "s!= 5", YES),
            # alternatives are every second word; no bool is equal to a word
            ("c", "<or> a b c", YES), ("b", "<or> a b c", NO), ("b", "<or> a <or> b", YES), ("a", "<or> a <or>", YES),
            (True, "<or> True", NO),
            # nothing but equality holds for None
            (None, "<is> False", NO), (None, "s!= x", NO), (None, "<or> None", NO), (None, "!= 5", NO),
            # of a list, any item: also for negative operators
            (["iSCSI", "iscsi"], "iSCSI", YES), (["iSCSI", "iscsi"], "s!= iSCSI", YES), ([], "s!= x", NO), ([], "", NO),
            ((1, 7), "= 5", YES), ([None], None, YES), ([["a"]], "<in> a", YES),
        )  # fmt: skip
        for value, text, expected in cases:
            with self.subTest(value=value, text=text):
                self.assertEqual(expected, requirement_from(text).matches(value))

    def test_values_that_cannot_be_compared_do_not_match(self) -> None:
        """Cinder fails the request; volsched rejects the pool with the reason."""
        for value, text in (
            (True, "<in> T"), (5, "<in> 5"), (5, "s>= 4"), (True, "s< x"), ({"a": 1}, "= 5"), ({}, "s> x"),
            (10**400, "= 5"), ("1" * 400, "== 1"), ([5, True], "s> a"),
        ):  # fmt: skip
            with self.subTest(value=value, text=text):
                requirement = requirement_from(text)
                self.assertFalse(requirement.matches(value))
                self.assertIn("does not meet", requirement.mismatch(value))

    def test_malformed_requirements_are_refused(self) -> None:
        """A bare `<or>`, and values that are not text."""
        for text in ("<or>", " <or> ", 5, True, 1.5, ["x"], {"a": 1}):
            with self.subTest(text=text), self.assertRaises(InvalidRequest) as caught:
                requirement_from(text, "tier")
            self.assertEqual("extra_specs[tier]", caught.exception.field)

    def test_a_requirement_is_parsed_once(self) -> None:
        self.assertIs(requirement_from("<is> True"), requirement_from("<is> True"))

    def test_reasons_of_mismatches(self) -> None:
        self.assertEqual("not reported", requirement_from("x").mismatch(NOT_REPORTED))
        self.assertIn("names no value", requirement_from("=").mismatch(5))
        self.assertEqual("'silver' does not meet 'gold'", requirement_from("gold").mismatch("silver"))
        self.assertLess(len(requirement_from("gold").mismatch("x" * 10_000)), 200)

    @given(
        text=st.one_of(st.text(), st.sampled_from(["<or>", "=", "<in>", "<is>", "s<", ">="]).flatmap(
            lambda operator: st.text(max_size=20).map(lambda rest: f"{operator} {rest}")
        )),
        value=st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=8,
        ),
    )  # fmt: skip
    def test_no_requirement_and_no_value_does_harm(self, text: str, value: Any) -> None:
        try:
            requirement = requirement_from(text, "key")
        except InvalidRequest:
            return
        self.assertIn(requirement.matches(value), (True, False))
        self.assertTrue(requirement.mismatch(value))


class PathTest(TestCase):
    def test_keys_name_capabilities_or_have_another_scope(self) -> None:
        for key, path in (
            ("tier", ("tier",)), ("capabilities:tier", ("tier",)), ("capabilities:a:b", ("a", "b")),
            ("capabilities", ()), ("capabilities:", ("",)), ("", ("",)), (":x", None), ("vendor:tier", None),
            ("provisioning:type", None), ("a:b:c", None),
        ):  # fmt: skip
            with self.subTest(key=key):
                self.assertEqual(path, path_of(key))

    def test_a_path_that_leaves_the_value_finds_nothing(self) -> None:
        self.assertEqual(5, step_into({"a": {"b": 5}}, ("a", "b")))
        self.assertIsNone(step_into({"a": None}, ("a",)))
        for value, path in (
            ({}, ("a",)),
            ({"a": 5}, ("a", "b")),
            ("text", ("t",)),
            (None, ("a",)),
            (NOT_REPORTED, ("a",)),
        ):
            with self.subTest(value=value):
                self.assertIs(NOT_REPORTED, step_into(value, tuple(path)))

    def test_what_is_not_reported_meets_nothing(self) -> None:
        for text in ("gold", "s!= gold", None, ""):
            with self.subTest(text=text):
                self.assertFalse(meets(requirement_from(text), NOT_REPORTED))
        self.assertTrue(meets(requirement_from(None), None))
