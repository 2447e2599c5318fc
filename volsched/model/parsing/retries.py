"""The retry record: what earlier attempts at a request tried, and how one more is counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from volsched.exceptions import InvalidRequest, NoValidBackend
from volsched.model.parsing.values import MOST_KEYS, shown
from volsched.model.request import Retry

FIELD = "filter_properties.retry"
FIRST_ATTEMPT = Retry(num_attempts=1)


def retry_from(given: Any) -> Retry | None:
    """The record as received; None where there is none. Raises InvalidRequest naming the field."""
    if not given:
        return None
    if not isinstance(given, Mapping):
        raise InvalidRequest(FIELD, f"{shown(given)} is no retry record; send a mapping with num_attempts, or nothing")
    attempts = given.get("num_attempts")
    if isinstance(attempts, bool) or not isinstance(attempts, int) or not 0 <= attempts <= 1_000_000:
        raise InvalidRequest(
            f"{FIELD}.num_attempts", f"{shown(attempts)} is no count of attempts; send a whole number of 0 or more"
        )
    hosts = _names(given.get("hosts"), "hosts")
    backends = _names(given["backends"], "backends") if "backends" in given else hosts
    exc = given.get("exc")
    return Retry(num_attempts=attempts, backends=backends, hosts=hosts, exc=None if exc is None else str(exc)[:2000])


def _names(given: Any, key: str) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list | tuple) or len(given) > MOST_KEYS:
        raise InvalidRequest(f"{FIELD}.{key}", f"{shown(given)} is no list of pool ids")
    for item in given:
        if not isinstance(item, str):
            raise InvalidRequest(f"{FIELD}.{key}", f"holds {shown(item)}, which is no pool id like host@backend#pool")
    return tuple(given)


def next_retry(retry: Retry | None, max_attempts: int, subject: str) -> Retry | None:
    """The record that counts the attempt that begins now; None where rescheduling is off (`max_attempts` is 1).

    Raises NoValidBackend where that is one attempt too many.
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
    """The record as `filter_properties` carry it."""
    if retry is None:
        return None
    made: dict[str, Any] = {
        "num_attempts": retry.num_attempts,
        "backends": list(retry.backends),
        "hosts": list(retry.hosts),
    }
    return made if retry.exc is None else {**made, "exc": retry.exc}
