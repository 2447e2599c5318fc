"""Copies of frozen values with some fields changed."""

from __future__ import annotations

from dataclasses import replace

from tests import TestCase
from volsched.model.changed import changed, made
from volsched.model.request import RequestSpec
from volsched.testing.builders import a_pool, a_request


class ChangedTest(TestCase):
    def test_it_is_what_replace_gives(self) -> None:
        pool = a_pool("a", free_gb=5.0)
        self.assertEqual(replace(pool, free_gb=1.0, zone="z"), changed(pool, free_gb=1.0, zone="z"))
        self.assertEqual(5.0, pool.free_gb)

    def test_a_field_that_is_none_is_refused(self) -> None:
        for value in (a_pool(), a_request()):  # with slots, and without
            with self.subTest(kind=type(value).__name__), self.assertRaisesRegex(AttributeError, "size"):
                changed(value, size=3)

    def test_what_has_no_slots_is_copied_too(self) -> None:
        request = a_request(size_gb=5)
        self.assertEqual(replace(request, size_gb=6, zone="z"), changed(request, size_gb=6, zone="z"))
        self.assertEqual(5, request.size_gb)

    def test_a_value_is_made_as_its_class_makes_it(self) -> None:
        self.assertEqual(RequestSpec(size_gb=5), made(RequestSpec, **vars(RequestSpec(size_gb=5))))
        self.assertEqual(RequestSpec().facts, made(RequestSpec, size_gb=5).facts)
