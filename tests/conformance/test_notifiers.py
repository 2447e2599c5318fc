"""Every notifier that is shipped keeps to the laws."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from tests import TestCase
from volsched import testing


class TestJsonl(testing.NotifierConformance, TestCase):
    plugin_name = "jsonl"

    def setUp(self) -> None:
        super().setUp()
        self.path = self.folder() / "events.jsonl"

    def configuration(self) -> Mapping[str, Any]:
        return {"path": str(self.path)}

    def delivered(self) -> Sequence[str]:
        return [json.loads(line)["id"] for line in self.path.read_text().splitlines()] if self.path.exists() else []


class TestLog(testing.NotifierConformance, TestCase):
    plugin_name = "log"

    def setUp(self) -> None:
        super().setUp()
        self.lines: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: self.lines.append(record.getMessage())  # type: ignore[method-assign]
        logger = logging.getLogger(self.configuration()["logger"])
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        self.addCleanup(logger.setLevel, logger.level)
        logger.setLevel(logging.INFO)
        logger.propagate = False

    def configuration(self) -> Mapping[str, Any]:
        return {"logger": "volsched.tests.conformance"}

    def delivered(self) -> Sequence[str]:
        return [json.loads(line.partition(" ")[2])["id"] for line in self.lines]


class TestNoop(testing.NotifierConformance, TestCase):
    plugin_name = "noop"
