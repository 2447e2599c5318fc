"""What is wrong with a hint, judged apart from the code that refuses it: a rule must not trust what it is to check."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

COMMANDS = frozenset({"=", "<", ">", "<=", ">=", "in", "not", "or", "and"})
ORDERINGS = frozenset({"<", ">", "<=", ">="})
NUMBERS = frozenset(
    {
        "total_capacity_gb",
        "free_capacity_gb",
        "allocated_capacity_gb",
        "provisioned_capacity_gb",
        "reserved_percentage",
        "max_over_subscription_ratio",
        "thin_provisioning_support",
        "thick_provisioning_support",
        "multiattach",
        "QoS_support",
    }
)
MAPPINGS = frozenset({"capabilities", "service"})
_UUID = re.compile(r"[0-9a-f]{32}")


def bad_hint(hints: Any, name: str) -> bool:
    """Whether a hint cannot be meant as it stands."""
    if not isinstance(hints, Mapping):
        return bool(hints)
    given = hints.get(name)
    if name in {"same_host", "different_host"}:
        return name in hints and bad_ids(given)
    if name == "local_to_instance":
        return bool(given) and not _like_uuid(given)
    return name == "query" and bad_query(given)


def bad_ids(given: Any) -> bool:
    """Whether an affinity hint is anything but an id or a list of ids."""
    if isinstance(given, str):
        return not _like_uuid(given)
    return not isinstance(given, list | tuple) or not all(map(_like_uuid, given))


def _like_uuid(given: Any) -> bool:
    return isinstance(given, str) and _UUID.fullmatch(re.sub(r"urn:|uuid:|[{}-]", "", given.lower())) is not None


def bad_query(given: Any) -> bool:
    """Whether a query is no JSON text of a list of a command and its arguments, or mixes text and numbers."""
    if not given:
        return False
    if not isinstance(given, str):
        return True
    try:
        decoded = json.loads(given)
    except (ValueError, RecursionError):
        return True
    return bool(decoded) and _bad_term(decoded, outermost=True)


def _bad_term(term: Any, *, outermost: bool = False) -> bool:
    if not isinstance(term, list):
        return outermost or isinstance(term, dict) or _bad_reference(term)
    if not term:
        return False
    command, *arguments = term
    if not isinstance(command, str) or command not in COMMANDS:
        return True
    if any(map(_bad_term, arguments)):
        return True
    return command in ORDERINGS and len({kind for kind in map(_kind, arguments) if kind}) > 1


def _bad_reference(term: Any) -> bool:
    """A step into what is no mapping."""
    if not isinstance(term, str) or not term.startswith("$"):
        return False
    name, _, steps = term[1:].partition(".")
    return bool(steps) and name not in MAPPINGS


def _kind(argument: Any) -> str | None:
    """What an argument of an ordering is: a number, text or something else; None where that cannot be said."""
    if isinstance(argument, int | float):
        return "number"
    if isinstance(argument, str):
        if not argument.startswith("$"):
            return "text"
        name, _, steps = argument[1:].partition(".")
        if steps or name not in NUMBERS:
            return None if steps else "text"
        return "number"
    return "something else"
