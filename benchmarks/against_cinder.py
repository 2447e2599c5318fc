"""volsched against cinder 29.0.0: the same fleet and requests in one run, in turns, so that the noise is shared.

* `decision`: the scheduler drivers' `schedule_create_volume`, with the database and RPC left out on both sides.
* `flow`: the whole create_volume flow, with the same left out.
* `durable-flow`: the whole flow of ours with its claim in a SQLite file: room in the pool, the volume's row, the claim,
  the decision, the event and the agent's work, in one transaction that is on the disk when the flow ends. Cinder's is
  that of `flow`, which writes nothing: it has no claim, and its own time cannot be said to be its database's.
* `durable-both`: the same of ours; Cinder's is its manager's create with its own database in a SQLite file too, where
  it reads the services and writes the volume's row and the worker's. Only here do both sides write.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CINDER = ("cinder==29.0.0", "pyparsing==3.3.2")  # with pyparsing 3.3.3 no expression of Cinder's parses
ROUNDS = 4
#: The sides take turns; so many requests at the start of a turn fill the processor's caches again, and do not count.
COLD = 3
#: So many requests at least come before those that count: they fill what either side keeps.
WARM = 12
#: (work, plugins, pools, requests): Cinder's time for the largest is 5 to 16 s a request.
RUNS = (
    ("decision", "default", 100, 200),
    ("decision", "default", 1_000, 200),
    ("decision", "default", 10_000, 40),
    ("decision", "full", 100, 60),
    ("decision", "full", 1_000, 24),
    ("decision", "full", 10_000, 12),
    ("flow", "default", 100, 100),
    ("flow", "default", 1_000, 60),
    ("flow", "default", 10_000, 40),
    ("durable-flow", "default", 1_000, 60),
    ("durable-flow", "default", 10_000, 40),
    ("durable-both", "default", 1_000, 60),
    ("durable-both", "default", 10_000, 40),
)
#: What either side does for a work of another name.
CINDERS = {"durable-flow": "flow", "durable-both": "durable-flow"}
OURS = {"durable-both": "durable-flow"}


#: Whether a run of this work, with these plugins and so many pools, is asked for.
Wanted = Callable[[str, str, int], bool]


def everything(work: str, plugins: str, pools: int) -> bool:
    return True


class Side:
    """A process that does requests; see `side`."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own scripts
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent
        )
        self._read()

    def ask(self, work: str, first: int, count: int) -> dict[str, Any]:
        """Do some requests; returns CPU milliseconds, wall milliseconds and choices."""
        if self._process.stdin is None:
            raise RuntimeError("the process has no input")
        self._process.stdin.write(json.dumps({"work": work, "first": first, "count": count}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def stop(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=60)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise RuntimeError(f"{self._process.args} ended without an answer")
        answer: dict[str, Any] = json.loads(line)
        return answer


def cinder_python() -> str:
    """The Python of an environment with Cinder, which is made where it is missing."""
    folder = Path(os.environ.get("CINDER_VENV", HERE.parent / "build" / "cinder-venv"))
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        sys.stderr.write(f"Making an environment with Cinder in {folder} (a minute or two)\n")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)  # noqa: S603
        subprocess.run([python, "-m", "pip", "install", "-qq", "--no-input", *CINDER], check=True)  # noqa: S603
        (folder / "ready").touch()
    return str(python)


def measure(*, quick: bool = False, wanted: Wanted = everything) -> list[dict[str, Any]]:
    """A row for each of RUNS that is wanted, in the words of `latest.json`; `quick` leaves out the largest fleet."""
    python = cinder_python()
    rows = []
    for work, plugins, pools, count in RUNS:
        if (quick and pools > 1_000) or not wanted(work, plugins, pools):
            continue
        sys.stderr.write(f"  {work}, {plugins} plugins, {pools} pools\n")
        # A pair of processes each: what one kind of work claimed must not be in the way of the next.
        with _sides(python, pools, plugins, work) as (cinder, ours):
            rows.append(_compare(cinder, ours, work, plugins, pools, count))
        sys.stderr.write("    {ratio:g} times as fast, {differing_choices} other choices\n".format_map(rows[-1]))
    return rows


@contextmanager
def _sides(python: str, pools: int, plugins: str, work: str) -> Iterator[tuple[Side, Side]]:
    fleet = [str(pools), plugins]
    ours = Side([sys.executable, "-m", "benchmarks.volsched_side", *fleet, OURS.get(work, work)])
    try:
        cinder = Side([python, "-W", "ignore", str(HERE / "cinder_side.py"), *fleet, CINDERS.get(work, work)])
        try:
            yield cinder, ours
        finally:
            cinder.stop()
    finally:
        ours.stop()


def _compare(cinder: Side, ours: Side, work: str, plugins: str, pools: int, count: int) -> dict[str, Any]:
    theirs: dict[str, list[Any]] = {"ms": [], "wall_ms": [], "chosen": []}
    mine: dict[str, list[Any]] = {"ms": [], "wall_ms": [], "chosen": []}
    warm = max(WARM, count // 2)
    our_work, cinders_work = OURS.get(work, work), CINDERS.get(work, work)
    ours.ask(our_work, count, warm)
    cinder.ask(cinders_work, count, warm)
    each = max(2 * COLD, count // ROUNDS)
    for start in range(0, count, each):  # the last turn may be shorter
        for store, answer in (
            (theirs, cinder.ask(cinders_work, start, min(each, count - start))),
            (mine, ours.ask(our_work, start, min(each, count - start))),
        ):
            for key, values in store.items():
                values.extend(answer[key] if key == "chosen" else answer[key][COLD:])
    cinder_ms, volsched_ms = statistics.median(theirs["ms"]), statistics.median(mine["ms"])
    return {
        "work": work,
        "plugins": plugins,
        "pools": pools,
        "requests": len(mine["ms"]),
        "cinder_ms": round(cinder_ms, 4),
        "volsched_ms": round(volsched_ms, 4),
        "ratio": round(cinder_ms / volsched_ms, 1),
        "same_choice": theirs["chosen"] == mine["chosen"],
        "differing_choices": sum(a != b for a, b in zip(theirs["chosen"], mine["chosen"], strict=True)),
        "cinder_p99_ms": round(_p99(theirs["ms"]), 4),
        "volsched_p99_ms": round(_p99(mine["ms"]), 4),
        "volsched_wall_ms": round(statistics.median(mine["wall_ms"]), 4),
    }


def _p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, round((len(values) - 1) * 0.99))]
