"""The language of `filter_function` and `goodness_function`: compiled once per distinct text, evaluated over columns.

`compile_expression(text, dialect)` gives an Expression; `Expression.evaluate(namespaces)` its value for one pool, and
`Expression.over(rows)` for many at once. `names(text)` are the variables that it reads, and `meanings_differ(text)` is
an example of values for which the two dialects disagree. Every failure is an ExpressionError.
"""

from volsched.languages.expressions.difference import Example, meanings_differ
from volsched.languages.expressions.expression import Expression, compile_expression, names
from volsched.languages.expressions.rows import MISSING, Outcomes, Rows
from volsched.languages.expressions.semantics import NAMESPACES, Dialect

__all__ = [
    "MISSING",
    "NAMESPACES",
    "Dialect",
    "Example",
    "Expression",
    "Outcomes",
    "Rows",
    "compile_expression",
    "meanings_differ",
    "names",
]
