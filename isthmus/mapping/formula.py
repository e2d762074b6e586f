"""Formulas: arithmetic, comparison and choice over the fields of a record, in exact decimals.

    Quantity * UnitPrice
    if Discount = null then 0 else Discount
    if Type = 'Return' then -1 else 1

There is no attribute, call, import or loop. Length, depth and size of numbers are bounded, so is the cost. An operation
on null gives null, a comparison of order with null is not true; a field that the record does not have makes the whole
formula absent. A quotient that does not come out even is refused instead of rounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Any

from isthmus.kernel.money import parse_decimal
from isthmus.kernel.records import ABSENT, Fields
from isthmus.kernel.selection import look_up
from isthmus.mapping.functions import Unfit

LENGTH_MAX = 2_000
DEPTH_MAX = 32

_EXACT = Context(prec=60, Emax=99, Emin=-99, traps=[Inexact, InvalidOperation, Overflow])
_TOKEN = re.compile(
    r"(?P<blank>[ \t\r\n]+)"
    r"|(?P<number>[0-9]{1,18}(?:\.[0-9]{1,18})?(?![A-Za-z0-9_.]))"
    r"|(?P<text>'(?:[^'\n]|'')*')"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)"
    r"|(?P<sign>!=|<=|>=|[-+*/()=<>])",
    re.ASCII,
)
_WORDS = frozenset("if then else and or not null true false".split())

Evaluate = Callable[[Fields], Any]


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed formula: the fields it reads, and its value for a record."""

    fields: tuple[str, ...]
    evaluate: Evaluate


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


