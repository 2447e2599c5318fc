"""Processes that die at given moments during requests of every kind, and checks of the result."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess

import sqlalchemy as sa

from tests.functional import books
from tests.functional.fleet import UNIT, Fleet
from tests.functional.hammering import WHO
from tests.functional.moments import MISSING, TOO_MUCH_GB, Death
from tests.functional.program import PATIENCE_SECONDS
from volsched import conf
from volsched.db.schema import events, messages, volumes
from volsched.db.work import WorkQueue
from volsched.service.application import Application

POOL = "node@disk#thick"
MORE = """
[notifications]
notifiers = told
timeout = 0.1

[notifier_told]
driver = jsonl
path = {folder}/events.jsonl
"""
#: So many processes that are to die live at a time.
AT_ONCE = 7
#: What became of each kind of request: status and size, None where no row stays.
ENDS: dict[str, tuple[str, int] | None] = {
    "create": ("available", 1),
    "create, refused": ("error", TOO_MUCH_GB),
    "manage": ("available", 3),
    "manage, reverted": None,
}
#: What is told of it, once.
TOLD = {
    "create": "volume.create.end",
    "create, refused": "scheduler.create_volume",
    "manage": "volume.manage.end",
    "manage, reverted": "volume.manage.error",
}
IN_PROGRESS = ("creating", "managing")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How long after the death of a process, or after the start of the next, a request had ended."""

    death: Death
    seconds: float


