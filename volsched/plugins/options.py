"""What every plugin class has in common: the contract it was written for, its options, and its life."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from oslo_config import cfg

#: The contract that this volsched offers: (major, minor). Policy: doc/reference/plugin-contract.rst.
HOST_CONTRACT = (1, 0)


class Plugin:
    """The base of every kind of plugin.

    A plugin class states `contract = (major, minor)` in its own body; an inherited value does not count. Its
    constructor takes the values of its options by keyword (dest names) and does no I/O.
    """

    contract: ClassVar[tuple[int, int]]
    #: Other things it can do, each with a method of that name in lower case (RETYPE -> retype…).
    capabilities: ClassVar[frozenset[str]] = frozenset()
    #: stable, experimental or deprecated: shown by `volsched plugin list`.
    maturity: ClassVar[str] = "stable"

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        """Its oslo.config options, without a group: the host decides the group, registers, documents and checks."""
        return ()

    def validate(self) -> list[str]:
        """Local checks of the values it was made with: all problems at once, none if it is well. No I/O."""
        return []

    def start(self) -> None:
        """Open what it needs. May be called again; raises where it cannot work."""

    def stop(self) -> None:
        """Let go of everything. Idempotent, and harmless without `start`."""

    def health(self) -> str | None:
        """None where it is well, else the problem in one line. May do I/O, within a second."""
        return None
