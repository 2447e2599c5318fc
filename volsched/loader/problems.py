"""What is wrong with the configuration or with a plugin, in words that an operator can act on."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from volsched.exceptions import ConfigurationError

#: What each code means, for the documentation. A code never changes its meaning.
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
        "VS110": "a package that [plugins] allowed_packages does not list",
        "VS111": "a plugin cannot start",
        "VS112": "not a plugin, or an incomplete one",
        "VS113": "an expression that cannot be used",
        "VS114": "a name is repeated in a list",
        "VS115": "an instance has no section",
        "VS116": "a section is not used",
        "VS117": "a weigher counts for nothing",
        "VS118": "an extra spec that no pool can match",
        "VS119": "a plugin does not accept its options together",
        "VS120": "a plugin cannot be constructed",
        "VS121": "a plugin was written for an older contract, and works",
        "VS122": "an option is set by an old name",
        "VS123": "no such section",
        "VS124": "an option is set twice in one file",
        "VS125": "nothing is selected where something must be",
        "VS126": "an expression means different things in the two dialects",
        "VS127": "a volume type is in two profiles",
        "VS128": "a profile names a volume type that does not exist",
        "VS130": "the configuration cannot be read",
        "VS131": "the policy file cannot be used",
        "VS201": "the database cannot be used",
        "VS202": "the message bus cannot be reached",
        "VS203": "a package needs what is not installed",
        "VS204": "files of an installed package are not as they were installed",
        "VS205": "a filter turns no pool away",
        "VS206": "a weigher changes no order",
        "VS207": "no pool serves a volume type",
        "VS209": "a backend is down",
        "VS210": "a report, or a part of one, cannot be used",
        "VS211": "clocks differ",
        "VS212": "events that a notifier did not take are parked",
        "VS213": "work whose holder is gone is not taken over",
        "VS214": "a volume is in progress, and nothing works on it",
        "VS215": "work waits, and nobody takes it",
        "VS216": "a plugin is not well",
        "VS217": "a plugin does not answer in time",
        "VS218": "a plugin breaks when it is asked",
        "VS219": "a part of the diagnosis itself failed",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One finding. `where` names the option and the file and line, or the plugin; `fix` says what to do."""

    code: str
    where: str
    what: str
    fix: str
    fatal: bool = True  # False: a warning; it works, but perhaps not as meant

    def __str__(self) -> str:
        return f"{self.code} {self.where}: {self.what}\n      {self.fix}"


class LoadProblems(ConfigurationError):
    """Everything that keeps a service from starting, found in one go."""

    def __init__(self, problems: Iterable[Problem], so: str = "nothing was started") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        heading = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("configuration", "\n".join([f"{heading}; {so}", *map(str, self.problems)]))


class Findings:
    """Collects problems while everything is looked at."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, code: str, where: str, what: str, fix: str) -> None:
        self._keep(Problem(code=code, where=where, what=what, fix=fix))

    def warn(self, code: str, where: str, what: str, fix: str) -> None:
        self._keep(Problem(code=code, where=where, what=what, fix=fix, fatal=False))

    def _keep(self, problem: Problem) -> None:
        if problem not in self._found:  # what several profiles share is looked at several times
            self._found.append(problem)

    @property
    def fatal(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self._found if problem.fatal)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self._found if not problem.fatal)

    def raise_if_fatal(self) -> None:
        """Raises LoadProblems where anything found keeps a service from starting."""
        if self.fatal:
            raise LoadProblems(self.fatal)


def did_you_mean(name: str, known: Collection[str]) -> str:
    """`did you mean 'x'? `, or nothing where nothing is like it."""
    by_case = {item.lower(): item for item in known}
    close = difflib.get_close_matches(name.lower(), list(by_case), n=1, cutoff=0.6)
    return f"did you mean {by_case[close[0]]!r}? " if close else ""


def listed(names: Sequence[str]) -> str:
    """Names for a person to read."""
    return ", ".join(names) or "none"
