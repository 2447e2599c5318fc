"""One configuration: its values, and the origin of each."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from oslo_config import cfg

from volsched.conf import infrastructure, scheduling
from volsched.conf.option_types import allowed
from volsched.conf.origin import Origin, SettingsFiles, Source, group_name
from volsched.exceptions import ConfigurationError

PROJECT = "volsched"
#: The start of a secret option's value that names a file with the secret.
FILE_PREFIX = "file:/"
CORRECT_IT = "correct the value, or remove the option to use its default"
DOLLAR = "write a literal $ as $$; $name and ${group.name} insert the value of another option"


class CoreGroup(NamedTuple):
    """One group of options that volsched itself reads."""

    name: str
    help: str
    options: Callable[[], list[cfg.Opt]]

    def group(self) -> cfg.OptGroup:
        """Return a new oslo.config group."""
        return cfg.OptGroup(self.name, title=self.name, help=self.help)


GROUPS = (
    CoreGroup("agent", "The volume agent, which operates storage backends.", scheduling.agent_options),
    CoreGroup(
        "compute",
        "The compute service. Only the filter instance_locality uses it, to find the host of an instance.",
        infrastructure.compute_options,
    ),
    CoreGroup("database", "The database of volumes, pools, claims and decisions.", infrastructure.database_options),
    CoreGroup(
        "messaging",
        "The message bus. It only wakes processes that wait for work; the work itself is in the database.",
        infrastructure.messaging_options,
    ),
    CoreGroup(
        "monitoring",
        "Health and metrics of the running services, over HTTP: /live, /ready and /metrics.",
        infrastructure.monitoring_options,
    ),
    CoreGroup(
        "notifications",
        "Delivery of events: what was placed, what failed, and why.",
        infrastructure.notifications_options,
    ),
    CoreGroup("paths", "Folders.", infrastructure.paths_options),
    CoreGroup("plugins", "The installed packages whose plugins may be selected.", infrastructure.plugins_options),
    CoreGroup("policy", "The rules for who may do what.", infrastructure.policy_options),
    CoreGroup("quota", "Default limits of each project. -1: no limit.", scheduling.quota_options),
    CoreGroup("scheduler", "The placement of volumes.", scheduling.scheduler_options),
    CoreGroup(
        "tracing",
        "OpenTelemetry: one trace from the request over the scheduler to the agent.",
        infrastructure.tracing_options,
    ),
)


class BadValue(ConfigurationError):
    """A value that an option does not accept. `option` also names the place where it is set."""

    def __init__(self, option: str, what: str, fix: str = CORRECT_IT) -> None:
        super().__init__(option, f"{what}; {fix}")
        self.what = what
        self.fix = fix


class Configuration(cfg.ConfigOpts):  # type: ignore[misc]  # oslo.config's types are not followed
    """An oslo.config ConfigOpts of its own (nothing is global) that also returns the origin of each value.

    Made by `load`. It overrides private methods of oslo.config, for which setup.cfg limits that library's version.
    """

    settings: SettingsFiles
    environment: Mapping[str, str]

    def _parse_config_files(self) -> Any:
        # The files were read once, by `settings`: a pipe cannot be read twice, and a file may change in between.
        namespace = super()._parse_config_files()
        for file in self.settings.files:
            sections = self.settings.values_of(file)
            namespace._add_parsed_config_file(file, sections, sections)
        return namespace

    def _get(self, name: str, group: Any = None, namespace: Any = None) -> Any:
        # Every access to a value ends here. oslo.config's own errors have neither line nor accepted values.
        try:
            value = super()._get(name, group, namespace)
        except (cfg.NoSuchOptError, cfg.NoSuchGroupError, cfg.TemplateSubstitutionError, RecursionError):
            if not self._exists(name, group):
                raise  # the caller asked for this name; otherwise a $ in the value did
            raise self._bad(
                name, group, "a reference to an option that does not exist or refers back", DOLLAR
            ) from None
        except ValueError as error:
            raise self._bad(name, group, str(error).rpartition("is not valid: ")[2]) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise self._bad(name, group, "a number that is not finite")
        if isinstance(value, str) and value.startswith(FILE_PREFIX):
            return self._from_file(name, str(getattr(group, "name", group) or "DEFAULT"), value)
        return value

    def _exists(self, name: str, group: Any) -> bool:
        try:
            self._get_opt_info(name, group)
        except (cfg.NoSuchOptError, cfg.NoSuchGroupError):
            return False
        return True

    def _from_file(self, name: str, group: str, value: str) -> str:
        """Return the secret in the file that `value` names; `value` itself for options that are not secret."""
        if not self.option(group, name).secret:
            return value
        file = Path(value.removeprefix(FILE_PREFIX.removesuffix("/")))
        try:
            secret, problem = file.read_text("utf-8-sig").strip(), "an empty file"
        except (OSError, UnicodeDecodeError) as error:
            secret, problem = "", str(error.strerror) if isinstance(error, OSError) else "not UTF-8 text"
        if not secret:
            what = f"expected the secret in the file {file}, got: {problem}"
            raise BadValue(self.label(group, name), what, f"write {FILE_PREFIX}PATH with the path of a readable file")
        return secret

    def _bad(self, name: str, group: Any, problem: str, fix: str = CORRECT_IT) -> BadValue:
        group = str(getattr(group, "name", group) or "DEFAULT")
        option = self.option(group, name)
        what = f"expected {allowed(option)}, got "
        if option.secret:
            what += "another value, which is secret and not shown"
        else:
            what += f"{self.written(group, name)!r} ({problem})"
        return BadValue(self.label(group, name), what, fix)

    def policy_file(self) -> Path | None:
        """Return the policy file; None where no file is named and none is beside the configuration files."""
        named = self.policy.file
        if named and Path(named).expanduser().is_absolute():
            return Path(named).expanduser()
        folders = list(dict.fromkeys(Path(file).parent for file in reversed(self.settings.files)))
        candidates = [folder / (named or infrastructure.POLICY_FILE) for folder in folders]
        found = next((file for file in candidates if file.exists()), None)
        return (candidates[0] if candidates else Path.cwd() / named) if found is None and named else found

    def option(self, group: str, name: str) -> cfg.Opt:
        """Return a registered option. `group` is DEFAULT for options without one."""
        return self._get_opt_info(name, None if group == "DEFAULT" else group)["opt"]

    def groups(self) -> list[str]:
        """Return the names of all registered groups."""
        return list(self._groups)

    def options(self) -> Iterator[tuple[str, cfg.Opt]]:
        """Yield every registered option, with the name of its group."""
        for info, group in self._all_opt_infos():
            yield (group.name if group is not None else "DEFAULT"), info["opt"]

    def origin(self, group: str, name: str) -> Origin:
        """Return the origin of an option's value. `group` is DEFAULT for options without one."""
        info = self._get_opt_info(name, None if group == "DEFAULT" else group)
        if "override" in info:
            return Origin(source=Source.OVERRIDE, name=f"[{group}] {name}")
        variable = environment_name(group, name)
        if variable in self.environment:
            return Origin(source=Source.ENVIRONMENT, name=variable)
        found = self.settings.last(spellings(group, info["opt"]))
        return found.origin if found else Origin(source=Source.DEFAULT, name=f"[{group}] {name}")

    def label(self, group: str, name: str) -> str:
        """Return an option and the origin of its value as text: `[scheduler] filters (/etc/volsched.conf:12)`."""
        origin = self.origin(group, name)
        written = origin.name if origin.source is Source.FILE else f"[{group}] {name}"
        return f"{written} ({origin})"

    def written(self, group: str, name: str) -> str | None:
        """Return the text of a value, not yet parsed; None for a default."""
        origin = self.origin(group, name)
        if origin.source is Source.ENVIRONMENT:
            return self.environment.get(origin.name)
        found = self.settings.last(spellings(group, self.option(group, name)))
        return found.value if found else None


