"""Where the dialects differ, an example says so; where they agree, nothing is said."""

from __future__ import annotations

from tests import TestCase
from volsched.exceptions import ExpressionError
from volsched.languages.expressions import compile_expression, find_difference

SAME = (
    "volume.size < 2000",
    "stats.total_capacity_gb < 1000000",
    "capabilities.capacity_utilization < 98",
    "(volume.size < 100) ? 100 : 50",
    "stats.storage_protocol == 'iSCSI'",
    "extra.tier == 'gold'",
    "qos.maxIOPS > 100",
    "1 + 1",
    "((",
    "1 and 0 ? 5 : 6",
)
DIFFERENT = (
    "(volume.size > 1) and (volume.size > 2) and (volume.size > 99)",
    "(volume.size > 50) or (volume.size > 20) or (volume.size > 5)",
    "(volume.size > 50) ? 100 : (volume.size > 20) ? 50 : 10",
    "stats.free_capacity_gb > 100",
    "100 - capabilities.capacity_utilization",
    "stats.QoS_support",
    "stats.storage_protocol == iSCSI",
    "volume.size and stats.free_capacity_gb",
    "high",
    "False",
    "2^-1",
    "max(volume.size)",
    "(stats.free_capacity_gb == 0) or (10 / stats.free_capacity_gb > 1)",
)


class TestMeaningsDiffer(TestCase):
    def test_the_same(self) -> None:
        for text in SAME:
            with self.subTest(text):
                self.assertIsNone(find_difference(text))

    def test_different(self) -> None:
        for text in DIFFERENT:
            with self.subTest(text):
                example = find_difference(text)
                assert example is not None
                self.assertNotEqual(example.cinder, example.strict)
                for name in example.values:
                    self.assertIn(f"{name}=", str(example))

    def test_an_example_can_be_checked(self) -> None:
        example = find_difference("volume.size > 1 && volume.size > 2 && volume.size > 99")
        assert example is not None
        size = example.values["volume.size"]
        self.assertEqual(("True", "False"), (example.cinder, example.strict))
        self.assertTrue(2 < size <= 99)
        self.assertEqual(f"with volume.size={size}: cinder: True; strict: False", str(example))

    def test_huge_results_are_shown_short(self) -> None:
        example = find_difference("0 ? 1 : 0 ? 2 : 9^9999")
        assert example is not None
        self.assertIn("a whole number of", str(example))

    def test_an_error_is_shown(self) -> None:
        example = find_difference("gold")
        assert example is not None
        self.assertEqual("'gold'", example.cinder)
        with self.assertRaises(ExpressionError) as caught:
            compile_expression("gold", "strict")
        self.assertEqual(f"error: {caught.exception.problem}", example.strict)
