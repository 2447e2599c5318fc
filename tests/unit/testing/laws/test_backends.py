"""The laws for storage backends bite."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from tests.unit.testing.laws import biting
from volsched.exceptions import InvalidRequest
from volsched.model.volume import Volume
from volsched.plugins import Attempt, Managed, StorageBackend, StoredVolume
from volsched.testing import BackendConformance, PluginConformance


class Sound(StorageBackend):
    """Keeps volumes in memory."""

    contract = (2, 0)

    def __init__(self) -> None:
        self.held: dict[str, StoredVolume] = {}
        self.guard = threading.Lock()

    def report(self) -> Mapping[str, Any]:
        with self.guard:
            taken = sum(stored.size_gb for stored in self.held.values())
        pool = {"pool_name": "memory", "total_capacity_gb": 500, "free_capacity_gb": 500 - taken}
        return {"volume_backend_name": "memory", "pools": [{**pool, "allocated_capacity_gb": taken}]}

    def list_volumes(self) -> Iterable[StoredVolume]:
        with self.guard:
            return tuple(self.held.values())

    def put(self, attempt: Attempt, id: str, size_gb: float, is_snapshot: bool = False) -> str:
        attempt.check()
        pool, location = attempt.pool, f"{attempt.pool}/{id}"
        with self.guard:
            made = StoredVolume(id=id, pool=pool, size_gb=size_gb, location=location, is_snapshot=is_snapshot)
            self.held[f"{pool}/{id}"] = made
        return location

    def drop(self, attempt: Attempt, id: str) -> None:
        attempt.check()
        with self.guard:
            self.held.pop(f"{attempt.pool}/{id}", None)

    def create_volume(self, attempt: Attempt) -> str:
        return self.put(attempt, attempt.volume.id, attempt.volume.size_gb)

    def delete_volume(self, attempt: Attempt) -> None:
        self.drop(attempt, attempt.volume.id)

    def extend_volume(self, attempt: Attempt, new_size_gb: int) -> None:
        self.put(attempt, attempt.volume.id, new_size_gb)

    def manage_existing(self, attempt: Attempt, ref: Mapping[str, str]) -> Managed:
        raise InvalidRequest("ref", f"{ref} names nothing")


class Babbling(Sound):
    def report(self) -> Mapping[str, Any]:
        return {"pools": [{"pool_name": "memory", "total_capacity_gb": "a lot"}]}


class Strange(Sound):
    def report(self) -> Mapping[str, Any]:
        return {"pools": [{"pool_name": "memory", "total_capacity_gb": self}]}


class Moving(Sound):
    def create_volume(self, attempt: Attempt) -> str:
        again = f"{attempt.pool}/{attempt.volume.id}" in self.held
        return super().create_volume(attempt) + ("/again" if again else "")


class Final(Sound):
    def delete_volume(self, attempt: Attempt) -> None:
        del self.held[f"{attempt.pool}/{attempt.volume.id}"]


class Unfenced(Sound):
    def delete_volume(self, attempt: Attempt) -> None:
        self.drop(replace(attempt, check=lambda: None), attempt.volume.id)


class Hasty(Sound):
    """Asks for the lease once the volume is there."""

    def create_volume(self, attempt: Attempt) -> str:
        place = self.put(replace(attempt, check=lambda: None), attempt.volume.id, attempt.volume.size_gb)
        attempt.check()
        return place


class Secretive(Sound):
    def list_volumes(self) -> Iterable[StoredVolume]:
        return ()


class Stuck(Sound):
    def list_volumes(self) -> Iterable[StoredVolume]:
        return tuple(replace(stored, size_gb=2) for stored in self.held.values())


class Careless(Sound):
    def report(self) -> Mapping[str, Any]:
        return {"pools": [{"pool_name": "memory", "total_capacity_gb": 500, "allocated_capacity_gb": 0}]}


class Credulous(Sound):
    def manage_existing(self, attempt: Attempt, ref: Mapping[str, str]) -> Managed:
        return Managed(size_gb=1, provider_location="somewhere")


class Racing(Sound):
    def create_volume(self, attempt: Attempt) -> str:
        before = dict(self.held)
        time.sleep(0)
        place = super().create_volume(attempt)
        self.held = {**before, place: self.held[place]}
        return place


class Versatile(Sound):
    """Two pools, and everything that a backend may do beyond the necessary."""

    capabilities = frozenset({"CLONE", "MIGRATE", "SNAPSHOT"})
    contract = (2, 0)

    def report(self) -> Mapping[str, Any]:
        said = super().report()
        [pool] = said["pools"]
        return {**said, "pools": [pool, {**pool, "pool_name": "other"}]}

    def offer(self, attempt: Attempt) -> Mapping[str, str]:
        return {"kind": "memory", "id": attempt.volume.id}

    def migrate(self, attempt: Attempt, offer: Mapping[str, str]) -> str:
        if offer["kind"] != "memory":
            raise InvalidRequest("offer", f"{offer} cannot be read")
        return self.create_volume(attempt)

    def snapshot(self, attempt: Attempt, snapshot_id: str) -> None:
        self.put(attempt, snapshot_id, attempt.volume.size_gb, is_snapshot=True)

    def delete_snapshot(self, attempt: Attempt, snapshot_id: str) -> None:
        self.drop(attempt, snapshot_id)

    def create_from_snapshot(self, attempt: Attempt, snapshot_id: str) -> str:
        return self.create_volume(attempt)

    def clone(self, attempt: Attempt, source: Volume) -> str:
        return self.create_volume(attempt)


class Pretending(Versatile):
    contract = (2, 0)

    def migrate(self, attempt: Attempt, offer: Mapping[str, str]) -> str:
        return f"memory/{attempt.volume.id}"


class Gullible(Versatile):
    contract = (2, 0)

    def migrate(self, attempt: Attempt, offer: Mapping[str, str]) -> str:
        return self.create_volume(attempt)


class Forgetful(Versatile):
    contract = (2, 0)

    def delete_snapshot(self, attempt: Attempt, snapshot_id: str) -> None:
        del self.held[f"{attempt.pool}/{snapshot_id}"]


class Sharing(Versatile):
    contract = (2, 0)

    def clone(self, attempt: Attempt, source: Volume) -> str:
        return self.create_volume(attempt.of(source))


class BackendLawsTest(biting.BitingTestCase):
    kit = BackendConformance
    beyond = PluginConformance
    sound = Versatile
    broken: ClassVar[Mapping[str, type]] = {
        "test_its_report_can_be_used": Babbling,
        "test_a_volume_lives_and_dies": Moving,
        "test_it_counts_what_it_holds": Careless,
        "test_it_lists_what_it_holds": Secretive,
        "test_an_attempt_that_lost_its_lease_changes_nothing": Unfenced,
        "test_it_refuses_to_take_over_nothing": Credulous,
        "test_it_copies_what_it_offers": Pretending,
        "test_it_takes_snapshots": Forgetful,
        "test_it_clones": Sharing,
        "test_it_is_safe_under_threads": Racing,
    }

    def test_every_way_to_break_a_law(self) -> None:
        others = {
            "test_its_report_can_be_used": Strange,
            "test_a_volume_lives_and_dies": Final,
            "test_it_copies_what_it_offers": Gullible,
            "test_it_lists_what_it_holds": Stuck,
            "test_an_attempt_that_lost_its_lease_changes_nothing": Hasty,
        }
        for law, plugin in others.items():
            with self.subTest(plugin=plugin):
                self.assertIsNotNone(self.told(law, plugin))
