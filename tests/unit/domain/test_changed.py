"""Copies of frozen values with some fields changed."""

from __future__ import annotations

from dataclasses import replace

from tests import TestCase
from volsched.domain.changed import changed
from volsched.testing.builders import a_pool


class ChangedTest(TestCase):
    def test_it_is_what_replace_gives(self) -> None:
        pool = a_pool("a", free_gb=5.0)
        self.assertEqual(replace(pool, free_gb=1.0, zone="z"), changed(pool, free_gb=1.0, zone="z"))
        self.assertEqual(5.0, pool.free_gb)

    def test_a_field_that_is_none_is_refused(self) -> None:
        with self.assertRaises(AttributeError):
            changed(a_pool(), size=3)
