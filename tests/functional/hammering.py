"""What the hammer and the soak have in common: clients that ask, and an observer that reads throughout."""

from __future__ import annotations

import random
import sys
from collections import Counter
from pathlib import Path

import sqlalchemy as sa

from tests.functional import books
from tests.functional.fleet import Fleet
from volsched.db.schema import messages, volumes
from volsched.db.work import WorkQueue
from volsched.exceptions import VolschedError

WHO = {"project_id": "p", "user_id": "u", "is_admin": True}
SIZES = (1, 2, 3, 5, 8)
IN_PROGRESS = ("creating", "deleting", "extending")


def client(arguments: list[str]) -> int:
    """Asks as often as it is told; `mixed`: also for more room, and to take volumes away."""
    from volsched import conf
    from volsched.bootstrap import application

    options = dict(zip(arguments[0::2], arguments[1::2], strict=True))
    chance = random.Random(options["--seed"])
    with application(conf.load([options["--config-file"]])) as made:
        for number in range(int(options["--count"])):
            try:
                if options["--mixed"] == "yes" and number % 2:
                    _change(made, chance)
                else:
                    made.volumes.create(WHO, size_gb=chance.choice(SIZES), name=f"{options['--seed']}-{number}")
            except VolschedError as refused:
                print(refused, file=sys.stderr)
    return 0


def _change(made: object, chance: random.Random) -> None:
    volumes_ = made.volumes  # type: ignore[attr-defined]
    resting = [one for one in volumes_.list(WHO) if not one.status.in_progress]
    if not resting:
        return
    one = chance.choice(resting)
    if chance.random() < 0.75:
        volumes_.delete(WHO, one.id)
    elif one.status.value == "available":
        volumes_.extend(WHO, one.id, one.size_gb + chance.choice(SIZES))


class Observer:
    """Reads what is placed, again and again, and remembers the most."""

    def __init__(self, fleet: Fleet, limits: dict[str, float]) -> None:
        self._fleet = fleet
        self._limits = limits
        self.most: dict[str, float] = dict.fromkeys(limits, 0.0)
        self.looks = 0

    def look(self) -> None:
        self.looks += 1
        for pool, size in books.placed(self._fleet.database).items():
            self.most[pool] = max(self.most[pool], size)

    @property
    def exceeded(self) -> dict[str, float]:
        return {pool: size for pool, size in self.most.items() if size > self._limits[pool]}

    def statuses(self) -> Counter[str]:
        statement = sa.select(volumes.c.status, sa.func.count()).group_by(volumes.c.status)
        return Counter(dict(self._fleet.database.read(lambda c: c.execute(statement).all())))

    def at_rest(self) -> bool:
        """Whether no volume waits for anything, and whoever worked for one has ended that work too."""
        self.look()
        statuses = self.statuses()
        return not any(statuses[one] for one in IN_PROGRESS) and not WorkQueue(self._fleet.database).unfinished()

    def untold(self) -> int:
        """How many volumes in error have no message that says why."""
        told = sa.select(messages.c.volume_id)
        statement = sa.select(sa.func.count()).where(volumes.c.status == "error", volumes.c.id.not_in(told))
        return int(self._fleet.database.read(lambda c: c.execute(statement).scalar_one()))


def hosts(fleet: Fleet, thick: int, thin: int) -> tuple[list[Path], dict[str, float]]:
    """Two hosts with a thick and a thin pool each, and what may be placed in each pool; thin ones take twice."""
    files, limits = [], {}
    for name in ("left", "right"):
        files.append(fleet.host(name, f"thick:{thick}, thin:{thin}", thick="thick", ratio=2.0))
        limits |= {f"{name}@disk#thick": float(thick), f"{name}@disk#thin": 2.0 * thin}
    return files, limits
