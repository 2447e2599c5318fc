"""The option of plugins that evaluate expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from volsched.languages.expressions.semantics import Dialect

if TYPE_CHECKING:
    from oslo_config import cfg


def option() -> cfg.Opt:
    """Return the option for the dialect of expressions. volsched sets its default to [scheduler] expression_dialect."""
    from oslo_config import cfg  # here, because the import is slow and options are needed only at start

    return cfg.StrOpt(
        "expression_dialect",
        default=Dialect.STRICT.value,
        choices=[
            (Dialect.STRICT.value, "every operand counts, numbers stay numbers, an unknown name is an error"),
            (Dialect.CINDER.value, "the result of Cinder's evaluator for the same text, peculiarities included"),
        ],
        help="How the functions that backends report are evaluated.",
    )
