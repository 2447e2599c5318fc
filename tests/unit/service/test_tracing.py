"""Spans: their parents over stores and processes, and what their attributes must not contain."""

from __future__ import annotations

import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any
from unittest import mock

from msgspec.structs import replace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.stores.world import OnSQLite, a_placement, an_event, created, reported, some_work
from volsched.db.claims import Claims
from volsched.db.records import Failures
from volsched.db.work import WorkQueue
from volsched.exceptions import ClaimConflict, ConfigurationError
from volsched.model.observer import Observer, observed
from volsched.model.trace_context import CURRENT, TRACE
from volsched.model.work import Outcome, WorkItem, WorkState
from volsched.service.tracing import Tracing, tracing_of

HIDDEN = "hidden"
LOADED = """
import sys, volsched.service.telemetry, volsched.service.application
print([it for it in sys.modules if it.startswith(("opentelemetry", "prometheus"))])
"""


class Requests:
    """A service that users call."""

    def __init__(self, work: WorkQueue, observer: Observer) -> None:
        self.work = work
        self.observer = observer

    @observed("volume create")
    def create(self, context: object, *, name: str) -> object:
        self.work.add(some_work("w1"))
        return SimpleNamespace(id="v1", name=name)


class TestTracing(OnSQLite):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(CURRENT.set, None)
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = Tracing(provider)
        self.addCleanup(self.tracing.stop)
        self.work = WorkQueue(self.database, self.tracing)

    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}

    def parent(self, name: str) -> str | None:
        spans = self.spans()
        parent = spans[name].parent
        if parent is None:
            return None
        return next((one for one, span in spans.items() if span.context.span_id == parent.span_id), "elsewhere")

    def take(self, *queues: str) -> WorkItem:
        work = self.work.take(queues or ("scheduler",), "me", 5)
        assert work is not None
        return work

    def test_one_trace_from_the_request_to_the_agent(self) -> None:
        Requests(WorkQueue(self.database), self.tracing).create({"project_id": HIDDEN}, name=HIDDEN)
        self.assertIsNone(CURRENT.get())
        reported(self.database)
        created(self.database, "v1")
        work = self.take()
        self.assertRegex(work.payload[TRACE]["traceparent"], "^00-[0-9a-f]{32}-[0-9a-f]{16}-0[13]$")
        handed_over = some_work("w2", queue="agent:h@b")
        Claims(self.database, self.tracing).claim(a_placement(work=(handed_over,), fence=work.lease))
        self.work.finish(work.lease, Outcome())
        self.assertIsNone(CURRENT.get())
        self.work.finish(self.take("agent:h@b").lease, Outcome())
        spans = self.spans()
        self.assertEqual(1, len({span.context.trace_id for span in spans.values()}))
        expected = {
            "volume create": None,
            "cast scheduler create": "volume create",
            "scheduler create": "cast scheduler create",
            "claim": "scheduler create",
            "cast agent create": "claim",
            "agent create": "cast agent create",
        }
        self.assertEqual(expected, {name: self.parent(name) for name in spans})
        self.assertNotIn(HIDDEN, " ".join(str(span.attributes) for span in spans.values()))

    def test_work_continues_the_trace_that_it_carries(self) -> None:
        carried = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
        WorkQueue(self.database).add(some_work(payload={TRACE: carried}))
        self.work.finish(self.take().lease, Outcome())
        self.assertEqual(int("ab" * 16, 16), self.spans()["scheduler create"].context.trace_id)

    def test_malformed_trace_context_begins_a_new_trace(self) -> None:
        for number, carried in enumerate(({"traceparent": "nonsense"}, "nonsense", {}, None)):
            WorkQueue(self.database).add(some_work(f"w{number}", payload={TRACE: carried}))
            self.work.finish(self.take().lease, Outcome())
        self.assertEqual([None] * 4, [span.parent for span in self.exporter.get_finished_spans()])

    def test_unsampled_trace_stays_unsampled(self) -> None:
        WorkQueue(self.database).add(some_work(payload={TRACE: {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-00"}}))
        self.work.finish(self.take().lease, Outcome(follow_up=(some_work("w2"),)))
        self.assertEqual({}, self.spans())
        self.assertRegex(self.take().payload[TRACE]["traceparent"], f"^00-{'ab' * 16}-[0-9a-f]{{16}}-00$")

    def test_failures_and_abandoned_work_set_the_span_status(self) -> None:
        claims, failures = Claims(self.database, self.tracing), Failures(self.database, self.tracing)
        created(self.database, "v1")
        self.work.add(some_work())
        work = self.take()
        with self.assertRaises(ClaimConflict):
            claims.claim(a_placement())
        event = an_event(event_type="scheduler.create_volume", payload={"error": "NoValidBackend"})
        failures.record(volume_id=None, status=None, event=event, message=None, decision=None)
        self.work.finish(work.lease, Outcome())
        self.assertEqual("ClaimConflict", self.spans()["claim"].status.description)
        self.assertEqual("NoValidBackend", self.spans()["scheduler create"].status.description)
        self.exporter.clear()
        self.work.add(some_work("w2", "v2"))
        self.work.finish(self.take().lease, Outcome(state=WorkState.FAILED, problem=HIDDEN))
        self.assertFalse(self.spans()["scheduler create"].status.is_ok)
        self.exporter.clear()
        self.work.add(some_work("w3", "v3"))
        self.take()
        self.assertIsNone(self.work.take(["nothing"], "me", 5))
        self.assertFalse(self.spans()["scheduler create"].status.is_ok)

    def test_end_of_other_work_does_not_end_the_span(self) -> None:
        self.work.add(some_work())
        work = self.take()
        self.tracing.work_finished(replace(work.lease, work_id="another"), Outcome())
        self.assertEqual({}, self.spans())
        self.work.finish(work.lease, Outcome())
        self.assertEqual({"scheduler create"}, set(self.spans()))

    def test_each_thread_has_its_own_current_span(self) -> None:
        self.work.add(some_work())
        work = self.take()
        seen: list[object] = []
        thread = threading.Thread(target=lambda: seen.append(CURRENT.get()))
        thread.start()
        thread.join()
        self.assertEqual([None], seen)
        self.assertIsNotNone(CURRENT.get())
        self.work.finish(work.lease, Outcome())


class TestConfiguration(OnSQLite):
    def options(self, **given: object) -> SimpleNamespace:
        return SimpleNamespace(
            **{"endpoint": "http://127.0.0.1:1/v1/traces", "sample_ratio": 1.0, "timeout": 0.1, **given}
        )

    def test_endpoint_that_is_not_a_url_is_refused(self) -> None:
        with self.assertRaises(ConfigurationError) as raised:
            tracing_of(self.options(endpoint="collector:4318"), "scheduler")
        self.assertIn("expected an http:// or https:// URL, got 'collector:4318'", str(raised.exception))

    def test_missing_packages_are_a_configuration_error(self) -> None:
        with (
            mock.patch.dict(sys.modules, {"opentelemetry.sdk.trace": None}),
            self.assertRaises(ConfigurationError) as raised,
        ):
            tracing_of(self.options(), "scheduler")
        self.assertIn("pip install 'volsched[tracing]'", str(raised.exception))

    def test_sample_ratio_decides_which_requests_are_recorded(self) -> None:
        for ratio, expected in ((0.0, False), (1.0, True)):
            tracing = tracing_of(self.options(sample_ratio=ratio), "scheduler")
            self.addCleanup(tracing.stop)
            tracing.request_started("volume create")
            current: Any = CURRENT.get()
            self.assertIs(expected, current.span.is_recording())
            tracing.request_ended(None, None)

    def test_command_ends_without_a_collector(self) -> None:
        tracing = tracing_of(self.options(), "command")
        tracing.request_started("volume create")
        tracing.request_ended(None, None)
        tracing.stop()
        tracing.stop()

    def test_libraries_are_not_imported_where_telemetry_is_off(self) -> None:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", LOADED], capture_output=True, text=True, check=True
        )
        self.assertEqual("[]\n", done.stdout)
