"""The rules that are in force: the defaults, and over them those of a policy file."""

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
#: So many verdicts are remembered; who asks for more has them made anew.
MOST_VERDICTS = 4096
#: Checks that oslo.policy could make over the network, or by packages that somebody installs.
UNDERSTOOD = frozenset(
    {"AndCheck", "OrCheck", "NotCheck", "TrueCheck", "FalseCheck", "RuleCheck", "RoleCheck", "GenericCheck"}
)


class Policy:
    """The rules of one configuration. A verdict is a function of who asks and whose it is, so it is remembered.

    `overrides` are the rules of `file`. oslo.policy is imported when somebody asks who is not known to be allowed:
    without a file, the defaults allow an administrator everything.
    """

    def __init__(self, overrides: Mapping[str, str] = NOTHING, file: str = "") -> None:
        """Raises ConfigurationError naming file, rule and fix where a rule cannot be used."""
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
        """Whether `who` may do it to what belongs to `of`: project_id, and user_id if the thing has one.

        `who`: is_admin, roles, project_id, user_id… as a request context has them. Raises KeyError for no rule of ours.
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
        # What is not known of either must not be equal to what is not known of the other.
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

    # -- whether the file can be used ------------------------------------------------------------------------------

    def _check(self) -> None:
        for name, text in self.overrides.items():
            if ":" in str(name) and name not in DEFAULTS:
                near = difflib.get_close_matches(name, DEFAULTS, 1)
                hint = f"did you mean {near[0]}?" if near else "volsched policy list names the ones there are"
                raise self._bad(name, f"is no rule; {hint}")
            if not isinstance(text, str):
                raise self._bad(name, f'{text!r} is no text; write {name!r}: "role:NAME", "" for everybody')
        from oslo_policy import policy

        parts = {name: list(_parts(policy.RuleDefault(name, text).check)) for name, text in self.checks.items()}
        for name, text in self.overrides.items():
            self._check_parts(name, text, parts[name])
        refers = {
            name: {part.match for part in each if type(part).__name__ == "RuleCheck"} for name, each in parts.items()
        }
        for name in self.overrides:
            if _leads_to(name, refers):
                raise self._bad(name, "refers to itself, through the rules that it names; fix one of them")

    def _check_parts(self, name: str, text: str, parts: list[Any]) -> None:
        if any(type(part).__name__ == "FalseCheck" for part in parts) and "!" not in text.split():
            raise self._bad(name, f"{text!r} cannot be understood; write e.g. role:admin or rule:owner, ! for nobody")
        for part in parts:
            kind = type(part).__name__
            if kind not in UNDERSTOOD:
                raise self._bad(name, f"{text!r} has a check of the kind {part.kind}, which volsched does not make")
            if kind == "RuleCheck" and part.match not in self.checks:
                raise self._bad(name, f"refers to rule:{part.match}, which is not there; add it, or correct the name")

    def _bad(self, name: object, problem: str) -> ConfigurationError:
        return ConfigurationError(self._where(), f"{name!r} {problem}")

    def _where(self) -> str:
        return f"{OPTION} ({self.file})" if self.file else OPTION


def of(file: Path | None) -> Policy:
    """The policy with the rules of a file; None: the defaults. Raises ConfigurationError."""
    if file is None:
        return Policy()
    where = f"{OPTION} ({file})"
    try:
        text = file.read_text()
    except UnicodeDecodeError as error:
        raise ConfigurationError(where, f"is not text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise ConfigurationError(
            where, f"cannot be read: {error.strerror}; correct the name, or let volsched read it"
        ) from None
    from oslo_policy import policy

    try:
        rules = policy.parse_file_contents(text)
    except ValueError as error:
        raise ConfigurationError(where, f"is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(rules, dict):
        raise ConfigurationError(where, 'is no mapping; write one rule a line: "volume:delete": "role:admin"')
    return Policy(rules, str(file))


def _parts(check: Any) -> Iterator[Any]:
    """A check and all that it is made of."""
    yield check
    inner = [check.rule] if hasattr(check, "rule") else getattr(check, "rules", ())
    for each in inner:
        yield from _parts(each)


def _leads_to(name: str, refers: Mapping[str, set[str]]) -> bool:
    """Whether a rule needs itself. oslo.policy's own look does not go into what is negated."""
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
