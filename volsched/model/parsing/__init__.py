"""Dicts outside, types inside: what arrives is hostile until it has come through here, once."""

from volsched.model.parsing.hints import hinted_instance, hinted_volumes
from volsched.model.parsing.matching import pool_matches
from volsched.model.parsing.reports import ParsedReport, pools_from, report_from
from volsched.model.parsing.requests import MAX_SIZE_GB, request_from, size_from
from volsched.model.parsing.retries import next_retry, plain_retry, retry_from

__all__ = [
    "MAX_SIZE_GB",
    "ParsedReport",
    "hinted_instance",
    "hinted_volumes",
    "next_retry",
    "plain_retry",
    "pool_matches",
    "pools_from",
    "report_from",
    "request_from",
    "retry_from",
    "size_from",
]
