"""Problems of the configuration and of plugins: their codes, their texts, and how they are collected."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from oslo_config import cfg

from volsched.conf.configuration import BadValue, Configuration
from volsched.exceptions import ConfigurationError

#: The meaning of each code, for the documentation. A code never changes its meaning.
CODES: Mapping[str, str] = MappingProxyType(
    {
        "VS101": "no plugin of this name",
        "VS102": "a plugin of another kind has this name",
        "VS103": "a plugin's module cannot be imported",
        "VS104": "several packages publish this name",
        "VS105": "a package was made for another release of volsched",
        "VS106": "a plugin was written for another contract",
        "VS107": "a required option is missing",
        "VS108": "a value that an option does not accept",
        "VS109": "no such option",
        "VS110": "[plugins] allowed_packages does not list a plugin's package",
        "VS111": "a plugin cannot start",
        "VS112": "not a plugin, or an incomplete one",
        "VS113": "an expression that cannot be used",
        "VS114": "a name is repeated in a list",
        "VS115": "an instance has no section",
        "VS116": "a section is not used",
        "VS117": "the multiplier of a weigher is 0",
        "VS118": "an extra spec that no pool can match",
        "VS119": "a plugin does not accept its options together",
        "VS120": "a plugin cannot be constructed",
        "VS121": "a plugin was written for an older contract and runs through an adapter",
        "VS122": "an option is set by an old name",
        "VS123": "no such section",
        "VS124": "an option is set twice in one file",
        "VS125": "a list that needs an entry is empty",
        "VS126": "an expression means different things in the two dialects",
        "VS127": "a volume type is in two profiles",
        "VS128": "a profile names a volume type that does not exist",
        "VS130": "the configuration cannot be read",
        "VS131": "the policy file cannot be used",
        "VS201": "the database cannot be used",
        "VS202": "the message bus cannot be reached",
        "VS203": "a requirement of a package is not installed",
        "VS204": "files of an installed package have changed since its installation",
        "VS205": "a filter rejects no pool",
        "VS206": "a weigher does not change any order",
        "VS207": "no pool serves a volume type",
        "VS209": "a backend is down",
        "VS210": "a report, or a part of one, cannot be used",
        "VS211": "clocks differ",
        "VS212": "events are parked for a notifier",
        "VS213": "the lease of a work item has expired, and no process took it over",
        "VS214": "a volume is in progress without a work item",
        "VS215": "a work item is not taken by any process",
        "VS216": "a plugin reports a problem",
        "VS217": "a plugin did not answer in time",
        "VS218": "a plugin fails on a request",
        "VS219": "a check of the diagnosis failed",
        "VS220": "the metadata of an installed package cannot be read",
        "VS221": "a backend cannot be served",
        "VS222": "a backend does not hold what the database says",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem. `where` names the option with file and line, or the plugin; `fix` is the action to take."""

    code: str
    where: str
    what: str
    fix: str
    fatal: bool = True  # False: a warning

    def __str__(self) -> str:
        return f"{self.code} {self.where}: {self.what}\n      Fix: {self.fix}"


class LoadProblems(ConfigurationError):
    """All problems that prevent a service from starting."""

    def __init__(self, problems: Iterable[Problem], so: str = "nothing was started") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        heading = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("configuration", "\n".join([f"{heading}; {so}", *map(str, self.problems)]))


class Findings:
    """A collection of problems and warnings, each once."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, code: str, where: str, what: str, fix: str) -> None:
        self._keep(Problem(code=code, where=where, what=what, fix=fix))

    def warn(self, code: str, where: str, what: str, fix: str) -> None:
        self._keep(Problem(code=code, where=where, what=what, fix=fix, fatal=False))

    def read(self, conf: Configuration, group: str, option: cfg.Opt) -> Any:
        """Return the value of an option; None where it has none, or where it is bad, which is added as a problem."""
        try:
            return conf[group][option.dest]
        except BadValue as error:
            self.add("VS108", error.option, error.what, error.fix)
            return None

    def _keep(self, problem: Problem) -> None:
        if problem not in self._found:  # profiles share plugins, which are then checked repeatedly
            self._found.append(problem)

    @property
    def fatal(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self._found if problem.fatal)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self._found if not problem.fatal)

    def raise_if_fatal(self) -> None:
        """Raise LoadProblems where a problem prevents a service from starting."""
        if self.fatal:
            raise LoadProblems(self.fatal)


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return `did you mean 'x'? ` with the most similar known name, or nothing."""
    by_case = {item.lower(): item for item in known}
    close = difflib.get_close_matches(name.lower(), list(by_case), n=1, cutoff=0.6)
    return f"did you mean {by_case[close[0]]!r}? " if close else ""


def listed(names: Sequence[str]) -> str:
    """Return names as text."""
    return ", ".join(names) or "none"
