"""The only way for dicts from outside to become values: each is checked and copied once."""

from volsched.model.parsing.fields import (
    backend_from,
    hints_from,
    metadata_from,
    name_from,
    optional_name,
    plain_mapping,
    reference_from,
    size_from,
    type_name_from,
)
from volsched.model.parsing.hints import hinted_instance, hinted_volumes
from volsched.model.parsing.matching import pool_matches
from volsched.model.parsing.reports import ParsedReport, pools_from, report_from
from volsched.model.parsing.requests import lease_from, request_from
from volsched.model.parsing.retries import next_retry, plain_retry, retry_from
from volsched.model.parsing.values import expected, frozen_mapping, mapping_from, shown

__all__ = [
    "ParsedReport",
    "backend_from",
    "expected",
    "frozen_mapping",
    "hinted_instance",
    "hinted_volumes",
    "hints_from",
    "lease_from",
    "mapping_from",
    "metadata_from",
    "name_from",
    "next_retry",
    "optional_name",
    "plain_mapping",
    "plain_retry",
    "pool_matches",
    "pools_from",
    "reference_from",
    "report_from",
    "request_from",
    "retry_from",
    "shown",
    "size_from",
    "type_name_from",
]
