"""One configuration: its values, and where each came from."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

from volsched.conf import (
    agent,
    compute,
    database,
    messaging,
    monitoring,
    notifications,
    paths,
    plugins,
    policy,
    quota,
    scheduler,
    tracing,
)
from volsched.conf.allowed import allowed
from volsched.conf.origin import Origin, SettingsFiles, Source, group_name
from volsched.exceptions import ConfigurationError

PROJECT = "volsched"
#: How the value of a secret option begins that names a file which holds it.
IN_A_FILE = "file:/"
GROUPS = (
    agent,
    compute,
    database,
    messaging,
    monitoring,
    notifications,
    paths,
    plugins,
    policy,
    quota,
    scheduler,
    tracing,
)


class BadValue(ConfigurationError):
    """A value that an option does not accept. `option` also says where it was set."""

    def __init__(self, option: str, what: str, allowed: str) -> None:
        super().__init__(option, f"{what}; allowed: {allowed}")
        self.what = what
        self.allowed = allowed


class Configuration(cfg.ConfigOpts):  # type: ignore[misc]  # oslo.config's types are not followed
    """An oslo.config ConfigOpts of its own (nothing is global) that also tells where values came from.

    Made by `load`.
    """

    settings: SettingsFiles
    environment: Mapping[str, str]

    def _get(self, name: str, group: Any = None, namespace: Any = None) -> Any:
        # Every look-up of oslo.config ends here. Its own errors say neither line nor what would be right.
        try:
            value = super()._get(name, group, namespace)
        except cfg.TemplateSubstitutionError as error:
            raise self._bad(name, group, f"{error}; a $ that is meant as such is written $$") from None
        except ValueError as error:
            raise self._bad(name, group, str(error).rpartition("is not valid: ")[2]) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise self._bad(name, group, "it is not a finite number")
        if isinstance(value, str) and value.startswith(IN_A_FILE):
            return self._kept_apart(name, str(getattr(group, "name", group) or "DEFAULT"), value)
        return value

    def _kept_apart(self, name: str, group: str, value: str) -> str:
        """The secret that the file holds which is named instead of it; any other value as it is."""
        if not self.option(group, name).secret:
            return value
        file = Path(value.removeprefix(IN_A_FILE.removesuffix("/")))
        try:
            secret, problem = file.read_text().strip(), "is empty"
        except (OSError, UnicodeDecodeError) as error:
            secret, problem = "", str(error.strerror) if isinstance(error, OSError) else "is not text"
        if not secret:
            what = f"the file that it names, {file}: {problem}"
            raise BadValue(self.label(group, name), what, f"{IN_A_FILE}PATH of a file that holds the secret")
        return secret

    def _bad(self, name: str, group: Any, problem: str) -> BadValue:
        group = str(getattr(group, "name", group) or "DEFAULT")
        option = self.option(group, name)
        what = f"{self.written(group, name)!r} is refused: {problem}"
        if option.secret:
            what = "the value, which is secret and not shown, is refused"
        return BadValue(self.label(group, name), what, allowed(option))

    def option(self, group: str, name: str) -> cfg.Opt:
        """A registered option. `group` is DEFAULT for options without one."""
        return self._get_opt_info(name, None if group == "DEFAULT" else group)["opt"]

    def groups(self) -> list[str]:
        """The names of all registered groups."""
        return list(self._groups)

    def options(self) -> Iterator[tuple[str, cfg.Opt]]:
        """Every registered option, with its group's name."""
        for info, group in self._all_opt_infos():
            yield (group.name if group is not None else "DEFAULT"), info["opt"]

    def origin(self, group: str, name: str) -> Origin:
        """Where the value of an option came from. `group` is DEFAULT for options without one."""
        info = self._get_opt_info(name, None if group == "DEFAULT" else group)
        if "override" in info:
            return Origin(source=Source.OVERRIDE, name=f"[{group}] {name}")
        variable = environment_name(group, name)
        if variable in self.environment:
            return Origin(source=Source.ENVIRONMENT, name=variable)
        found = self.settings.last(spellings(group, info["opt"]))
        return found.origin if found else Origin(source=Source.DEFAULT, name=f"[{group}] {name}")

    def label(self, group: str, name: str) -> str:
        """An option and where its value came from, for a person: `[scheduler] filters (/etc/volsched.conf:12)`."""
        origin = self.origin(group, name)
        written = origin.name if origin.source is Source.FILE else f"[{group}] {name}"
        return f"{written} ({origin})"

    def written(self, group: str, name: str) -> str | None:
        """The text of a value, before it is understood; None for a default."""
        origin = self.origin(group, name)
        if origin.source is Source.ENVIRONMENT:
            return self.environment.get(origin.name)
        found = self.settings.last(spellings(group, self.option(group, name)))
        return found.value if found else None


def environment_name(group: str, name: str) -> str:
    """The environment variable of an option."""
    return f"OS_{group.upper()}__{name.upper()}"


def spellings(group: str, option: cfg.Opt) -> list[tuple[str, str]]:
    """The (group, name) pairs under which a file may set an option; its own comes first."""
    return [
        (group, option.dest),
        *((group_name(old.group or group), old.name or option.dest) for old in option.deprecated_opts),
    ]


def default_files() -> tuple[list[str], list[str]]:
    """The files and folders that are read where none is named: those of ~/.volsched, ~, /etc/volsched and /etc."""
    return (
        cfg.find_config_files(project=PROJECT, prog=PROJECT)[:1],
        cfg.find_config_dirs(project=PROJECT, prog=PROJECT)[:1],
    )


def load(files: Iterable[str] = (), dirs: Iterable[str] = (), *, use_env: bool = True) -> Configuration:
    """A fresh configuration with the core groups registered, read from `files`, then from `*.conf` of `dirs`.

    Later files win over earlier ones, environment variables (`OS_<GROUP>__<OPTION>`) over files. Where neither a file
    nor a folder is named, the usual places are looked at. Values are checked when they are read:
    `volsched.loader.load` reads them all. Raises ConfigurationError where a file cannot be read;
    reading a bad value raises BadValue.
    """
    named_files, named_dirs = list(files), list(dirs)
    if not named_files and not named_dirs:
        named_files, named_dirs = default_files()
    everything = [str(Path(file).expanduser().absolute()) for file in named_files]
    for folder in named_dirs:
        everything += _files_of(Path(folder).expanduser().absolute())
    conf = Configuration()
    conf.environment = os.environ if use_env else {}
    conf.settings = SettingsFiles(everything)  # before oslo.config reads them: its errors name no line
    for module in GROUPS:
        conf.register_group(cfg.OptGroup(module.GROUP, title=module.GROUP, help=module.HELP))
        conf.register_opts(module.options(), group=module.GROUP)
    conf(
        args=[argument for file in everything for argument in ("--config-file", file)],
        project=PROJECT,
        prog=PROJECT,
        default_config_files=[],
        default_config_dirs=[],
        use_env=use_env,
    )
    return conf


def _files_of(folder: Path) -> Sequence[str]:
    if not folder.is_dir():
        raise ConfigurationError(str(folder), "there is no such folder; --config-dir takes the path of one")
    return sorted(str(path) for path in folder.glob("*.conf"))
