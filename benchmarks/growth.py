"""Time and memory by number of pools, compared with the same arithmetic in NumPy."""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import fleet, volsched_side
from volsched.model.report import CapabilityReport
from volsched.model.request import Operation, RequestSpec
from volsched.plugins import SchedulerResources

HERE = Path(__file__).resolve().parent
POOLS = (100, 1_000, 10_000, 100_000)
RESTARTED = 10_000
REQUESTS = 200


def measure(*, quick: bool = False) -> dict[str, Any]:
    """A row a number of pools, each measured in a process of its own, and what a restart takes."""
    rows = []
    for pools in POOLS[:-1] if quick else POOLS:
        sys.stderr.write(f"  {pools} pools\n")
        rows.append(_in_a_process("grown", pools))
        sys.stderr.write("    {decision_ms:g} ms a decision\n".format_map(rows[-1]))
    restarted = 1_000 if quick else RESTARTED
    sys.stderr.write(f"  restart with {restarted} pools in a database\n")
    return {
        "pools": rows,
        "each_further_pool": [_further(less, more) for less, more in pairwise(rows)],
        "restart": [_in_a_process("restart", restarted)],
    }


def _further(less: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """What each further pool costs a decision, and how a decision grows: 1 is as the number of pools does."""
    pools = more["pools"] - less["pools"]
    decision_ns, numpy_ns = ((more[key] - less[key]) / pools * 1e6 for key in ("decision_ms", "numpy_ms"))
    return {
        "from": less["pools"],
        "to": more["pools"],
        "decision_ns": round(decision_ns, 2),
        "numpy_ns": round(numpy_ns, 2),
        "times_numpy": round(decision_ns / numpy_ns, 2) if numpy_ns > 0 else None,
        "growth": round((more["decision_ms"] / less["decision_ms"]) / (more["pools"] / less["pools"]), 3),
    }


def _in_a_process(what: str, pools: int) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.growth", what, str(pools)]
    done = subprocess.run(command, cwd=HERE.parent, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def grown(pools: int) -> dict[str, Any]:
    """Milliseconds of CPU for a decision, a report and a claim with so many pools, and what they take of memory."""
    before_mb = _resident_mb()
    services, reports = volsched_side.reports(pools, functions=False)
    made_mb = _resident_mb()
    resources = replace(volsched_side.memory_resources(0, "default"), claims=volsched_side.Stubbed())
    begun = time.thread_time()
    resources.pools.load(services, reports)  # type: ignore[attr-defined]  # a registry
    driver = volsched_side.a_driver(resources)
    decide = volsched_side.works_of(driver, "default")["decision"]
    decide(0)()
    first_s = time.thread_time() - begun
    for number in range(1, 20):
        decide(number)()
    gc.collect()
    decision_ms = _median_ms([decide(number) for number in range(20, 20 + REQUESTS)])
    numpy_ms = _numpy_ms(resources)
    rows = resources.pools.table().every_row  # made anew with the table, and only then
    return {
        "pools": pools,
        "decision_ms": decision_ms,
        "numpy_ms": numpy_ms,
        "times_numpy": round(decision_ms / numpy_ms, 2),
        "report_ms": _median_ms([_reporting(resources, reports, number) for number in range(50)]),
        "claim_ms": _median_ms([_claiming(resources, number) for number in range(200)]),
        "rebuilt": int(resources.pools.table().every_row is not rows),
        "first_decision_s": round(first_s, 3),
        "resident_mb": round(_resident_mb(), 1),
        "of_it_before_mb": round(before_mb, 1),
        "of_it_reports_mb": round(made_mb - before_mb, 1),
    }


def restart(pools: int) -> dict[str, Any]:
    """Seconds from the start of a process to its first decision, over a database that knows so many pools."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        volsched_side.durable_resources(pools, "default", url)
        begun = time.perf_counter()
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "benchmarks.growth", "restarted", url],
            cwd=HERE.parent,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return {"pools": pools, "process_s": round(time.perf_counter() - begun, 2), **json.loads(done.stdout)}


def restarted(url: str) -> dict[str, Any]:
    """What a scheduler does when it starts: read services, reports and claims, and decide."""
    from volsched.db.backends import Backends
    from volsched.db.claims import Claims
    from volsched.db.database import Database
    from volsched.placement.registry import Registry
    from volsched.scheduler.shared_pools import SharedPools

    database = Database(url)
    begun = time.perf_counter()
    pools = SharedPools(Registry(), Backends(database), Claims(database), default_ratio="20.0")
    pools.sync()
    synced_s = time.perf_counter() - begun
    resources = replace(volsched_side.memory_resources(0, "default"), pools=pools, claims=volsched_side.Stubbed())
    volsched_side.works_of(volsched_side.a_driver(resources), "default")["decision"](0)()
    decided_s = time.perf_counter() - begun
    begun = time.perf_counter()
    pools.sync()
    return {
        "sync_s": round(synced_s, 3),
        "first_decision_s": round(decided_s, 3),
        "sync_again_s": round(time.perf_counter() - begun, 3),
        "resident_mb": round(_resident_mb(), 1),
    }


def _reporting(resources: SchedulerResources, reports: list[CapabilityReport], number: int) -> Callable[[], object]:
    """A backend of ten pools reports anew, and the figures that decisions use are there."""
    report = reports[(number * 7919) % len(reports)]
    pools = [{**pool, "allocated_capacity_gb": pool["allocated_capacity_gb"] + number + 1} for pool in _listed(report)]
    anew = replace(
        report,
        capabilities={**report.capabilities, "pools": pools},
        timestamp=report.timestamp + timedelta(milliseconds=number + 1),
    )

    def run() -> object:
        resources.pools.report(anew)
        return _looked_at(resources)

    return run


def _listed(report: CapabilityReport) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = report.capabilities["pools"]
    return listed


def _claiming(resources: SchedulerResources, number: int) -> Callable[[], object]:
    """A claim is made, and the figures that decisions use are there."""
    from volsched.model.claim import Claim

    snapshot = resources.pools.table()
    pool_id = snapshot.pool((number * 7919) % len(snapshot)).pool_id
    claim = Claim(key=f"c{number}", volume_id=f"c{number}", pool_id=pool_id, size_gb=1, made_at=resources.clock())

    def run() -> object:
        resources.pools.claimed(claim)
        return _looked_at(resources)

    return run


def _looked_at(resources: SchedulerResources) -> object:
    request = RequestSpec(operation=Operation.CREATE, size_gb=1, zone="a")
    return resources.chooser.place(request, resources.pools.table().candidates())


def _numpy_ms(resources: SchedulerResources) -> float:
    """The same arithmetic over arrays that are there already: masks, a comparison, a selection, scaling, the best."""
    from volsched.model.columns import FINITE_ROOM_THIN_GB, TAKES_ALL_THIN, TAKES_SOME_THIN, ZONE

    snapshot = resources.pools.table()
    column = snapshot.coded(ZONE)
    zones = {zone: column.where(lambda value, zone=zone: value == zone) for zone in fleet.ZONES}
    room_gb = snapshot.column(FINITE_ROOM_THIN_GB)
    largest_gb = np.where(snapshot.column(TAKES_SOME_THIN), room_gb, -np.inf)
    largest_gb[snapshot.column(TAKES_ALL_THIN)] = np.inf
    capable = np.arange(len(snapshot)) % 3 > 0

    def decide(zone: str, size_gb: float) -> int:
        rows = (zones[zone] & (largest_gb >= size_gb) & capable).nonzero()[0]
        if not len(rows):
            return -1
        weights = room_gb[rows]
        low, high = weights.min(), weights.max()
        return int(rows[((weights - low) / (high - low if high > low else 1.0)).argmax()])

    return _median_ms([lambda zone=zone: decide(zone, 10.0) for _ in range(REQUESTS) for zone in zones])


def _median_ms(runs: list[Callable[[], object]]) -> float:
    """Of the CPU time of each."""
    taken = []
    for run in runs:
        begun = time.thread_time()
        run()
        taken.append((time.thread_time() - begun) * 1e3)
    return round(statistics.median(taken), 4)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


if __name__ == "__main__":
    what, value = sys.argv[1:]
    answer = restarted(value) if what == "restarted" else {"grown": grown, "restart": restart}[what](int(value))
    sys.stdout.write(json.dumps(answer) + "\n")
