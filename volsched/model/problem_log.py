"""Log lines about problems that come again and again, and text from outside in log lines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from volsched.exceptions import VolschedError

#: A problem that lasts is logged again after this many seconds.
REPEAT_SECONDS = 60.0
MOST_CHARACTERS = 500


def one_line(text: object, most: int = MOST_CHARACTERS) -> str:
    """Return `text` as one printable line: control characters escaped, line ends as spaces, cut after `most`."""
    raw = str(text)
    line = " ".join(raw[: 4 * most].split())
    printable = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)
    return printable if len(printable) <= most and len(raw) <= 4 * most else printable[: most - 1] + "…"


def description_of(problem: BaseException) -> str:
    """Return one line about an exception. A database driver's error is quoted without the statement."""
    cause = getattr(problem, "orig", None) or problem
    if isinstance(cause, VolschedError):
        return one_line(cause)
    return one_line(f"{type(cause).__name__}: {cause}")


class ProblemLog:
    """Logs the problems of a task that is tried again and again: one line, then one a minute with a count."""

    def __init__(self, logger: logging.Logger, task: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`task`: the subject of the lines."""
        self._logger = logger
        self._task = task
        self._clock = clock
        self._failures = 0
        self._logged: tuple[str, float] | None = None  # what was logged last, and when
        self._counted = 0  # failures that the last line included

    @property
    def failures(self) -> int:
        """How often the task has failed since it last succeeded."""
        return self._failures

    def failed(self, problem: BaseException) -> None:
        """Log a failure of the task, unless the same one was logged a moment ago.

        Only an exception that is neither volsched's nor a database's is a defect: it is logged with its traceback once.
        """
        self._failures += 1
        text, now = description_of(problem), self._clock()
        repeated = self._logged is not None and self._logged[0] == text
        if repeated and self._logged is not None and now - self._logged[1] < REPEAT_SECONDS:
            self._logger.debug("%s: %s", self._task, text)
            return
        expected = isinstance(problem, VolschedError) or hasattr(problem, "orig")
        more = self._failures - self._counted
        self._logger.error(
            "%s: %s; trying again%s",
            self._task,
            text,
            f" ({more} failures since the last line)" if more > 1 else "",
            exc_info=None if expected or repeated else problem,
        )
        self._logged, self._counted = (text, now), self._failures

    def succeeded(self) -> None:
        """Log the end of the failures, if there were any."""
        if self._failures:
            self._logger.info("%s: works again after %d failures", self._task, self._failures)
            self._failures = self._counted = 0
            self._logged = None
