"""One side of a comparison: a process that does requests in batches and tells how long each took and what it chose.

Spoken over standard input and output, a JSON object a line: `{"work": …, "first": …, "count": …}` in,
`{"ms": [CPU milliseconds], "wall_ms": […], "chosen": [pool id or null]}` out.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

#: Makes ready whatever is not measured, and returns what is: called with the number of a request.
Prepare = Callable[[int], Callable[[], Any]]


def serve(works: dict[str, Prepare], chosen: dict[str, Callable[[Any], Any]]) -> None:
    """Do what is asked until standard input ends. `chosen` says where the volume of a request was placed."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # whatever else is printed must not come between
    answers.write(json.dumps({"ready": sorted(works)}) + "\n")
    answers.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        prepare = works[asked["work"]]
        gc.collect()
        ms, wall_ms, choices = [], [], []
        for number in range(asked["first"], asked["first"] + asked["count"]):
            run = prepare(number)
            wall, cpu = time.perf_counter(), time.thread_time()
            result = run()
            cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
            ms.append(cpu * 1e3)
            wall_ms.append(wall * 1e3)
            choices.append(chosen[asked["work"]](result))
        answers.write(json.dumps({"ms": ms, "wall_ms": wall_ms, "chosen": choices}) + "\n")
        answers.flush()
