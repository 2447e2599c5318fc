"""The laws for storage backends bite."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.unit.testing.laws import biting
from volsched.domain.volume import Volume
from volsched.exceptions import InvalidRequest
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


class BackendLawsTest(biting.BitingTestCase):
    kit = BackendConformance
    beyond = PluginConformance
    sound = Sound
    broken: ClassVar[Mapping[str, type]] = {
        "test_its_report_can_be_used": Babbling,
        "test_a_volume_lives_and_dies": Moving,
        "test_it_counts_what_it_holds": Careless,
        "test_it_refuses_to_take_over_nothing": Credulous,
        "test_it_is_safe_under_threads": Racing,
    }

    def test_every_way_to_break_a_law(self) -> None:
        for law, plugin in (("test_its_report_can_be_used", Strange), ("test_a_volume_lives_and_dies", Final)):
            with self.subTest(plugin=plugin):
                self.assertIsNotNone(self.told(law, plugin))
