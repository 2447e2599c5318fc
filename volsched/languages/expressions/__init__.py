"""The language of `filter_function` and `goodness_function`, compiled once per text and evaluated over columns.

`compile_expression(text, dialect)` gives an Expression; `Expression.evaluate(namespaces)` its value for one pool, and
`Expression.evaluate_rows(rows)` its values for many. `names(text)` are the variables that it reads, and
`find_difference(text)` is an example of values for which the two dialects disagree. All errors are ExpressionError.
"""

from volsched.languages.expressions.difference import Example, find_difference
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
    "find_difference",
    "names",
]
