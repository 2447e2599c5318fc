"""The base classes of commands: access to the API, exit status, and output for people and for programs."""

from __future__ import annotations

import abc
import argparse
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import cliff.command
import cliff.lister
import cliff.show

from volsched.cli import table
from volsched.exceptions import (
    ConfigurationError,
    InvalidRequest,
    NotAuthorized,
    PluginNotFound,
    VolschedError,
)

if TYPE_CHECKING:
    from cliff.app import App

    from volsched.api.api import Api
    from volsched.conf import Configuration

DEFAULT_PROJECT = "default"
ADMIN, MEMBER = "admin", "member"
DONE, FAILED, USAGE_ERROR = 0, 1, 2

Fields = tuple[Sequence[str], Sequence[Any]]
Rows = tuple[Sequence[str], Sequence[Sequence[Any]]]


def exit_status_of(problem: VolschedError) -> int:
    """Return 2 if the caller or the configuration is wrong, 1 if the request was refused or failed."""
    wrong = (InvalidRequest, ConfigurationError, NotAuthorized, PluginNotFound)
    return USAGE_ERROR if isinstance(problem, wrong) else FAILED


class _Shared:
    """The part of a command that does not depend on the form of its output."""

    app: App
    #: The exit status if no error is raised; a command whose request was refused or failed sets it to FAILED.
    exit_status: int = DONE
    #: The columns of the output, against which -c is checked before the command runs. Empty: they depend on the result.
    columns: ClassVar[Sequence[str]] = ()
    #: The method of the API that the command calls, such as `volumes.create`. Empty: the command concerns this machine
    #: (its configuration, plugins, services or database), not what the API manages.
    operation: ClassVar[str] = ""

    def __init__(self, app: App, app_args: argparse.Namespace | None) -> None:
        # With a command name, cliff would search every installed package for hooks.
        super().__init__(app, app_args)  # type: ignore[call-arg]  # cliff's types are not followed

    def get_epilog(self) -> str:
        """Return no text: cliff would read the metadata of every installed package to name the command's package."""
        return ""

    def configuration(self) -> Configuration:
        """Return the configuration that the global options name. Raises ConfigurationError."""
        from volsched import conf

        options = self.app.options
        return conf.load(getattr(options, "config_file", None) or (), getattr(options, "config_dir", None) or ())

    @contextmanager
    def api(self) -> Iterator[Api]:
        """Open the API on behalf of the caller, for one `with` block."""
        from volsched.service.application import open_application

        with open_application(self.configuration()) as application:
            yield application.api(self.context())

    def context(self) -> dict[str, Any]:
        """Return the caller's credentials.

        Whoever can read the configuration is an administrator, in the project that OS_PROJECT_ID names, unless
        --as-project, --as-user, --as-role or OS_ROLES select other credentials.
        """
        options, environment = self.app.options, os.environ
        roles = list(getattr(options, "as_role", None) or ())
        if not roles:
            roles = [name.strip() for name in environment.get("OS_ROLES", "").split(",") if name.strip()]
        project, user = getattr(options, "as_project", None), getattr(options, "as_user", None)
        restricted = bool(roles or project or user)
        return {
            "project_id": project or environment.get("OS_PROJECT_ID") or DEFAULT_PROJECT,
            "user_id": user or environment.get("OS_USER_ID") or str(os.geteuid()),
            "is_admin": not restricted,
            "roles": roles or ([MEMBER] if restricted else [ADMIN]),
        }

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command and return its exit status."""
        if self.columns:
            self.check_columns(parsed_args, self.columns)
        status: int = super().run(parsed_args)  # type: ignore[misc]
        return status or self.exit_status

    def say(self, text: str) -> None:
        """Write a line for the user to stderr, beside the command's output."""
        self.app.stdout.flush()
        print(text, file=self.app.stderr, flush=True)

    def fail(self, reason: str) -> None:
        """Write why the request was refused or failed, and let the command end with exit status 1."""
        self.exit_status = FAILED
        self.say(f"volsched: {reason}")

    def check_columns(self, parsed_args: argparse.Namespace, columns: Sequence[str]) -> None:
        """Raise InvalidRequest if an option names an unknown column."""
        known = {_normal(name) for name in columns}
        for option in ("columns", "sort_columns"):
            for name in getattr(parsed_args, option, ()):
                if _normal(name) not in known:
                    field = "--" + option.removesuffix("s").replace("_", "-")
                    raise InvalidRequest(field, f"no column {name!r}; there are {', '.join(columns)}")


def _normal(column: str) -> str:
    return column.lower().strip().replace(" ", "_")


class Command(_Shared, cliff.command.Command):  # type: ignore[misc]
    """A command that writes its own output."""


class Lister(_Shared, cliff.lister.Lister):  # type: ignore[misc]
    """A command that shows rows: `(column names, rows)`. Values are plain data; None: absent."""

    @property
    def need_sort_by_cliff(self) -> bool:
        return False  # rows are sorted below, before numbers become text

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Sequence[Any]]
    ) -> int:
        rows: list[Sequence[Any]] = list(data)
        for name in reversed(parsed_args.sort_columns):
            at = [_normal(column) for column in column_names].index(_normal(name))
            rows.sort(key=lambda row: table.sort_key(row[at]), reverse=parsed_args.sort_direction == "desc")
        if parsed_args.formatter == "table":
            if not rows:
                self.say(self.empty_message(parsed_args))
                return DONE
            rows = [*table.aligned(column_names, rows)]
        status: int = super().produce_output(parsed_args, column_names, rows)
        return status

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        """Return the text for people if there are no rows."""
        return "nothing to show"


class ShowOne(_Shared, cliff.show.ShowOne):  # type: ignore[misc]
    """A command that shows one item: `(field names, values)`. Values are plain data."""

    def produce_output(self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Sequence[Any]) -> int:
        if not column_names:
            return DONE  # there is no item, and `fail` has written why
        if parsed_args.formatter == "table":
            data = [table.for_people(value) for value in data]
        status: int = super().produce_output(parsed_args, column_names, data)
        return status


class Document(ShowOne):
    """A command that shows a document: as a text to people, as a whole to programs."""

    @abc.abstractmethod
    def lines(self, document: Mapping[str, Any]) -> Iterable[str]:
        """Return the text."""

    def produce_output(self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Sequence[Any]) -> int:
        self.check_columns(parsed_args, column_names)
        if parsed_args.formatter == "table" and not parsed_args.columns:
            print(*self.lines(dict(zip(column_names, data, strict=True))), sep="\n", file=self.app.stdout)
            return DONE
        return super().produce_output(parsed_args, column_names, data)


# -- arguments -------------------------------------------------------------------------------------------------------


def pairs(field: str, given: Sequence[str]) -> dict[str, str]:
    """Return `KEY=VALUE` texts as a dict; each key may be given once. Raises InvalidRequest."""
    found: dict[str, str] = {}
    for text in given:
        key, value = _split(field, text)
        if key in found:
            raise InvalidRequest(field, f"{key!r} is given twice")
        found[key] = value
    return found


def hints(given: Sequence[str]) -> dict[str, str | list[str]]:
    """Return `KEY=VALUE` texts as scheduler hints; a repeated key has a list as its value. Raises InvalidRequest."""
    found: dict[str, list[str]] = {}
    for text in given:
        key, value = _split("hint", text)
        found.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def _split(field: str, text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InvalidRequest(field, f"expected KEY=VALUE, got {text!r}")
    return key.strip(), value
