"""Every rule, with its default: what a project may do with its own things, and what only an administrator may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

ADMIN, OWNER, ADMIN_OR_OWNER, ANYBODY = "rule:admin", "rule:owner", "rule:admin_or_owner", ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be allowed. `check` is who may do it, in the language of oslo.policy."""

    name: str
    check: str
    description: str


#: What the rules refer to. A policy file may change these, and add others of its own, whose names have no colon.
BASES: tuple[Rule, ...] = (
    Rule("admin", "is_admin:True or role:admin", "An administrator: sees every project, and what is the operator's."),
    Rule("owner", "project_id:%(project_id)s", "Somebody of the project that the thing belongs to."),
    Rule("admin_or_owner", "rule:admin or rule:owner", "Either of them."),
)

RULES: tuple[Rule, ...] = (
    Rule("volume:create", ADMIN_OR_OWNER, "Ask for a volume in the own project."),
    Rule("volume:get", ADMIN_OR_OWNER, "See a volume."),
    Rule("volume:list", ADMIN_OR_OWNER, "List the volumes of the own project."),
    Rule("volume:list_all_projects", ADMIN, "See that other projects' volumes are there: list them, find them."),
    Rule("volume:delete", ADMIN_OR_OWNER, "Delete a volume."),
    Rule("volume:extend", ADMIN_OR_OWNER, "Make a volume larger."),
    Rule("volume:retype", ADMIN_OR_OWNER, "Give a volume another type."),
    Rule("volume:migrate", ADMIN, "Move a volume to another pool."),
    Rule("volume:manage", ADMIN, "Take something that a backend keeps already under management."),
    Rule("volume:messages", ADMIN_OR_OWNER, "Read what a volume's owner was told."),
    Rule("volume:explain", ADMIN_OR_OWNER, "Ask why a volume was placed or refused; without the operator's detail."),
    Rule("volume:dry_run", ADMIN, "Ask where a volume would go now, pool by pool."),
    Rule(
        "volume:operator_detail",
        ADMIN,
        "See where a volume is (pool, cluster, location), what its storage said when it failed, and the whole "
        "decision, pool by pool.",
    ),
    Rule("snapshot:create", ADMIN_OR_OWNER, "Take a snapshot of a volume."),
    Rule("snapshot:get", ADMIN_OR_OWNER, "See a snapshot."),
    Rule("snapshot:list", ADMIN_OR_OWNER, "List the snapshots of the own project."),
    Rule("snapshot:list_all_projects", ADMIN, "See that other projects' snapshots are there: list them, find them."),
    Rule("snapshot:delete", ADMIN_OR_OWNER, "Delete a snapshot."),
    Rule("group:create", ADMIN_OR_OWNER, "Ask for a group in the own project."),
    Rule("group:get", ADMIN_OR_OWNER, "See a group."),
    Rule("group:list", ADMIN_OR_OWNER, "List the groups of the own project."),
    Rule("group:list_all_projects", ADMIN, "See that other projects' groups are there: list them, find them."),
    Rule("group:delete", ADMIN_OR_OWNER, "Delete a group that has no volumes."),
    Rule("group:operator_detail", ADMIN, "See in which pool a group is."),
    Rule("backup:place", ADMIN, "Ask which host's backup service would take a backup."),
    Rule("type:list", ANYBODY, "List volume types, and see one."),
    Rule("type:extra_specs", ADMIN, "See what a volume type asks of a pool."),
    Rule("type:create", ADMIN, "Offer a volume type."),
    Rule("type:delete", ADMIN, "Withdraw a volume type."),
    Rule("quota:show", ADMIN_OR_OWNER, "See how much a project may have, and has."),
    Rule("quota:set", ADMIN, "Say how much a project may have."),
    Rule("backend:list", ADMIN, "List backends, and see one."),
    Rule("backend:set", ADMIN, "Disable, enable, freeze and unfreeze backends."),
    Rule("pool:list", ADMIN, "List pools with their figures, and see one."),
    Rule("pool:cordon", ADMIN, "Close pools for kinds of operations, and open them."),
    Rule("pool:drain", ADMIN, "Plan where the volumes of a pool would go."),
    Rule("audit:look", ADMIN, "Compare claims, volumes, work and reports."),
    Rule("audit:repair", ADMIN, "Put right what the audit finds."),
    Rule("work:list", ADMIN, "See the work that is queued, and what went wrong with it."),
    Rule("event:list", ADMIN, "See events and what became of them."),
    Rule("event:retry", ADMIN, "Hand parked events to their notifiers again."),
)

DEFAULTS: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in (*BASES, *RULES)})


def list_rules() -> list[Any]:
    """The rules as oslo.policy's own tools want them (`oslopolicy-policy-generator --namespace volsched`)."""
    from oslo_policy import policy

    return [policy.RuleDefault(rule.name, rule.check, rule.description) for rule in DEFAULTS.values()]


def sample() -> str:
    """A policy file with every rule and its default, all of them commented out."""
    blocks = [f"# {rule.description}\n#{_quoted(rule.name)}: {_quoted(rule.check)}\n" for rule in DEFAULTS.values()]
    return HEADING + "\n" + "\n".join(blocks)


def _quoted(text: str) -> str:
    return f'"{text}"'


HEADING = """\
# Who may do what, where it is not as in volsched itself: the language is that of oslo.policy. volsched reads the file
# `policy.yaml` beside its configuration, or the one that [policy] file names. Only what is to be different belongs
# there. `volsched policy list` shows what is in force, `volsched policy check RULE --as-role ROLE` tries it out.
"""
