"""Requests a second, end to end: written down by the API side, taken under a lease, placed by a real claim, ended.

SQLite, PostgreSQL and MariaDB, with one scheduler process and with four. The servers are those of the tests, with the
durability that the tests give them (fsync off); SQLite is as an operator has it.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import fleet, volsched_side
from tests import servers
from volsched.db.database import Database
from volsched.db.volumes import Volumes
from volsched.flows.scheduler_queue import scheduler_work
from volsched.library_warnings import ignore_library_warnings

HERE = Path(__file__).resolve().parent
POOLS = 1_000
REQUESTS = 400
PROCESSES = (1, 4)
KINDS = ("sqlite", "postgresql", "mariadb")


def measure(*, quick: bool = False) -> list[dict[str, Any]]:
    """A row a database and number of processes; a database that is not installed is left out, and said so."""
    rows = []
    for kind in KINDS:
        for processes in PROCESSES:
            sys.stderr.write(f"  {kind}, {processes} processes\n")
            try:
                with empty_database(kind) as url:
                    rows.append({"database": kind, **_served(url, processes, REQUESTS // (8 if quick else 1))})
            except unittest.SkipTest as missing:
                sys.stderr.write(f"  left out: {missing}\n")
                break
    return rows


@contextmanager
def empty_database(kind: str) -> Iterator[str]:
    """The URL of an empty database."""
    with ExitStack() as stack:
        if kind == "sqlite":
            yield f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/bench.db"
        else:
            yield stack.enter_context(servers.require(kind).database())


def _served(url: str, processes: int, requests: int) -> dict[str, Any]:
    """Write requests down, then let so many processes serve them."""
    volsched_side.durable_resources(POOLS, "default", url)
    begun = time.perf_counter()
    with closing(Database(url)) as database:
        _write_down(Volumes(database), requests)
    written_s = time.perf_counter() - begun
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.durable", url]
    workers = [
        subprocess.Popen(command, cwd=HERE.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
        for _ in range(processes)
    ]
    for worker in workers:
        assert worker.stdout is not None  # noqa: S101 - a pipe was asked for
        worker.stdout.readline()  # ready
    begun = time.perf_counter()
    for worker in workers:
        assert worker.stdin is not None  # noqa: S101 - a pipe was asked for
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answers = [worker.communicate()[0].split() for worker in workers]
    served_s = time.perf_counter() - begun
    return {
        "processes": processes,
        "pools": POOLS,
        "requests": requests,
        "written_per_s": round(requests / written_s, 1),
        "placed_per_s": round(requests / served_s, 1),
        "cpu_ms_per_request": round(sum(float(cpu) for _, cpu in answers) * 1e3 / requests, 2),
        "served_by_each": [int(count) for count, _ in answers],
    }


def _write_down(volumes: Volumes, requests: int) -> None:
    """What the API side does for a create, but for the quota: the volume's row and the scheduler's work."""
    for asked in fleet.requests(requests):
        volume, spec, properties = volsched_side.request(asked, {})
        payload = {"request_spec": spec, "filter_properties": properties, "volume": volume.plain()}
        volumes.create(volume, [scheduler_work("create", volume.id, volsched_side.CONTEXT, payload)])


def serve(url: str) -> tuple[int, float]:
    """One scheduler process: says that it is ready, waits for a line, serves until nothing is queued."""
    from volsched.db.backends import Backends
    from volsched.db.claims import Claims
    from volsched.db.leases import this_owner
    from volsched.db.outbox import Outbox
    from volsched.db.records import Decisions, Failures
    from volsched.db.work import WorkQueue
    from volsched.messaging.caster import LocalCaster
    from volsched.placement.registry import Registry
    from volsched.scheduler.shared_pools import SharedPools
    from volsched.scheduler.worker import SchedulerWorker

    database = Database(url)
    pools = SharedPools(Registry(), Backends(database), Claims(database), default_ratio="20.0")
    pools.sync()
    resources = replace(
        volsched_side.memory_resources(0, "default"),
        pools=pools,
        claims=Claims(database),
        volumes=Volumes(database),
        events=Outbox(database),
        decisions=Decisions(database),
        failures=Failures(database),
    )
    service = SchedulerWorker(
        driver=volsched_side.a_driver(resources),
        resources=resources,
        work=WorkQueue(database),
        caster=LocalCaster(),
        owner=this_owner(),
        lease_seconds=60,
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    begun = time.process_time()
    served = 0
    while service.work_once():
        served += 1
    return served, time.process_time() - begun


if __name__ == "__main__":
    ignore_library_warnings()
    logging.disable(logging.CRITICAL)
    sys.stdout.write("{} {}\n".format(*serve(sys.argv[1])))