def environment_name(group: str, name: str) -> str:
    """Return the environment variable of an option."""
    return f"OS_{group.upper()}__{name.upper()}"


def spellings(group: str, option: cfg.Opt) -> list[tuple[str, str]]:
    """Return the (group, name) pairs under which a file may set an option; its current name comes first."""
    return [
        (group, option.dest),
        *((group_name(old.group or group), old.name or option.dest) for old in option.deprecated_opts),
    ]


def default_files() -> tuple[list[str], list[str]]:
    """Return the files and folders read by default: those in ~/.volsched, ~, /etc/volsched and /etc."""
    return (
        cfg.find_config_files(project=PROJECT, prog=PROJECT)[:1],
        cfg.find_config_dirs(project=PROJECT, prog=PROJECT)[:1],
    )


def load(files: Iterable[str] = (), dirs: Iterable[str] = (), *, use_env: bool = True) -> Configuration:
    """Return a new configuration with the core groups, read from `files`, then from `*.conf` in `dirs`.

    Later files win over earlier ones, environment variables (`OS_<GROUP>__<OPTION>`) over files. With neither a file
    nor a folder, `default_files` are read. Values are checked on access; `volsched.loader.load` accesses all of them.
    Raises ConfigurationError where a file cannot be read; access to a bad value raises BadValue.
    """
    named_files, named_dirs = list(files), list(dirs)
    if not named_files and not named_dirs:
        named_files, named_dirs = default_files()
    everything = [str(Path(file).expanduser().absolute()) for file in named_files]
    for folder in named_dirs:
        everything += _files_of(Path(folder).expanduser().absolute())
    conf = Configuration()
    conf.environment = os.environ if use_env else {}
    conf.settings = SettingsFiles(everything)
    for core in GROUPS:
        conf.register_group(core.group())
        conf.register_opts(core.options(), group=core.name)
    conf(args=[], project=PROJECT, prog=PROJECT, default_config_files=[], default_config_dirs=[], use_env=use_env)
    return conf


def _files_of(folder: Path) -> Sequence[str]:
    if not folder.is_dir():
        raise ConfigurationError(str(folder), "expected a folder, got none; name an existing folder with --config-dir")
    # Hidden files are not matched, as in a shell: editors write locks and copies under such names.
    return sorted(str(path) for path in folder.glob("*.conf") if not path.name.startswith("."))
