"""The parser: one LALR grammar per dialect, parsed by lark without recursion (doc/adr/0003-expression-parser.rst).

Cinder's grammar tries alternatives in order, without word boundaries. The next token alone decides which alternative
matches, so terminals with the right precedence and a contextual lexer give the same trees in linear time.
"""

from __future__ import annotations

import difflib
from functools import lru_cache
from typing import Any, cast

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from volsched.exceptions import ExpressionError
from volsched.languages.expressions import bounds, cinder
from volsched.languages.expressions.nodes import (
    NO_NAMES,
    Call,
    Chain,
    Choice,
    Comparison,
    Listing,
    Literal,
    Node,
    Not,
    Power,
    Product,
    Signed,
    Sum,
    Variable,
    names_of,
)
from volsched.languages.expressions.semantics import FUNCTIONS, NAMESPACES, Dialect, EvaluationError

# A backslash escapes the next character, a doubled quote is a quote, and line breaks are not allowed. The quantifiers
# are possessive, so that an unterminated text is refused in linear time.
_CINDER_QUOTED = (
    r'(?:"(?:[^"\n\r\\]|""|\\(?:[^x]|x[0-9a-fA-F]+))*+"'
    r"|'(?:[^'\n\r\\]|''|\\(?:[^x]|x[0-9a-fA-F]+))*+')"
)
_STRICT_QUOTED = r"""(?:"(?:[^"\n\r\\]|""|\\[^\n\r])*+"|'(?:[^'\n\r\\]|''|\\[^\n\r])*+')"""

_ARITHMETIC = r"""
    ?sum: product (SIGN product)*
    ?product: signed (TIMES signed)*
    ?signed: SIGN signed -> sign | power

    NUMBER: /[0-9]+(\.[0-9]+)?/
    SIGN: /[+-]/
    TIMES: /[*\/]/
    COMPARE: /<=|<>|<|>=|>|!=|==/
    %ignore /[ \t\r\n]+/
"""

# Word operators have no word boundaries: `notify` is `not ify`. `not` is an operator only before an operand, and `and`
# only where a word is not allowed, because two words in a row are a call.
_CINDER = (
    r"""
    ?start: either ("," either)* -> listing
    ?either: both (_OR both)*
    ?both: choice (_AND choice)*
    ?choice: comparison ("?" comparison ":" comparison)*
    ?comparison: negation (COMPARE negation)*
    ?negation: _NOT negation -> negated | sum
    ?power: call ("^" call)*
    ?call: WORD call -> called | operand
    ?operand: NUMBER -> constant | WORD -> constant | QUOTED -> constant | "(" start ")"

    _NOT.3: /(?:NOT|not)(?=[ \t\r\n]*(?:[A-Za-z_.0-9"'(+-]|!(?!=)))|!/
    WORD.2: /[A-Za-z_.]+/
    _AND.1: /AND|and|&&/
    _OR.1: /OR|or|\|\|/
"""
    + f"QUOTED: /{_CINDER_QUOTED}/"
    + _ARITHMETIC
)

_STRICT = (
    r"""
    ?start: choice
    ?choice: either ("?" either ":" either)*
    ?either: both (_OR both)*
    ?both: comparison (_AND comparison)*
    ?comparison: negation (COMPARE negation)*
    ?negation: _NOT negation -> negated | sum
    ?power: operand ("^" exponent)+ -> powers | operand
    exponent: SIGN* operand
    ?operand: NUMBER -> constant | NAME -> name | QUOTED -> text | "(" choice ")"
        | NAME "(" choice ("," choice)* ")" -> function

    _NOT.3: /(?:NOT|not)(?![A-Za-z0-9_.])|!/
    _AND.3: /(?:AND|and)(?![A-Za-z0-9_.])|&&/
    _OR.3: /(?:OR|or)(?![A-Za-z0-9_.])|\|\|/
    NAME.2: /[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*/
"""
    + f"QUOTED: /{_STRICT_QUOTED}/"
    + _ARITHMETIC
)


