"""Who may do what: the rules with their defaults, and how a policy file changes them."""

from volsched.policy.enforcing import Policy, of
from volsched.policy.rules import BASES, RULES, Rule

__all__ = ["BASES", "RULES", "Policy", "Rule", "of"]
