"""What may come in over the bus, and what may not."""

from __future__ import annotations

import json
import logging
import math
import os
from datetime import datetime
from types import MappingProxyType
from typing import Any

import hypothesis
from hypothesis import strategies

from tests import TestCase
from volsched.exceptions import InvalidRequest
from volsched.messaging import validation
from volsched.messaging.endpoints import ReportEndpoint
from volsched.model.parsing import pools_from
from volsched.model.report import CapabilityReport, ServiceState

NOW = datetime(2026, 11, 22, 9)
HUGE = 10**5000  # Python does not write it down
EXAMPLES = int(os.environ.get("VOLSCHED_FUZZ_EXAMPLES", "60"))

JSON = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats(allow_nan=False, allow_infinity=False)
    | strategies.text(),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
    max_leaves=8,
)


def a_message(**changes: Any) -> dict[str, Any]:
    """A report as a real volume service sends it."""
    return {
        "service_name": "volume",
        "host": "e2ehost@lvm",
        "capabilities": {"volume_backend_name": "lvm", "pools": [{"pool_name": "lvm", "total_capacity_gb": 40.0}]},
        "cluster_name": None,
        "timestamp": "2026-11-22T09:00:02.668855",
        **changes,
    }


#: What nobody sends who means well: no JSON, or JSON that is trouble somewhere.
EVIL = (
    strategies.sampled_from(
        (math.nan, math.inf, 10**4000, -(10**4000), b"bytes", (1, 2), {3}, NOW, "\0", "\ud800", "x" * 70_000, object())
    )
    | JSON
)
ANYTHING = strategies.recursive(
    EVIL,
    lambda inner: (
        strategies.lists(inner, max_size=4)
        | strategies.dictionaries(
            strategies.text(max_size=5) | strategies.sampled_from((1, 10**4000, "y" * 300, None)), inner, max_size=4
        )
    ),
    max_leaves=8,
)
TIMES = strategies.sampled_from(("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-01", "2026-11-22"))
POOL = strategies.dictionaries(
    strategies.sampled_from(("pool_name", "total_capacity_gb", "free_capacity_gb", "filter_function", "more")),
    ANYTHING,
)
POOLS = strategies.lists(POOL, max_size=3) | ANYTHING
MESSAGES = strategies.fixed_dictionaries(
    {},
    optional={
        "service_name": strategies.sampled_from(("volume", "backup")) | ANYTHING,
        "host": strategies.sampled_from(("h@b", "h", "h@b#p")) | ANYTHING,
        "capabilities": strategies.fixed_dictionaries(
            {}, optional={"pools": strategies.lists(POOL, max_size=3) | ANYTHING}
        )
        | ANYTHING,
        "cluster_name": strategies.none() | ANYTHING,
        "timestamp": TIMES | ANYTHING,
        "z" * 300: ANYTHING,
    },
)
#: What a refusal may be long: it goes into the log.
MOST_TOLD = 2000


class TestAnything(TestCase):
    """Whatever comes in is taken apart or refused, in few words; nothing else is raised."""

    @hypothesis.given(MESSAGES)
    @hypothesis.settings(max_examples=EXAMPLES)
    def test_a_report(self, message: dict[str, Any]) -> None:
        try:
            report = validation.report_from(message, received_at=NOW)
        except InvalidRequest as refusal:
            self.assertLess(len(str(refusal)), MOST_TOLD)
            return
        self.assertLessEqual(len(report.host), validation.MOST_NAME)
        parsed = pools_from(report, ServiceState(host=report.host, cluster_name=report.cluster_name), "20.0")
        for _, why in parsed.set_aside:
            self.assertLess(len(why), MOST_TOLD)
        json.dumps(validation.message_of(report))

    @hypothesis.given(MESSAGES)
    @hypothesis.settings(max_examples=EXAMPLES)
    def test_an_endpoint(self, message: dict[str, Any]) -> None:
        heard: list[CapabilityReport] = []
        endpoint = ReportEndpoint(heard.append, lambda: NOW)
        with self.assertLogs("volsched.messaging.endpoints", "DEBUG") as said:
            logging.getLogger("volsched.messaging.endpoints").debug("there is always a line")
            endpoint.update_service_capabilities({}, **message)
        self.assertEqual(1 if heard else 2, len(said.output))
        self.assertLess(max(map(len, said.output)), MOST_TOLD)

    @hypothesis.given(ANYTHING)
    @hypothesis.settings(max_examples=EXAMPLES)
    def test_an_argument_and_a_name(self, value: Any) -> None:
        for take in (validation.plain_json, validation.name):
            try:
                taken = take("x", value)
            except InvalidRequest as refusal:
                self.assertLess(len(str(refusal)), MOST_TOLD)
            else:
                self.assertEqual(value, taken)


