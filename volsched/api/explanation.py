"""A decision as its owner may read it: the outcome and the limits, no pools and no figures of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What of a decision is the asker's own.
OWN = ("volume_id", "outcome", "made_at", "operation", "size_gb", "wanted_gb", "volume_type")


def for_owner(document: Mapping[str, Any]) -> dict[str, Any]:
    """The decision that `VolumeService.explain` gives to an operator, as its owner may read it."""
    limits = [step["filter"] for step in document.get("filters") or () if step["rejected_count"]]
    return {
        **{name: document.get(name) for name in OWN},
        "limits": [] if _placed(document) else limits,
        "told": _told(document, limits),
    }


def _placed(document: Mapping[str, Any]) -> bool:
    return bool(document.get("chosen"))


def _told(document: Mapping[str, Any], limits: list[str]) -> str:
    wanted = f"{document.get('wanted_gb') or 0:.12g} GiB"
    if _placed(document):
        return f"a place for {wanted} was found"
    if document.get("failed"):
        return "the scheduler's own configuration failed; the operator has been told"
    return f"no place for {wanted}" + (f": turned away by {', '.join(limits)}" if limits else "")
