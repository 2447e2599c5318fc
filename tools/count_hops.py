"""Count the hops of a create request from the command line to the claim: `python -m tools.count_hops`.

A hop is a call from one module of volsched into another on the way of the request: from the command to the transaction
that stores it, and from the scheduler's work loop to the transaction that claims the room. Calls within a module, and
calls that return before the way goes on (validation, lookups), are no hops. The second figure is the number of times
that each process parses a volume, a lease or a request from plain data.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

#: The ends of the two ways, and where each begins.
ENDS = {
    "volsched.db.volumes:Volumes.create": "volsched.cli.volume:VolumeCreate.take_action",
    "volsched.db.claims:Claims.claim": "volsched.scheduler.worker:SchedulerWorker.work_once",
}
#: Functions that parse plain data. The reading of a row is none: its caller is not counted.
PARSERS = ("volsched.model.serialization:Serializable.parse", "volsched.model.parsing.requests:request_from")
ROWS = "volsched.db."


@dataclass
class Hops:
    """The ways of one request: the functions on the stack at the end of each, and the parses before."""

    ways: dict[str, list[str]] = field(default_factory=dict)
    parses: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of calls between modules on both ways."""
        return sum(_hops(way) for way in self.ways.values())


def _hops(way: list[str]) -> int:
    modules = [name.partition(":")[0] for name in way]
    return sum(before != after for before, after in itertools.pairwise(modules))


def _name(frame: FrameType) -> str:
    return f"{frame.f_globals.get('__name__', '')}:{frame.f_code.co_qualname}"


def _stack(frame: FrameType | None, start: str) -> list[str]:
    names: list[str] = []
    while frame is not None:
        name = _name(frame)
        if name.startswith(("volsched.", "volsched_drivers.")):
            names.append(name)
        if name == start:
            return names[::-1]
        frame = frame.f_back
    raise LookupError(f"{start} is not on the way; was it renamed?")


def count_hops(folder: Path) -> Hops:
    """Create a volume in a folder, with the command, the scheduler and the agent in this process."""
    from volsched.cli.main import main

    found, parses = Hops(), Counter[str]()

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event != "call":
            return
        name = _name(frame)
        if name in PARSERS:
            kind, given = frame.f_locals.get("cls"), frame.f_locals.get("given")
            if kind is None:
                parses[name.partition(":")[2]] += 1
            elif not isinstance(given, kind):  # a value is returned as it is
                caller = _name(frame.f_back) if frame.f_back is not None else ""
                parses[kind.__name__] += not caller.startswith(ROWS)
        elif name in ENDS and name not in found.ways:
            found.ways[name] = _stack(frame, ENDS[name])
            found.parses[name] = parses.copy()
            parses.clear()

    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        if main(["init", str(folder), "--pool-size", "5"]):
            raise RuntimeError(output.getvalue())
        command = [
            "--config-file",
            str(folder / "volsched.conf"),
            "volume",
            "create",
            "--size",
            "1",
            "--name",
            "counted",
        ]
        sys.setprofile(profile)
        try:
            status = main(command)
        finally:
            sys.setprofile(None)
    if status or set(found.ways) != set(ENDS):
        raise RuntimeError(output.getvalue())
    return found


def report(found: Hops) -> str:
    """Return the ways, their hops and their parses as text."""
    lines = [f"{found.count} hops"]
    for end, way in found.ways.items():
        parsed = ", ".join(f"{count} x {kind}" for kind, count in found.parses[end].items() if count) or "none"
        lines += ["", f"{_hops(way)} hops, parses: {parsed}", *(f"  {name}" for name in way)]
    return "\n".join(lines)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="volsched-hops-") as temporary:
        sys.stdout.write(report(count_hops(Path(temporary))) + "\n")
