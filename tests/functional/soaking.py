"""The soak test: requests of every kind, while processes are killed and paused at random."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.functional import books, figures
from tests.functional.fleet import UNIT, Fleet
from tests.functional.hammering import SIZES, WHO, Observer, hosts
from volsched.api.audit import Audit
from volsched.db.database import Database
from volsched.db.schema import events
from volsched.db.volume_types import VolumeTypes
from volsched.db.volumes import Volumes
from volsched.exceptions import DatabaseUnavailable, NotFound, VolschedError

TOLD = """
[notifications]
notifiers = told

[notifier_told]
driver = jsonl
path = {folder}/events.jsonl
"""
#: Volume types, by the pools that take them; a retype from one to the other is a move.
TYPES = {"thick": {"pool_name": "thick"}, "thin": {"pool_name": "thin"}}
THICK_GB, THIN_GB = 60, 30
#: So many volumes at rest are kept before more are taken away than made.
ENOUGH = 60
#: Seconds until everything that was asked must have ended, once nobody is killed any more.
REST_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Soaked:
    """What was seen. Every count in `broken` must be 0."""

    database: str
    seed: int
    seconds: float
    requests: int  # that were asked, whatever became of them
    outcomes: dict[str, int]  # "create: accepted", …
    kills: dict[str, int]  # by program
    stops: dict[str, int]
    takeovers: int  # of work whose holder was gone or asleep
    p50_seconds: float
    p99_seconds: float
    longest_seconds: float  # that any request was in progress
    looks: int
    told: int  # notifications that were delivered, each counted once
    told_again: int  # the same one once more: at least once is the promise
    overfull: dict[str, float]  # pool -> GiB above what it may hold, at the worst moment
    lost: list[str]
    doubled: list[str]
    untold: list[str]  # events that no notifier got, and owners who were not told why
    drift: list[str]
    stuck: list[str]
    died: list[str]  # processes that ended though nobody killed them

    @property
    def broken(self) -> dict[str, int]:
        """How often each promise was broken."""
        names = ("overfull", "lost", "doubled", "untold", "drift", "stuck", "died")
        return {name: len(getattr(self, name)) for name in names}

    @property
    def text(self) -> str:
        """The report for people."""
        lines = {
            "database": f"{self.database}, seed {self.seed}, {self.seconds:.0f} s",
            "requests": f"{self.requests}: {_counts(self.outcomes)}",
            "killed": _counts(self.kills),
            "stopped": _counts(self.stops),
            "taken over": str(self.takeovers),
            "in progress": f"p50 {self.p50_seconds:.2f} s, p99 {self.p99_seconds:.2f} s, "
            f"longest {self.longest_seconds:.1f} s",
            "notifications": f"{self.told} told, {self.told_again} of them more than once",
            "observed": f"{self.looks} times",
            "broken": _counts(self.broken),
        }
        told = [f"{name + ':':15}{line}" for name, line in lines.items()]
        return "\n".join([*told, *(f"  {name}: {one}" for name in self.broken for one in getattr(self, name))])


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counted.items())) or "none"


@dataclass(kw_only=True)
class Post:
    """A place in the fleet: when whoever holds it is killed, another follows."""

    program: str
    file: Path
    arguments: Callable[[int], tuple[str, ...]] = lambda life: ()
    process: BaseProcess | None = None
    lives: int = 0
    stopped: bool = False


@dataclass
class Soak:
    """One run. `harm`: more that can be struck: name -> what is done, which returns what fixes it."""

    fleet: Fleet
    kind: str
    seed: int
    seconds: float
    say: Callable[[str], None] = lambda line: None
    harm: dict[str, Callable[[], Callable[[], None]]] = field(default_factory=dict)
    schedulers: int = 4
    customers: int = 8

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._kills: Counter[str] = Counter()
        self._stops: Counter[str] = Counter()
        self._died: list[str] = []
        self._mends: list[tuple[float, Callable[[], None]]] = []
        self._down = False  # whether something that all need is away
        self._journals = self.fleet.folder / "journals"
        self._ending = self.fleet.folder / "ending"

    def run(self) -> Soaked:
        """Everything, to its end. Raises AssertionError where it does not even begin."""
        self._journals.mkdir()
        self.fleet.watchful = False  # who dies is told of in the report
        files, limits = hosts(self.fleet, thick=THICK_GB, thin=THIN_GB)
        for name, specs in TYPES.items():
            VolumeTypes(self.fleet.database).create(name, extra_specs=specs)
        observer = Observer(self.fleet, limits)
        posts = self._posts(files)
        for post in posts:
            self._fill(post)
        self.fleet.until(lambda: len(list(self.fleet.disks.glob("*/*"))) == len(limits))
        begun = time.monotonic()
        self._strike_until(begun + self.seconds, posts, observer)
        self._ending.touch()
        for _, fix in self._mends:
            fix()
        customers = [post.process for post in posts if post.program == "customer"]
        for customer in customers:
            assert customer is not None
            customer.join(REST_SECONDS)
        with contextlib.suppress(AssertionError):  # what is still in progress is told of below
            self.fleet.until(lambda: observer.at_rest() and not self._undelivered(), REST_SECONDS)
        self._bury(posts)
        return self._seen(observer, time.monotonic() - begun)

    # -- who is struck ---------------------------------------------------------------------------------------------

    def _posts(self, files: list[Path]) -> list[Post]:
        def seeds(number: int) -> Callable[[int], tuple[str, ...]]:
            return lambda life: ("--seed", f"{self.seed}.{number}.{life}", "--folder", str(self.fleet.folder))

        return [
            *(Post(program="agent", file=file) for file in files),
            *(Post(program="scheduler", file=files[number % 2]) for number in range(self.schedulers)),
            *(
                Post(program="customer", file=files[number % 2], arguments=seeds(number))
                for number in range(self.customers)
            ),
        ]

    def _fill(self, post: Post) -> None:
        post.lives += 1
        post.process = self.fleet.start(post.program, post.file, *post.arguments(post.lives))

    def _strike_until(self, end: float, posts: list[Post], observer: Observer) -> None:
        nap, next_word = threading.Event(), time.monotonic() + 10
        strike_at = time.monotonic() + 1.0
        while (now := time.monotonic()) < end:
            nap.wait(0.1)
            with contextlib.suppress(DatabaseUnavailable):
                observer.look()
            for due in [one for one in self._mends if one[0] <= now]:
                self._mends.remove(due)
                due[1]()
            self._bury(posts)
            if now >= strike_at:
                self._strike(now, posts)
                strike_at = now + self._chance.uniform(0.1, 1.0)
            if now >= next_word:
                next_word = now + 10
                self._tell(end - now, observer)

    def _strike(self, now: float, posts: list[Post]) -> None:
        if self.harm and not self._down and self._chance.random() < 0.05:
            name = self._chance.choice(sorted(self.harm))
            self._kills[name] += 1
            self._down, fix = True, self.harm[name]()
            self._mends.append((now + self._chance.uniform(0.5, 5.0), lambda: self._up(fix)))
            return
        program = self._chance.choice(sorted({post.program for post in posts}))
        standing = [post for post in posts if post.program == program and post.process and not post.stopped]
        if not standing:
            return
        post = self._chance.choice(standing)
        if self._chance.random() < 0.5:
            self._kills[post.program] += 1
            _signal(post, signal.SIGKILL)
            self._replace(post, now)
            return
        self._stops[post.program] += 1
        _signal(post, signal.SIGSTOP)
        post.stopped = True
        self._mends.append((now + self._chance.uniform(0.3, 6.0), lambda: _continue(post)))

    def _up(self, fix: Callable[[], None]) -> None:
        fix()
        self._down = False

    def _replace(self, post: Post, now: float) -> None:
        process, post.process = post.process, None
        assert process is not None
        process.join()
        self._mends.append((now + self._chance.uniform(0.0, 2.0), lambda: self._fill(post)))

    def _bury(self, posts: list[Post]) -> None:
        """Who died unasked is told of, and followed."""
        for post in posts:
            process = post.process
            if process is None or process.is_alive() or (post.program == "customer" and process.exitcode == 0):
                continue
            if not (self._down and process.exitcode == 2):  # who starts while the database is away says so, and ends
                self._died.append(f"{post.program} of {post.file.stem} ended with {process.exitcode}")
            self._replace(post, time.monotonic())

    def _tell(self, left: float, observer: Observer) -> None:
        with contextlib.suppress(DatabaseUnavailable):
            found = figures.requests(self.fleet.database)
            under_way = sum(request.ended_at is None for request in found)
            taken_over = sum(request.takeovers for request in found)
            self.say(
                f"{left:5.0f} s left: {len(found)} requests, {under_way} in progress, {self._kills.total()} kills, "
                f"{self._stops.total()} stops, {taken_over} taken over, overfull {observer.exceeded or 'never'}"
            )

    # -- what was seen ---------------------------------------------------------------------------------------------

    def _undelivered(self) -> int:
        statement = sa.select(sa.func.count()).where(events.c.open.is_(True))
        return int(self.fleet.database.read(lambda connection: connection.execute(statement).scalar_one()))

    def _seen(self, observer: Observer, seconds: float) -> Soaked:
        found = figures.requests(self.fleet.database)
        took = [request.seconds for request in found if request.ended_at is not None]
        journal = Journal.read(self._journals)
        told = Counter(_told(self.fleet.folder / "events.jsonl"))
        statement = sa.select(events.c.id)
        wanted = self.fleet.database.read(lambda connection: list(connection.execute(statement).scalars()))
        untold = observer.untold()
        return Soaked(
            database=self.kind,
            seed=self.seed,
            seconds=round(seconds, 1),
            requests=len(journal.asked),
            outcomes=dict(Counter(f"{entry['operation']} {entry['answer']}" for entry in journal.answered)),
            kills=dict(self._kills),
            stops=dict(self._stops),
            takeovers=sum(request.takeovers for request in found),
            p50_seconds=round(figures.share(took, 50), 3),
            p99_seconds=round(figures.share(took, 99), 3),
            longest_seconds=round(max(took, default=0.0), 1),
            looks=observer.looks,
            told=len(told),
            told_again=sum(count > 1 for count in told.values()),
            overfull=observer.exceeded,
            lost=list(_lost(journal, found, Volumes(self.fleet.database))),
            doubled=list(_doubled(journal, found, Volumes(self.fleet.database))),
            untold=[*(f"event {one}" for one in wanted if one not in told), *["an owner"] * untold],
            drift=[*books.problems(self.fleet.database, self.fleet.disks, UNIT), *_drift(self.fleet.url)],
            stuck=[f"{one.operation} of {one.volume_id}" for one in found if one.ended_at is None],
            died=self._died,
        )


def _signal(post: Post, sign: signal.Signals) -> None:
    if post.process is not None and post.process.pid is not None and post.process.is_alive():
        os.kill(post.process.pid, sign)


def _continue(post: Post) -> None:
    post.stopped = False
    _signal(post, signal.SIGCONT)


def _told(file: Path) -> Iterator[str]:
    for line in file.read_text().splitlines() if file.exists() else ():
        with contextlib.suppress(ValueError):  # who was killed while it wrote left a part of a line
            yield json.loads(line)["id"]


def _drift(url: str) -> list[str]:
    """What an audit says that takes nothing for half done."""
    with contextlib.closing(Database(url, clock=_later)) as database:
        return [f"{one.check}: {one.subject}: {one.what}" for one in Audit(database).find()]


def _later() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=3)


def _lost(journal: Journal, found: list[figures.Request], volumes: Volumes) -> Iterator[str]:
    """What was accepted, and has neither happened nor was ended otherwise."""
    there = {volume.id for volume in volumes.list()}
    ended = Counter((one.volume_id, one.operation) for one in found if one.ended_at is not None)
    deleted = {entry.get("volume_id") for entry in journal.asked if entry["operation"] == "delete"}
    for entry in journal.answered:
        if entry["answer"] != "accepted":
            continue
        key = entry["volume_id"], entry["operation"]
        ended[key] -= 1
        if entry["operation"] == "delete":
            gone = entry["volume_id"] not in there  # what was never placed needs no work to go away
            if not gone:
                yield f"delete of {entry['volume_id']}"
        elif ended[key] < 0:
            yield f"{entry['operation']} of {entry['volume_id']}"
        elif entry["volume_id"] not in there and entry["volume_id"] not in deleted:
            yield f"volume {entry['volume_id']}, which nobody deleted"


def _doubled(journal: Journal, found: list[figures.Request], volumes: Volumes) -> Iterator[str]:
    """What happened more often than it was asked."""
    for name, count in Counter(volume.name for volume in volumes.list()).items():
        if count > 1:
            yield f"{count} volumes are called {name}"
    asked = Counter((entry.get("volume_id"), entry["operation"]) for entry in journal.asked)
    for key, count in Counter((one.volume_id, one.operation) for one in found).items():
        if key[1] != "create" and count > asked[key]:
            yield f"{key[1]} of {key[0]} was asked {asked[key]} times, and done {count} times"
        if key[1] == "create" and count > 1:
            yield f"volume {key[0]} was created {count} times"


# -- customers ---------------------------------------------------------------------------------------------------------


@dataclass
class Journal:
    """What customers asked, and what they were answered: written down before and after."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    answered: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> Journal:
        made = cls()
        for file in folder.iterdir():
            for line in file.read_text().splitlines():
                entry = json.loads(line)
                (made.answered if "answer" in entry else made.asked).append(entry)
        return made


