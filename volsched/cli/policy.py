"""`volsched policy …`: the rules of the policy, and whether they allow somebody an operation."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli.command import FAILED, Command, Fields, Lister, Rows, ShowOne
from volsched.exceptions import NotFound

if TYPE_CHECKING:
    from volsched.policy import Policy

DEFAULT = "default"


class _PolicyCommand:
    """A command about the configured policy; it does not access the database."""

    configuration: Any

    def policy(self) -> Policy:
        """Return the policy. Raises ConfigurationError if its file cannot be used."""
        from volsched import policy

        conf = self.configuration()
        return policy.of(conf.policy_file())


def _known(name: str, names: Sequence[str]) -> str:
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, 1)
    raise NotFound("rule", name, f"did you mean {near[0]}?" if near else "volsched policy list shows the rules")


def _origin(policy: Policy, name: str) -> str:
    return policy.file if name in policy.overrides else DEFAULT


class PolicyList(_PolicyCommand, Lister):
    """List the rules in force: who may do what, and where that is set."""

    columns = ("Rule", "Who may", "Origin")

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        policy = self.policy()
        return self.columns, [(name, check, _origin(policy, name)) for name, check in policy.checks.items()]


class PolicyShow(_PolicyCommand, ShowOne):
    """Show a rule: its operation, who may do it, and its default."""

    columns = ("Rule", "Description", "Who may", "Default", "Origin")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("rule", metavar="RULE", help="such as volume:delete, as `policy list` shows it")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        from volsched.policy.rules import DEFAULTS

        policy = self.policy()
        name = _known(parsed_args.rule, list(policy.checks))
        rule = DEFAULTS.get(name)
        about = (rule.description, rule.check) if rule is not None else (None, None)
        return self.columns, (name, about[0], policy.checks[name], about[1], _origin(policy, name))


class PolicyCheck(_PolicyCommand, ShowOne):
    """Show whether the policy allows an operation to the user that --as-project, --as-user and --as-role describe.

    The exit status is 1 if it does not.
    """

    columns = ("Rule", "Allowed", "Project", "Roles", "Administrator", "Of project")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("rule", metavar="RULE", help="such as volume:delete, as `policy list` shows it")
        parser.add_argument(
            "--of-project", metavar="PROJECT", help="the project of the item (default: the user's own project)"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        from volsched.policy.rules import DEFAULTS

        context = self.context()
        of_project = parsed_args.of_project or context["project_id"]
        rule = _known(parsed_args.rule, list(DEFAULTS))
        allowed = self.policy().allows(rule, context, {"project_id": of_project})
        if not allowed:
            self.exit_status = FAILED
        roles, is_admin = list(context["roles"]), bool(context["is_admin"])
        return self.columns, (rule, allowed, context["project_id"], roles, is_admin, of_project)


class PolicySample(Command):
    """Print a policy file with every rule and its default, all of them commented out."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from volsched.policy.rules import sample

        self.app.stdout.write(sample())
