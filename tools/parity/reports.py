"""What the reports of a case hold that Cinder trips over, and volsched sets aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.parity.cases import decoded
from tools.parity.comparing import FAILURE, NOTIFICATIONS, Comparison
from tools.parity.stage import DEFAULT_RATIO
from tools.parity.usage import COMPARED
from volsched.model.parsing import pools_from
from volsched.model.report import CapabilityReport, ServiceState


def unusable_message(comparison: Comparison) -> bool:
    """Whether some pool of a capacity notification cannot be used."""
    if not comparison.differing & {NOTIFICATIONS, FAILURE}:
        return False
    failure = comparison.theirs.failure
    return (failure is None or not failure.meant) and unusable(comparison, comparison.request)


def unusable_somewhere(comparison: Comparison) -> bool:
    """Whether any report of the case cannot be used, or only by reading its text as a number."""
    reports = (*(comparison.case.get("capabilities") or ()), *comparison.case["requests"])
    return figures_in_text(comparison) or any(
        unusable(comparison, report) for report in reports if "capabilities" in report
    )


def unusable(comparison: Comparison, message: Mapping[str, Any]) -> bool:
    ratio = str(comparison.case.get("config", {}).get("max_over_subscription_ratio", DEFAULT_RATIO))
    report = CapabilityReport(
        service_name="volume",
        host=str(message.get("backend") or message.get("host")),
        capabilities=decoded(message["capabilities"]),
        timestamp=comparison.replay.stage.clock.now,
    )
    return bool(pools_from(report, ServiceState(host=report.host), ratio).set_aside)


def reported_pools(case: Any) -> Iterator[Mapping[str, Any]]:
    for report in (*(case.get("capabilities") or ()), *case["requests"]):
        capabilities = report.get("capabilities")
        listed = capabilities.get("pools") if isinstance(capabilities, Mapping) else None
        for pool in listed if isinstance(listed, list) else ():
            if isinstance(pool, Mapping):
                yield pool


def figures_in_text(comparison: Comparison) -> bool:
    """Whether some pool reports a number as text: Cinder reckons with some of these and trips over others."""
    return any(
        isinstance(pool.get(key), str) and pool[key] not in {"infinite", "unknown"}
        for pool in reported_pools(comparison.case)
        for key in ("total_capacity_gb", "reserved_percentage")
    )


def odd_pools_listed(comparison: Comparison) -> bool:
    """Whether some report of the case holds what is no list of complete pools."""
    for report in (*(comparison.case.get("capabilities") or ()), *comparison.case["requests"]):
        capabilities = report.get("capabilities")
        listed = capabilities.get("pools") if isinstance(capabilities, Mapping) else None
        if listed is not None and not isinstance(listed, list):
            return True
        if any(not isinstance(pool, Mapping) or len(pool.keys() & COMPARED) < len(COMPARED) for pool in listed or ()):
            return True
    return False


def own_timestamp(comparison: Comparison) -> bool:
    return any("timestamp" in pool for pool in reported_pools(comparison.case))
