"""Processes that claim and release concurrently, while reports arrive and an observer reads."""

from __future__ import annotations

import multiprocessing
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from msgspec.structs import replace

from tests.stores.world import World, a_placement, a_pool_state, a_volume, reported
from volsched.db import pool_room
from volsched.db.backends import Backends
from volsched.db.claims import Claims
from volsched.db.database import Database
from volsched.db.schema import claims, pools, volumes
from volsched.db.volumes import Volumes
from volsched.exceptions import ClaimConflict
from volsched.model.claim import Placement
from volsched.model.volume import VolumeStatus

THICK, THIN = "h@b#thick", "h@b#thin"
LIMIT_GB = 100.0  # of each
PROCESSES = 4
ROUNDS = 20


@dataclass(frozen=True)
class Disk:
    """The storage as it really is: a file a volume, whose name says where and how large. Outside any transaction."""

    folder: Path

    def make(self, pool_id: str, volume_id: str, size_gb: int) -> None:
        (self.folder / f"{pool_id}={size_gb}={volume_id}").touch()

    def delete(self, volume_id: str) -> None:
        for file in self.folder.glob(f"*={volume_id}"):
            file.unlink()

    def used(self, pool_id: str) -> float:
        return sum(float(file.name.split("=")[1]) for file in self.folder.glob(f"{pool_id}=*"))


def beat(url: str, folder: Path, seed: int) -> None:
    """One process: volumes come, are made and confirmed, and go."""
    database, disk, chance = Database(url, patience_seconds=120), Disk(folder), random.Random(seed)
    store, claim_store = Volumes(database), Claims(database)
    unmade: list[tuple[str, str, int]] = []
    made: list[str] = []
    for number in range(ROUNDS):
        volume_id, pool_id, size_gb = f"{seed}-{number}", chance.choice((THICK, THIN)), chance.choice((5, 10, 20, 40))
        store.create(a_volume(volume_id, size_gb=size_gb))
        changes = {"host": pool_id, "status": VolumeStatus.AVAILABLE}
        try:
            claim_store.claim(a_placement(volume_id, size_gb, pool_id=pool_id, volume_changes=changes))
            unmade.append((pool_id, volume_id, size_gb))
        except ClaimConflict:
            store.remove(volume_id)
        if unmade and chance.random() < 0.7:
            wanted = unmade.pop(chance.randrange(len(unmade)))
            disk.make(*wanted)
            claim_store.confirm(wanted[1])
            made.append(wanted[1])
        if made and chance.random() < 0.6:
            gone = made.pop(chance.randrange(len(made)))
            store.set_status(gone, VolumeStatus.DELETING)
            disk.delete(gone)  # from here on a report may give its room to others, before its claim is released
            store.remove(gone)
    database.close()


def report(database: Database, disk: Disk) -> None:
    """The time first, then the figures, as agents do."""
    with database.transaction() as connection:
        timestamp = database.now(connection)
    thick, thin = disk.used(THICK), disk.used(THIN)
    reported(
        database,
        a_pool_state(THICK, LIMIT_GB, free_gb=LIMIT_GB - thick),
        a_pool_state(THIN, LIMIT_GB / 2, free_gb=50.0, provisioned_gb=thin, thin=True, max_over_subscription_ratio=2.0),
        when=timestamp,
    )


class HammerContract(World):
    def placed(self) -> dict[str, float]:
        """Pool -> GiB that are claimed in it, at one moment, for volumes that are not on their way out."""
        statement = (
            sa.select(claims.c.pool_id, sa.func.sum(claims.c.size_gb))
            .join(volumes, volumes.c.id == claims.c.volume_id)
            .where(volumes.c.status != VolumeStatus.DELETING.value)
            .group_by(claims.c.pool_id)
        )
        return {pool: float(size) for pool, size in self.database.read(lambda c: c.execute(statement).all())}

    def test_many_processes_never_place_more_than_there_is(self) -> None:
        disk = Disk(self.folder())
        live = self.in_this_world(patience_seconds=120)
        report(live, disk)
        context = multiprocessing.get_context("spawn")
        url = live.url.render_as_string(hide_password=False)
        processes = [
            context.Process(target=beat, args=(url, disk.folder, seed), daemon=True) for seed in range(PROCESSES)
        ]
        for process in processes:
            process.start()
            self.addCleanup(process.kill)
        fullest = 0.0
        while any(process.is_alive() for process in processes):
            fullest = max([fullest, *self.placed().values()])
            report(live, disk)
            processes[0].join(0.02)
        self.assertLessEqual(fullest, LIMIT_GB)
        self.assertEqual([0] * PROCESSES, [process.exitcode for process in processes])
        self.assertGreater(fullest, LIMIT_GB / 2, "too little was placed for this to mean anything")
        self.assertEqual(self.hosted(), self.placed())
        for pool in Backends(live).pools():
            known = [claim for claim in Claims(live).pending() if claim.pool_id == pool.pool_id]
            self.assertEqual(sum(claim.size_gb for claim in known), pool.pending_gb)

    def hosted(self) -> dict[str, float]:
        """The same by the volumes' own rows."""
        statement = sa.select(volumes.c.host, sa.func.sum(volumes.c.size_gb)).group_by(volumes.c.host)
        return {pool: float(size) for pool, size in self.database.read(lambda c: c.execute(statement).all())}

    def test_the_same_with_read_check_write_places_too_much(self) -> None:
        """So the test above can fail. The barrier holds each open where another process might come between."""
        self.assertEqual(PROCESSES * 40.0, self.placed_at_once(self.read_check_write))

    def test_the_same_at_once_with_a_claim(self) -> None:
        self.assertEqual(80.0, self.placed_at_once(lambda database, placement: Claims(database).claim(placement)))

    def placed_at_once(self, claim: Callable[[Database, Placement], object]) -> float:
        """What is placed in a pool of 100 GiB when all ask for 40 GiB of it at the same moment."""
        report(self.database, Disk(self.folder()))
        self.barrier = threading.Barrier(PROCESSES)

        def ask(number: int) -> None:
            database = self.in_this_world(patience_seconds=60)
            Volumes(database).create(a_volume(f"v{number}", size_gb=40))
            placement = a_placement(f"v{number}", 40, pool_id=THICK)
            try:
                claim(database, placement)
            except ClaimConflict:
                pass

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(PROCESSES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.placed()[THICK]

    def read_check_write(self, database: Database, placement: Placement) -> None:
        """What schedulers do that keep the truth in memory."""
        pool = Backends(database).pool(placement.claim.pool_id)
        assert pool.room_thick_gb is not None
        if pool.room_thick_gb - pool.pending_gb < placement.claim.size_gb:
            raise ClaimConflict(pool.pool_id)
        self.barrier.wait()
        with database.transaction() as connection:
            connection.execute(
                sa.update(pools)
                .where(pools.c.id == pool.pool_id)
                .values(pending_gb=pool.pending_gb + placement.claim.size_gb)
            )
            pool_room.insert(connection, replace(placement.claim))
