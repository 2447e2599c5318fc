"""A volume as rows and fields for people and programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from volsched.cli.table import moment
from volsched.exceptions import NotFound
from volsched.model.volume import Volume, VolumeStatus

if TYPE_CHECKING:
    from volsched.service.application import Application

LISTED = ("ID", "Name", "Status", "Size GiB", "Type", "Zone", "Pool")
SHOWN = (
    "ID",
    "Name",
    "Description",
    "Status",
    "Reason",
    "Fix",
    "Size GiB",
    "Type",
    "Zone",
    "Pool",
    "Location",
    "Metadata",
    "Project",
    "Created",
    "Updated",
)
FAILED = frozenset(status for status in VolumeStatus if status.value.startswith("error"))


def type_names(application: Application) -> dict[str, str]:
    """Volume type id -> name."""
    return {kind.id: kind.name for kind in application.types.list() if kind.id and kind.name}


def listed(volumes: Iterable[Volume], types: Mapping[str, str]) -> list[tuple[Any, ...]]:
    """Rows of the columns LISTED."""
    return [tuple(_fields(volume, types)[name] for name in LISTED) for volume in volumes]


def shown(application: Application, context: Any, volume: Volume) -> tuple[Any, ...]:
    """The values of the fields SHOWN: a volume in error says why, and what to look at."""
    fields = _fields(volume, type_names(application))
    if volume.status in FAILED:
        fields["Reason"] = last_message(application, context, volume.id)
        fields["Fix"] = fix(volume)
    return tuple(fields[name] for name in SHOWN)


def last_message(application: Application, context: Any, volume_id: str) -> str | None:
    """What the volume's owner was told last; for who may read it, with what was said by who refused or failed."""
    messages = application.volumes.messages(context, volume_id)
    if not messages:
        return None
    last = messages[-1]
    why = _said(application, context, volume_id, last.code) if application.authorizer.detailed(context) else None
    return f"{last.text}{'' if last.text.endswith('.') else '.'} {why}" if why else last.text


def _said(application: Application, context: Any, volume_id: str, code: str) -> str | None:
    """What is the operator's: the scheduler's figures, or what the storage said itself."""
    from volsched.agent.job import BAD_REFERENCE, STORAGE_FAILED

    if code not in (STORAGE_FAILED, BAD_REFERENCE):
        reason = _reason(application, context, volume_id)
        return f"The scheduler said: {reason}" if reason else None
    problem = last_problem(application, volume_id)
    return f"The storage said: {problem}" if problem else None


def _reason(application: Application, context: Any, volume_id: str) -> str | None:
    """Why the last decision was no, in figures."""
    try:
        decision = application.volumes.explain(context, volume_id)
    except NotFound:
        return last_problem(application, volume_id)
    if decision.get("chosen"):
        return None
    return last_problem(application, volume_id) or str(decision.get("reason"))


def last_problem(application: Application, volume_id: str) -> str | None:
    """Why the last piece of work that failed did."""
    problems = [record.problem for record in application.work.of(volume_id) if record.problem]
    return problems[-1] if problems else None


def stays(volume: Volume) -> str:
    """What is to be said where nothing came of a request."""
    return f"volume {volume.id} stays as it is" + (f", in {volume.host}" if volume.host else "")


def fix(volume: Volume) -> str:
    """What to do about a volume in error: a command to begin with."""
    if volume.status is VolumeStatus.ERROR and volume.host is None:
        return f"volsched volume explain {volume.id}"
    return f"volsched volume messages {volume.id}"


def _fields(volume: Volume, types: Mapping[str, str]) -> dict[str, Any]:
    type_id = volume.volume_type_id
    return {
        "ID": volume.id,
        "Name": volume.name,
        "Description": volume.description,
        "Status": volume.status.value,
        "Reason": None,
        "Fix": None,
        "Size GiB": volume.size_gb,
        "Type": types.get(type_id, type_id) if type_id else None,
        "Zone": volume.availability_zone,
        "Pool": volume.host,
        "Location": volume.provider_location,
        "Metadata": dict(volume.metadata),
        "Project": volume.project_id,
        "Created": moment(volume.created_at),
        "Updated": moment(volume.updated_at),
    }