class TestPlainJson(TestCase):
    @hypothesis.given(JSON)
    def test_json_comes_back_as_it_was(self, value: Any) -> None:
        self.assertEqual(value, validation.plain_json("x", value))

    def test_refuses_numbers_that_cannot_even_be_written(self) -> None:
        for value in (HUGE, {HUGE: 1}, [HUGE]):
            with self.subTest(type(value)), self.assertRaises(InvalidRequest):
                validation.plain_json("x", value)
        for field in ("host", "service_name", "timestamp", "cluster_name"):
            with self.subTest(field), self.assertRaises(InvalidRequest):
                validation.report_from(a_message(**{field: HUGE}), received_at=NOW)

    def test_refuses_what_is_no_json(self) -> None:
        deep: Any = 0
        for _ in range(validation.MOST_DEPTH + 1):
            deep = [deep]
        for value, text in (
            ((1, 2), "tuple is no JSON"),
            ({1, 2}, "set is no JSON"),
            (NOW, "datetime is no JSON"),
            (b"x", "bytes is no JSON"),
            ({1: 2}, "the key 1 must be text"),
            (math.nan, "send finite numbers"),
            ({"a": [math.inf]}, "send finite numbers"),
            (deep, "nested more than 16 levels deep"),
            ("x" * validation.MOST_BYTES, "at most 4194304 are taken"),
        ):
            with self.subTest(text=text), self.assertRaisesRegex(InvalidRequest, text):
                validation.plain_json("x", value)


class TestReport(TestCase):
    def test_reads_what_a_real_service_sends(self) -> None:
        report = validation.report_from(a_message(), received_at=NOW)
        self.assertEqual(("volume", "e2ehost@lvm", None), (report.service_name, report.host, report.cluster_name))
        self.assertEqual(datetime(2026, 11, 22, 9, 0, 2, 668855), report.timestamp)
        self.assertEqual("lvm", report.capabilities["volume_backend_name"])

    def test_goes_there_and_back(self) -> None:
        sent = CapabilityReport(
            service_name="volume",
            host="h@b",
            cluster_name="c@b",
            capabilities=MappingProxyType({"pools": ({"pool_name": "p"},)}),
            timestamp=NOW,
        )
        report = validation.report_from(validation.message_of(sent), received_at=datetime(2020, 1, 1))
        self.assertEqual({"pools": [{"pool_name": "p"}]}, report.capabilities)
        self.assertEqual((NOW, "c@b"), (report.timestamp, report.backend_id))

    def test_time_is_utc_and_that_of_arrival_where_none_was_sent(self) -> None:
        for sent, known in (
            (None, NOW),
            ("2026-11-22T10:00:00+01:00", datetime(2026, 11, 22, 9)),
            ("2026-11-22T09:00:00Z", datetime(2026, 11, 22, 9)),
        ):
            with self.subTest(sent=sent):
                self.assertEqual(known, validation.report_from(a_message(timestamp=sent), received_at=NOW).timestamp)

    def test_refuses_what_has_not_the_form_of_one(self) -> None:
        for changes, field in (
            ({"service_name": "scheduler"}, "service_name"),
            ({"service_name": None}, "service_name"),
            ({"host": ""}, "host"),
            ({"host": 5}, "host"),
            ({"host": "nobackend"}, "host"),
            ({"host": "h@b#p"}, "host"),
            ({"host": "h@b\n"}, "host"),
            ({"host": "h@" + "b" * 300}, "host"),
            ({"cluster_name": ""}, "cluster_name"),
            ({"cluster_name": []}, "cluster_name"),
            ({"capabilities": None}, "capabilities"),
            ({"capabilities": "text"}, "capabilities"),
            ({"capabilities": [1]}, "capabilities"),
            ({"capabilities": {"pools": [{}] * (validation.MOST_POOLS + 1)}}, "capabilities.pools"),
            ({"capabilities": {"x": math.nan}}, "report"),
            ({"timestamp": "yesterday"}, "timestamp"),
            ({"timestamp": 12}, "timestamp"),
            ({"more": 1}, "more"),
        ):
            with self.subTest(changes=str(changes)[:60]), self.assertRaises(InvalidRequest) as caught:
                validation.report_from(a_message(**changes), received_at=NOW)
            self.assertEqual(field, caught.exception.field)

    def test_backup_service_has_a_host_without_backend(self) -> None:
        report = validation.report_from(a_message(service_name="backup", host="e2ehost"), received_at=NOW)
        self.assertEqual("e2ehost", report.backend_id)
