"""The rules in force: the defaults, with the overrides of a policy file."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from volsched.exceptions import ConfigurationError
from volsched.policy.rules import DEFAULTS

OPTION = "[policy] file"
NOTHING: Mapping[str, str] = MappingProxyType({})
#: The size of the cache of verdicts; a full cache is emptied.
MOST_VERDICTS = 4096
#: The supported checks. Others would be made over the network, or by code of other packages.
UNDERSTOOD = frozenset(
    {"AndCheck", "OrCheck", "NotCheck", "TrueCheck", "FalseCheck", "RuleCheck", "RoleCheck", "GenericCheck"}
)


class Policy:
    """The rules of one configuration. A verdict depends only on the credentials and the target, so it is cached.

    `overrides` are the rules of `file`. oslo.policy is imported for the first verdict that needs it: without a file,
    an administrator is allowed everything.
    """

    def __init__(self, overrides: Mapping[str, str] = NOTHING, file: str = "") -> None:
        """Raise ConfigurationError naming file, rule and fix if a rule cannot be used."""
        self.file = file
        self.overrides = MappingProxyType(dict(overrides))
        self.checks: Mapping[str, str] = MappingProxyType(
            {**{name: rule.check for name, rule in DEFAULTS.items()}, **overrides}
        )
        self._verdicts: dict[tuple[Any, ...], bool] = {}
        self._making = threading.Lock()
        if overrides:
            self._check()

    def allows(self, rule: str, who: Mapping[str, Any], of: Mapping[str, Any]) -> bool:
        """Return whether the credentials `who` may do this to a target `of`: its project_id, and user_id if it has one.

        `who`: is_admin, roles, project_id, user_id… of a request context. Raise KeyError for an unknown rule.
        """
        DEFAULTS[rule]
        if not self.overrides and who.get("is_admin") is True:
            return True
        key = (rule, *(_kept(who[name]) for name in sorted(who)), *sorted(who), of.get("project_id"), of.get("user_id"))
        verdict = self._verdicts.get(key)
        if verdict is None:
            if len(self._verdicts) >= MOST_VERDICTS:
                self._verdicts.clear()
            verdict = self._verdicts[key] = self._asked(rule, who, of)
        return verdict

    def _asked(self, rule: str, who: Mapping[str, Any], of: Mapping[str, Any]) -> bool:
        with self._making:
            enforcer = self._enforcer
        # An absent value of one must not equal an absent value of the other.
        given, target = ({name: value for name, value in it.items() if value not in (None, "")} for it in (who, of))
        return bool(enforcer.enforce(rule, target, {"roles": [], **given}))

    @cached_property
    def _enforcer(self) -> Any:
        from oslo_config import cfg
        from oslo_policy import policy

        own = cfg.ConfigOpts()
        own([], project="volsched", default_config_files=[], default_config_dirs=[], use_env=False)
        enforcer = policy.Enforcer(own, use_conf=False)
        rules = {name: policy.RuleDefault(name, check).check for name, check in self.checks.items()}
        enforcer.set_rules(policy.Rules(rules), use_conf=False)
        return enforcer

    # -- validation ------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        for name, text in self.overrides.items():
            if ":" in str(name) and name not in DEFAULTS:
                near = difflib.get_close_matches(name, DEFAULTS, 1)
                hint = f"did you mean {near[0]}?" if near else "volsched policy list shows the known ones"
                raise self._bad(name, f"is not a rule; {hint}")
            if not isinstance(text, str):
                raise self._bad(name, f'expected text such as "role:NAME", or "" for everybody, got {text!r}')
        from oslo_policy import policy

        parts = {name: list(_parts(policy.RuleDefault(name, text).check)) for name, text in self.checks.items()}
        for name, text in self.overrides.items():
            self._check_parts(name, text, parts[name])
        refers = {
            name: {part.match for part in each if type(part).__name__ == "RuleCheck"} for name, each in parts.items()
        }
        for name in self.overrides:
            if _leads_to(name, refers):
                raise self._bad(name, "refers to itself through other rules; remove one of the references")

    def _check_parts(self, name: str, text: str, parts: list[Any]) -> None:
        if any(type(part).__name__ == "FalseCheck" for part in parts) and "!" not in text.split():
            raise self._bad(name, f"{text!r} cannot be parsed; write e.g. role:admin or rule:owner, ! for nobody")
        for part in parts:
            kind = type(part).__name__
            if kind not in UNDERSTOOD:
                raise self._bad(name, f"{text!r} has a check of the kind {part.kind}, which is not supported")
            if kind == "RuleCheck" and part.match not in self.checks:
                raise self._bad(name, f"refers to rule:{part.match}, which does not exist; add it, or correct the name")

    def _bad(self, name: object, problem: str) -> ConfigurationError:
        return ConfigurationError(self._where(), f"{name!r} {problem}")

    def _where(self) -> str:
        return f"{OPTION} ({self.file})" if self.file else OPTION


def of(file: Path | None) -> Policy:
    """Return the policy with the overrides of a file; None: the defaults. Raise ConfigurationError."""
    if file is None:
        return Policy()
    where = f"{OPTION} ({file})"
    try:
        text = file.read_text()
    except UnicodeDecodeError as error:
        raise ConfigurationError(where, f"expected UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise ConfigurationError(
            where, f"cannot be read: {error.strerror}; correct the name, or let volsched read it"
        ) from None
    from oslo_policy import policy

    try:
        rules = policy.parse_file_contents(text)
    except ValueError as error:
        raise ConfigurationError(where, f"is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(rules, dict):
        raise ConfigurationError(
            where, 'expected a mapping with one rule a line, such as "volume:delete": "role:admin"'
        )
    return Policy(rules, str(file))


def _parts(check: Any) -> Iterator[Any]:
    """Yield a check and the checks that it consists of."""
    yield check
    inner = [check.rule] if hasattr(check, "rule") else getattr(check, "rules", ())
    for each in inner:
        yield from _parts(each)


def _leads_to(name: str, refers: Mapping[str, set[str]]) -> bool:
    """Return whether a rule refers to itself. oslo.policy's own search ignores negated checks."""
    seen: set[str] = set()
    waiting = list(refers[name])
    while waiting:
        other = waiting.pop()
        if other not in seen:
            seen.add(other)
            waiting.extend(refers[other])
    return name in seen


def _kept(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | set | frozenset) else value
