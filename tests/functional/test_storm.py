"""A thousand backends report concurrently: the last report of each is used, and requests are processed."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

from tests import TestCase, servers
from tests.functional.fleet import Fleet
from tests.functional.hammering import WHO, database_of
from tests.functional.program import PATIENCE_SECONDS
from volsched import conf
from volsched.db.backends import Backends
from volsched.db.volumes import Volumes
from volsched.model.parsing import pools_from
from volsched.model.report import CapabilityReport, ServiceState
from volsched.service.application import Application

BACKENDS = 1000
BOUND_SECONDS = 60.0
#: So much larger, in bytes, a scheduler may become: far more than a thousand reports are, far less than a leak.
MOST_GROWTH = 200 * 2**20


def report(number: int, free_gb: float, at: datetime) -> CapabilityReport:
    """Of a backend of one small pool, which takes no volume of more than 10 GiB."""
    pool = {
        "pool_name": "p",
        "total_capacity_gb": 10.0,
        "free_capacity_gb": free_gb,
        "provisioned_capacity_gb": 10.0 - free_gb,
        "allocated_capacity_gb": 10.0 - free_gb,
        "thin_provisioning_support": False,
        "thick_provisioning_support": True,
        "reserved_percentage": 0,
    }
    given = {"volume_backend_name": "b", "storage_protocol": "iSCSI", "pools": [pool]}
    return CapabilityReport(service_name="volume", host=f"h{number}@b", capabilities=given, timestamp=at)


def memory_of(pid: int) -> int:
    """Bytes that a process has in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024


class TestStorm(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.place = self.folder()
        self.stack_ = self.enterContext(ExitStack())
        url = database_of("postgresql", self.place, self.stack_)
        more = f"\n[messaging]\ntransport_url = {servers.require('rabbitmq').url}\n"
        self.fleet = self.stack_.enter_context(Fleet(self.place, url, more))
        self.file = self.fleet.host("node", "thick:1000", thick="thick")
        self.heard = Application(conf.load([str(self.file)]), "scheduler")
        self.stack_.callback(self.heard.close)
        self.backends = Backends(self.fleet.database)

    def record(self, report: CapabilityReport) -> None:
        self.backends.record(report, pools_from(report, ServiceState(host=report.host), "20.0"))

    def at_once(self, send: Callable[[CapabilityReport], object], reports: Iterable[CapabilityReport]) -> None:
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(send, one) for one in reports]:
                done.result(PATIENCE_SECONDS)

    def test_a_thousand_backends_report_at_once(self) -> None:
        _, scheduler = (self.fleet.start(program, self.file) for program in ("agent", "scheduler"))
        self.fleet.until(self.backends.pools)
        assert scheduler.pid is not None
        self.served("before")
        before, now = memory_of(scheduler.pid), self.fleet.database.clock()
        over = threading.Event()
        with ThreadPoolExecutor(1) as asking:
            meanwhile = asking.submit(self.served_until, over)
            self.at_once(self.record, [report(number, 5.0, now) for number in range(BACKENDS)])
            late = [report(number, 10.0, now - timedelta(seconds=5)) for number in range(0, BACKENDS, 10)]
            self.at_once(self.record, late)
            over.set()
            meanwhile.result(PATIENCE_SECONDS)
        self.assertEqual({5.0}, {pool.free_gb for pool in self.backends.pools() if pool.name == "p"})
        self.assertEqual(BACKENDS + 1, len(self.backends.pools()))
        self.served("after")
        self.assertLess(memory_of(scheduler.pid) - before, MOST_GROWTH)

    def served(self, name: str, size_gb: int = 50) -> None:
        """A volume that only the real agent has room for is placed there and made, within the bound."""
        begun = time.monotonic()
        volume = self.heard.api(WHO).volumes.create(size_gb=size_gb, name=name)
        self.fleet.until(lambda: not Volumes(self.fleet.database).get(volume.id).status.in_progress)
        found = Volumes(self.fleet.database).get(volume.id)
        self.assertEqual(("available", "node@disk#thick"), (found.status, found.host))
        self.assertLess(time.monotonic() - begun, BOUND_SECONDS)

    def served_until(self, over: threading.Event) -> None:
        for number in itertools.count():
            self.served(f"meanwhile {number}", size_gb=11)
            if over.is_set():
                return