def parse(text: str, dialect: Dialect) -> Node:
    """Return the syntax tree of a text. Raise ExpressionError."""
    if dialect is Dialect.CINDER:
        text = text.expandtabs()
    bounds.check_text(text, _CINDER_QUOTED if dialect is Dialect.CINDER else _STRICT_QUOTED)
    try:
        node = cast("Node", _parser(dialect).parse(text))
    except UnexpectedInput as error:
        raise _unexpected(text, error) from None
    except MisplacedToken as error:
        raise ExpressionError(text, error.problem, error.position, kind=error.kind) from None
    if len(node.names) > bounds.MAX_NAMES:
        raise ExpressionError(text, f"{len(node.names)} variables, at most {bounds.MAX_NAMES}", kind=bounds.LIMIT)
    return node


def _unexpected(text: str, error: UnexpectedInput) -> ExpressionError:
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        return ExpressionError(text, f"unexpected {str(error.token)[:40]!r}", error.token.start_pos)
    if isinstance(error, UnexpectedCharacters):
        found = text[error.pos_in_stream or 0]
        why = "quoted text without an end" if found in "\"'" else f"unexpected {found!r}"
        return ExpressionError(text, why, error.pos_in_stream)
    return ExpressionError(text, "expected a value or a closing parenthesis, got the end", len(text))


@lru_cache(maxsize=len(Dialect))
def _parser(dialect: Dialect) -> Lark:
    grammar, builder = (_CINDER, CinderBuilder()) if dialect is Dialect.CINDER else (_STRICT, StrictBuilder())
    return Lark(grammar, parser="lalr", lexer="contextual", transformer=builder, maybe_placeholders=False)


class MisplacedToken(EvaluationError):
    """A token that the grammar accepts but the language does not."""

    def __init__(self, problem: str, position: int | None, kind: str = "EvaluatorParseException") -> None:
        super().__init__(problem, kind)
        self.position = position


def _steps(rest: tuple[Any, ...]) -> tuple[tuple[str, Node], ...]:
    return tuple((str(sign), node) for sign, node in zip(rest[::2], rest[1::2], strict=True))


def _check_chain(length: int, what: str, position: int | None = None) -> None:
    if length > bounds.MAX_CHAIN:
        raise MisplacedToken(f"more than {bounds.MAX_CHAIN} {what} in a row", position, bounds.TOO_DEEP)


@v_args(inline=True)
class Builder(Transformer[Token, Node]):
    """The rules of both dialects. A method is called when its rule is complete, children first."""

    def sum(self, first: Node, *rest: Any) -> Node:
        steps = _steps(rest)
        return Sum(names_of(first, *(node for _, node in steps)), first, steps)

    def product(self, first: Node, *rest: Any) -> Node:
        steps = _steps(rest)
        return Product(names_of(first, *(node for _, node in steps)), first, steps)

    def comparison(self, first: Node, *rest: Any) -> Node:
        steps = _steps(rest)
        return Comparison(names_of(first, *(node for _, node in steps)), first, steps)

    def sign(self, written: Token, operand: Node) -> Node:
        sign = -1 if written == "-" else 1
        if not isinstance(operand, Signed):
            return Signed(operand.names, (sign,), operand)
        _check_chain(len(operand.signs) + 1, "signs", written.start_pos)
        return Signed(operand.names, (*operand.signs, sign), operand.operand)

    def negated(self, operand: Node) -> Node:
        if not isinstance(operand, Not):
            return Not(operand.names, 1, operand)
        _check_chain(operand.count + 1, "negations")
        return Not(operand.names, operand.count + 1, operand.operand)


