"""One plugin after the other: loaded, constructed, validated and, where that is asked for, started and stopped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from volsched.conf import Configuration
from volsched.exceptions import NotFound
from volsched.loader import KINDS, SCHEDULER, Catalog, Problem
from volsched.loader.construction import Built, build
from volsched.loader.loader import prepare_whole
from volsched.loader.problems import Findings, did_you_mean
from volsched.loader.selection import Choice, select, select_profiles
from volsched.ops.doctor.plugin_health import probed


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of one plugin. `choice` None: what is wrong with the selection itself."""

    choice: Choice | None
    problems: tuple[Problem, ...]

    @property
    def sound(self) -> bool:
        return not any(problem.fatal for problem in self.problems)


def selected(conf: Configuration, catalog: Catalog, *, probe: bool) -> list[Tried]:
    """Every plugin that the configuration selects, and what it names that is none."""
    choices, problems = _choices(conf, catalog)
    tried = [_tried(conf, catalog, choice, probe=probe) for choice in choices]
    return [*([Tried(choice=None, problems=problems)] if problems else []), *tried]


def named(conf: Configuration, catalog: Catalog, name: str, kind: str | None, *, probe: bool) -> list[Tried]:
    """The plugins or instances of this name, with the options that they are, or would be, selected with.

    Raises NotFound.
    """
    kinds = [it for it in KINDS if kind in (None, it.name, it.plural, it.plural.replace(" ", "_"))]
    entries = [entry for it in kinds for entry in catalog.called(it, name)]
    chosen, _ = _choices(conf, catalog)
    choices = [it for it in chosen if it.kind in kinds and (it.name == name or it.entry in entries)]
    unused = [entry for entry in entries if entry not in {choice.entry for choice in choices}]
    choices += [Choice(entry=entry, name=entry.name, where="volsched plugin check") for entry in unused]
    if not choices:
        hint = did_you_mean(name, {*(it.name for it in catalog), *(it.name for it in chosen)})
        raise NotFound("plugin", name, f"{hint}volsched plugin list names the ones there are")
    return [_tried(conf, catalog, choice, probe=probe) for choice in choices]


def _choices(conf: Configuration, catalog: Catalog) -> tuple[list[Choice], tuple[Problem, ...]]:
    findings = Findings()
    choices: Iterable[Choice] = select(conf, catalog, KINDS, findings)
    of_profiles = [choice for it in select_profiles(conf, catalog, findings) for choice in it.choices]
    return list({choice.section: choice for choice in (*of_profiles, *choices)}.values()), findings.fatal


def _tried(conf: Configuration, catalog: Catalog, choice: Choice, *, probe: bool) -> Tried:
    findings = Findings()
    further: Sequence[Problem] = ()
    prepared = prepare_whole(conf, catalog, choice, findings)
    if prepared is not None:
        plugin = build(prepared, findings, *_world(choice))
        if plugin is not None and probe:
            further = list(probed([Built(prepared=prepared, plugin=plugin)]))
    return Tried(choice=choice, problems=(*findings.fatal, *findings.warnings, *further))


def _world(choice: Choice) -> Sequence[object]:
    """What a plugin of its kind is constructed with, beside its options."""
    if choice.kind is not SCHEDULER:
        return ()
    from volsched.testing.memory import scheduler_resources

    return (scheduler_resources(),)