class Matrix:
    """One host with one pool, the requests that are asked of it, and what is seen of them."""

    def __init__(self, fleet: Fleet, bus: str = "") -> None:
        """`bus`: the URL of what its processes are woken over; what is asked from here is found by looking."""
        self.fleet = fleet
        self.file = fleet.host("node", "thick:800", thick="thick")
        self.application = Application(conf.load([str(self.file)]))
        if bus:
            self.file.write_text(f"{self.file.read_text()}\n[messaging]\ntransport_url = {bus}\n")
        self.asked: dict[str, str] = {}  # volume -> the kind of its request
        self.rested: dict[str, float] = {}  # volume -> since when it has been at rest, or gone
        self.dead: list[Death] = []
        self._count = 0

    # -- asking ------------------------------------------------------------------------------------------------------

    def ask(self, kind: str) -> None:
        """One more request of this kind."""
        name = self.named(kind)
        volumes = self.application.api(WHO).volumes
        if kind.startswith("create"):
            volume = volumes.create(size_gb=TOO_MUCH_GB if kind == "create, refused" else 1, name=name)
        else:
            volume = volumes.manage(POOL, {"source-name": self.image(kind, name)}, name=name)
        self.asked[volume.id] = kind

    def named(self, kind: str) -> str:
        self._count += 1
        return f"{kind} {self._count}"

    def image(self, kind: str, name: str) -> str:
        """The name of an image that is there, or of none."""
        if kind == "manage, reverted":
            return MISSING
        image = self.fleet.disks / "node" / "thick" / f"{name}.img"
        image.write_bytes(b"x" * UNIT * 3)
        return image.name

    # -- dying -------------------------------------------------------------------------------------------------------

    def kill(self, deaths: Iterable[Death]) -> None:
        """Start a process for each, and go on asking until all of them are dead."""
        waiting = list(deaths)
        alive: dict[Death, BaseProcess] = {}

        def step() -> bool:
            for death, process in list(alive.items()):
                if not process.is_alive():
                    assert process.exitcode == -signal.SIGKILL, f"{death.words}: {process.exitcode}"
                    self.dead.append(death)
                    del alive[death]
            while waiting and len(alive) < AT_ONCE:
                death = waiting.pop(0)
                alive[death] = self._start(death)
            if sum(WorkQueue(self.fleet.database).lengths().values()) < AT_ONCE:
                for kind in {death.asked for death in alive if death.moment.process != "api"}:
                    self.ask(kind)
            self.look()
            return not waiting and not alive

        try:
            self.fleet.until(step, len(waiting) * PATIENCE_SECONDS)
        except AssertionError as problem:
            raise AssertionError(f"still alive: {[death.words for death in alive]}\n{problem}") from problem

    def _start(self, death: Death) -> BaseProcess:
        if death.moment.process != "api":
            program = {"delivery": "scheduler"}.get(death.moment.process, death.moment.process)
            return self.fleet.start(program, self.file, prepared=death.prepare)
        name = f"api, {death.words}"
        if death.asked == "create":
            asked = ["volume", "create", "--size", "1", "--name", name, "--no-wait"]
        else:
            asked = ["volume", "manage", POOL, self.image(death.asked, name), "--name", name, "--no-wait"]
        return self.fleet.start("command", self.file, *asked, prepared=death.prepare)

    # -- looking -----------------------------------------------------------------------------------------------------

    def look(self) -> bool:
        """Whether every request has ended, and all is told."""
        statement = sa.select(volumes.c.id, volumes.c.name, volumes.c.status)
        rows = self.fleet.database.read(lambda connection: connection.execute(statement).all())
        now, busy = time.time(), set[str]()
        for row in rows:
            if row.id not in self.asked and row.name.startswith("api, "):
                self.asked[row.id] = row.name.split(": ")[0].removeprefix("api, ")
            if row.status in IN_PROGRESS:
                busy.add(row.id)
        for volume in self.asked.keys() - busy - self.rested.keys():
            self.rested[volume] = now
        return not busy

    def ended(self) -> bool:
        """Whether all work of every request has ended, and all of it was told."""
        return self.look() and not WorkQueue(self.fleet.database).lengths() and not self.untold()

    def untold(self) -> set[str]:
        """Events that the notifier was not told."""
        file = self.fleet.folder / "events.jsonl"
        told = {json.loads(line)["id"] for line in file.read_text().splitlines()} if file.exists() else set()
        statement = sa.select(events.c.id)
        return set(self.fleet.database.read(lambda c: c.execute(statement).scalars().all())) - told

    def times(self, since: Callable[[Death], float] = lambda death: 0.0) -> list[Ended]:
        """How long it took each request whose process died. `since`: when the next was started, which ended it."""
        names = self._named()
        took = []
        for death in self.dead:
            if not death.moment.asked:
                continue
            at, volume = json.loads(death.note.read_text())
            if death.moment.process == "api":
                (volume,) = names[f"api, {death.words}"]
            if volume is not None:
                seconds = self.rested[volume] - max(at, since(death))
                if seconds > 0 or not since(death):
                    took.append(Ended(death=death, seconds=max(0.0, seconds)))
        return took

    # -- judging -----------------------------------------------------------------------------------------------------

    def problems(self) -> list[str]:
        """What is not as it must be, now that all has ended."""
        found = {row.id: row for row in self._rows()}
        names = Counter(row.name for row in found.values())
        wrong = books.problems(self.fleet.database, self.fleet.disks, UNIT)
        wrong += [f"{count} volumes are called {name}" for name, count in names.items() if count > 1]
        wrong += [f"{row.name}: a row that nobody asked for" for row in found.values() if row.id not in self.asked]
        told = self._told()
        for volume, kind in self.asked.items():
            row = found.get(volume)
            if (None if row is None else (row.status, row.size_gb)) != ENDS[kind]:
                wrong.append(f"{kind}, {volume}: {row}")
            if told[volume, TOLD[kind]] != 1:
                wrong.append(f"{kind}, {volume}: {TOLD[kind]} was told {told[volume, TOLD[kind]]} times")
            if self._messages(volume) != ("re" in kind.partition(", ")[2]):
                wrong.append(f"{kind}, {volume}: {self._messages(volume)} messages")
        for death in self.dead:
            if death.moment.process == "api" and names[f"api, {death.words}"] != death.moment.asked:
                wrong.append(f"{death.words}: {names[f'api, {death.words}']} volumes")
        return wrong

    def _rows(self) -> list[sa.Row[tuple[str, str, str, int]]]:
        statement = sa.select(volumes.c.id, volumes.c.name, volumes.c.status, volumes.c.size_gb)
        return list(self.fleet.database.read(lambda connection: connection.execute(statement).all()))

    def _named(self) -> dict[str, list[str]]:
        names = defaultdict(list)
        for row in self._rows():
            names[row.name].append(row.id)
        return names

    def _told(self) -> Counter[tuple[str, str]]:
        statement = sa.select(events.c.volume_id, events.c.payload)
        rows = self.fleet.database.read(lambda connection: connection.execute(statement).all())
        return Counter((row.volume_id, row.payload["event_type"]) for row in rows)

    def _messages(self, volume: str) -> int:
        statement = sa.select(sa.func.count()).where(messages.c.volume_id == volume)
        return int(self.fleet.database.read(lambda connection: connection.execute(statement).scalar_one()))

    def close(self) -> None:
        self.application.close()
