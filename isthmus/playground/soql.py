"""SOQL as text → a query as a tree. What is outside the supported grammar is MALFORMED_QUERY.

    SELECT fields | COUNT() FROM object [alias] [WHERE …] [ORDER BY …] [LIMIT n] [OFFSET n] [ALL ROWS]
    SELECT groups and COUNT(field), SUM(field), each with a name of its own or expr0, expr1, … FROM object [alias]
        [WHERE …] [GROUP BY fields, CALENDAR_YEAR(date), CALENDAR_MONTH(date)] [LIMIT n]

As in Salesforce, AND and OR on one level need parentheses, and so does NOT beside another condition.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal as Choice
from typing import NoReturn

from isthmus.playground.refusals import Refusal

LONGEST = 100_000
_DEEPEST = 50
LiteralKind = Choice["text", "number", "boolean", "null", "date", "datetime"]


@dataclass(frozen=True, slots=True)
class Literal:
    """A value in a condition; ``text`` is as written, for texts without quotes but with its escapes."""

    kind: LiteralKind
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """``path operator value``; the operators are = != < <= > >= like in not in. A list or a query goes with in."""

    path: str
    operator: str
    value: Literal | tuple[Literal, ...] | Query


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions that all (``and``) or any (``or``) must hold."""

    word: Choice["and", "or"]
    parts: tuple[Condition, ...]


Condition = Comparison | Not | Joined


@dataclass(frozen=True, slots=True)
class Order:
    path: str
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Term:
    """A field, or a function of one, that is selected or grouped by. ``name`` is the author's own for it."""

    path: str
    function: str | None = None
    name: str | None = None