def customer(arguments: list[str]) -> int:
    """Asks for all kinds of things, one after the other, until a file says that it is over."""
    from volsched import conf
    from volsched.service.application import open_application

    options = dict(zip(arguments[0::2], arguments[1::2], strict=True))
    folder = Path(options["--folder"])
    with (
        (folder / "journals" / options["--seed"]).open("a") as journal,
        open_application(conf.load([options["--config-file"]])) as made,
    ):
        asking = _Asking(made, random.Random(options["--seed"]), journal, options["--seed"])
        nap = threading.Event()
        while not (folder / "ending").exists():
            try:
                asking.ask()
            except DatabaseUnavailable:
                nap.wait(0.5)
    return 0


class _Asking:
    def __init__(self, made: Any, chance: random.Random, journal: Any, name: str) -> None:
        self._made, self._chance, self._journal, self._name = made, chance, journal, name
        self._number = 0

    def ask(self) -> None:
        """One request, and wait for what becomes of it, for a while."""
        resting = [one for one in self._made.api(WHO).volumes.list() if not one.status.in_progress]
        chance = self._chance.random()
        if chance < (0.4 if len(resting) > ENOUGH else 0.75) or not resting:
            volume_id = self._create()
        else:
            volume_id = self._change(self._chance.choice(resting))
        until, nap = time.monotonic() + 20, threading.Event()
        while volume_id is not None and time.monotonic() < until:
            try:
                if not self._made.api(WHO).volumes.get(volume_id).status.in_progress:
                    return
            except NotFound:
                return
            nap.wait(0.1)

    def _create(self) -> str | None:
        self._number += 1
        name = f"{self._name}-{self._number}"
        kind = self._chance.choice([None, *TYPES])
        size = self._chance.choice(SIZES)
        return self._asked(
            "create",
            {"name": name},
            lambda: self._made.api(WHO).volumes.create(size_gb=size, name=name, volume_type=kind),
        )

    def _change(self, volume: Any) -> str | None:
        volumes, chance = self._made.api(WHO).volumes, self._chance.random()
        if volume.status.value != "available" or chance < 0.5:
            return self._asked("delete", {"volume_id": volume.id}, lambda: volumes.delete(volume))
        if chance < 0.75:
            size = volume.size_gb + self._chance.choice(SIZES)
            return self._asked("extend", {"volume_id": volume.id}, lambda: volumes.extend(volume, size))
        kind = self._chance.choice(list(TYPES))
        retype = lambda: volumes.retype(volume, kind, migration_policy="on-demand")  # noqa: E731
        return self._asked("retype", {"volume_id": volume.id}, retype)

    def _asked(self, operation: str, about: dict[str, Any], ask: Callable[[], Any]) -> str | None:
        self._note(operation=operation, **about)
        try:
            volume = ask()
        except DatabaseUnavailable:
            self._note(operation=operation, **about, answer="not known")
            raise
        except VolschedError:
            self._note(operation=operation, **about, answer="refused")
            return None
        self._note(operation=operation, **{**about, "volume_id": volume.id}, answer="accepted")
        return str(volume.id)

    def _note(self, **entry: Any) -> None:
        self._journal.write(json.dumps(entry) + "\n")
        self._journal.flush()


def report_of(seen: Soaked) -> dict[str, Any]:
    """The report for programs."""
    return {**asdict(seen), "broken": seen.broken}
