"""The option of every plugin that evaluates expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from volsched.languages.expressions.semantics import Dialect

if TYPE_CHECKING:
    from oslo_config import cfg


def option() -> cfg.Opt:
    """Which dialect expressions are read in; the host fills in what the operator chose for all plugins."""
    from oslo_config import cfg  # here, for options are wanted once at start and the import is slow

    return cfg.StrOpt(
        "expression_dialect",
        default=Dialect.STRICT.value,
        choices=[
            (Dialect.STRICT.value, "every operand counts, numbers stay numbers, an unknown name is an error"),
            (Dialect.CINDER.value, "what Cinder's evaluator makes of the same text, peculiarities included"),
        ],
        help="How the functions that backends report are read.",
    )
