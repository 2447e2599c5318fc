"""The query language of the JSON filter."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.exceptions import InvalidRequest
from volsched.languages.attributes import ATTRIBUTES
from volsched.languages.json_query import COMMANDS, MAX_CHARACTERS, MAX_TERMS, IncomparableValues, query_from
from volsched.model.pool import PoolState
from volsched.testing.builders import a_pool

POOL = a_pool(
    "gold",
    backend="node1@nfs",
    total_gb=1000.0,
    free_gb=300.0,
    thin=True,
    max_over_subscription_ratio=1.5,
    vendor_name="NetApp",
    storage_protocol=("iSCSI", "iscsi"),
    capabilities={"multiattach": True, "protocols": ("iSCSI", "iscsi"), "nested": {"level": 5}, "text": "x"},
)


def accepts(query: Any, pool: PoolState = POOL) -> bool:
    found = query_from(json.dumps(query))
    return found is None or found.accepts(pool)


class QueryTest(TestCase):
    def test_answers(self) -> None:
        yes, no = True, False
        cases: tuple[tuple[Any, bool], ...] = (
            (["=", 1, 1, 1], yes), (["=", 1, 1, 2], no), (["=", 1], no), (["="], no), (["<", 1, 2, 3], yes),
            (["<", 2, 1], no), ([">", 1.5, 1], yes), (["<=", 1, 1], yes), ([">=", 1, 2], no), (["=", True, 1], yes),
            (["in", "a", "b", "a"], yes), (["in", "a", "b"], no), (["in", "a"], no), (["in"], no),
            (["not", True], no), (["not", False, True], yes), (["not"], no),
            (["or", False, 0, "x"], yes), (["or"], no), (["or", False], no), (["and", True, 1], yes), (["and"], yes),
            (["and", True, 0], no), (["and", [], True], yes), ([], yes), (["or", "text"], yes),
            (["and", None, True], yes),
            # the list that a nested `not` gives is true whatever is in it, as Cinder has it
            (["and", ["not", True]], yes), (["or", ["not", True]], yes), (["not", ["not", True]], no),
            (["=", "", "x"], no), (["=", "x", "x", ""], yes),
            (["=", "$host", "node1@nfs#gold"], yes), (["=", "$backend_id", "node1@nfs#gold"], yes),
            (["=", "$pool_name", "gold"], yes), (["=", "$cluster_name", "x"], no), (["=", "$host"], no),
            (["<", "$free_capacity_gb", 300], no), (["<=", "$free_capacity_gb", 300], yes),
            (["<", "$free_capacity_gb", "$total_capacity_gb"], yes), (["=", "$provisioned_capacity_gb", 700], yes),
            ([">", "$max_over_subscription_ratio", 1.4, 1], yes), (["=", "$thin_provisioning_support", True], yes),
            (["in", "$vendor_name", "IBM", "NetApp"], yes), (["=", "$service.availability_zone", "nova"], yes),
            # a query cannot contain a list, and a reported list counts as one item
            (["in", "$vendor_name", ["and", "NetApp"]], no), (["in", "iSCSI", "$capabilities.protocols"], no),
            (["=", "$storage_protocol", "iSCSI"], no), (["=", "$storage_protocol", "$capabilities.protocols"], yes),
            (["=", "$capabilities.multiattach", True], yes), (["=", "$capabilities.nested.level", 5], yes),
            (["=", "$capabilities.no.deeper", 5], no), (["=", "$nothing", 5], no), (["=", "$nothing", 5, 5], yes),
            (["or", "$capabilities"], yes), (["or", "$service", False], yes), (["or", "$goodness_function"], no),
            (["=", "$nothing.at.all", 1, 1], yes), (["=", "$", 1, 1], yes),
            (["=", {"level": 5}, "$capabilities.nested"], yes),
        )  # fmt: skip
        for query, expected in cases:
            with self.subTest(query=query):
                self.assertEqual(expected, accepts(query))

    def test_no_query(self) -> None:
        for text in (None, "", [], {}, 0):
            with self.subTest(text=text):
                self.assertIsNone(query_from(text))
        for text in ("[]", "{}", "null", "0", '""', "false"):
            with self.subTest(text=text):
                query = query_from(text)
                assert query is not None
                self.assertTrue(query.accepts(POOL))

    def test_unbounded_and_unknown_capacity_is_text(self) -> None:
        pool = a_pool(total_gb=math.inf, free_gb=math.nan)
        self.assertTrue(accepts(["=", "$total_capacity_gb", "infinite"], pool))
        self.assertTrue(accepts(["=", "$free_capacity_gb", "unknown"], pool))
        with self.assertRaisesRegex(IncomparableValues, "cannot compare 'infinite', 100"):
            accepts([">", "$total_capacity_gb", 100], pool)

    def test_what_one_pool_reports_is_no_fault_of_the_request(self) -> None:
        """Comparisons that only the values of one pool make impossible."""
        for query in (
            [">", "$capabilities.text", 5],
            ["=", "$capabilities.text.deeper", 5],
            ["<", "$capabilities.nested", 1],
        ):
            with self.subTest(query=query), self.assertRaises(IncomparableValues):
                accepts(query)

    def test_every_operand_is_tried(self) -> None:
        with self.assertRaises(IncomparableValues):
            accepts(["not", ["<", 5, 1, "$capabilities.text"]])

    def test_every_attribute_can_be_read(self) -> None:
        clustered = a_pool(cluster_name="c@nfs", total_gb=math.nan)
        for name in ATTRIBUTES:
            with self.subTest(name):
                self.assertIsInstance(accepts(["or", f"${name}"]), bool)
                self.assertIsInstance(accepts(["or", f"${name}"], clustered), bool)
        self.assertTrue(accepts(["=", "$cluster_name", "c@nfs#pool"], clustered))
        self.assertTrue(accepts(["=", "$host", "node1@disk#pool"], clustered))


class BadQueryTest(TestCase):
    """Errors of a query name the hint and the position in it."""

    def test_the_problem_and_its_place(self) -> None:
        cases: tuple[tuple[Any, str], ...] = (
            ("not json", "character 1"), ('["=",', "character 6"), ("NaN x", "character 5"),
            ('"="', "expected a list"), ('{"a": 1}', "expected a list"), ("5", "expected a list"),
            ("true", "expected a list"),
            ('["nope", 1]', "at [0], got 'nope'"), ('["and", ["nope"]]', "at [1][0]"), ("[5]", "got 5"),
            ('[["="], 1]', "got ['=']"), ("[null]", "got None"), ('["$host"]', "got '$host'"),
            ('["<", 1, "x"]', "a number with text at [2]"), ('["<", "$vendor_name", 5]', "text with a number at [2]"),
            ('["and", ["<", 5, "$vendor_name"]]', "at [1][2]"), ('["<", "$free_capacity_gb", "infinite"]', "at [2]"),
            ('["<", "$capabilities", "$service"]', "a mapping"), ('["<", {}, {}]', "a mapping"),
            ('["<", ["not", 1], 1]', "a list with a number"), ('["<", ["=", 1], "x"]', "a number with text"),
            ('["<", null, 5, "x"]', "at [3]"),
            ('["=", "$free_capacity_gb.x", 1]', "free_capacity_gb has no 'x'"),
            ('["=", "$host.x", 1]', "host has no 'x'"),
            (["=", 1, 1], "expected JSON text"), (5, "expected JSON text"), ("[" * 5000, "expected JSON"),
            ("[" * 100 + "]" * 100, "levels"),
            ('{"a":' * 400 + "1" + "}" * 400, "levels"), (f'["=", {"1" * 5000}]', "expected JSON"),
            (json.dumps(["or", "x" * MAX_CHARACTERS]), "characters"),
            (json.dumps(["or"] + [1] * (MAX_TERMS + 1)), "terms"),
        )  # fmt: skip
        for text, problem in cases:
            with self.subTest(text=str(text)[:60]), self.assertRaises(InvalidRequest) as caught:
                query_from(text)
            self.assertEqual("scheduler_hints.query", caught.exception.field)
            self.assertIn(problem, caught.exception.problem)
            self.assertLess(len(caught.exception.problem), 400)

    def test_a_query_is_parsed_once(self) -> None:
        self.assertIs(query_from('["or", 1]'), query_from('["or", 1]'))


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([f"${name}" for name in ATTRIBUTES])
    | st.sampled_from(["$capabilities.text", "$capabilities.nested.level", "$nothing", "$", "$capabilities.text.x"])
)  # fmt: skip


def a_command(terms: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(st.sampled_from(list(COMMANDS)), st.lists(terms, max_size=4)).map(lambda made: [made[0], *made[1]])


def a_value(terms: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(terms, max_size=4) | st.dictionaries(st.text(max_size=4), terms, max_size=3)


COMMANDED = st.recursive(SCALARS, a_command, max_leaves=12)
ANYTHING = st.recursive(SCALARS, a_value, max_leaves=12)


class FuzzTest(TestCase):
    """Nothing but our own errors leaves."""

    POOLS = (POOL, a_pool(total_gb=math.inf, free_gb=math.nan), a_pool(cluster_name="c@d", vendor_name=None))

    @given(st.text(max_size=60) | (COMMANDED | ANYTHING).map(json.dumps) | ANYTHING)
    def test_any_query(self, given_query: Any) -> None:
        try:
            query = query_from(given_query)
        except InvalidRequest as problem:
            self.assertEqual("scheduler_hints.query", problem.field)
            return
        for pool in self.POOLS if query is not None else ():
            try:
                self.assertIn(query.accepts(pool), (True, False))
            except IncomparableValues as problem:
                self.assertTrue(str(problem))
