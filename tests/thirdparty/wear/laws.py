"""Holds the filter to volsched's laws: python -m unittest laws."""

import unittest

from volsched import testing
from volsched.testing import a_pool


class TestWear(testing.FilterConformance, unittest.TestCase):
    plugin_name = "wear"

    def pools(self):
        worn = (0, 50.0, 95, "97", "unknown")
        return [*super().pools(), *(a_pool(f"worn{it}", capabilities={"worn_percent": it}) for it in worn)]
