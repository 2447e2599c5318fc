"""What every sub-command shares: the application it works on, its exit status, and output that people can read."""

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

    from volsched.conf import Configuration
    from volsched.service.application import Application

DEFAULT_PROJECT = "default"
ADMIN, MEMBER = "admin", "member"
DONE, ANSWER_IS_NO, USERS_MISTAKE = 0, 1, 2


def exit_status_of(problem: VolschedError) -> int:
    """2 where the user (or the configuration) is wrong, 1 where the answer is no or something failed."""
    wrong = (InvalidRequest, ConfigurationError, NotAuthorized, PluginNotFound)
    return USERS_MISTAKE if isinstance(problem, wrong) else ANSWER_IS_NO


class _Shared:
    """The part of a command that has nothing to do with how cliff shows its result.

    `exit_status` is what the command ends with when nothing was raised; a command whose answer is no sets it to 1.
    """

    app: App
    exit_status: int = DONE
    #: The columns that the command can show: what -c names is checked before anything is done.
    #: Empty: it depends on the answer.
    columns: ClassVar[Sequence[str]] = ()
    #: The rule of the policy that who asks must satisfy before the command does anything. Empty: what it asks of the
    #: services is checked there.
    rule: ClassVar[str] = ""

    def __init__(self, app: App, app_args: argparse.Namespace | None) -> None:
        # Without a command name cliff looks for no hooks, which would cost a look at every installed package.
        super().__init__(app, app_args)  # type: ignore[call-arg]  # cliff has no type hints that are followed

    def get_epilog(self) -> str:
        """No word about who provides the command: cliff would read the metadata of every installed package for it."""
        return ""

    def configuration(self) -> Configuration:
        """The configuration that the global options name. Raises ConfigurationError."""
        from volsched import conf

        options = self.app.options
        return conf.load(getattr(options, "config_file", None) or (), getattr(options, "config_dir", None) or ())

    @contextmanager
    def application(self) -> Iterator[Application]:
        """volsched as that configuration puts it together, for one `with` block: to look at what is there.

        Raises NotAuthorized where the command's rule does not allow it.
        """
        from volsched.service.application import open_application

        with open_application(self.configuration()) as application:
            if self.rule:
                application.authorizer.check(self.context(), self.rule)
            yield application

    @contextmanager
    def working(self) -> Iterator[Application]:
        """The same, ready to work: what dead processes left is free again, and the own backends have just reported.

        Where a message bus is configured, schedulers and agents of their own do all that.
        """
        with self.application() as application:
            if application.embedded:
                application.recover()
                application.report()
            yield application

    def context(self) -> dict[str, Any]:
        """Who asks: whoever can read the configuration may do everything, in the project that the environment names.

        Unless that one acts as somebody else: --as-project, --as-user, --as-role and OS_ROLES say as whom.
        """
        options, environment = self.app.options, os.environ
        roles = list(getattr(options, "as_role", None) or ())
        if not roles:
            roles = [name.strip() for name in environment.get("OS_ROLES", "").split(",") if name.strip()]
        project, user = getattr(options, "as_project", None), getattr(options, "as_user", None)
        acts = bool(roles or project or user)
        return {
            "project_id": project or environment.get("OS_PROJECT_ID") or DEFAULT_PROJECT,
            "user_id": user or environment.get("OS_USER_ID") or str(os.geteuid()),
            "is_admin": not acts,
            "roles": roles or ([MEMBER] if acts else [ADMIN]),
        }

    def run(self, parsed_args: argparse.Namespace) -> int:
        """The exit status."""
        if self.columns:
            self.check_columns(parsed_args, self.columns)
        status: int = super().run(parsed_args)  # type: ignore[misc]
        return status or self.exit_status

    def say(self, text: str) -> None:
        """A line for the person at the keyboard, beside the command's output."""
        self.app.stdout.flush()
        print(text, file=self.app.stderr, flush=True)

    def check_columns(self, parsed_args: argparse.Namespace, columns: Sequence[str]) -> None:
        """Raises InvalidRequest where an option names a column that is not there."""
        known = {_normal(name) for name in columns}
        for option in ("columns", "sort_columns"):
            for name in getattr(parsed_args, option, ()):
                if _normal(name) not in known:
                    field = "--" + option.removesuffix("s").replace("_", "-")
                    raise InvalidRequest(field, f"no column {name!r}; there are {', '.join(columns)}")


def _normal(column: str) -> str:
    return column.lower().strip().replace(" ", "_")


class Command(_Shared, cliff.command.Command):  # type: ignore[misc]
    """A command that writes what it likes."""


class Lister(_Shared, cliff.lister.Lister):  # type: ignore[misc]
    """A command that answers with rows: `(column names, rows)`. Values are plain data, None where there is none."""

    @property
    def need_sort_by_cliff(self) -> bool:
        return False  # rows are sorted here, before numbers become text

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Sequence[Any]]
    ) -> int:
        rows: list[Sequence[Any]] = list(data)
        for name in reversed(parsed_args.sort_columns):
            at = [_normal(column) for column in column_names].index(_normal(name))
            rows.sort(key=lambda row: table.sort_key(row[at]), reverse=parsed_args.sort_direction == "desc")
        if parsed_args.formatter == "table":
            if not rows:
                self.say(self.nothing(parsed_args))
                return DONE
            rows = [*table.aligned(column_names, rows)]
        status: int = super().produce_output(parsed_args, column_names, rows)
        return status

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        """What a person is told where there are no rows."""
        return "nothing to show"


class ShowOne(_Shared, cliff.show.ShowOne):  # type: ignore[misc]
    """A command that answers with one thing: `(field names, values)`. Values are plain data."""

    def produce_output(self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Sequence[Any]) -> int:
        if not column_names:
            return DONE  # there is no such thing: it was refused, and that was said
        if parsed_args.formatter == "table":
            data = [table.for_people(value) for value in data]
        status: int = super().produce_output(parsed_args, column_names, data)
        return status


class Document(ShowOne):
    """A command that answers with a document: people get a text about it, programs the whole of it."""

    @abc.abstractmethod
    def lines(self, document: Mapping[str, Any]) -> Iterable[str]:
        """The text."""

    def produce_output(self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Sequence[Any]) -> int:
        self.check_columns(parsed_args, column_names)
        if parsed_args.formatter == "table" and not parsed_args.columns:
            print(*self.lines(dict(zip(column_names, data, strict=True))), sep="\n", file=self.app.stdout)
            return DONE
        return super().produce_output(parsed_args, column_names, data)
