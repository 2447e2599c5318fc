"""Many clients ask at once for more than there is, and an observer reads throughout.

`python -m tests.functional.hammering --database mariadb --requests 2000` does it and says what was seen.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path

import sqlalchemy as sa

from tests import servers
from tests.functional import books, figures
from tests.functional.ailments import wrong_clock
from tests.functional.fleet import UNIT, Fleet
from tests.functional.program import PATIENCE_SECONDS
from volsched.db import claims as claiming
from volsched.db import pool_room
from volsched.db.backends import Backends
from volsched.db.claims import Claims
from volsched.db.schema import messages, pools, volumes
from volsched.db.work import WorkQueue
from volsched.exceptions import ClaimConflict, VolschedError
from volsched.model.claim import Claim, Placement

WHO = {"project_id": "p", "user_id": "u", "is_admin": True}
SIZES = (1, 2, 3, 5, 8)
SCHEDULERS = 4
CLIENTS = 8
#: How long another scheduler has to come between a check and its write, where the two are apart.
GAP_SECONDS = 0.03


@dataclass(frozen=True, kw_only=True)
class Hammered:
    """What was seen."""

    requests: int
    placed: int
    refused: int
    untold: int  # refused, and its owner was not told why
    conflicts: int  # claims that lost their race
    takeovers: int  # work whose lease ended before it did
    pools_used: int
    seconds: float
    p50_seconds: float  # of one request, waiting for its turn included
    p99_seconds: float
    looks: int  # of the observer
    room_gb: float
    placed_gb: float
    overfull: dict[str, float]  # pool -> GiB above what it may hold, at the worst moment
    problems: list[str]  # in the books, afterwards

    @property
    def told(self) -> str:
        """A line for people."""
        return (
            f"{self.requests} requests in {self.seconds:.1f} s: {self.placed} placed, {self.refused} refused, "
            f"{self.conflicts} claims lost a race; a request took p50 {self.p50_seconds:.2f} s, "
            f"p99 {self.p99_seconds:.2f} s; {self.placed_gb:g} of {self.room_gb:g} GiB, "
            f"overfull: {self.overfull or 'never'} ({self.looks} looks)"
        )


def hammer(
    folder: Path,
    url: str,
    requests: int,
    prepared: Callable[[], object] | None = None,
    clocks: Sequence[float] = (0.0,),
) -> Hammered:
    """Schedulers, agents and clients as processes of their own, on pools with room for half of what is asked.

    `prepared`: what is done in each scheduler first. `clocks`: seconds by which the processes' clocks are ahead, in
    turn.
    """
    wrong = [partial(wrong_clock, seconds) if seconds else None for seconds in clocks]
    count = requests // CLIENTS
    half = count * CLIENTS * sum(SIZES) / len(SIZES) / 2
    with Fleet(folder, url) as fleet:
        files, limits = hosts(fleet, thick=int(half / 4), thin=int(half / 8))
        observer = Observer(fleet, limits)
        for number, file in enumerate(files):
            fleet.start("agent", file, prepared=wrong[number % len(wrong)])
        fleet.until(lambda: len(list(fleet.disks.glob("*/*"))) == len(limits))
        lost = folder / "conflicts"
        for number in range(SCHEDULERS):
            first = partial(_first, str(lost), prepared, wrong[number % len(wrong)])
            fleet.start("scheduler", files[number % 2], prepared=first)
        fleet.until(lambda: _said(fleet, "volsched-scheduler: ready") == SCHEDULERS)
        begun = time.monotonic()
        clients = [
            fleet.start(
                "client",
                files[number % 2],
                *("--count", str(count), "--seed", str(number)),
                prepared=wrong[number % len(wrong)],
            )
            for number in range(CLIENTS)
        ]
        patience = PATIENCE_SECONDS + requests / 2
        fleet.until(lambda: observer.look() or not any(client.is_alive() for client in clients), patience)
        if any(client.exitcode for client in clients):
            raise AssertionError(fleet.log("client", files[0]).read_text() + fleet.log("client", files[1]).read_text())
        fleet.until(observer.at_rest, patience)
        found = figures.requests(fleet.database)
        took = [request.seconds for request in found]
        statuses = observer.statuses()
        return Hammered(
            requests=count * CLIENTS,
            placed=statuses["available"],
            refused=statuses["error"],
            untold=observer.untold(),
            conflicts=lost.stat().st_size if lost.exists() else 0,
            takeovers=sum(request.takeovers for request in found),
            pools_used=sum(size > 0 for size in observer.most.values()),
            seconds=round(time.monotonic() - begun, 2),
            p50_seconds=round(figures.share(took, 50), 3),
            p99_seconds=round(figures.share(took, 99), 3),
            looks=observer.looks,
            room_gb=sum(limits.values()),
            placed_gb=sum(books.placed(fleet.database).values()),
            overfull=observer.exceeded,
            problems=books.problems(fleet.database, fleet.disks, UNIT),
        )


def hosts(fleet: Fleet, thick: int, thin: int) -> tuple[list[Path], dict[str, float]]:
    """Two hosts with a thick and a thin pool each, and what may be placed in each pool; thin ones take twice."""
    files, limits = [], {}
    for name in ("left", "right"):
        files.append(fleet.host(name, f"thick:{thick}, thin:{thin}", thick="thick", ratio=2.0))
        limits |= {f"{name}@disk#thick": float(thick), f"{name}@disk#thin": 2.0 * thin}
    return files, limits


def client(arguments: list[str]) -> int:
    """Asks as often as it is told, and waits for nothing."""
    from volsched import conf
    from volsched.service.application import open_application

    options = dict(zip(arguments[0::2], arguments[1::2], strict=True))
    chance = random.Random(options["--seed"])
    with open_application(conf.load([options["--config-file"]])) as made:
        for number in range(int(options["--count"])):
            try:
                made.api(WHO).volumes.create(size_gb=chance.choice(SIZES), name=f"{options['--seed']}-{number}")
            except VolschedError as refused:
                print(refused, file=sys.stderr)
                return 1
    return 0


class Observer:
    """Reads what is placed, again and again, and remembers the most."""

    def __init__(self, fleet: Fleet, limits: dict[str, float]) -> None:
        self._fleet = fleet
        self._limits = limits
        self.most: dict[str, float] = dict.fromkeys(limits, 0.0)
        self.looks = 0

    def look(self) -> None:
        self.looks += 1
        for seen in (books.placed(self._fleet.database), self._on_disk()):
            for pool, size in seen.items():
                self.most[pool] = max(self.most[pool], size)

    def _on_disk(self) -> dict[str, float]:
        """Pool -> GiB of volumes that are there, whatever the database says."""
        found: dict[str, float] = {}
        for pool in self._fleet.disks.glob("*/*"):
            sizes = [_size(entry) for entry in os.scandir(pool) if entry.name.startswith("volume-")]
            found[f"{pool.parent.name}@disk#{pool.name}"] = sum(sizes) / UNIT
        return found

    @property
    def exceeded(self) -> dict[str, float]:
        return {pool: size - self._limits[pool] for pool, size in self.most.items() if size > self._limits[pool]}

    def statuses(self) -> Counter[str]:
        statement = sa.select(volumes.c.status, sa.func.count()).group_by(volumes.c.status)
        return Counter(dict(self._fleet.database.read(lambda c: c.execute(statement).all())))

    def at_rest(self) -> bool:
        """Whether no volume waits for anything, and whoever worked for one has ended that work too."""
        self.look()
        waiting = [status for status in self.statuses() if status.endswith("ing") and not status.startswith("error")]
        return not waiting and not WorkQueue(self._fleet.database).lengths()

    def untold(self) -> int:
        """How many volumes in error have no message that says why."""
        told = sa.select(messages.c.volume_id)
        statement = sa.select(sa.func.count()).where(volumes.c.status == "error", volumes.c.id.not_in(told))
        return int(self._fleet.database.read(lambda c: c.execute(statement).scalar_one()))


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0  # removed since it was listed


def _said(fleet: Fleet, words: str) -> int:
    return sum(log.read_text().count(words) for log in fleet.folder.glob("*.log"))


# -- what is done in schedulers ----------------------------------------------------------------------------------------


def _first(lost: str, *prepared: Callable[[], object] | None) -> None:
    for prepare in prepared:
        if prepare is not None:
            prepare()
    count_conflicts(lost)


def count_conflicts(file: str) -> None:
    """From here on a claim that loses its race adds a character to the file."""
    real = Claims.claim

    @wraps(real)
    def claim(self: Claims, placement: Placement) -> Claim:
        try:
            return real(self, placement)
        except ClaimConflict:
            with open(file, "a") as lost:
                lost.write(".")
            raise

    Claims.claim = claim  # type: ignore[method-assign]


def read_check_write() -> None:
    """From here on claims are what they are in schedulers that keep the truth in memory."""
    real, seen = Claims.claim, threading.local()

    def claim(self: Claims, placement: Placement) -> Claim:
        wanted = placement.claim
        pool = Backends(self._database).pool(wanted.pool_id)
        left = pool.room_thin_gb if placement.thin else pool.room_thick_gb
        if left is not None and left - pool.pending_gb < wanted.size_gb:
            raise ClaimConflict(wanted.pool_id)
        seen.pending_gb = pool.pending_gb
        threading.Event().wait(GAP_SECONDS)
        return real(self, placement)

    def take(connection: sa.Connection, wanted: Claim, *, thin: bool) -> bool:
        pending = seen.pending_gb + wanted.size_gb
        connection.execute(sa.update(pools).where(pools.c.id == wanted.pool_id).values(pending_gb=pending))
        return True

    Claims.claim = claim  # type: ignore[method-assign]
    assert claiming.pool_room is pool_room
    pool_room.claim_room = take


# -- by hand -----------------------------------------------------------------------------------------------------------


def database_of(kind: str, folder: Path, stack: ExitStack) -> str:
    """The URL of a new, empty database, which goes away with the block."""
    if kind == "sqlite":
        return f"sqlite:///{folder}/volsched.db"
    return stack.enter_context(servers.require(kind).database())


def main() -> int:
    parser = argparse.ArgumentParser(prog="hammering", description=__doc__)
    parser.add_argument("--database", choices=("postgresql", "mariadb", "sqlite"), default="postgresql")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--read-check-write", action="store_true", help="with claims that are none")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="volsched-hammer-"))).resolve()
        url = database_of(options.database, folder, stack)
        seen = hammer(folder, url, options.requests, read_check_write if options.read_check_write else None)
    print(f"{options.database}: {seen.told}")
    print(json.dumps(dataclasses.asdict(seen), indent=2))
    return 1 if seen.overfull or seen.problems or seen.untold else 0


if __name__ == "__main__":
    # Its processes import this module by its name.
    from tests.functional import hammering

    sys.exit(hammering.main())
