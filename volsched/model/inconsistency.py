"""Inconsistencies that the audit finds."""

from __future__ import annotations

import msgspec


class Inconsistency(msgspec.Struct, frozen=True, kw_only=True):
    """One inconsistency. `check` names the check that found it, and `subject` is the id of the object."""

    check: str
    subject: str
    what: str
    fix: str  # what `repair` would do, or the operator has to
    repairable: bool = True
    repaired: bool = False
