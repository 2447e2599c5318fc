"""The configuration, the volume types and the requested volumes of the demonstration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from volsched.cli.init import Section, text_of

HEADING = (
    "Written by `volsched demo`: three storage backends with five pools in two zones, all of them folders here.\n"
    "A GiB takes 1 MiB of disk, so that the demonstration is quick."
)
HOST = "demo"
UNIT_BYTES = 1 << 20
CONFIGURATION, DATABASE, EVENTS = "volsched.conf", "volsched.db", "events.jsonl"

#: Backend -> zone and options of the directory backend.
BACKENDS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "fast": (
        "east",
        {
            "pools": "ssd, nvme",
            "thick_pools": "ssd",
            "pool_size_gb": "ssd:16, nvme:8",
            "extra_capabilities": "media:ssd",
        },
    ),
    "bulk": (
        "east",
        {
            "pools": "hdd, vault",
            "thick_pools": "vault",
            "pool_size_gb": "hdd:20, vault:12",
            "extra_capabilities": "media:hdd",
        },
    ),
    "remote": ("west", {"pools": "attic", "pool_size_gb": "attic:12", "extra_capabilities": "media:hdd"}),
}
OVER_SUBSCRIPTION = "1.5"

TYPES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "gold": (
        "fast, with every block allocated at once",
        {"media": "ssd", "thick_provisioning_support": "<is> True"},
    ),
    "bulk": ("cheap and large", {"media": "hdd"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedVolume:
    """A volume that the demonstration requests."""

    name: str
    size_gb: int
    volume_type: str | None = None
    zone: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        kind = f" of type {self.volume_type}" if self.volume_type else ""
        return f"{self.size_gb} GiB{kind}" + (f" in zone {self.zone}" if self.zone else "")


BY_FILTER = (
    RequestedVolume(name="web-root", size_gb=2, volume_type="gold"),
    RequestedVolume(name="orders-db", size_gb=4, volume_type="gold", metadata={"owner": "shop"}),
    RequestedVolume(name="orders-wal", size_gb=1, volume_type="gold", metadata={"owner": "shop"}),
    RequestedVolume(name="mail", size_gb=4, volume_type="bulk"),
    RequestedVolume(name="photos", size_gb=6, volume_type="bulk", zone="east"),
    RequestedVolume(name="wiki", size_gb=2, zone="west"),
    RequestedVolume(name="scratch", size_gb=3),
    RequestedVolume(name="web-logs", size_gb=3, volume_type="bulk"),
)
TOO_LARGE = RequestedVolume(name="warehouse", size_gb=12, volume_type="gold")
BY_CHANCE = (
    RequestedVolume(name="build-1", size_gb=1),
    RequestedVolume(name="build-2", size_gb=1),
    RequestedVolume(name="wiki-copy", size_gb=2, zone="west"),
    RequestedVolume(name="old-mail", size_gb=2, volume_type="bulk"),
)
FOUND_BACKEND, FOUND_POOL, FOUND_FILE, FOUND_SIZE_GB = "remote", "attic", "payroll-2019.img", 3


def configuration(folder: Path, driver: str) -> str:
    """Return the text of the configuration file."""
    return text_of(
        HEADING,
        [
            Section(name="paths", about="The database is in this folder.", options={"state_path": str(folder)}),
            Section(
                name="scheduler",
                about="The driver that places volumes. The demonstration changes this line.",
                options={
                    "driver": driver,
                    "filters": "availability_zone, capacity, capabilities",
                    "weighers": "capacity",
                    "max_over_subscription_ratio": OVER_SUBSCRIPTION,
                },
            ),
            Section(name="notifications", about="Events, one line of JSON each.", options={"notifiers": "jsonl"}),
            Section(
                name="notifier_jsonl",
                about="The file for events.",
                options={"path": str(folder / EVENTS)},
            ),
            Section(
                name="agent", about="The storage backends.", options={"host": HOST, "backends": ", ".join(BACKENDS)}
            ),
            *(
                Section(
                    name=f"backend_{name}",
                    about=f"The storage backend {HOST}@{name}.",
                    options={
                        "driver": "directory",
                        "availability_zone": zone,
                        "path": str(folder / name),
                        "unit_bytes": str(UNIT_BYTES),
                        **options,
                    },
                )
                for name, (zone, options) in BACKENDS.items()
            ),
        ],
    )
