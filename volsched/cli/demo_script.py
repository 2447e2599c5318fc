"""What `volsched demo` does, step by step. Whatever a step says is read back from the database and the file system."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volsched.cli import bars, demo_world, explanation, pool, settings, table
from volsched.cli.demo_world import Wanted
from volsched.exceptions import VolschedError
from volsched.model.volume import Volume, VolumeStatus

if TYPE_CHECKING:
    from volsched.service.application import Application


class DemonstrationFailed(VolschedError):
    """Something is not as the demonstration says: a mistake of volsched's, or somebody touched the folder meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step that was done: what a person is told, and the same for programs."""

    title: str
    lines: Sequence[str]
    facts: Mapping[str, Any] = field(default_factory=dict)


class Demonstration:
    """The steps, in order; each does its work when it is asked for."""

    def __init__(self, folder: Path, *, context: Mapping[str, Any], marks: bars.Marks) -> None:
        self.folder = folder
        self.file = folder / demo_world.CONFIGURATION
        self._context = dict(context)
        self._marks = marks

    def steps(self) -> Iterator[Step]:
        """Do the next step, and tell of it. Raises DemonstrationFailed where something is not as it should be."""
        self._select("filter")
        with self._volsched() as application:
            yield self._pools_before(application)
            yield self._types(application)
            yield self._placed(application, demo_world.BY_FILTER)
            yield self._refused(application)
        self._select("chance")
        with self._volsched() as application:
            yield self._placed(application, demo_world.BY_CHANCE)
            yield self._taken_over(application)
            yield self._reverted(application)
        with self._volsched() as application:
            yield self._volumes(application)
            yield self._pools_after(application)

    # -- the world -----------------------------------------------------------------------------------------------

    def _select(self, driver: str) -> None:
        """Write the configuration file, with this scheduler driver. Where there is one, there is a database too."""
        from volsched import conf

        text = demo_world.configuration(self.folder, driver)
        with settings.drafted(self.file, text, overwrite=self.file.exists()) as draft:
            settings.make_database(conf.load([str(draft)], use_env=False))

    @contextmanager
    def _volsched(self) -> Iterator[Application]:
        """volsched as the file says, with its backends' reports taken in."""
        from volsched import conf
        from volsched.service.application import open_application

        with open_application(conf.load([str(self.file)], use_env=False)) as application:
            application.recover()
            application.report()
            yield application

    # -- steps ---------------------------------------------------------------------------------------------------

    def _pools_before(self, application: Application) -> Step:
        backends, pools = application.backends.list(), self._pools(application)
        zones = sorted({backend.zone or "" for backend in backends})
        return Step(
            title=f"{len(pools)} pools on {len(backends)} storage backends, in the zones {' and '.join(zones)}",
            lines=self._drawn(pools),
            facts={"pools_before": pools},
        )

    def _types(self, application: Application) -> Step:
        for name, (description, extra_specs) in demo_world.TYPES.items():
            application.types.create(name, extra_specs, description=description)
        types = application.types.list()
        rows = [[str(kind.name), kind.description or "", table.for_people(kind.extra_specs)] for kind in types]
        return Step(
            title=f"{len(types)} volume types: what each asks of a pool",
            lines=table.text_table(["Type", "", "asks for"], rows),
            facts={"types": {str(kind.name): dict(kind.extra_specs) for kind in types}},
        )

    def _placed(self, application: Application, wanted: Sequence[Wanted]) -> Step:
        """Make the volumes that are wanted."""
        driver = application.conf.scheduler.driver
        rows, facts = [], []
        for one in wanted:
            volume = self._created(application, one)
            if volume.status is not VolumeStatus.AVAILABLE:
                raise DemonstrationFailed(f"{one.name} is {volume.status.value}: {self._told(application, volume)}")
            decision = application.volumes.explain(self._context, volume.id)
            fitted, considered = decision["ranked_count"], _considered(decision)
            rows.append([one.name, str(one), str(volume.host), f"{fitted} of {considered} pools would do"])
            facts.append({"name": one.name, "id": volume.id, "pool": volume.host, "driver": driver, "fitted": fitted})
        how = {
            "filter": "the emptiest of the pools that would do",
            "chance": f"any of the pools that would do; {demo_world.CONFIGURATION} was changed to say so",
        }[driver]
        return Step(
            title=f"{len(rows)} volumes, placed by the scheduler driver `{driver}`: {how}",
            lines=table.text_table(["Volume", "asked for", "went to", ""], rows),
            facts={f"placed_by_{driver}": facts},
        )

    def _refused(self, application: Application) -> Step:
        wanted = demo_world.TOO_LARGE
        volume = self._created(application, wanted)
        decision = application.volumes.explain(self._context, volume.id)
        told = self._told(application, volume)
        if volume.status is not VolumeStatus.ERROR or decision["ranked_count"]:
            raise DemonstrationFailed(f"{wanted.name} is {volume.status.value}, although nothing has room for it")
        lines = [
            f"  The volume {wanted.name}, {wanted}, is now in status {volume.status.value}. Its owner reads:",
            f"  {told}",
            "",
            "  The operator asks why (volsched volume explain):",
            "",
            *(f"  {line}".rstrip() for line in explanation.explain(decision)),
            *self._failure_event(volume),
        ]
        facts = {"id": volume.id, "status": volume.status.value, "message": told, "decision": decision}
        return Step(title="One request that nothing can serve, and why", lines=lines, facts={"refused": facts})

    def _taken_over(self, application: Application) -> Step:
        pool_id = f"{demo_world.HOST}@{demo_world.FOUND_BACKEND}#{demo_world.FOUND_POOL}"
        found = self.folder / demo_world.FOUND_BACKEND / demo_world.FOUND_POOL / demo_world.FOUND_FILE
        content = b"not made by volsched\n"
        with found.open("wb") as file:
            file.write(content)
            file.truncate(demo_world.FOUND_SIZE_GB * demo_world.UNIT_BYTES)
        asked = application.volumes.manage(
            self._context, host=pool_id, ref={"source-name": demo_world.FOUND_FILE}, name="payroll"
        )
        volume = application.settle(asked.id)
        if volume is None or volume.status is not VolumeStatus.AVAILABLE:
            raise DemonstrationFailed(f"{found} was not taken over: {self._told(application, asked)}")
        now = Path(volume.provider_location or "")
        if found.exists() or not now.read_bytes().startswith(content):
            raise DemonstrationFailed(f"{found} should have become {now}")
        lines = [
            f"  {found.relative_to(self.folder)} was there before volsched knew of it.",
            f"  It is now the volume {volume.name}, {volume.size_gb} GiB in {volume.host}, its content untouched:",
            f"  {now.relative_to(self.folder)}",
        ]
        return Step(
            title="One existing file, taken under management",
            lines=lines,
            facts={"managed": {"id": volume.id, "pool": volume.host, "size_gb": volume.size_gb, "path": str(now)}},
        )

    def _reverted(self, application: Application) -> Step:
        """Run the manage_existing flow with a last task that cannot cast."""
        from volsched.cli.demo_failure import run_failing_flow

        before = self._counts(application)
        record = run_failing_flow(application, self._context, f"{demo_world.HOST}@{demo_world.FOUND_BACKEND}")
        after = self._counts(application)
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
        return Step(
            title="One task that is made to fail, and how its flow is reverted", lines=lines, facts={"reverted": facts}
        )

    def _volumes(self, application: Application) -> Step:
        """Where each volume is, by the database, and by the file system."""
        rows, facts = [], []
        types = {kind.id: kind.name for kind in application.types.list()}
        for volume in application.volumes.list(self._context):
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

    def _pools_after(self, application: Application) -> Step:
        pools = self._pools(application)
        return Step(title="The pools afterwards", lines=self._drawn(pools), facts={"pools_after": pools})

    # -- reading back --------------------------------------------------------------------------------------------

    def _created(self, application: Application, wanted: Wanted) -> Volume:
        asked = application.volumes.create(
            self._context,
            size_gb=wanted.size_gb,
            name=wanted.name,
            volume_type=wanted.volume_type,
            zone=wanted.zone,
            metadata=wanted.metadata,
        )
        made = application.settle(asked.id)
        if made is None:
            raise DemonstrationFailed(f"{wanted.name} is gone")
        return made

    def _told(self, application: Application, volume: Volume) -> str:
        messages = application.volumes.messages(self._context, volume.id)
        return messages[-1].text if messages else "no message"

    def _measured(self, volume: Volume, file: Path | None) -> dict[str, float]:
        """What the file system says of a volume's file; it must be what the database says."""
        if file is None:
            return {}
        facts = file.stat()
        if facts.st_size != volume.size_gb * demo_world.UNIT_BYTES:
            raise DemonstrationFailed(f"{file} has {facts.st_size} bytes, although {volume.name} has {volume.size_gb}")
        return {"size_mib": facts.st_size / (1 << 20), "on_disk_mib": round(facts.st_blocks * 512 / (1 << 20), 2)}

    def _failure_event(self, volume: Volume) -> list[str]:
        """What the notifier delivered about a volume that failed."""
        for line in (self.folder / demo_world.EVENTS).read_text().splitlines():
            event = json.loads(line)
            if event["volume_id"] == volume.id and event["priority"] == "error":
                return ["", f"  Every notifier was told: {event['event_type']} ({event['payload'].get('error')})"]
        raise DemonstrationFailed(f"no event tells that {volume.name} failed")

    def _counts(self, application: Application) -> dict[str, int]:
        usage = {one.resource: one for one in application.stores.quotas.usage(self._context["project_id"])}
        return {
            "rows": len(application.volumes.list(self._context, all_projects=True)),
            "quota_volumes": usage["volumes"].used,
            "quota_gigabytes": usage["gigabytes"].used,
            "reserved": usage["volumes"].reserved,
        }

    def _pools(self, application: Application) -> list[dict[str, Any]]:
        return [
            {
                "pool": one.pool_id,
                "zone": one.zone,
                "kind": "thin" if one.thin else "thick",
                "limit_gb": pool.limit_gb(one),
                "taken_gb": pool.taken_gb(one),
                "free_gb": one.free_gb,
                "total_gb": one.total_gb,
            }
            for one in pool.all_pools(application)
        ]

    def _drawn(self, pools: Sequence[Mapping[str, Any]]) -> list[str]:
        rows = []
        for one in pools:
            drawn = bars.bar(one["taken_gb"], one["limit_gb"], self._marks)
            how = "promised" if one["kind"] == "thin" else "in use"
            figures = f"{one['taken_gb']:4.3g} of {one['limit_gb']:g} GiB {how}"
            rows.append([one["pool"], str(one["zone"]), one["kind"], drawn, figures])
        return table.text_table(["Pool", "zone", "", "", ""], rows)


def _considered(decision: Mapping[str, Any]) -> int:
    filters = decision["filters"]
    return int(filters[0]["considered"] if filters else decision["ranked_count"])
