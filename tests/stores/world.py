"""The worlds that stores are tried in: an empty database of each kind, and a clock that stands still."""

from __future__ import annotations

import atexit
import contextlib
import functools
import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa

from tests import TestCase, servers
from volsched.db.backends import Backends
from volsched.db.claims import Claims
from volsched.db.database import Database
from volsched.db.schema import metadata
from volsched.db.volumes import Volumes
from volsched.model.claim import Claim, Placement
from volsched.model.event import Event, Priority
from volsched.model.parsing import ParsedReport
from volsched.model.pool import PoolState
from volsched.model.report import CapabilityReport
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import WorkRequest

NOON = datetime(2026, 11, 23, 12)
BACKEND = "h@b"
POOL = "h@b#p"


class StandingClock:
    """A clock that moves only by `forward`."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


class World(TestCase):
    """An empty database, `self.database`, with `self.clock`. Only its kinds, which say where, are of use."""

    clock: StandingClock
    database: Database

    def in_this_world(self, **options: Any) -> Database:
        """Another view of the same database, as another process has it."""
        made = Database(self.database.url.render_as_string(hide_password=False), **options)
        self.addCleanup(made.close)
        return made


class OnSQLite(World):
    def setUp(self) -> None:
        super().setUp()
        self.clock = StandingClock()
        folder = self.folder()
        shutil.copy(upgraded_file(), folder / "volsched.db")
        self.database = Database(f"sqlite:///{folder}/volsched.db", clock=self.clock)
        self.addCleanup(self.database.close)


class OnServer(World):
    """The tests of a process share one database, and empty it before each."""

    kind: ClassVar[str]

    def setUp(self) -> None:
        super().setUp()
        self.clock = StandingClock()
        self.database = Database(_upgraded_database(self.kind), clock=self.clock)
        self.addCleanup(self.database.close)
        with self.database.transaction() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(sa.delete(table))


class OnPostgreSQL(OnServer):
    kind = "postgresql"


class OnMariaDB(OnServer):
    kind = "mariadb"


@functools.cache
def upgraded_file() -> Path:
    """A database file that is copied for each test: upgrading anew would take longer."""
    folder = tempfile.TemporaryDirectory(prefix="volsched-db-")
    atexit.register(folder.cleanup)
    database = Database(f"sqlite:///{folder.name}/volsched.db")
    database.upgrade()
    database.close()
    return Path(folder.name) / "volsched.db"


@functools.cache
def _upgraded_database(kind: str) -> str:
    """The URL of a database that goes away with the process: making and upgrading one takes a second."""
    keeping = contextlib.ExitStack()
    url = keeping.enter_context(servers.require(kind).database())
    atexit.register(keeping.close)
    with contextlib.closing(Database(url)) as database:
        database.upgrade()
    return url


# -- what the tests put into it ----------------------------------------------------------------------------------------


def a_volume(volume_id: str = "v1", **changes: Any) -> Volume:
    given: dict[str, Any] = {"project_id": "p1", "user_id": "u1", "size_gb": 10, "status": VolumeStatus.CREATING}
    return Volume(id=volume_id, **{**given, **changes})


def a_claim(volume_id: str = "v1", size_gb: float = 10, **changes: Any) -> Claim:
    given: dict[str, Any] = {"key": volume_id, "pool_id": POOL, "made_at": NOON}
    return Claim(volume_id=volume_id, size_gb=size_gb, **{**given, **changes})


def a_placement(volume_id: str = "v1", size_gb: float = 10, **changes: Any) -> Placement:
    """Of a claim and nothing else. Changes named like a claim's field are the claim's."""
    own = {name: changes.pop(name) for name in ("key", "pool_id", "made_at") if name in changes}
    return Placement(claim=a_claim(volume_id, size_gb, **own), **{"thin": True, **changes})


def an_event(event_id: str = "e1", volume_id: str | None = "v1", **changes: Any) -> Event:
    given: dict[str, Any] = {
        "event_type": "volume.create.end",
        "priority": Priority.INFO,
        "occurred_at": NOON.isoformat(),
        "publisher": "scheduler.h",
    }
    return Event(id=event_id, volume_id=volume_id, **{**given, **changes})


def some_work(work_id: str = "w1", volume_id: str | None = "v1", **changes: Any) -> WorkRequest:
    given: dict[str, Any] = {"queue": "scheduler", "operation": "create"}
    return WorkRequest(id=work_id, volume_id=volume_id, **{**given, **changes})


def a_pool_state(pool_id: str = POOL, total_gb: float = 100.0, **changes: Any) -> PoolState:
    backend_id, _, name = pool_id.partition("#")
    given: dict[str, Any] = {"total_gb": total_gb, "free_gb": total_gb, "thick": True}
    return PoolState(pool_id=pool_id, backend_id=backend_id, name=name, host=backend_id, **{**given, **changes})


def reported(
    database: Database, *pools: PoolState, when: datetime = NOON, set_aside: tuple[tuple[str, str], ...] = ()
) -> bool:
    """A report of these pools, or of one of 100 GiB, as the backend at `when` made it; whether it was taken in."""
    pools = pools or (a_pool_state(),)
    report = CapabilityReport(
        service_name="volume", host=pools[0].host, capabilities={"pools": [pool.name for pool in pools]}, timestamp=when
    )
    parsed = ParsedReport(backend_id=report.backend_id, pools=pools, set_aside=set_aside)
    return Backends(database).record(report, parsed)


def created(database: Database, *volume_ids: str, **changes: Any) -> None:
    for volume_id in volume_ids:
        Volumes(database).create(a_volume(volume_id, **changes))


def claimed(database: Database, volume_id: str = "v1", size_gb: float = 10, **changes: Any) -> Claim:
    """A volume's row and its claim."""
    created(database, volume_id, size_gb=int(size_gb))
    return Claims(database).claim(a_placement(volume_id, size_gb, **changes))
