"""The volsched side: the same requests with its driver and its flow, in memory and with durable claims."""

from __future__ import annotations

import logging
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import fleet, side
from volsched.exceptions import NoValidBackend
from volsched.library_warnings import ignore_library_warnings
from volsched.model.claim import Claim, Placement
from volsched.model.report import CapabilityReport, ServiceState
from volsched.model.volume import Volume, VolumeStatus
from volsched.placement.registry import Registry
from volsched.plugins import SchedulerDriver, SchedulerResources
from volsched.testing.installed import a_chooser, plugin_class
from volsched.testing.memory import scheduler_resources

CONTEXT = {"user_id": "u" * 32, "project_id": "p" * 32}
#: As [scheduler] filters and weighers would have it; expressions mean what they mean in Cinder.
PLUGINS: dict[str, dict[str, Any]] = {
    "default": {},
    "full": {
        "filters": ("availability_zone", "capacity", "capabilities", "driver", "json"),
        "weighers": ("capacity", "allocated_capacity", "goodness"),
        "options": {"expression_dialect": "cinder"},
    },
}


def main() -> None:
    ignore_library_warnings()
    logging.disable(logging.CRITICAL)
    pools, plugins, work = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    with tempfile.TemporaryDirectory() as folder:
        if work.startswith("durable-"):
            resources = durable_resources(pools, plugins, f"sqlite:///{folder}/bench.db")
        else:
            resources = memory_resources(pools, plugins)
        works = works_of(a_driver(resources), plugins)
        side.serve({work: works[work.removeprefix("durable-")]}, {work: partial(place_of, resources)})


class Stubbed:
    """The database, left out: remembers where each volume was claimed, and nothing else. A port: ClaimStore."""

    def __init__(self) -> None:
        self.placed: dict[str, str] = {}

    def claim(self, placement: Placement) -> Claim:
        self.placed[placement.claim.volume_id] = placement.claim.pool_id
        return placement.claim

    def release(self, key: str) -> None:
        self.placed.pop(key, None)


def place_of(resources: SchedulerResources, volume_id: str) -> str | None:
    """The pool that a volume was placed in."""
    if isinstance(resources.claims, Stubbed):
        return resources.claims.placed.get(volume_id)
    host: str | None = resources.volumes.get(volume_id).host
    return host


def works_of(driver: SchedulerDriver, plugins: str) -> dict[str, side.Prepare]:
    """The decision alone, and the whole flow, with this driver."""
    from volsched.flows import create_volume

    asked = fleet.requests(2000)
    creation = create_volume.Creation(driver)
    hints = {"query": fleet.QUERY} if plugins == "full" else {}

    def decision(number: int) -> Any:
        volume, spec, properties = request(asked[number], hints)
        driver.resources.volumes.create(volume)

        def run() -> str:
            try:
                driver.schedule_create_volume(CONTEXT, spec, properties)
            except NoValidBackend:
                pass
            return volume.id

        return run

    def flow(number: int) -> Any:
        volume, spec, properties = request(asked[number], hints)
        driver.resources.volumes.create(volume)

        def run() -> str:
            creation.run(CONTEXT, spec, properties, volume)
            return volume.id

        return run

    return {"decision": decision, "flow": flow}


def request(asked: dict[str, Any], hints: dict[str, str]) -> tuple[Volume, dict[str, Any], dict[str, Any]]:
    """The volume's row, and the request as the API side makes it."""
    zones = asked["zones"]
    zone = zones[0] if zones and len(zones) == 1 else None
    volume = Volume(
        id=asked["volume_id"],
        project_id="p" * 32,
        user_id="u" * 32,
        size_gb=asked["size"],
        status=VolumeStatus.CREATING,
        availability_zone=zone,
    )
    spec = {
        "volume_id": asked["volume_id"],
        "volume_type": {"id": asked["type_id"], "name": asked["type_name"], "extra_specs": asked["extra_specs"]},
        "volume_properties": {
            "size": asked["size"],
            "availability_zone": zone,
            "volume_type_id": asked["type_id"],
            "project_id": "p" * 32,
            "user_id": "u" * 32,
            "metadata": {},
            "attach_status": "detached",
        },
        "availability_zones": zones,
    }
    return volume, spec, {"scheduler_hints": hints} if hints else {}


def reports(pools: int, *, functions: bool) -> tuple[list[ServiceState], list[CapabilityReport]]:
    """The fleet, as its services and their first reports."""
    now = datetime.now(UTC).replace(tzinfo=None)
    backends = fleet.backends(pools, functions=functions)
    services = [ServiceState(host=backend["host"], zone=backend["zone"]) for backend in backends]
    made = [
        CapabilityReport(
            service_name="volume", host=backend["host"], capabilities=backend["capabilities"], timestamp=now
        )
        for backend in backends
    ]
    return services, made


def memory_resources(pools: int, plugins: str) -> SchedulerResources:
    services, made = reports(pools, functions=plugins == "full")
    registry = Registry()
    registry.load(services, made)
    return replace(scheduler_resources(chooser=a_chooser(**PLUGINS[plugins])), pools=registry, claims=Stubbed())


def durable_resources(pools: int, plugins: str, url: str) -> SchedulerResources:
    """The same resources with volumes, claims and failures in a database, whose claims survive a crash."""
    from volsched.db.backends import Backends
    from volsched.db.claims import Claims
    from volsched.db.database import Database
    from volsched.db.records import Failures
    from volsched.db.volumes import Volumes
    from volsched.model.parsing import pools_from

    database = Database(url)
    database.upgrade()
    backends = Backends(database)
    services, made = reports(pools, functions=plugins == "full")
    for service, report in zip(services, made, strict=True):
        backends.heartbeat(service.host, zone=service.zone)
        backends.record(report, pools_from(report, service, "20.0"))
    return replace(
        memory_resources(pools, plugins),
        volumes=Volumes(database),
        claims=Claims(database),
        failures=Failures(database),
    )


def a_driver(resources: SchedulerResources) -> SchedulerDriver:
    made: SchedulerDriver = plugin_class("volsched.schedulers", "filter")(resources)
    return made


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
