"""SOQL text. Values are always quoted by type; a filter may let more through than it should, never less."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from connectors.salesforce.client import load
from isthmus.kernel.clock import parse_stamp
from isthmus.kernel.description import FieldType
from isthmus.kernel.selection import Term

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*){0,5}", re.ASCII)
#: Not compiled before a first match is looked up: that takes longer than everything else here together.
_LOOSE = r"(?i)(?:[A-Za-z]?[^\x00-\x7f]+|[\x00-\x20\x7f]+|ss|ff[il]?|f[il]|st)+"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
#: The widest offsets from UTC: a business day of any zone lies within these of the UTC day.
_ZONES = timedelta(hours=14)


def text_literal(text: str) -> str:
    """A quoted text: no value can end its own quotes."""
    return str(load("format").quote_soql_value(text))


def id_list(ids: Iterable[str]) -> str:
    """``('001…','001…')`` of ids that are known to be ids."""
    return "(" + ",".join(f"'{one}'" for one in ids) + ")"


def select(fields: Iterable[str], stream: str, where: str = "", *, order: str = "") -> str:
    """One SELECT; each field once, in the given order. ValueError for what cannot be a field's name."""
    names = list(dict.fromkeys(fields))
    bad = next((name for name in (*names, stream) if not _NAME.fullmatch(name)), None)
    if bad is not None:
        raise ValueError(f"{bad!r} is not a field's name")
    return (
        f"SELECT {','.join(names)} FROM {stream}"
        + (f" WHERE {where}" if where else "")
        + (f" ORDER BY {order}" if order else "")
    )


def all_of(conditions: Iterable[str]) -> str:
    return " AND ".join(filter(None, conditions))


def after_key(stamp: str, key: tuple[str, str] | None) -> str:
    """Everything behind (stamp, id) in that order; a stamp alone is never enough, for many records share one."""
    if key is None:
        return ""
    moment, record_id = key
    return f"({stamp} > {moment} OR ({stamp} = {moment} AND Id > '{record_id}'))"


def term_text(term: Term, kind: FieldType) -> str:
    """One condition, or nothing where SOQL could let less through than our own comparison does.

    SOQL compares text without case, so ``in`` lets more through, but ``not_in`` would let less through.
    """
    if term.operator == "is_empty":
        return f"{term.field} {'=' if term.values[0] else '!='} null" if kind != "boolean" else ""
    if kind == "boolean":
        return _booleans(term)
    if term.operator in ("in", "equals"):
        return _equals(term, kind)
    if term.operator in ("before", "after"):
        return _beside(term, kind)
    return ""


def like_pattern(text: str) -> str:
    """A pattern for what ``match_text`` makes equal to a text: whatever one letter may stand for matches anything.

    That is blanks, all that is not ASCII with the letter that it may be an accent of, ß and the ligatures. A sign that
    only looks like ASCII letters (№, ™) in a text that is otherwise ASCII is not found.
    """
    parts = re.split(_LOOSE, text)
    inner = "%".join(text_literal(part)[1:-1].replace("%", r"\%").replace("_", r"\_") for part in parts)
    return f"'{inner}'"


def candidates(fields: Sequence[str], values: Sequence[tuple[str, ...]]) -> str:
    """Records whose fields might equal one of the tuples: each text in its own width, or in full width."""
    alternatives = []
    for row in values:
        likes = [_like(field, value) for field, value in zip(fields, row, strict=True)]
        alternatives.append(f"({all_of(likes)})")
    return f"({' OR '.join(alternatives)})"


def _like(field: str, value: str) -> str:
    wide = "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in value)
    wide = re.sub(r"[^\uff01-\uff5e]+", "%", wide)
    return f"({field} LIKE {like_pattern(value)} OR {field} LIKE '{wide}')"


def _booleans(term: Term) -> str:
    wanted = {bool(value) for value in term.values if isinstance(value, bool)}
    if term.operator == "not_in":
        wanted = {True, False} - wanted
    if len(wanted) == 2 or term.operator in ("before", "after"):
        return ""
    return f"{term.field} = {str(wanted.pop()).lower()}" if wanted else "Id = null"


def _equals(term: Term, kind: FieldType) -> str:
    if kind == "number":
        literals = [str(value) for value in term.values if type(value) is int]
    elif kind in ("text", "picklist", "reference", "id"):
        literals = [text_literal(value) for value in term.values if isinstance(value, str)]
    elif kind == "date":
        literals = [value for value in term.values if isinstance(value, str) and _DATE.fullmatch(value)]
    else:
        return ""
    return f"{term.field} IN ({','.join(literals)})" if len(literals) == len(term.values) > 0 else ""


def _beside(term: Term, kind: FieldType) -> str:
    sign = "<" if term.operator == "before" else ">"
    value = term.values[0]
    if kind == "number" and type(value) is int:
        return f"{term.field} {sign} {value}"
    if not isinstance(value, str):
        return ""
    if kind == "date" and _DATE.fullmatch(value):
        return f"{term.field} {sign} {value}"
    if kind == "datetime":
        return f"{term.field} {sign}= {_edge(value, sign)}"
    return ""


def _edge(value: str, sign: str) -> str:
    """An instant for a comparison that a day in any zone, or a stamp with an offset, cannot fall out of."""
    if _DATE.fullmatch(value):
        day = parse_stamp(f"{date.fromisoformat(value).isoformat()}T00:00:00+00:00")
        moment = day + _ZONES + timedelta(days=1) if sign == "<" else day - _ZONES
    else:
        moment = parse_stamp(value)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
