"""Thick and thin arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.model import capacity
from volsched.testing.builders import a_pool

SIZES = st.floats(0.01, 100_000).map(lambda size: round(size, 2))
PERCENTAGES = st.integers(0, 100)


class ArithmeticTest(TestCase):
    def test_reserved_is_whole_gib_rounded_down(self) -> None:
        for total_gb, percentage, held in ((100.0, 0, 0), (212.76, 5, 10), (8192, 20, 1638), (1, 99, 0), (100, 29, 28)):
            with self.subTest(total_gb=total_gb, percentage=percentage):
                # 100 GiB at 29 %: 0.29 * 100 is a hair below 29, for Cinder as for us
                self.assertEqual(held, capacity.reserved_gb(total_gb, percentage))

    def test_thin_counts_promises_and_not_free_space(self) -> None:
        self.assertEqual(1700.0, capacity.virtual_free_gb(1000, 0, 100, 10, 2.0, True))

    def test_thick_is_limited_by_free_space_and_by_what_is_provisioned(self) -> None:
        self.assertEqual(50.0, capacity.virtual_free_gb(1000, 50, 100, 10, 2.0, False))
        self.assertEqual(100.0, capacity.virtual_free_gb(1000, 500, 800, 10, 2.0, False))

    def test_rounding_is_exact(self) -> None:
        # 33.33 * 1.5 is a hair below 49.995; a rounding by way of times 100 would make it 50.
        self.assertEqual(49.99, capacity.virtual_free_gb(33.33, 33.33, 0, 0, 1.5, True))
        self.assertEqual(49.99, capacity.total_available_gb(33.33, 0, 1.5, True))
        self.assertEqual(33.33, capacity.total_available_gb(33.33, 0, 1.5, False))

    def test_auto_ratio(self) -> None:
        self.assertEqual(20.0, capacity.auto_ratio(100, 50, 0))
        self.assertEqual(1 + 300 / 51, capacity.auto_ratio(100, 50, 300))

    @given(total_gb=SIZES, free_gb=SIZES, provisioned_gb=SIZES, percentage=PERCENTAGES, ratio=st.integers(1, 20))
    def test_room_is_what_the_rule_says_in_exact_numbers(
        self, total_gb: float, free_gb: float, provisioned_gb: float, percentage: int, ratio: int
    ) -> None:
        available = Fraction(total_gb) - math.floor(total_gb * (percentage / 100))
        thin = capacity.virtual_free_gb(total_gb, free_gb, provisioned_gb, percentage, float(ratio), True)
        thick = capacity.virtual_free_gb(total_gb, free_gb, provisioned_gb, percentage, float(ratio), False)
        self.assertAlmostEqual(float(available * ratio - Fraction(provisioned_gb)), thin, delta=0.0051)
        self.assertLessEqual(thick, round(free_gb, 2))
        self.assertAlmostEqual(float(min(available - Fraction(provisioned_gb), Fraction(free_gb))), thick, delta=0.0051)


class LargestTest(TestCase):
    """The largest request that a pool takes."""

    def test_the_largest_request(self) -> None:
        inf = math.inf
        doubled = a_pool(thin=True, total_gb=100, free_gb=0, max_over_subscription_ratio=2.0)
        halved = a_pool(thin=True, total_gb=100, max_over_subscription_ratio=0.5)
        unknown = a_pool(total_gb=inf, free_gb=10.0, reserved_percentage=5)
        cases = (
            ("thick, free", a_pool(total_gb=100, free_gb=40.0), True, 40.0),
            ("thin pool, thin request", doubled, True, 100.0),
            ("thin pool, thick request", doubled, False, 0.0),
            ("more promised than may be", a_pool(total_gb=100, free_gb=50, provisioned_gb=120), True, -20.0),
            ("free is unbounded", a_pool(free_gb=inf), True, inf),
            ("free is not known", a_pool(free_gb=math.nan), True, inf),
            ("total is not known", a_pool(total_gb=math.nan, free_gb=10.0), True, inf),
            ("total is unbounded, some reserved", unknown, True, -inf),
            ("no total", a_pool(total_gb=0.0, free_gb=10.0), True, -inf),
            ("negative total", a_pool(total_gb=-1.0, free_gb=10.0), True, -inf),
            ("ratio below 1", halved, True, -inf),
            ("ratio below 1, thick request", halved, False, 100.0),
        )  # fmt: skip
        for label, pool, thin, largest in cases:
            with self.subTest(label):
                self.assertEqual(largest, capacity.largest_gb(pool, thin=thin))
                self.assertEqual(largest == math.inf, capacity.takes_all(pool, thin=thin))
                self.assertEqual(largest > -math.inf, capacity.takes_some(pool, thin=thin))
                if math.isfinite(largest):
                    self.assertEqual(largest, capacity.finite_room_gb(pool, thin=thin))

    def test_everything_reserved_takes_nothing(self) -> None:
        """F01: Cinder divides by the capacity that is left, which is none, and the request ends in an error."""
        for pool in (a_pool(thin=True, reserved_percentage=100), a_pool(thin=True, total_gb=0.004, free_gb=0.004)):
            with self.subTest(pool=pool):
                self.assertLess(capacity.largest_gb(pool, thin=True), 1)

    def test_the_limit_is_told_in_its_numbers(self) -> None:
        cases = (
            (a_pool(total_gb=100, free_gb=40.129), "50 GiB asked, 40.13 GiB left"),
            (a_pool(total_gb=0.0), "total capacity of 0 GiB"),
            (a_pool(total_gb=math.inf, free_gb=1.0, reserved_percentage=5), "5 % is reserved"),
            (a_pool(thin=True, max_over_subscription_ratio=0.5), "ratio 0.5 is below 1"),
        )
        for pool, told in cases:
            with self.subTest(told):
                self.assertIn(told, capacity.limit(pool, thin=True, wanted_gb=50.0))
