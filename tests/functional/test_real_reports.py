"""Recorded Cinder reports are applied completely, and recorded requests are placed in the same pools."""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests import TestCase
from volsched.exceptions import NoValidBackend
from volsched.model.parsing import report_from, request_from
from volsched.model.report import CapabilityReport, ServiceState
from volsched.model.request import Operation
from volsched.model.volume import Volume, VolumeStatus
from volsched.placement.registry import Registry
from volsched.testing.installed import SCHEDULERS, a_chooser, plugin_class
from volsched.testing.memory import MemoryClaims, MemoryVolumes, scheduler_resources

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
START = datetime(2026, 11, 22)
FILTERS = (
    "AvailabilityZoneFilter",
    "CapacityFilter",
    "CapabilitiesFilter",
    "DriverFilter",
    "SameBackendFilter",
    "DifferentBackendFilter",
    "JsonFilter",
)
#: Where the messages that followed say that the real scheduler put a volume.
REAL_PLACES = {
    "l1": "e2ehost@lvm#lvm",
    "t-ssd": "e2ehost@thin#t2",
    "t-mig": "e2ehost@thin#t1",
    "t-retmig": "e2ehost@slow#s1",
    "my1": "e2ehost@thin#t1",
}


def unpacked(name: str) -> Any:
    with lzma.open(SAMPLES / f"{name}.json.xz", "rt") as handle:
        return json.load(handle)


def as_report(message: Mapping[str, Any]) -> CapabilityReport:
    return report_from(
        message.get("service_name", "backup" if message["host"] == "e2ehost" else "volume"),
        message["host"],
        message["capabilities"],
        message.get("cluster_name"),
        message["timestamp"],
        now=START,
    )


def latest() -> list[CapabilityReport]:
    return [as_report(json.loads(path.read_text())) for path in sorted(SAMPLES.glob("capabilities_*.json"))]


def storage_services(reports: Sequence[CapabilityReport]) -> list[ServiceState]:
    """One service for each backend that reports, in the order in which they did first."""
    hosts = dict.fromkeys(report.host for report in reports if report.service_name == "volume")
    return [ServiceState(host=host) for host in hosts]


class TestReports(TestCase):
    def test_every_report_is_taken_in_whole(self) -> None:
        resources = scheduler_resources(*latest())
        self.assertEqual((), resources.pools.set_aside())
        self.assertEqual(
            {"fast#f1", "fast#f2", "lvm#lvm", "nfs#nfs", "slow#s1", "thin#t1", "thin#t2"},
            {pool.pool_id.removeprefix("e2ehost@") for pool in resources.pools.table().pools},
        )
        nfs = next(pool for pool in resources.pools.table().pools if pool.name == "nfs")
        self.assertEqual((58.75761032104492, 20.0, True), (nfs.total_gb, nfs.max_over_subscription_ratio, nfs.thin))
        self.assertEqual(("NFS", "nfs"), nfs.storage_protocol)
        self.assertEqual("e2ehost", resources.pools.backup_host(None, "nova", None))

    def test_a_whole_time_line_of_them(self) -> None:
        registry = Registry()
        messages = [as_report(message) for message in unpacked("capability_reports_timeline")]
        self.assertEqual(62, len(messages))
        registry.services(storage_services(messages))
        for report in sorted(messages, key=lambda each: each.timestamp):
            registry.report(report)
            self.assertEqual((), registry.set_aside())
        self.assertEqual(7, len(registry.table()))
        self.assertTrue(registry.ready())


class TestRequests(TestCase):
    def test_every_request_is_understood(self) -> None:
        counted = 0
        for message in unpacked("scheduler_requests"):
            spec = message["args"].get("request_spec")
            if spec is None:
                continue
            operation = Operation.CREATE if message["method"] == "create_volume" else Operation.MANAGE
            request = request_from({}, spec, message["args"].get("filter_properties"), operation=operation)
            self.assertEqual(spec["volume_properties"]["size"], request.size_gb)
            counted += 1
        self.assertGreater(counted, 35)

    def test_new_volumes_go_where_the_real_scheduler_put_them(self) -> None:
        """All that it was told until each request, in order of time, and what it placed itself in between."""
        clock = Clock()
        resources = scheduler_resources(chooser=a_chooser(FILTERS), clock=clock)
        registry, volumes = resources.pools, resources.volumes
        assert isinstance(registry, Registry)
        assert isinstance(volumes, MemoryVolumes)
        assert isinstance(resources.claims, MemoryClaims)
        reports = sorted(
            (as_report(each) for each in unpacked("capability_reports_timeline")), key=lambda r: r.timestamp
        )
        registry.services([ServiceState(host=host) for host in dict.fromkeys(each.host for each in reports)])
        driver = plugin_class(SCHEDULERS, "filter")(resources)
        placed: dict[str, str] = {}
        for message in unpacked("scheduler_requests"):
            clock.now = datetime.fromtimestamp(message["t"], UTC).replace(tzinfo=None)
            while reports and reports[0].timestamp <= clock.now:
                report = reports.pop(0)
                for key, claim in list(resources.claims.rows.items()):
                    if claim.made_at < report.timestamp and claim.pool_id.startswith(f"{report.host}#"):
                        resources.claims.confirm(key, claim.made_at)
                registry.report(report)
            if message["method"] != "create_volume":
                continue
            arguments = message["args"]
            spec = arguments["request_spec"]
            described = spec["volume_properties"]
            volumes.create(
                Volume(
                    id=spec["volume_id"],
                    project_id=described["project_id"],
                    user_id=described["user_id"],
                    size_gb=described["size"],
                    status=VolumeStatus.CREATING,
                )
            )
            context = {"project_id": described["project_id"]}
            try:
                decision = driver.schedule_create_volume(context, spec, arguments["filter_properties"])
                placed[described["display_name"]] = decision.chosen.pool_id
            except NoValidBackend as problem:
                placed[described["display_name"]] = str(problem)
        self.assertEqual(REAL_PLACES, {name: placed[name] for name in REAL_PLACES})
        self.assertIn("90000 GiB asked", placed["t-big"])
        for name, backend in (("n1", "nfs"), ("t-nfs", "nfs"), ("t-meta", "slow"), ("t-thick", "fast")):
            self.assertTrue(placed[name].startswith(f"e2ehost@{backend}#"), (name, placed[name]))
        for name in ("t-fromsnap", "t-fromvol"):
            self.assertEqual("e2ehost@thin#t2", placed[name], name)
        self.assertEqual(placed["t-ssd"], placed["t-h-same"])
        self.assertNotEqual(placed["t-ssd"], placed["t-h-diff"])
        self.assertNotIn(placed["t-h-diff2"], (placed["t-ssd"], placed["t-meta"]))


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now
