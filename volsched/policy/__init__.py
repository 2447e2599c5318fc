"""The policy: rules that allow operations, with their defaults and the overrides of a policy file."""

from volsched.policy.enforcing import Policy, of
from volsched.policy.rules import BASES, RULES, Rule

__all__ = ["BASES", "RULES", "Policy", "Rule", "of"]
