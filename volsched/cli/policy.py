"""`volsched policy …`: who may do what, and whether somebody may."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli.command import ANSWER_IS_NO, Command, Lister, ShowOne
from volsched.exceptions import NotFound

if TYPE_CHECKING:
    from volsched.policy import Policy

DEFAULT = "default"

Fields = tuple[Sequence[str], Sequence[Any]]


class _OfThePolicy:
    """A command about the policy of the configuration; the database is not looked at."""

    configuration: Any

    def policy(self) -> Policy:
        """Raises ConfigurationError where the policy file cannot be used."""
        from volsched import policy

        conf = self.configuration()
        return policy.of(conf.policy_file())


def _known(name: str, names: Sequence[str]) -> str:
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, 1)
    raise NotFound(
        "rule", name, f"did you mean {near[0]}?" if near else "volsched policy list names the ones there are"
    )


def _origin(policy: Policy, name: str) -> str:
    return policy.file if name in policy.overrides else DEFAULT


class PolicyList(_OfThePolicy, Lister):
    """List every rule that is in force: who may do it, and where that is said."""

    columns = ("Rule", "Who may", "Origin")

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        policy = self.policy()
        return self.columns, [(name, check, _origin(policy, name)) for name, check in policy.checks.items()]


class PolicyShow(_OfThePolicy, ShowOne):
    """Show a rule: what it is about, who may do it, and who might by default."""

    columns = ("Rule", "Description", "Who may", "Default", "Origin")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("rule", metavar="RULE", help="e.g. volume:delete, as `policy list` names it")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        from volsched.policy.rules import DEFAULTS

        policy = self.policy()
        name = _known(parsed_args.rule, list(policy.checks))
        rule = DEFAULTS.get(name)
        about = (rule.description, rule.check) if rule is not None else (None, None)
        return self.columns, (name, about[0], policy.checks[name], about[1], _origin(policy, name))


class PolicyCheck(_OfThePolicy, ShowOne):
    """Tell whether somebody may do something; who, the global options --as-project, --as-user and --as-role say.

    The exit status is 1 where they may not.
    """

    columns = ("Rule", "Allowed", "Project", "Roles", "Administrator", "Of project")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("rule", metavar="RULE", help="e.g. volume:delete, as `policy list` names it")
        parser.add_argument(
            "--of-project", metavar="PROJECT", help="the project that the thing belongs to; without it, their own"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        from volsched.policy.rules import DEFAULTS

        who = self.context()
        of_project = parsed_args.of_project or who["project_id"]
        rule = _known(parsed_args.rule, list(DEFAULTS))
        allowed = self.policy().allows(rule, who, {"project_id": of_project})
        if not allowed:
            self.exit_status = ANSWER_IS_NO
        shown = (rule, allowed, who["project_id"], list(who["roles"]), bool(who["is_admin"]), of_project)
        return self.columns, shown


class PolicySample(Command):
    """Print a policy file with every rule and its default, all of them commented out."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from volsched.policy.rules import sample

        self.app.stdout.write(sample())
