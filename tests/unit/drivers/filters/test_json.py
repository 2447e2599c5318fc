"""The query in a hint, over whole selections."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.exceptions import InvalidRequest
from volsched.languages.json_query import COMMANDS, IncomparableValues, query_from
from volsched.model.columns import capability
from volsched.model.pool import PoolState
from volsched.testing.builders import a_pool, a_pool_table, a_request
from volsched_drivers.filters.json import JsonFilter

POOLS = (
    a_pool("a", free_gb=100.0, vendor_name="NetApp", capabilities={"tier": "gold"}),
    a_pool("b", free_gb=300.0, vendor_name="IBM", capabilities={"tier": 5}),
    a_pool("c", free_gb=math.inf, vendor_name=None, zone=None),
    a_pool("d", free_gb=math.nan, total_gb=math.inf, cluster_name="c@d", capabilities={"tier": {"inner": 1}}),
    a_pool("e", free_gb=300.5, vendor_name="NetApp", thin=True),
)


def judged(text: Any, pool: PoolState) -> bool:
    query = query_from(text)
    try:
        return query is None or query.accepts(pool)
    except IncomparableValues:
        return False


class JsonFilterTest(TestCase):
    def passed(self, query: Any) -> str:
        candidates = a_pool_table(*POOLS).candidates()
        screening = JsonFilter().screen(a_request(hints={"query": json.dumps(query)}), candidates)
        return "".join(pool.name for pool in candidates.take(screening.passed))

    def test_no_query(self) -> None:
        candidates = a_pool_table(*POOLS).candidates()
        for hints in ({}, {"query": None}, {"query": ""}, {"other": "x"}):
            with self.subTest(hints=hints):
                self.assertTrue(JsonFilter().screen(a_request(hints=hints), candidates).passed.all())

    def test_queries(self) -> None:
        for query, passed in (
            (["<", "$free_capacity_gb", 300], "a"), (["<=", "$free_capacity_gb", 300], "ab"),
            (["=", "$free_capacity_gb", "infinite"], "c"), (["not", ["=", "$free_capacity_gb", 300]], "acde"),
            (["=", "$vendor_name", "NetApp"], "ae"), (["in", "$pool_name", "a", "d"], "ad"),
            (["<", "$free_capacity_gb", "$total_capacity_gb"], "abe"), (["=", "$capabilities.tier", 5], "b"),
            (["=", "$capabilities.nobody.has", 5], ""), (["=", "$cluster_name", "c@d#d"], "d"), ([], "abcde"),
        ):  # fmt: skip
            with self.subTest(query=query):
                self.assertEqual(passed, self.passed(query))

    def test_reasons(self) -> None:
        candidates = a_pool_table(*POOLS).candidates()
        asked = a_request(hints={"query": '[">", "$free_capacity_gb", 500]'})
        screening = JsonFilter().screen(asked, candidates)
        self.assertEqual("the query is false: $free_capacity_gb is 100.0", screening.why(0))
        self.assertEqual("'>' cannot compare 'infinite', 500", screening.why(2))

    def test_a_bad_query_is_told(self) -> None:
        """F09."""
        for query in ("not json", '["nope"]', '["<", 1, "x"]', ["=", 1, 1]):
            with self.subTest(query=query), self.assertRaises(InvalidRequest) as caught:
                JsonFilter().screen(a_request(hints={"query": query}), a_pool_table(*POOLS).candidates())
            self.assertEqual("scheduler_hints.query", caught.exception.field)

    def test_nothing_is_kept_of_what_no_pool_reports(self) -> None:
        table = a_pool_table(*POOLS)
        asked = a_request(hints={"query": '["=", "$capabilities.made_up", 1]'})
        self.assertFalse(JsonFilter().screen(asked, table.candidates()).passed.any())
        self.assertNotIn(capability("made_up"), table._lasting._read)

    TERMS = st.one_of(
        st.sampled_from([0, 1, 99.5, 100, 300, 300.5, 10**400, True, None, "", "NetApp", "infinite", "unknown"]),
        st.sampled_from(
            ["free_capacity_gb", "total_capacity_gb", "vendor_name", "pool_name", "nobody", "capabilities"]
        ).map("${}".format),
        st.sampled_from(
            ["capabilities.tier", "capabilities.tier.inner", "service.availability_zone", "multiattach"]
        ).map("${}".format),
    )

    @given(
        st.recursive(
            TERMS,
            lambda terms: st.tuples(st.sampled_from(list(COMMANDS)), st.lists(terms, min_size=1, max_size=3)).map(
                lambda made: [made[0], *made[1]]
            ),
            max_leaves=10,
        ).filter(lambda query: isinstance(query, list)),
        st.lists(st.integers(0, len(POOLS) - 1), unique=True),
    )
    def test_pools_judged_in_groups_are_judged_as_each_by_itself(self, query: Any, rows: list[int]) -> None:
        text = json.dumps(query)
        candidates = a_pool_table(*POOLS).candidates().take(np.array(rows, np.intp))
        try:
            screening = JsonFilter().screen(a_request(hints={"query": text}), candidates)
        except InvalidRequest:
            return
        self.assertEqual([judged(text, pool) for pool in candidates], screening.passed.tolist())
        for position in np.flatnonzero(~screening.passed):
            self.assertTrue(screening.why(int(position)))
