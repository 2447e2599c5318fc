"""Cinder's side: its own FilterScheduler and create_volume flow, with the database and RPC stubbed.

Run by the Python of an environment that has cinder 29.0.0, never by volsched's. Real: scheduler, host manager, filters,
weighers, evaluator, versioned objects, TaskFlow. Stubbed: the list of services, the volume's row, the RPC cast.

`durable-flow` is the manager's create_volume with the database as well, a SQLite file with a write-ahead log as ours
has it; only the RPC cast is stubbed.
"""

from __future__ import annotations

import datetime
import logging
import sqlite3
import sys
import tempfile
import uuid
import warnings
from contextlib import closing
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
from cinder.db import models  # noqa: E402
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
    with tempfile.TemporaryDirectory() as folder:
        _serve(int(sys.argv[1]), sys.argv[2], sys.argv[3], folder)


def _serve(pools: int, plugins: str, work: str, folder: str) -> None:
    logging.disable(logging.CRITICAL)
    stored = work == "durable-flow"
    file = f"{folder}/cinder.db" if stored else None
    driver = _driver(pools, plugins, file)
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

    def durable_flow(number: int) -> Any:
        _write_volume(asked[number])
        volume = objects.Volume.get_by_id(context, asked[number]["volume_id"])
        spec, properties, _ = _request(context, asked[number], hints, volume)

        def run() -> str:
            manager.create_volume(context, volume, request_spec=spec, filter_properties=properties)
            return volume.id

        return run

    if stored:
        manager = _manager(driver)
        side.serve({work: durable_flow}, {work: _host_of})
    else:
        side.serve({"decision": decision, "flow": flow}, {"decision": PLACED.get, "flow": PLACED.get})


def _answer(run: Any, volume_id: str) -> str:
    from cinder import exception

    try:
        run()
    except exception.NoValidBackend:
        PLACED.pop(volume_id, None)
    return volume_id


def _driver(pools: int, plugins: str, database: str | None) -> Any:
    """The scheduler with its reports; `database`: the file of one, instead of stubs for it."""
    objects.register_all()
    conf = cfg.CONF
    settings = str(Path(__file__).with_name("cinder.conf"))
    conf([], project="cinder", version="29.0.0", default_config_files=[settings], default_config_dirs=[])
    import cinder.scheduler.manager  # noqa: F401 - registers the options
    from cinder.scheduler import driver as scheduler_driver
    from cinder.scheduler import filter_scheduler

    if database is not None:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # the file remembers it
        conf.set_override("connection", f"sqlite:///{database}", group="database")
    db_api.configure(conf)
    rpc.init(conf)
    filters, weighers = PLUGINS[plugins]
    conf.set_override("scheduler_default_filters", filters)
    conf.set_override("scheduler_default_weighers", weighers)
    backends = fleet.backends(pools, functions=plugins == "full")
    scheduler_driver.volume_rpcapi.VolumeAPI = NoVolumeAPI
    if database is None:
        _leave_out_database(scheduler_driver, backends)
    else:
        _fill_database(backends)
    driver = filter_scheduler.FilterScheduler()
    for backend in backends:
        driver.update_service_capabilities("volume", backend["host"], backend["capabilities"], None, _now())
    return driver


def _leave_out_database(scheduler_driver: Any, backends: list[dict[str, Any]]) -> None:
    services = _services(backends)
    objects.ServiceList.get_all = classmethod(lambda cls, context, filters=None: services)

    def remember(
        context: Any, volume_id: str, host: str, cluster: Any, availability_zone: Any = None, volume: Any = None
    ) -> Any:
        PLACED[volume_id] = host
        return volume

    scheduler_driver.volume_update_db = remember


def _fill_database(backends: list[dict[str, Any]]) -> None:
    """Its tables, its services, and the volume types of the requests."""
    engine = db_api.get_engine()
    models.BASE.metadata.create_all(engine)
    types = {asked["type_id"]: asked for asked in fleet.requests(2000)}
    specs = [
        {"volume_type_id": name, "key": key, "value": value, "deleted": False}
        for name, asked in types.items()
        for key, value in asked["extra_specs"].items()
    ]
    with engine.begin() as connection:
        connection.execute(models.Service.__table__.insert(), [_service_row(*item) for item in enumerate(backends, 1)])
        named = [{"id": name, "name": asked["type_name"], "deleted": False} for name, asked in types.items()]
        connection.execute(models.VolumeType.__table__.insert(), named)
        connection.execute(models.VolumeTypeExtraSpecs.__table__.insert(), specs)


def _write_volume(asked: dict[str, Any]) -> None:
    """The row that its API writes before the scheduler is asked."""
    zones = asked["zones"]
    row = {
        "id": asked["volume_id"],
        "size": asked["size"],
        "user_id": "u" * 32,
        "project_id": "p" * 32,
        "status": "creating",
        "attach_status": "detached",
        "availability_zone": zones[0] if zones and len(zones) == 1 else None,
        "volume_type_id": asked["type_id"],
        "created_at": _now(),
        "deleted": False,
    }
    with db_api.get_engine().begin() as connection:
        connection.execute(models.Volume.__table__.insert(), row)


def _host_of(volume_id: str) -> str | None:
    """Where the volume's row says that it is."""
    table = models.Volume.__table__
    with db_api.get_engine().connect() as connection:
        host: str | None = connection.execute(table.select().where(table.c.id == volume_id)).one().host
        return host


def _manager(driver: Any) -> Any:
    """The manager, which has heard all reports."""
    from cinder.scheduler import manager as scheduler_manager

    manager = scheduler_manager.SchedulerManager()
    manager.driver = driver
    manager._startup_delay = False
    return manager


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def _service_row(number: int, backend: dict[str, Any]) -> dict[str, Any]:
    """A volume service that is up for as long as this takes."""
    beat = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(days=1)
    return {
        "id": number,
        "host": backend["host"],
        "binary": "cinder-volume",
        "topic": "cinder-volume",
        "report_count": 1000,
        "disabled": False,
        "frozen": False,
        "availability_zone": backend["zone"],
        "rpc_current_version": "3.18",
        "object_current_version": "1.39",
        "replication_status": "disabled",
        "uuid": str(uuid.UUID(int=number, version=4)),
        "created_at": beat,
        "updated_at": beat,
        "deleted": False,
    }


def _services(backends: list[dict[str, Any]]) -> Any:
    context = cinder_context.get_admin_context()
    services = objects.ServiceList(context)
    services.objects = [
        objects.Service._from_db_object(
            context, objects.Service(context), {**dict.fromkeys(objects.Service.fields), **_service_row(*item)}
        )
        for item in enumerate(backends, 1)
    ]
    services.obj_reset_changes()
    return services


def _request(
    context: Any, asked: dict[str, Any], hints: dict[str, str], volume: Any = None
) -> tuple[Any, dict[str, Any], Any]:
    """The request as its API makes it, out of versioned objects. `volume`: where it has a row."""
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
    volume = volume or objects.Volume(
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
