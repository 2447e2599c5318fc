"""Values of options, read while everything can still be refused."""

from __future__ import annotations

import math
from typing import Any

from oslo_config import cfg, types

from volsched.conf.configuration import Configuration, spellings
from volsched.conf.origin import Source
from volsched.loading.problems import Findings


def option_label(conf: Configuration, group: str, name: str) -> str:
    """An option and where its value came from, for a person: `[scheduler] filters (volsched.conf:12)`."""
    origin = conf.origin(group, name)
    if origin.source is Source.FILE and origin.name != f"[{group}] {name}":
        return f"{origin.name} ({origin})"
    return f"[{group}] {name} ({origin})"


def read(conf: Configuration, group: str, option: cfg.Opt, findings: Findings) -> Any:
    """The value of an option; None where it has none, or one that it does not accept, which is then found wrong."""
    try:
        value = conf[group][option.dest]
        if not isinstance(value, float) or math.isfinite(value):
            return value
        problem = "it is not a finite number"
    except cfg.TemplateSubstitutionError as error:
        problem = f"{error}; a $ that is meant as such is written $$"
    except ValueError as error:
        problem = str(error).rpartition("is not valid: ")[2]
    what = f"{written(conf, group, option)!r} is refused: {problem}"
    if option.secret:
        what = "the value, which is secret and not shown, is refused"
    findings.add("VS108", option_label(conf, group, option.dest), what, f"allowed: {allowed(option)}")
    return None


def written(conf: Configuration, group: str, option: cfg.Opt) -> str | None:
    """The text of a value, before it is understood; None for a default."""
    origin = conf.origin(group, option.dest)
    if origin.source is Source.ENVIRONMENT:
        return conf.environment.get(origin.name)
    found = conf.settings.last(spellings(group, option))
    return found.value if found else None


def allowed(option: cfg.Opt) -> str:
    """What an option accepts, in words."""
    return _described(option.type)


def _described(kind: Any) -> str:
    if isinstance(kind, types.List):
        return f"a list, separated by commas, of: {_described(kind.item_type)}"
    choices = getattr(kind, "choices", None)
    if choices:
        return "one of " + ", ".join(str(choice) for choice in choices)
    if isinstance(kind, types.Boolean):
        return "true or false"
    if isinstance(kind, types.Integer | types.Float):
        return _number("a whole number" if isinstance(kind, types.Integer) else "a number", kind.min, kind.max)
    if isinstance(kind, types.String) and kind.regex is not None:
        return f"text that matches {kind.regex.pattern}"
    if isinstance(kind, types.String) and kind.max_length:
        return f"text of at most {kind.max_length} characters"
    return str(getattr(kind, "type_name", "text"))


def _number(name: str, low: Any, high: Any) -> str:
    if low is not None and high is not None:
        return f"{name} from {low} to {high}"
    if low is not None:
        return f"{name}, {low} or more"
    return f"{name}, {high} or less" if high is not None else name
