"""The retry record: the attempts at a request so far."""

from __future__ import annotations

from typing import Any

from volsched.exceptions import NoValidBackend
from volsched.model import limits
from volsched.model.parsing.fields import name_from
from volsched.model.parsing.values import expected, mapping_from
from volsched.model.request import Retry

FIELD = "filter_properties.retry"
FIRST_ATTEMPT = Retry(num_attempts=1)


def retry_from(given: Any) -> Retry | None:
    """Return the record, None where there is none. Raise InvalidRequest naming the field."""
    if not given:
        return None
    record = mapping_from(given, FIELD)
    attempts = record.get("num_attempts")
    if isinstance(attempts, bool) or not isinstance(attempts, int) or not 0 <= attempts <= limits.MAX_ATTEMPTS:
        raise expected(f"{FIELD}.num_attempts", f"a whole number from 0 to {limits.MAX_ATTEMPTS}", attempts)
    hosts = _names(record.get("hosts"), "hosts")
    backends = _names(record["backends"], "backends") if "backends" in record else hosts
    exc = record.get("exc")
    return Retry(
        num_attempts=attempts,
        backends=backends,
        hosts=hosts,
        exc=None if exc is None else str(exc)[: limits.MAX_RETRY_ERROR],
    )


def _names(given: Any, key: str) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list | tuple) or len(given) > limits.MAX_ENTRIES:
        raise expected(f"{FIELD}.{key}", f"a list of at most {limits.MAX_ENTRIES} pool ids", given)
    return tuple(name_from(item, f"{FIELD}.{key}") for item in given)


def next_retry(retry: Retry | None, max_attempts: int, subject: str) -> Retry | None:
    """Return the record with one more attempt; None if rescheduling is off (`max_attempts` is 1).

    Raise NoValidBackend if that is one attempt too many.
    """
    if max_attempts == 1:
        return None
    attempts = 1 if retry is None else retry.num_attempts + 1
    if attempts > max_attempts:
        why = f"; the last one failed: {retry.exc}" if retry is not None and retry.exc else ""
        raise NoValidBackend(f"all {max_attempts} attempts to place {subject} were used up{why}")
    if retry is None:
        return FIRST_ATTEMPT
    return Retry(num_attempts=attempts, backends=retry.backends, hosts=retry.hosts)


def plain_retry(retry: Retry | None) -> dict[str, Any] | None:
    """Return the record as `filter_properties` have it."""
    if retry is None:
        return None
    made: dict[str, Any] = {
        "num_attempts": retry.num_attempts,
        "backends": list(retry.backends),
        "hosts": list(retry.hosts),
    }
    return made if retry.exc is None else {**made, "exc": retry.exc}
