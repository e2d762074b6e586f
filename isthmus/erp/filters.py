"""Filters as the database can answer them. What it would answer otherwise than we do is left to be looked at here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_

from isthmus.erp.computed import Today
from isthmus.erp.shapes import Field, Stream
from isthmus.kernel.selection import Term

_NUMBERS = ("amount", "micros", "count")
_ALIKE = ("choice", "truth", "reference", "day", *_NUMBERS)  # no texts: no database folds case as we do


def split(stream: Stream, where: Sequence[Term], today: Today) -> tuple[list[ColumnElement[bool]], list[Term]]:
    """The conditions that the database can answer, and the terms that it cannot."""
    known = {field.path: field for field in stream.shape.fields}
    conditions, rest = [], []
    for term in where:
        field = known.get(term.field)
        condition = None if field is None else _condition(field, stream.shape.column(field.column, today), term)
        if condition is None:
            rest.append(term)
        else:
            conditions.append(condition)
    return conditions, rest


def _condition(field: Field, column: ColumnElement[Any], term: Term) -> ColumnElement[bool] | None:
    if term.operator == "is_empty":
        empty = or_(column.is_(None), column == "") if field.kind in ("text", "choice") else column.is_(None)
        return empty if term.values[0] is True else ~empty
    if field.kind not in _ALIKE:
        return None
    values = _inside_all(field, term.values)
    if values is None:
        return None
    if term.operator in ("before", "after"):
        if field.kind not in ("day", *_NUMBERS) or values[0] is None:
            return None
        return column < values[0] if term.operator == "before" else column > values[0]
    same = [value for value in values if value is not None]
    among = column.in_(same) if same else false()
    return or_(column.is_(None), ~among) if term.operator == "not_in" else and_(column.is_not(None), among)


def _inside_all(field: Field, values: Sequence[str | int | bool]) -> list[str | int | bool | None] | None:
    """Values as the column holds them; None when only a look at each record can tell."""
    if field.kind != "choice":
        return [_inside(field, value) for value in values]
    known = {one.casefold(): one for one in field.values}
    texts = [value.casefold() for value in values if isinstance(value, str)]
    return [known[text] for text in texts] if known.keys() >= set(texts) else None


def _inside(field: Field, value: str | int | bool) -> str | int | bool | None:
    """A value as the column holds it; None for one that no record can have."""
    if field.kind == "truth":
        return value if isinstance(value, bool) else None
    if field.kind in _NUMBERS:
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if not isinstance(value, str):
        return None
    if field.kind == "reference":
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 and value[0] != "0" else None
    return value if field.kind != "day" or _is_day(value) else None


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
