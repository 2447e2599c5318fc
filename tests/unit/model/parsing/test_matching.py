"""Listings filter pools by what they report."""

from __future__ import annotations

from tests import TestCase
from volsched.model.parsing import pool_matches
from volsched.testing.builders import a_pool


class TestPoolMatches(TestCase):
    def test_name_and_capabilities(self) -> None:
        """Equality by the kind of value, a family of protocols is a list."""
        pool = a_pool(
            "p",
            backend="h@b",
            capabilities={"multiattach": True, "count": 5, "media": "ssd", "storage_protocol": ("iSCSI", "iscsi")},
        )
        for wanted, matches in (
            ({}, True),
            ({"name": "h@b#p"}, True),
            ({"name": "h@b"}, False),
            ({"multiattach": True}, True),
            ({"multiattach": "yes"}, True),
            ({"multiattach": "false"}, False),
            ({"count": "5"}, True),
            ({"count": 5}, True),
            ({"media": "SSD"}, False),
            ({"media": "ssd", "count": 6}, False),
            ({"storage_protocol": "iSCSI"}, False),
            ({"storage_protocol": ["iSCSI", "iscsi"]}, True),
            ({"nothing": None}, True),
            ({"nothing": "x"}, False),
        ):
            with self.subTest(wanted):
                self.assertIs(matches, pool_matches(pool, wanted))