@v_args(inline=True)
class CinderBuilder(Builder):
    """The rules of `cinder`: as in Cinder, `and` and `or` evaluate two operands, and `?` evaluates three."""

    def either(self, *operands: Node) -> Node:
        return Chain(names_of(*operands[:2]), True, operands[:2])

    def both(self, *operands: Node) -> Node:
        return Chain(names_of(*operands[:2]), False, operands[:2])

    def choice(self, *operands: Node) -> Node:
        condition, chosen, otherwise = operands[:3]
        return Choice(names_of(condition, chosen, otherwise), ((condition, chosen),), otherwise)

    def power(self, *operands: Node) -> Node:
        _check_chain(len(operands) - 1, "powers")
        return Power(names_of(*operands), operands, ((),) * len(operands))

    def listing(self, *items: Node) -> Node:
        return Listing(names_of(*items), items) if len(items) > 1 else items[0]

    def called(self, function: Token, argument: Node) -> Node:
        if not isinstance(argument, Call):
            return Call(argument.names, (str(function),), argument)
        _check_chain(len(argument.functions) + 1, "calls", function.start_pos)
        return Call(argument.names, (*argument.functions, str(function)), argument.argument)

    def constant(self, token: Token) -> Node:
        namespace, _, key = token.partition(".")
        if token.type == "WORD" and namespace and key and "." not in key:
            return Variable(frozenset({str(token)}), namespace, key)
        return Literal(NO_NAMES, cinder.converted(str(token)))


@v_args(inline=True)
class StrictBuilder(Builder):
    """The rules of `strict`: all operands are evaluated, and every name is checked."""

    def either(self, *operands: Node) -> Node:
        return Chain(names_of(*operands), True, operands)

    def both(self, *operands: Node) -> Node:
        return Chain(names_of(*operands), False, operands)

    def choice(self, *operands: Node) -> Node:
        arms = tuple(zip(operands[:-1:2], operands[1::2], strict=True))
        return Choice(names_of(*operands), arms, operands[-1])

    def powers(self, base: Node, *exponents: tuple[tuple[int, ...], Node]) -> Node:
        _check_chain(sum(1 + len(signs) for signs, _ in exponents), "powers")
        operands = (base, *(operand for _, operand in exponents))
        return Power(names_of(*operands), operands, ((), *(signs for signs, _ in exponents)))

    def exponent(self, *parts: Any) -> tuple[tuple[int, ...], Node]:
        *signs, operand = parts
        return tuple(-1 if sign == "-" else 1 for sign in reversed(signs)), operand

    def constant(self, token: Token) -> Node:
        if len(token) > 300:
            raise MisplacedToken(f"a number of {len(token)} digits, at most 300", token.start_pos, bounds.LIMIT)
        return Literal(NO_NAMES, float(token) if "." in token else int(token))

    def text(self, token: Token) -> Node:
        return Literal(NO_NAMES, _unquoted(str(token)))

    def function(self, name: Token, *arguments: Node) -> Node:
        if name not in FUNCTIONS:
            raise MisplacedToken(f"unknown function {name!s}{_meant(name, FUNCTIONS)}", name.start_pos, "KeyError")
        names = names_of(*arguments)
        argument = Listing(names, arguments) if len(arguments) > 1 else arguments[0]
        return Call(names, (str(name),), argument)

    def name(self, token: Token) -> Node:
        namespace, _, key = token.partition(".")
        if key and "." not in key:
            if namespace not in NAMESPACES:
                raise MisplacedToken(f"unknown name {token!s}{_meant(namespace, NAMESPACES)}", token.start_pos)
            return Variable(frozenset({str(token)}), namespace, key)
        if token.lower() in ("true", "false"):
            return Literal(NO_NAMES, token.lower() == "true")
        raise MisplacedToken(
            f"unknown name {token!s}: write text in quotes, and a variable as namespace.name",
            token.start_pos,
        )


def _meant(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"


def _unquoted(token: str) -> str:
    """Return the text between the quotes: `""` and `\\"` are a quote, `\\\\` is a backslash."""
    quote, inner = token[0], token[1:-1]
    made = []
    place = 0
    while place < len(inner):
        pair = inner[place : place + 2]
        if pair in (quote * 2, "\\" + quote, "\\\\"):
            made.append(pair[1])
            place += 2
        else:
            made.append(inner[place])
            place += 1
    return "".join(made)