class BadFormula(ValueError):
    """A formula that cannot be read: what, at which character (from 1), and the remedy."""

    def __init__(self, what: str, column: int, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.column = column
        self.remedy = remedy


def parse_formula(text: str) -> Formula:
    """Reads a formula; BadFormula says what is wrong and where."""
    if len(text) > LENGTH_MAX:
        raise BadFormula(f"the formula has {len(text)} characters", 1, f"keep it below {LENGTH_MAX}")
    parser = _Parser(_tokens(text))
    evaluate = parser.whole()
    fields = tuple(dict.fromkeys(parser.fields))
    paths = tuple(tuple(name.split(".")) for name in fields)

    def run(record: Fields) -> Any:
        if any(look_up(record, path) is ABSENT for path in paths):
            return ABSENT
        try:
            return evaluate(record)
        except (Inexact, InvalidOperation, Overflow):
            raise Unfit("a number in the formula is too great", "correct the record") from None

    return Formula(fields, run)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            what = f"'{text[position]}' means nothing in a formula"
            raise BadFormula(
                what, position + 1, "use fields, numbers, 'texts', + - * / ( ) = != < <= > >=, if then else"
            )
        kind = str(found.lastgroup)
        if kind == "name" and found[0] in _WORDS:
            kind = "word"
        if kind != "blank":
            tokens.append(_Token(kind, found[0], position + 1))
        position = found.end()
    return [*tokens, _Token("end", "", len(text) + 1)]


class _Parser:
    """Recursive descent, loosest first: choice, or, and, not, comparison, sum, product, sign, value."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._depth = 0
        self.fields: list[str] = []

    def whole(self) -> Evaluate:
        evaluate = self._choice()
        if self._token.kind != "end":
            raise self._wrong("an operator or the end")
        return evaluate

    @property
    def _token(self) -> _Token:
        return self._tokens[self._index]

    def _wrong(self, expected: str) -> BadFormula:
        found = f"'{self._token.text}'" if self._token.text else "the end"
        return BadFormula(
            f"the formula has {found} where {expected} is expected", self._token.column, "complete the formula"
        )

    def _take(self, *texts: str) -> str | None:
        token = self._token
        if token.kind in {"sign", "word"} and token.text in texts:
            self._index += 1
            return token.text
        return None

    def _expect(self, text: str) -> None:
        if self._take(text) is None:
            raise self._wrong(f"'{text}'")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise BadFormula(f"the formula is more than {DEPTH_MAX} levels deep", self._token.column, "make it simpler")

    def _choice(self) -> Evaluate:
        self._deeper()
        if self._take("if"):
            condition = self._either()
            self._expect("then")
            yes = self._choice()
            self._expect("else")
            no = self._choice()
            evaluate: Evaluate = lambda record: yes(record) if condition(record) is True else no(record)  # noqa: E731
        else:
            evaluate = self._either()
        self._depth -= 1
        return evaluate

    def _either(self) -> Evaluate:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda record: any(part(record) is True for part in parts)

    def _both(self) -> Evaluate:
        parts = [self._negation()]
        while self._take("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else lambda record: all(part(record) is True for part in parts)

    def _negation(self) -> Evaluate:
        if not self._take("not"):
            return self._comparison()
        self._deeper()
        inner = self._negation()
        self._depth -= 1
        return lambda record: inner(record) is not True

    def _comparison(self) -> Evaluate:
        left = self._sum()
        operator = self._take("=", "!=", "<", "<=", ">", ">=")
        if operator is None:
            return left
        right = self._sum()
        return lambda record: _compare(operator, left(record), right(record))

    def _sum(self) -> Evaluate:
        return self._chain(self._product, "+", "-")

    def _product(self) -> Evaluate:
        return self._chain(self._signed, "*", "/")

    def _chain(self, part: Callable[[], Evaluate], *operators: str) -> Evaluate:
        """Parts of one rank, from left to right; a loop and not nesting, so that length costs no stack."""
        first = part()
        rest: list[tuple[str, Evaluate]] = []
        while operator := self._take(*operators):
            rest.append((operator, part()))
        return _chained(first, tuple(rest)) if rest else first

    def _signed(self) -> Evaluate:
        if not self._take("-"):
            return self._value()
        self._deeper()
        inner = self._signed()
        self._depth -= 1
        return _chained(lambda _record: Decimal(0), (("-", inner),))

    def _value(self) -> Evaluate:
        token = self._token
        if self._take("("):
            inner = self._choice()
            self._expect(")")
            return inner
        constant = _constant(token)
        if constant is not ABSENT:
            self._index += 1
            return lambda _record: constant
        if token.kind != "name":
            raise self._wrong("a field, a number or a text")
        self._index += 1
        if self._token.text == "(":
            raise BadFormula(
                f"'{token.text}(' calls something", token.column, "formulas have no calls; use 'via' for functions"
            )
        self.fields.append(token.text)
        path = tuple(token.text.split("."))
        return lambda record: look_up(record, path)


def _constant(token: _Token) -> Any:
    if token.kind == "number":
        return Decimal(token.text)
    if token.kind == "text":
        return token.text[1:-1].replace("''", "'")
    if token.kind == "word":
        return {"null": None, "true": True, "false": False}.get(token.text, ABSENT)
    return ABSENT


def _divide(left: Decimal, right: Decimal) -> Decimal:
    if not right:
        raise Unfit("the formula divides by zero", "guard the division with 'if'")
    try:
        return _EXACT.divide(left, right)
    except Inexact:
        raise Unfit("a quotient in the formula does not come out even", "multiply instead of dividing") from None


_OPERATIONS = {"+": _EXACT.add, "-": _EXACT.subtract, "*": _EXACT.multiply, "/": _divide}


def _chained(first: Evaluate, rest: tuple[tuple[str, Evaluate], ...]) -> Evaluate:
    steps = tuple((_OPERATIONS[operator], part) for operator, part in rest)

    def evaluate(record: Fields) -> Decimal | None:
        value: Decimal | None = first(record)
        for operate, part in steps:
            operand = part(record)
            value = None if value is None or operand is None else operate(_number(value), _number(operand))
        return value

    return evaluate


def _number(value: Any) -> Decimal:
    try:
        return parse_decimal(value)
    except ValueError as error:
        raise Unfit(f"the formula needs a number: {error}", "correct the record or the formula") from None


def _compare(operator: str, left: Any, right: Any) -> bool:
    if left is None or right is None:
        same = left is None and right is None
        return {"=": same, "!=": not same}.get(operator, False)
    one, two = _alike(left, right)
    if operator in {"=", "!="}:
        return bool(one == two) is (operator == "=")
    if isinstance(one, bool):
        raise Unfit("the formula asks whether true is greater than false", "compare it with = or !=")
    order = int(one > two) - int(one < two)
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Both as numbers if one is a number, else both as they are; a text never equals true or false."""
    numbers = (int, Decimal)
    if any(isinstance(value, numbers) and not isinstance(value, bool) for value in (left, right)):
        return _number(left), _number(right)
    if isinstance(left, bool) is not isinstance(right, bool):
        raise Unfit("the formula compares a text with true or false", "compare values of one kind")
    return left, right
