"""Where what is kept about volumes contradicts itself."""

from __future__ import annotations

import msgspec


class Inconsistency(msgspec.Struct, frozen=True, kw_only=True):
    """One contradiction. `check` names the check that found it, `subject` what it is about, by id."""

    check: str
    subject: str
    what: str
    fix: str  # what `repair` would do, or the operator has to
    repairable: bool = True
    repaired: bool = False
