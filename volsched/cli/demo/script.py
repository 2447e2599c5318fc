"""The steps of the demonstration. What a step shows is read back from the database and the file system."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volsched.cli import explanation, table
from volsched.cli.demo import scenario
from volsched.cli.demo.scenario import RequestedVolume
from volsched.cli.init import drafted
from volsched.exceptions import VolschedError
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.volume_request import CreateVolumeRequest

if TYPE_CHECKING:
    from volsched.api.api import Api
    from volsched.service.application import Application


class DemonstrationFailed(VolschedError):
    """A result is not the expected one: a defect, or somebody changed the folder meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step that was done, as text for people and as facts for programs."""

    title: str
    lines: Sequence[str]
    facts: Mapping[str, Any] = field(default_factory=dict)


class Demonstration:
    """The steps, in order; each runs when it is read."""

    def __init__(self, folder: Path, *, context: Mapping[str, Any], marks: table.Marks) -> None:
        self.folder = folder
        self.file = folder / scenario.CONFIGURATION
        self._context = dict(context)
        self._marks = marks

    def steps(self) -> Iterator[Step]:
        """Run the steps. Raises DemonstrationFailed if a result is not the expected one."""
        self._select("filter")
        with self._application() as application:
            api = application.api(self._context)
            yield self._pools_before(api)
            yield self._types(api)
            yield self._placed(api, "filter", scenario.BY_FILTER)
            yield self._refused(api)
        self._select("chance")
        with self._application() as application:
            api = application.api(self._context)
            yield self._placed(api, "chance", scenario.BY_CHANCE)
            yield self._managed(api)
            yield self._reverted(application)
        with self._application() as application:
            api = application.api(self._context)
            yield self._volumes(api)
            yield self._pools_after(api)

    # -- configuration -------------------------------------------------------------------------------------------

    def _select(self, driver: str) -> None:
        """Write the configuration file with this scheduler driver, and create the database."""
        from volsched import conf
        from volsched.service.database_version import upgrade

        text = scenario.configuration(self.folder, driver)
        with drafted(self.file, text, overwrite=self.file.exists()) as draft:
            upgrade(conf.load([str(draft)], use_env=False))

    @contextmanager
    def _application(self) -> Iterator[Application]:
        """Open the application of the configuration file."""
        from volsched import conf
        from volsched.service.application import open_application

        with open_application(conf.load([str(self.file)], use_env=False)) as application:
            yield application

    # -- steps ---------------------------------------------------------------------------------------------------

    def _pools_before(self, api: Api) -> Step:
        backends, pools = api.backends.list(), self._pools(api)
        zones = sorted({backend.zone or "" for backend in backends})
        return Step(
            title=f"{len(pools)} pools on {len(backends)} storage backends, in the zones {' and '.join(zones)}",
            lines=self._drawn(pools),
            facts={"pools_before": pools},
        )

    def _types(self, api: Api) -> Step:
        for name, (description, extra_specs) in scenario.TYPES.items():
            api.types.create(name, extra_specs, description=description)
        types = api.types.list()
        rows = [[str(kind.name), kind.description or "", table.for_people(kind.extra_specs)] for kind in types]
        return Step(
            title=f"{len(types)} volume types and their requirements for a pool",
            lines=table.text_table(["Type", "", "requires"], rows),
            facts={"types": {str(kind.name): dict(kind.extra_specs) for kind in types}},
        )

    def _placed(self, api: Api, driver: str, requested: Sequence[RequestedVolume]) -> Step:
        """Create the requested volumes."""
        rows, facts = [], []
        for one in requested:
            volume = self._created(api, one)
            if volume.status is not VolumeStatus.AVAILABLE:
                raise DemonstrationFailed(f"{one.name} is {volume.status.value}: {self._message(api, volume)}")
            decision = api.volumes.explain(volume)
            fitted, considered = decision["ranked_count"], _considered(decision)
            rows.append([one.name, str(one), str(volume.host), f"{fitted} of {considered} pools fit"])
            facts.append({"name": one.name, "id": volume.id, "pool": volume.host, "driver": driver, "fitted": fitted})
        how = {
            "filter": "the emptiest of the pools that fit",
            "chance": f"any of the pools that fit; {scenario.CONFIGURATION} was changed for it",
        }[driver]
        return Step(
            title=f"{len(rows)} volumes, placed by the scheduler driver `{driver}`: {how}",
            lines=table.text_table(["Volume", "requested", "placed in", ""], rows),
            facts={f"placed_by_{driver}": facts},
        )

    def _refused(self, api: Api) -> Step:
        wanted = scenario.TOO_LARGE
        volume = self._created(api, wanted)
        decision = api.volumes.explain(volume)
        message = self._message(api, volume)
        if volume.status is not VolumeStatus.ERROR or decision["ranked_count"]:
            raise DemonstrationFailed(f"{wanted.name} is {volume.status.value}, although no pool has room for it")
        lines = [
            f"  The volume {wanted.name}, {wanted}, is now in status {volume.status.value}. Its owner sees:",
            f"  {message}",
            "",
            "  The operator sees why (volsched volume explain):",
            "",
            *(f"  {line}".rstrip() for line in explanation.explain(decision)),
            *self._failure_event(volume),
        ]
        facts = {"id": volume.id, "status": volume.status.value, "message": message, "decision": decision}
        return Step(title="A request that no pool fits, and why", lines=lines, facts={"refused": facts})

    def _managed(self, api: Api) -> Step:
        pool_id = f"{scenario.HOST}@{scenario.FOUND_BACKEND}#{scenario.FOUND_POOL}"
        found = self.folder / scenario.FOUND_BACKEND / scenario.FOUND_POOL / scenario.FOUND_FILE
        content = b"not made by volsched\n"
        with found.open("wb") as file:
            file.write(content)
            file.truncate(scenario.FOUND_SIZE_GB * scenario.UNIT_BYTES)
        managing = api.volumes.manage(pool_id, {"source-name": scenario.FOUND_FILE}, name="payroll")
        volume = api.volumes.wait(managing)
        if volume is None or volume.status is not VolumeStatus.AVAILABLE:
            raise DemonstrationFailed(f"{found} was not taken under management: {self._message(api, managing)}")
        now = Path(volume.provider_location or "")
        if found.exists() or not now.read_bytes().startswith(content):
            raise DemonstrationFailed(f"{found} should have become {now}")
        lines = [
            f"  {found.relative_to(self.folder)} existed before.",
            f"  It is now the volume {volume.name}, {volume.size_gb} GiB in {volume.host}, with its content unchanged:",
            f"  {now.relative_to(self.folder)}",
        ]
        return Step(
            title="An existing file, taken under management",
            lines=lines,
            facts={"managed": {"id": volume.id, "pool": volume.host, "size_gb": volume.size_gb, "path": str(now)}},
        )

    def _reverted(self, application: Application) -> Step:
        """Run the manage_existing flow with a last task that fails."""
        from volsched.cli.demo.failure import run_failing_flow

        before = self._counts(application.api(self._context))
        record = run_failing_flow(application, self._context, f"{scenario.HOST}@{scenario.FOUND_BACKEND}")
        after = self._counts(application.api(self._context))
        if before != after:
            raise DemonstrationFailed(f"the flow was not reverted: {before} before, {after} after")
        rows = [[entry.task, entry.outcome, entry.meaning] for entry in record.entries]
        lines = [
            f"  The flow manage_existing failed: {record.problem}",
            "",
            *table.text_table(["Task", "", ""], rows),
            "",
            f"  Rows of volumes: {before['rows']} before, {after['rows']} after. "
            f"Quota in use: {before['quota_volumes']} volumes before, {after['quota_volumes']} after, "
            f"{after['reserved']} reserved.",
        ]
        facts = {
            "problem": record.problem,
            "tasks": {entry.task: entry.outcome for entry in record.entries},
            "before": before,
            "after": after,
        }
        return Step(title="A task that fails, and how its flow is reverted", lines=lines, facts={"reverted": facts})

    def _volumes(self, api: Api) -> Step:
        """Show each volume as the database and the file system have it."""
        rows, facts = [], []
        types = {kind.id: kind.name for kind in api.types.list()}
        for volume in api.volumes.list():
            file = Path(volume.provider_location) if volume.provider_location else None
            kept = self._measured(volume, file)
            kind = types.get(volume.volume_type_id)
            where = str(file.relative_to(self.folder)) if file is not None else None
            cells = (volume.name, volume.status.value, volume.size_gb, kind, volume.availability_zone, volume.host)
            rows.append((*cells, kept.get("size_mib"), kept.get("on_disk_mib")))
            facts.append(
                {
                    **dict(zip(("name", "status", "size_gb", "type", "zone", "pool"), cells, strict=True)),
                    "id": volume.id,
                    "file": where,
                    **kept,
                }
            )
        header = ("Volume", "status", "GiB", "type", "zone", "pool", "file MiB", "on disk MiB")
        return Step(
            title="Where each volume is (a GiB takes 1 MiB of disk here)",
            lines=table.text_table(header, table.aligned(header, rows)),
            facts={"volumes": facts},
        )

    def _pools_after(self, api: Api) -> Step:
        pools = self._pools(api)
        return Step(title="The pools afterwards", lines=self._drawn(pools), facts={"pools_after": pools})

    # -- reading back --------------------------------------------------------------------------------------------

    def _created(self, api: Api, wanted: RequestedVolume) -> Volume:
        request = CreateVolumeRequest(
            size_gb=wanted.size_gb,
            name=wanted.name,
            volume_type=wanted.volume_type,
            zone=wanted.zone,
            metadata=wanted.metadata,
        )
        created = api.volumes.wait(api.volumes.create(request))
        if created is None:
            raise DemonstrationFailed(f"{wanted.name} is gone")
        return created

    def _message(self, api: Api, volume: Volume) -> str:
        messages = api.volumes.messages(volume)
        return messages[-1].text if messages else "no message"

    def _measured(self, volume: Volume, file: Path | None) -> dict[str, float]:
        """Return the sizes of a volume's file, which must be those of the database."""
        if file is None:
            return {}
        facts = file.stat()
        if facts.st_size != volume.size_gb * scenario.UNIT_BYTES:
            raise DemonstrationFailed(f"{file} has {facts.st_size} bytes, although {volume.name} has {volume.size_gb}")
        return {"size_mib": facts.st_size / (1 << 20), "on_disk_mib": round(facts.st_blocks * 512 / (1 << 20), 2)}

    def _failure_event(self, volume: Volume) -> list[str]:
        """Return the event that the notifier delivered about a volume that failed."""
        for line in (self.folder / scenario.EVENTS).read_text().splitlines():
            event = json.loads(line)
            if event["volume_id"] == volume.id and event["priority"] == "error":
                return ["", f"  Every notifier received: {event['event_type']} ({event['payload'].get('error')})"]
        raise DemonstrationFailed(f"there is no event of the failure of {volume.name}")

    def _counts(self, api: Api) -> dict[str, int]:
        usage = {one.resource: one for one in api.quotas.usage()}
        return {
            "rows": len(api.volumes.list(all_projects=True)),
            "quota_volumes": usage["volumes"].used,
            "quota_gigabytes": usage["gigabytes"].used,
            "reserved": usage["volumes"].reserved,
        }

    def _pools(self, api: Api) -> list[dict[str, Any]]:
        return [
            {
                "pool": pool.id,
                "zone": pool.zone,
                "kind": "thin" if pool.record.thin else "thick",
                "limit_gb": pool.limit_gb,
                "taken_gb": pool.taken_gb,
                "free_gb": pool.record.free_gb,
                "total_gb": pool.record.total_gb,
            }
            for pool in api.pools.list()
        ]

    def _drawn(self, pools: Sequence[Mapping[str, Any]]) -> list[str]:
        rows = []
        for one in pools:
            drawn = table.bar(one["taken_gb"], one["limit_gb"], self._marks)
            how = "provisioned" if one["kind"] == "thin" else "in use"
            figures = f"{one['taken_gb']:4.3g} of {one['limit_gb']:g} GiB {how}"
            rows.append([one["pool"], str(one["zone"]), one["kind"], drawn, figures])
        return table.text_table(["Pool", "zone", "", "", ""], rows)


def _considered(decision: Mapping[str, Any]) -> int:
    filters = decision["filters"]
    return int(filters[0]["considered"] if filters else decision["ranked_count"])
