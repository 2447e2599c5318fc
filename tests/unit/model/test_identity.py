"""Ids that follow from what they name."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.model.identity import NAMESPACE, derived_id


class DerivedIdTest(TestCase):
    @given(st.lists(st.one_of(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.integers()), max_size=4))
    def test_it_is_the_uuid_of_the_name_in_our_name_space(self, parts: list[object]) -> None:
        self.assertEqual(str(uuid.uuid5(NAMESPACE, "/".join(map(str, parts)))), derived_id(*parts))