FUNCTIONS = frozenset({"count", "sum", "calendar_year", "calendar_month"})


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query; no ``fields`` and no ``terms`` means COUNT(). ``terms`` are those of an aggregate query."""

    fields: tuple[str, ...]
    entity: str
    alias: str | None = None
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int | None = None
    all_rows: bool = False
    terms: tuple[Term, ...] = ()
    groups: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int


_TOKENS = re.compile(
    r"""(?P<blank>\s+)
    |'(?P<text>(?:[^'\\]|\\.)*)'
    |(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))(?![\w.:-])
    |(?P<date>\d{4}-\d\d-\d\d)(?![\w.:-])
    |(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.:-])
    |(?P<name>[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*)
    |(?P<sign><=|>=|!=|<>|[=<>(),])""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_RESERVED = frozenset(
    "and asc desc from group having in like limit not nulls offset or order select where with".split()
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'"}


def malformed(message: str) -> Refusal:
    """The error of a query that cannot be read."""
    return Refusal("MALFORMED_QUERY", message)


def parse(text: str) -> Query:
    """The tree of a query. Raises Refusal MALFORMED_QUERY, or QUERY_TOO_COMPLICATED above 100,000 characters."""
    if len(text) > LONGEST:
        raise Refusal("QUERY_TOO_COMPLICATED", f"SOQL statements cannot be longer than {LONGEST} characters.")
    parser = _Parser(text)
    query = parser.query()
    parser.finish()
    return query


def plain_text(written: str) -> str:
    """The value of a text literal, its escapes resolved."""
    return _unescape(written, lambda sign: sign)


def like_pattern(written: str) -> str:
    """The pattern of a LIKE literal for SQL with ``\\`` as its escape sign."""
    return _unescape(written, lambda sign: "\\" + sign)


def _unescape(written: str, literally: Callable[[str], str]) -> str:
    if "\\" not in written:
        return written

    def replace(match: re.Match[str]) -> str:
        code = match[1]
        if code in ("_", "%", "\\"):
            return literally(code)
        if len(code) == 5:
            return chr(int(code[1:], 16))
        known = _ESCAPES.get(code.lower())
        if known is None:
            raise malformed(f"Illegal character sequence '\\{code}' in string literal")
        return known

    return re.sub(r"\\([uU][0-9A-Fa-f]{4}|.)", replace, written, flags=re.DOTALL)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split(text))
        self._at = 0

    def _split(self, text: str) -> list[_Token]:
        tokens = []
        place = 0
        while place < len(text):
            match = _TOKENS.match(text, place)
            if match is None:
                self._fail(text[place], place)
            if match.lastgroup != "blank":
                kind = str(match.lastgroup)
                tokens.append(_Token(kind, match[kind], place))
            place = match.end()
        return [*tokens, _Token("end", "<EOF>", len(text))]

    def _fail(self, found: str, place: int) -> NoReturn:
        start = max(0, place - 30)
        row = self._text.count("\n", 0, place) + 1
        column = place - (self._text.rfind("\n", 0, place) + 1) + 1
        shown = f"\n{self._text[start : place + 30]}\n{' ' * (place - start)}^"
        raise malformed(f"{shown}\nERROR at Row:{row}:Column:{column}\nunexpected token: '{found}'")

    def _unexpected(self) -> NoReturn:
        token = self._tokens[self._at]
        self._fail(token.text, token.place)

    def _word(self) -> str:
        token = self._tokens[self._at]
        return token.text.lower() if token.kind in ("name", "sign") else ""

    def _accept(self, *words: str) -> bool:
        """Takes these words or signs if all of them come next."""
        ahead = self._tokens[self._at : self._at + len(words)]
        taken = [token.text.lower() for token in ahead if token.kind in ("name", "sign")] == list(words)
        self._at += len(words) * taken
        return taken

    def _expect(self, *words: str) -> None:
        if not self._accept(*words):
            self._unexpected()

    def _take(self, kind: str) -> str:
        token = self._tokens[self._at]
        if token.kind != kind or (kind == "name" and token.text.lower() in _RESERVED):
            self._unexpected()
        self._at += 1
        return token.text

    def _object(self) -> str:
        """An object's name: two of Salesforce's own are words of the language too."""
        if self._word() in ("order", "group"):
            self._at += 1
            return self._tokens[self._at - 1].text
        return self._take("name")

    def finish(self) -> None:
        if self._tokens[self._at].kind != "end":
            self._unexpected()

    def query(self) -> Query:
        self._expect("select")
        terms = self._terms()
        self._expect("from")
        entity = self._object()
        token = self._tokens[self._at]
        alias = None
        if token.kind == "name" and token.text.lower() not in _RESERVED | {"all", "for", "using"}:
            alias = self._take("name")
        where = self._condition(0) if self._accept("where") else None
        groups = self._grouping() if self._accept("group", "by") else ()
        order = self._order() if self._accept("order", "by") else ()
        limit = self._count() if self._accept("limit") else None
        offset = self._count() if self._accept("offset") else None
        every = self._accept("all", "rows")
        if groups or any(one.function for one in terms):
            return Query((), entity, alias, where, order, limit, offset, every, terms, groups)
        return Query(tuple(one.path for one in terms), entity, alias, where, order, limit, offset, every)

    def _terms(self) -> tuple[Term, ...]:
        if self._accept("count", "(", ")"):
            return ()
        terms = [self._term(named=True)]
        while self._accept(","):
            terms.append(self._term(named=True))
        return tuple(terms)

    def _grouping(self) -> tuple[Term, ...]:
        groups = [self._term(named=False)]
        while self._accept(","):
            groups.append(self._term(named=False))
        return tuple(groups)

    def _term(self, *, named: bool) -> Term:
        word = self._take("name")
        if not self._accept("("):
            return Term(word)
        if word.lower() not in FUNCTIONS:
            self._at -= 1
            self._unexpected()
        path = self._take("name")
        self._expect(")")
        own = named and self._tokens[self._at].kind == "name" and self._word() not in _RESERVED
        return Term(path, word.lower(), self._take("name") if own else None)

    def _count(self) -> int:
        written = self._take("number")
        if not written.isdigit():
            self._at -= 1
            self._unexpected()
        return int(written)

    def _order(self) -> tuple[Order, ...]:
        orders = [self._one_order()]
        while self._accept(","):
            orders.append(self._one_order())
        return tuple(orders)

    def _one_order(self) -> Order:
        path = self._take("name")
        descending = self._accept("desc")
        if not descending:
            self._accept("asc")
        last = self._accept("nulls", "last")
        if not last:
            self._accept("nulls", "first")
        return Order(path, descending, last)

    def _condition(self, depth: int) -> Condition:
        if depth > _DEEPEST:
            raise malformed("The query is nested too deeply.")
        if self._accept("not"):
            return Not(self._single(depth))
        first = self._single(depth)
        word: Choice["and", "or"]
        if self._word() == "and":
            word = "and"
        elif self._word() == "or":
            word = "or"
        else:
            return first
        parts = [first]
        while self._accept(word):
            parts.append(self._single(depth))
        return Joined(word, tuple(parts))

    def _single(self, depth: int) -> Condition:
        if self._accept("("):
            condition = self._condition(depth + 1)
            self._expect(")")
            return condition
        return self._comparison()

    def _comparison(self) -> Comparison:
        path = self._take("name")
        if self._accept("not", "in"):
            return Comparison(path, "not in", self._members())
        if self._accept("in"):
            return Comparison(path, "in", self._members())
        if self._accept("like"):
            return Comparison(path, "like", self._literal())
        operator = self._word()
        if operator not in ("=", "!=", "<>", "<", "<=", ">", ">="):
            self._unexpected()
        self._at += 1
        return Comparison(path, "!=" if operator == "<>" else operator, self._literal())

    def _members(self) -> tuple[Literal, ...] | Query:
        self._expect("(")
        if self._word() == "select":
            query = self.query()
            self._expect(")")
            return query
        members = [self._literal()]
        while self._accept(","):
            members.append(self._literal())
        self._expect(")")
        return tuple(members)

    def _literal(self) -> Literal:
        token = self._tokens[self._at]
        kind: LiteralKind
        if token.kind in ("text", "number", "date", "datetime"):
            kind = token.kind  # type: ignore[assignment]  # the four kinds above are literal kinds
        elif token.kind == "name" and token.text.lower() in ("true", "false"):
            kind = "boolean"
        elif token.kind == "name" and token.text.lower() == "null":
            kind = "null"
        else:
            self._unexpected()
        self._at += 1
        return Literal(kind, token.text if kind == "text" else token.text.lower() if kind != "datetime" else token.text)
