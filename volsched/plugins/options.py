"""The base class of plugins: contract, options, validation, start and stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from oslo_config import cfg

#: The plugin contract of this volsched: (major, minor). Policy: doc/reference/plugin-contract.rst.
HOST_CONTRACT = (1, 0)


class Plugin:
    """The base of every kind of plugin.

    A plugin class states `contract = (major, minor)` in its own body; an inherited value does not count. Its
    constructor takes the values of its options by keyword (dest names) and does no I/O.
    """

    contract: ClassVar[tuple[int, int]]
    #: Optional abilities, each with a method of that name in lower case (RETYPE -> retype…).
    capabilities: ClassVar[frozenset[str]] = frozenset()
    #: stable, experimental or deprecated: shown by `volsched plugin list`.
    maturity: ClassVar[str] = "stable"

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        """Return its oslo.config options without a group, which volsched chooses."""
        return ()

    def validate(self) -> list[str]:
        """Return all problems of its configuration values; an empty list where there are none. No I/O."""
        return []

    def start(self) -> None:
        """Open files and connections. Idempotent; raise an error where the plugin cannot work."""

    def stop(self) -> None:
        """Close files and connections. Idempotent, and harmless without `start`."""

    def health(self) -> str | None:
        """Return its problem in one line; None where it works. May do I/O for up to a second."""
        return None
