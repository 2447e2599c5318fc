"""Where what is kept about volumes contradicts itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Inconsistency:
    """One contradiction. `check` names the check that found it, `subject` what it is about, by id."""

    check: str
    subject: str
    what: str
    fix: str  # what `repair` would do, or the operator has to
    repairable: bool = True
    repaired: bool = False
