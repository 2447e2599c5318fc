"""What the database tells about the configuration: expressions that backends report, extra specs that none match."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from volsched.conf import Configuration
    from volsched.loading import Problem


def problems(conf: Configuration) -> Iterator[Problem]:
    """Problems that only show beside what backends have reported. Raises DatabaseUnavailable."""
    yield from ()
