"""The notifier that counts events, scraped as Prometheus does it."""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests import TestCase
from volsched.exceptions import EventRefused
from volsched.model.event import Event, Priority
from volsched.testing import an_event
from volsched_drivers.notifiers.prometheus import PrometheusNotifier

DECISION = {"rejected": {"capacity": 3, "capabilities": 2}, "conflicts": 1, "remarks": {}}


def placed(event_id: str, **more: Any) -> Event:
    payload = {"driver": "filter", "took_ms": 4.0, "decision": DECISION, **more}
    return an_event(event_id, event_type="scheduler.create_volume.end", payload=payload)


class Scraped:
    """Samples by name and by the values of their labels, in whatever order."""

    def __init__(self, samples: Mapping[tuple[str, frozenset[str]], float]) -> None:
        self._samples = samples

    def __getitem__(self, key: tuple[str, ...]) -> float:
        return self._samples[key[0], frozenset(key[1:])]

    def __contains__(self, key: tuple[str, ...]) -> bool:
        return (key[0], frozenset(key[1:])) in self._samples


class PrometheusTest(TestCase):
    def setUp(self) -> None:
        self.notifier = PrometheusNotifier(port=0)
        self.addCleanup(self.notifier.stop)
        self.notifier.start()

    def scraped(self) -> Scraped:
        """The samples. Times at which counting began are left out."""
        assert self.notifier.address is not None
        host, port = self.notifier.address
        with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return Scraped(
            {
                (sample.name.removeprefix("volsched_"), frozenset(sample.labels.values())): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if not sample.name.endswith("_created")
            }
        )

    def test_placed_volume_is_counted(self) -> None:
        self.notifier.notify(an_event("e0", event_type="scheduler.create_volume.start", payload={"attempt": 1}))
        self.notifier.notify(placed("e1"))
        self.notifier.notify(placed("e2"))
        seen = self.scraped()
        labels = ("create_volume", "filter", "placed")
        self.assertEqual(2, seen["decisions_total", *labels])
        self.assertEqual((2, 0.008), (seen["decision_seconds_count", *labels], seen["decision_seconds_sum", *labels]))
        self.assertEqual((0, 2), tuple(seen["decision_seconds_bucket", *labels, le] for le in ("0.0025", "0.005")))
        self.assertEqual((6, 4), tuple(seen["filter_rejections_total", name] for name in ("capacity", "capabilities")))
        self.assertEqual(2, seen["claim_conflicts_total",])
        self.assertEqual(1, seen["events_total", "scheduler.create_volume.start", "info"])
        self.assertEqual(2, seen["events_total", "scheduler.create_volume.end", "info"])

    def test_refusals_and_failures_are_counted_apart(self) -> None:
        for event_id, error, decision in (("e1", "NoValidBackend", DECISION), ("e2", "PluginError", None)):
            payload = {"driver": "filter", "took_ms": 1.0, "error": error, "decision": decision}
            self.notifier.notify(
                an_event(event_id, event_type="scheduler.create_volume", priority=Priority.ERROR, payload=payload)
            )
        seen = self.scraped()
        self.assertEqual(1, seen["decisions_total", "create_volume", "filter", "refused"])
        self.assertEqual(1, seen["decisions_total", "create_volume", "filter", "failed"])
        self.assertEqual(3, seen["filter_rejections_total", "capacity"])
        self.assertEqual(2, seen["events_total", "scheduler.create_volume", "error"])

    def test_operations_of_agents_are_counted(self) -> None:
        for event_id, moment in (("e1", "start"), ("e2", "end"), ("e3", "error")):
            payload = {} if moment == "start" else {"took_ms": 250.0}
            self.notifier.notify(an_event(event_id, event_type=f"volume.create.{moment}", payload=payload))
        seen = self.scraped()
        self.assertEqual((1, 1), tuple(seen["storage_operations_total", "create", it] for it in ("end", "error")))
        self.assertEqual(0.25, seen["storage_seconds_sum", "create", "end"])
        self.assertNotIn(("storage_operations_total", "create", "start"), seen)

    def test_decisions_of_a_shadow_driver_are_compared(self) -> None:
        for number, (differs, problem) in enumerate(((True, None), (False, None), (False, "broke"), (False, "broke"))):
            beside = {"driver": "best_fit", "differs": differs, "problem": problem}
            self.notifier.notify(placed(f"e{number}", decision={**DECISION, "remarks": {"beside": beside}}))
        self.notifier.notify(an_event("e9", event_type="scheduler.shadow.differs", payload={}))
        seen = self.scraped()
        outcomes = ("differs", "agrees", "failed")
        self.assertEqual((1, 1, 2), tuple(seen["shadow_total", "best_fit", it] for it in outcomes))
        self.assertEqual(1, seen["events_total", "scheduler.shadow.differs", "info"])

    def test_event_that_is_delivered_twice_is_counted_once(self) -> None:
        for _ in range(3):
            self.notifier.notify(placed("e1"))
        self.assertEqual(1, self.scraped()["decisions_total", "create_volume", "filter", "placed"])

    def test_events_without_new_fields_are_counted(self) -> None:
        self.notifier.notify(an_event("e1", event_type="scheduler.create_volume.end", payload={"pool": "a@b#c"}))
        self.assertEqual(1, self.scraped()["decisions_total", "create_volume", "", "placed"])

    def test_event_with_unusable_values_is_refused_for_good(self) -> None:
        with self.assertRaisesRegex(EventRefused, "unusable values in its payload"):
            self.notifier.notify(placed("e1", took_ms="soon"))

    def test_events_of_several_threads_are_all_counted(self) -> None:
        def work(thread: int) -> None:
            for number in range(50):
                self.notifier.notify(placed(f"{thread}-{number}"))

        threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(200, self.scraped()["decisions_total", "create_volume", "filter", "placed"])

    def test_counts_continue_after_stop_and_start(self) -> None:
        self.notifier.notify(placed("e1"))
        self.notifier.stop()
        self.assertIsNone(self.notifier.address)
        self.notifier.notify(placed("e2"))
        self.notifier.start()
        self.assertEqual(2, self.scraped()["decisions_total", "create_volume", "filter", "placed"])

    def test_port_in_use_is_an_error_with_a_fix(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            second = PrometheusNotifier(port=taken.getsockname()[1])
            with self.assertRaisesRegex(OSError, r"cannot listen on 127.0.0.1:\d+: .* processes = scheduler"):
                second.start()

    def test_each_notifier_has_counts_of_its_own(self) -> None:
        other = PrometheusNotifier(port=0)
        self.addCleanup(other.stop)
        other.start()
        other.notify(placed("e1"))
        self.assertNotIn(("decisions_total", "create_volume", "filter", "placed"), self.scraped())
