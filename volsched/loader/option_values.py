"""Values of options, read while everything can still be refused."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

from volsched.conf.configuration import BadValue, Configuration
from volsched.loader.problems import Findings


def read(conf: Configuration, group: str, option: cfg.Opt, findings: Findings) -> Any:
    """The value of an option; None where it has none, or one that it does not accept, which is then found wrong."""
    try:
        return conf[group][option.dest]
    except BadValue as error:
        findings.add("VS108", error.option, error.what, f"allowed: {error.allowed}")
        return None
