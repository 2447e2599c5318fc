"""Bounds on expressions and their values, so that no text takes more than milliseconds."""

from __future__ import annotations

import re
from typing import Any

from volsched.exceptions import ExpressionError

MAX_CHARACTERS = 16_384
MAX_TOKENS = 4_096
MAX_NESTING = 32  # parentheses inside parentheses; Cinder gives up at about 17
MAX_CHAIN = 168  # `!`, signs, calls or powers in a row; Cinder gives up at about 134 to 167
MAX_NAMES = 32  # different variables
MAX_BITS = 65_536  # of a whole number
MAX_LENGTH = 65_536  # of a text, or of a list

#: The kinds of error for a bound that Cinder lacks, and for one where Cinder's parser fails.
LIMIT = "limit"
TOO_DEEP = "RecursionError"


def check_text(text: str, quoted: str) -> None:
    """Raise ExpressionError for a text that is too long or too deep to parse; `quoted` matches quoted text."""
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(text, f"{len(text)} characters long, at most {MAX_CHARACTERS}", kind=LIMIT)
    depth = 0
    count = 0
    for piece in re.finditer(rf"{quoted}|[A-Za-z0-9_.]+|[^ \t\r\n]", text):
        count += 1
        if piece[0] == "(":
            depth += 1
            if depth > MAX_NESTING:
                raise ExpressionError(
                    text, f"parentheses nested deeper than {MAX_NESTING}", piece.start(), kind=TOO_DEEP
                )
        elif piece[0] == ")":
            depth -= 1
    if count > MAX_TOKENS:
        raise ExpressionError(text, f"{count} words and signs, at most {MAX_TOKENS}", kind=LIMIT)


class TooLarge(ArithmeticError):
    """A value would be larger than the bounds allow."""


def times(left: Any, right: Any) -> Any:
    """Return `left * right`, or raise TooLarge for a huge integer, text or list."""
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > MAX_BITS:
            raise TooLarge(f"a product of more than {MAX_BITS} bits")
    elif isinstance(left, str | list) and isinstance(right, int):
        _check_length(len(left) * right)
    elif isinstance(right, str | list) and isinstance(left, int):
        _check_length(len(right) * left)
    return left * right


def plus(left: Any, right: Any) -> Any:
    """Return `left + right`, or raise TooLarge for a huge text or list. A list may be added to any iterable."""
    if isinstance(left, str | list) and isinstance(right, str | list):
        _check_length(len(left) + len(right))
        if isinstance(left, list):
            return [*left, *right]
    return left + right


def power(base: Any, exponent: Any) -> Any:
    """Return `base` to the power of `exponent`, or raise TooLarge for a huge integer."""
    if (
        isinstance(base, int)
        and isinstance(exponent, int)
        and abs(base) > 1
        and base.bit_length() * exponent > MAX_BITS
    ):
        raise TooLarge(f"a power of more than {MAX_BITS} bits")
    return base**exponent


def _check_length(length: int) -> None:
    if length > MAX_LENGTH:
        raise TooLarge(f"a text or list of {length} items, at most {MAX_LENGTH}")
