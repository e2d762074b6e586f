"""WHERE → SQL. SOQL has two truth values: a comparison with null is false, and its negation true."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from isthmus.playground.ids import whole_id
from isthmus.playground.refusals import Refusal
from isthmus.playground.schema import NUMBERS, TEXTS, SalesforceField
from isthmus.playground.soql import (
    Comparison,
    Condition,
    Joined,
    Literal,
    Not,
    Query,
    like_pattern,
    malformed,
    plain_text,
)

_GREATEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Column:
    """Where a path ends: the field, its SQL name and how the query spelled it."""

    field: SalesforceField
    sql: str
    path: str


Resolve = Callable[[str], Column]
Subquery = Callable[[Query], tuple[str, list[Any], SalesforceField]]


class ConditionWriter:
    """Writes one condition; ``parameters`` fill in the order of the question marks."""

    def __init__(self, resolve: Resolve, subquery: Subquery | None) -> None:
        self._resolve = resolve
        self._subquery = subquery
        self.parameters: list[Any] = []

    def write(self, condition: Condition, negated: bool = False) -> str:
        """The SQL of a condition. Below a NOT null must be false, not unknown."""
        if isinstance(condition, Not):
            return f"(NOT {self.write(condition.part, True)})"
        if isinstance(condition, Joined):
            word = f" {condition.word.upper()} "
            return "(" + word.join(self.write(part, negated) for part in condition.parts) + ")"
        sql = self._compare(condition)
        return f"ifnull({sql}, 0)" if negated else sql

    def _compare(self, comparison: Comparison) -> str:
        column = self._resolve(comparison.path)
        if not column.field.filterable:
            raise Refusal("INVALID_FIELD", f"field '{comparison.path}' can not be filtered in a query call")
        value = comparison.value
        if isinstance(value, Query):
            return self._semi_join(column, comparison.operator, value)
        if isinstance(value, tuple):
            return self._members(column, comparison.operator, value)
        if comparison.operator == "like":
            return self._like(column, value)
        return self._one(column, comparison.operator, value)

    def _semi_join(self, column: Column, operator: str, query: Query) -> str:
        if self._subquery is None:
            raise malformed("Nesting of semi join sub-selects is not supported")
        if column.field.type not in ("id", "reference"):
            raise malformed(f"The left operand of a subquery must be an Id or a reference: {column.path}")
        sql, parameters, _ = self._subquery(query)
        self.parameters += parameters
        inside = f"ifnull({column.sql} IN ({sql}), 0)"
        return inside if operator == "in" else f"(NOT {inside})"

    def _members(self, column: Column, operator: str, literals: tuple[Literal, ...]) -> str:
        if column.field.type == "boolean":
            raise _bad_operator(operator, column)
        values = [stored_literal(column, literal) for literal in literals]
        filled = [value for value in values if value is not None]
        # Numbers with more decimals than the field has equal nothing, and neither does what no column can hold.
        whole = [
            int(value) if isinstance(value, Decimal) else value
            for value in filled
            if not isinstance(value, Decimal) or (value == int(value) and abs(value) <= _GREATEST)
        ]
        sql, whole = _caseless(column, whole)
        self.parameters.append(json.dumps(whole))
        inside = f"{sql} IN (SELECT value FROM json_each(?))"
        if len(filled) < len(values):
            inside = f"({inside} OR {column.sql} IS NULL)"
        return inside if operator == "in" else f"(NOT ifnull({inside}, 0))"

    def _like(self, column: Column, literal: Literal) -> str:
        if column.field.type not in TEXTS:
            raise _bad_operator("like", column)
        if literal.kind != "text":
            raise _wrong_kind(column)
        pattern = like_pattern(literal.text)
        self.parameters.append(pattern)
        if pattern.isascii():
            return f"{column.sql} LIKE ? ESCAPE '\\'"
        self.parameters[-1] = fold(pattern)
        return f"sf_fold({column.sql}) LIKE ? ESCAPE '\\'"

    def _one(self, column: Column, operator: str, literal: Literal) -> str:
        if column.field.type == "boolean" and operator not in ("=", "!="):
            raise _bad_operator(operator, column)
        value = stored_literal(column, literal)
        if value is None:
            if operator not in ("=", "!="):
                raise _bad_operator(operator, column)
            return f"{column.sql} IS {'NOT ' if operator == '!=' else ''}NULL"
        if isinstance(value, Decimal):
            exact = _whole(operator, value)
            if isinstance(exact, bool):
                return f"({column.sql} IS NOT NULL AND {int(exact)})" if operator == "=" else str(int(exact))
            operator, value = exact
        sql, values = _caseless(column, [value])
        self.parameters += values
        return f"ifnull({sql} <> ?, 1)" if operator == "!=" else f"{sql} {operator} ?"


def _whole(operator: str, value: Decimal) -> tuple[str, int] | bool:
    """The same comparison of integers; a fixed answer when ``=`` or ``!=`` meets a fraction."""
    low, high = int(value.to_integral_value(ROUND_FLOOR)), int(value.to_integral_value(ROUND_CEILING))
    if low != high and operator in ("=", "!="):
        return operator == "!="
    whole = low if operator in (">", "<=") else high
    return operator, max(-_GREATEST, min(_GREATEST, whole))


def fold(text: str | None) -> str | None:
    """Text as SOQL compares it: without case."""
    return text.casefold() if text is not None else None


def _caseless(column: Column, values: list[Any]) -> tuple[str, list[Any]]:
    """The column and the values so that texts compare without case; plain letters can use an index."""
    if column.field.type not in TEXTS:
        return column.sql, values
    if all(value.isascii() for value in values):
        return f"{column.sql} COLLATE NOCASE", values
    return f"sf_fold({column.sql})", [fold(value) for value in values]


def stored_literal(column: Column, literal: Literal) -> Any:
    """A literal as the column stores it; a Decimal (scaled, perhaps with a fraction) for numbers, None for null.

    Raises Refusal INVALID_FIELD when the literal is of another type than the field.
    """
    kind = column.field.type
    if literal.kind == "null":
        return None
    expected = {"boolean": "boolean", "date": "date", "datetime": "datetime"}.get(kind)
    expected = "number" if kind in NUMBERS else expected or "text"
    if literal.kind != expected:
        raise _wrong_kind(column)
    if kind in NUMBERS:
        return Decimal(literal.text).scaleb(column.field.scale)
    if kind == "boolean":
        return int(literal.text == "true")
    if kind == "date":
        return _read_date(literal.text).isoformat()
    if kind == "datetime":
        return _read_moment(literal.text)
    return _text_literal(column, plain_text(literal.text))


def _text_literal(column: Column, value: str) -> str | None:
    if not value:
        return None
    if column.field.type in ("id", "reference"):
        whole = whole_id(value)
        if whole is None:
            raise Refusal("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}")
        return whole
    return value


def _read_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise malformed(f"{text} is not a valid date") from None


def _read_moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise malformed(f"{text} is not a valid dateTime") from None
    # Stored stamps have whole seconds: with a fraction the text sorts just behind its second, as it should.
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return stamp + f".{moment.microsecond:06d}" if moment.microsecond else stamp


def _wrong_kind(column: Column) -> Refusal:
    kind = {"boolean": "boolean", "date": "date", "datetime": "dateTime", "int": "int"}.get(column.field.type)
    kind = kind or (column.field.type if column.field.type in NUMBERS else "string")
    quotes = "should be" if kind == "string" else "should not be"
    return Refusal(
        "INVALID_FIELD",
        f"value of filter criterion for field '{column.field.name}' must be of type {kind}"
        f" and {quotes} enclosed in quotes",
    )


def _bad_operator(operator: str, column: Column) -> Refusal:
    return Refusal(
        "INVALID_QUERY_FILTER_OPERATOR",
        f"'{operator}' operator is not valid on {column.field.type} field '{column.field.name}'",
    )
