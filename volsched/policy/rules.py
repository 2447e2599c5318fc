"""Every rule with its default: operations of projects on their own items, and operations of administrators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

ADMIN, OWNER, ADMIN_OR_OWNER, ANYBODY = "rule:admin", "rule:owner", "rule:admin_or_owner", ""


@dataclass(frozen=True, slots=True)
class Rule:
    """An operation that can be allowed. `check` is a check of oslo.policy."""

    name: str
    check: str
    description: str


#: Rules that others refer to. A policy file may override these, and add others, whose names have no colon.
BASES: tuple[Rule, ...] = (
    Rule(
        "admin", "is_admin:True or role:admin", "An administrator, who sees every project and the operator's details."
    ),
    Rule("owner", "project_id:%(project_id)s", "A user of the project that the item belongs to."),
    Rule("admin_or_owner", "rule:admin or rule:owner", "An administrator or a user of the item's project."),
)

RULES: tuple[Rule, ...] = (
    Rule("volume:create", ADMIN_OR_OWNER, "Create a volume in the own project."),
    Rule("volume:get", ADMIN_OR_OWNER, "Show a volume."),
    Rule("volume:list", ADMIN_OR_OWNER, "List the volumes of the own project."),
    Rule("volume:list_all_projects", ADMIN, "List and find volumes of other projects."),
    Rule("volume:delete", ADMIN_OR_OWNER, "Delete a volume."),
    Rule("volume:extend", ADMIN_OR_OWNER, "Extend a volume."),
    Rule("volume:retype", ADMIN_OR_OWNER, "Change a volume's type."),
    Rule("volume:migrate", ADMIN, "Move a volume to another pool."),
    Rule("volume:manage", ADMIN, "Take existing storage of a backend under management."),
    Rule("volume:messages", ADMIN_OR_OWNER, "Read the messages to a volume's owner."),
    Rule(
        "volume:explain", ADMIN_OR_OWNER, "Explain why a volume was placed or refused, without the operator's details."
    ),
    Rule("volume:dry_run", ADMIN, "Show where a volume would be placed now, pool by pool."),
    Rule(
        "volume:operator_detail",
        ADMIN,
        "See a volume's pool, cluster and location, the reason of a storage failure, and the whole decision, "
        "pool by pool.",
    ),
    Rule("snapshot:create", ADMIN_OR_OWNER, "Create a snapshot of a volume."),
    Rule("snapshot:get", ADMIN_OR_OWNER, "Show a snapshot."),
    Rule("snapshot:list", ADMIN_OR_OWNER, "List the snapshots of the own project."),
    Rule("snapshot:list_all_projects", ADMIN, "List and find snapshots of other projects."),
    Rule("snapshot:delete", ADMIN_OR_OWNER, "Delete a snapshot."),
    Rule("group:create", ADMIN_OR_OWNER, "Create a group in the own project."),
    Rule("group:get", ADMIN_OR_OWNER, "Show a group."),
    Rule("group:list", ADMIN_OR_OWNER, "List the groups of the own project."),
    Rule("group:list_all_projects", ADMIN, "List and find groups of other projects."),
    Rule("group:delete", ADMIN_OR_OWNER, "Delete a group that has no volumes."),
    Rule("group:operator_detail", ADMIN, "See a group's pool."),
    Rule("backup:place", ADMIN, "Show which host's backup service would take a backup."),
    Rule("type:list", ANYBODY, "List and show volume types."),
    Rule("type:extra_specs", ADMIN, "See the extra specs of a volume type."),
    Rule("type:create", ADMIN, "Create a volume type."),
    Rule("type:delete", ADMIN, "Delete a volume type."),
    Rule("type:private", ADMIN, "See and use every private volume type."),
    Rule("type:access", ADMIN, "List, grant and revoke the right of projects to use a private volume type."),
    Rule("quota:show", ADMIN_OR_OWNER, "Show the limits and the usage of a project."),
    Rule("quota:set", ADMIN, "Set the limits of a project."),
    Rule("backend:list", ADMIN, "List and show backends."),
    Rule("backend:set", ADMIN, "Disable, enable, freeze and unfreeze backends."),
    Rule("pool:list", ADMIN, "List and show pools with their capacity."),
    Rule("pool:cordon", ADMIN, "Cordon and uncordon pools."),
    Rule("pool:adopt", ADMIN, "Accept the storage that a pool has now."),
    Rule("pool:drain", ADMIN, "Plan where the volumes of a pool would move."),
    Rule("audit:look", ADMIN, "Find inconsistencies of claims, volumes, work and reports."),
    Rule("audit:repair", ADMIN, "Repair inconsistencies."),
    Rule("work:list", ADMIN, "List queued and failed work."),
    Rule("event:list", ADMIN, "List events and their deliveries."),
    Rule("event:retry", ADMIN, "Deliver parked events again."),
)

DEFAULTS: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in (*BASES, *RULES)})


def list_rules() -> list[Any]:
    """Return the rules for the tools of oslo.policy (`oslopolicy-policy-generator --namespace volsched`)."""
    from oslo_policy import policy

    return [policy.RuleDefault(rule.name, rule.check, rule.description) for rule in DEFAULTS.values()]


def sample() -> str:
    """Return a policy file with every rule and its default, all of them commented out."""
    blocks = [f"# {rule.description}\n#{_quoted(rule.name)}: {_quoted(rule.check)}\n" for rule in DEFAULTS.values()]
    return HEADING + "\n" + "\n".join(blocks)


def _quoted(text: str) -> str:
    return f'"{text}"'


HEADING = """\
# Overrides of volsched's policy, in the language of oslo.policy. volsched reads the file `policy.yaml` beside its
# configuration, or the one that [policy] file names. It needs only the rules that differ from the default.
# `volsched policy list` shows the rules in force, `volsched policy check RULE --as-role ROLE` tests one.
"""
