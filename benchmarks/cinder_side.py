"""Cinder's side: its own FilterScheduler and create_volume flow, with the database and RPC stubbed.

Run by the Python of an environment that has cinder 29.0.0, never by volsched's. Real: scheduler, host manager, filters,
weighers, evaluator, versioned objects, TaskFlow. Stubbed: the list of services, the volume's row, the RPC cast.
"""

from __future__ import annotations

import datetime
import logging
import sys
import uuid
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
warnings.simplefilter("ignore")

import fleet  # noqa: E402
import side  # noqa: E402
from cinder import context as cinder_context  # noqa: E402
from cinder import objects, rpc  # noqa: E402
from cinder.common import config  # noqa: E402, F401 - registers the options
from cinder.db import api as db_api  # noqa: E402
from oslo_config import cfg  # noqa: E402

PLUGINS = {
    "default": (["AvailabilityZoneFilter", "CapacityFilter", "CapabilitiesFilter"], ["CapacityWeigher"]),
    "full": (
        ["AvailabilityZoneFilter", "CapacityFilter", "CapabilitiesFilter", "DriverFilter", "JsonFilter"],
        ["CapacityWeigher", "AllocatedCapacityWeigher", "GoodnessWeigher"],
    ),
}
PLACED: dict[str, str] = {}


class NoVolumeAPI:
    """The RPC cast to the volume service, left out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def create_volume(self, *args: Any, **kwargs: Any) -> None:
        pass


def main() -> None:
    pools, plugins = int(sys.argv[1]), sys.argv[2]
    logging.disable(logging.CRITICAL)
    driver = _driver(pools, plugins)
    context = cinder_context.RequestContext("u" * 32, "p" * 32, is_admin=False)
    asked = fleet.requests(2000)
    hints = {"query": fleet.QUERY} if plugins == "full" else {}

    def decision(number: int) -> Any:
        spec, properties, _ = _request(context, asked[number], hints)

        def run() -> str:
            driver.schedule_create_volume(context, spec, properties)
            return asked[number]["volume_id"]

        return lambda: _answer(run, asked[number]["volume_id"])

    def flow(number: int) -> Any:
        from cinder.scheduler.flows import create_volume

        spec, properties, volume = _request(context, asked[number], hints)

        def run() -> str:
            create_volume.get_flow(context, driver, spec, properties, volume, None, None, None).run()
            return asked[number]["volume_id"]

        return lambda: _answer(run, asked[number]["volume_id"])

    side.serve({"decision": decision, "flow": flow}, {"decision": PLACED.get, "flow": PLACED.get})


def _answer(run: Any, volume_id: str) -> str:
    from cinder import exception

    try:
        run()
    except exception.NoValidBackend:
        PLACED.pop(volume_id, None)
    return volume_id


def _driver(pools: int, plugins: str) -> Any:
    objects.register_all()
    conf = cfg.CONF
    settings = str(Path(__file__).with_name("cinder.conf"))
    conf([], project="cinder", version="29.0.0", default_config_files=[settings], default_config_dirs=[])
    import cinder.scheduler.manager  # noqa: F401 - registers the options
    from cinder.scheduler import driver as scheduler_driver
    from cinder.scheduler import filter_scheduler

    db_api.configure(conf)
    rpc.init(conf)
    filters, weighers = PLUGINS[plugins]
    conf.set_override("scheduler_default_filters", filters)
    conf.set_override("scheduler_default_weighers", weighers)
    backends = fleet.backends(pools, functions=plugins == "full")
    services = _services(backends)
    objects.ServiceList.get_all = classmethod(lambda cls, context, filters=None: services)
    scheduler_driver.volume_rpcapi.VolumeAPI = NoVolumeAPI

    def remember(
        context: Any, volume_id: str, host: str, cluster: Any, availability_zone: Any = None, volume: Any = None
    ) -> Any:
        PLACED[volume_id] = host
        return volume

    scheduler_driver.volume_update_db = remember
    driver = filter_scheduler.FilterScheduler()
    for backend in backends:
        driver.update_service_capabilities("volume", backend["host"], backend["capabilities"], None, _now())
    return driver


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def _services(backends: list[dict[str, Any]]) -> Any:
    context = cinder_context.get_admin_context()
    beat = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    made = []
    for number, backend in enumerate(backends, 1):
        row = dict.fromkeys(objects.Service.fields)
        row.update(
            id=number,
            host=backend["host"],
            binary="cinder-volume",
            topic="cinder-volume",
            report_count=1000,
            disabled=False,
            frozen=False,
            availability_zone=backend["zone"],
            rpc_current_version="3.18",
            object_current_version="1.39",
            replication_status="disabled",
            uuid=str(uuid.UUID(int=number, version=4)),
            created_at=beat,
            updated_at=beat,
            deleted=False,
        )
        made.append(objects.Service._from_db_object(context, objects.Service(context), row))
    services = objects.ServiceList(context)
    services.objects = made
    services.obj_reset_changes()
    return services


def _request(context: Any, asked: dict[str, Any], hints: dict[str, str]) -> tuple[Any, dict[str, Any], Any]:
    """The request as its API makes it, out of versioned objects."""
    volume_type = objects.VolumeType(
        context,
        id=asked["type_id"],
        name=asked["type_name"],
        description=None,
        is_public=True,
        extra_specs=dict(asked["extra_specs"]),
        qos_specs_id=None,
        projects=[],
    )
    volume_type.qos_specs = None
    zones = asked["zones"]
    common = {
        "size": asked["size"],
        "user_id": "u" * 32,
        "project_id": "p" * 32,
        "status": "creating",
        "attach_status": "detached",
        "display_name": "bench",
        "display_description": "bench",
        "multiattach": False,
        "availability_zone": zones[0] if zones and len(zones) == 1 else None,
        "snapshot_id": None,
        "source_volid": None,
        "volume_type_id": asked["type_id"],
        "encryption_key_id": None,
        "consistencygroup_id": None,
        "group_id": None,
        "replication_status": None,
    }
    volume = objects.Volume(
        context,
        id=asked["volume_id"],
        _name_id=None,
        host=None,
        cluster_name=None,
        bootable=False,
        deleted=False,
        use_quota=True,
        metadata={},
        admin_metadata={},
        glance_metadata={},
        volume_type=volume_type,
        **common,
    )
    properties = objects.VolumeProperties(
        metadata={},
        qos_specs=None,
        reservations=[],
        cgsnapshot_id=None,
        group_type_id=None,
        source_replicaid=None,
        **common,
    )
    spec = objects.RequestSpec(
        consistencygroup_id=None,
        group_id=None,
        cgsnapshot_id=None,
        image_id=None,
        snapshot_id=None,
        source_replicaid=None,
        source_volid=None,
        volume_id=asked["volume_id"],
        volume=volume,
        volume_type=volume_type,
        volume_properties=properties,
        backup_id=None,
        operation="create_volume",
        resource_backend=None,
        availability_zones=zones,
    )
    return spec, {"scheduler_hints": dict(hints)} if hints else {}, volume


if __name__ == "__main__":
    main()
