"""The laws for storage backends bite."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.unit.testing.laws import biting
from volsched.exceptions import InvalidRequest
from volsched.model.volume import Volume
from volsched.plugins import Managed, StorageBackend
from volsched.testing import BackendConformance, PluginConformance


class Sound(StorageBackend):
    """Keeps volumes in memory."""

    contract = (1, 0)

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.guard = threading.Lock()

    def report(self) -> Mapping[str, Any]:
        with self.guard:
            taken = sum(self.held.values())
        pool = {"pool_name": "memory", "total_capacity_gb": 500, "free_capacity_gb": 500 - taken}
        return {"volume_backend_name": "memory", "pools": [{**pool, "allocated_capacity_gb": taken}]}

    def create_volume(self, volume: Volume, pool: str) -> str:
        with self.guard:
            self.held[volume.id] = volume.size_gb
        return f"memory/{volume.id}"

    def delete_volume(self, volume: Volume, pool: str) -> None:
        with self.guard:
            self.held.pop(volume.id, None)

    def extend_volume(self, volume: Volume, pool: str, new_size_gb: int) -> None:
        with self.guard:
            self.held[volume.id] = new_size_gb

    def manage_existing(self, volume: Volume, pool: str, ref: Mapping[str, str]) -> Managed:
        raise InvalidRequest("ref", f"{ref} names nothing")


class Babbling(Sound):
    def report(self) -> Mapping[str, Any]:
        return {"pools": [{"pool_name": "memory", "total_capacity_gb": "a lot"}]}


class Strange(Sound):
    def report(self) -> Mapping[str, Any]:
        return {"pools": [{"pool_name": "memory", "total_capacity_gb": self}]}


class Moving(Sound):
    def create_volume(self, volume: Volume, pool: str) -> str:
        again = volume.id in self.held
        return super().create_volume(volume, pool) + ("/again" if again else "")


class Final(Sound):
    def delete_volume(self, volume: Volume, pool: str) -> None:
        del self.held[volume.id]


class Careless(Sound):
    def report(self) -> Mapping[str, Any]:
        return {"pools": [{"pool_name": "memory", "total_capacity_gb": 500, "allocated_capacity_gb": 0}]}


class Credulous(Sound):
    def manage_existing(self, volume: Volume, pool: str, ref: Mapping[str, str]) -> Managed:
        return Managed(size_gb=1, provider_location="somewhere")


class Racing(Sound):
    def create_volume(self, volume: Volume, pool: str) -> str:
        before = dict(self.held)
        time.sleep(0)
        self.held = {**before, volume.id: volume.size_gb}
        return f"memory/{volume.id}"


class Versatile(Sound):
    """Two pools, and everything that a backend may do beyond the necessary."""

    capabilities = frozenset({"CLONE", "MIGRATE", "SNAPSHOT"})
    contract = (1, 0)

    def report(self) -> Mapping[str, Any]:
        said = super().report()
        [pool] = said["pools"]
        return {**said, "pools": [pool, {**pool, "pool_name": "other"}]}

    def offer(self, volume: Volume, pool: str) -> Mapping[str, str]:
        return {"kind": "memory", "id": volume.id}

    def migrate(self, volume: Volume, pool: str, offer: Mapping[str, str]) -> str:
        if offer["kind"] != "memory":
            raise InvalidRequest("offer", f"{offer} cannot be read")
        return f"{pool}/copy-{volume.id}"

    def snapshot(self, volume: Volume, pool: str, snapshot_id: str) -> None:
        self.held.setdefault(snapshot_id, volume.size_gb)

    def delete_snapshot(self, volume: Volume, pool: str, snapshot_id: str) -> None:
        self.held.pop(snapshot_id, None)

    def create_from_snapshot(self, volume: Volume, pool: str, snapshot_id: str) -> str:
        return self.create_volume(volume, pool)

    def clone(self, volume: Volume, pool: str, source: Volume) -> str:
        return self.create_volume(volume, pool)


class Pretending(Versatile):
    contract = (1, 0)

    def migrate(self, volume: Volume, pool: str, offer: Mapping[str, str]) -> str:
        return f"memory/{volume.id}"


class Gullible(Versatile):
    contract = (1, 0)

    def migrate(self, volume: Volume, pool: str, offer: Mapping[str, str]) -> str:
        return f"{pool}/copy-{volume.id}"


class Forgetful(Versatile):
    contract = (1, 0)

    def delete_snapshot(self, volume: Volume, pool: str, snapshot_id: str) -> None:
        del self.held[snapshot_id]


class Sharing(Versatile):
    contract = (1, 0)

    def clone(self, volume: Volume, pool: str, source: Volume) -> str:
        return self.create_volume(source, pool)


class BackendLawsTest(biting.BitingTestCase):
    kit = BackendConformance
    beyond = PluginConformance
    sound = Versatile
    broken: ClassVar[Mapping[str, type]] = {
        "test_its_report_can_be_used": Babbling,
        "test_a_volume_lives_and_dies": Moving,
        "test_it_counts_what_it_holds": Careless,
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
        }
        for law, plugin in others.items():
            with self.subTest(plugin=plugin):
                self.assertIsNotNone(self.told(law, plugin))
