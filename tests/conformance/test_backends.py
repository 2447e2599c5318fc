"""Every storage backend that is shipped keeps to the laws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests import TestCase
from volsched import testing


class TestDirectory(testing.BackendConformance, TestCase):
    plugin_name = "directory"

    def setUp(self) -> None:
        super().setUp()
        self.path = self.folder()

    def configuration(self) -> Mapping[str, Any]:
        return {
            "path": str(self.path),
            "pools": ["thin", "thick"],
            "thick_pools": ["thick"],
            "pool_size_gb": {"thin": 500.0, "thick": 500.0},
            "unit_bytes": 4096,
        }
