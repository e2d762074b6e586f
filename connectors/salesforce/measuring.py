"""Counts and sums by the server itself: one aggregate query, or Refused where its answer would not be exact."""

from __future__ import annotations

from typing import Any

from connectors.salesforce.describing import CURRENCY, Describer, Shape
from connectors.salesforce.query import all_of, term_text
from connectors.salesforce.rest import Rest
from isthmus.connect.protocol import Group, Measure
from isthmus.kernel.errors import Refused
from isthmus.kernel.money import parse_decimal
from isthmus.kernel.selection import Term

_READ = "read the records and add them up"
#: Operators that SOQL and we understand alike, by the type of the field.
_EXACT = {
    "number": ("in", "equals", "before", "after", "is_empty"),
    "date": ("in", "equals", "before", "after", "is_empty"),
    "reference": ("in", "equals", "is_empty"),
    "id": ("in", "equals"),
    "boolean": ("in", "not_in", "equals"),
    "picklist": ("in", "equals", "is_empty"),
    "text": ("is_empty",),
}


class Meter:
    """Measures streams of one organisation."""

    def __init__(self, rest: Rest, describer: Describer) -> None:
        self._rest = rest
        self._describer = describer

    def measure(self, stream: str, ask: Measure) -> list[Group]:
        """Groups in no order. Raises Refused where Salesforce cannot say it exactly, Misconfigured for no field."""
        shape = self._describer.shape(stream)
        self._describer.check_fields(stream, tuple(filter(None, (ask.amount, ask.currency, ask.day))))
        self._check(shape, ask)
        rows = self._rest.query_all(self._soql(shape, ask), "low")
        return [self._group(row, shape, ask) for row in rows if row["n"]]

    def _soql(self, shape: Shape, ask: Measure) -> str:
        groups = [] if ask.currency is None or self._is_filled_in(shape, ask) else [ask.currency]
        columns = list(groups)
        if ask.day:
            parts = [f"CALENDAR_YEAR({ask.day})", f"CALENDAR_MONTH({ask.day})"]
            columns += [f"{parts[0]} y", f"{parts[1]} m"]
            groups += parts
        columns.append("COUNT(Id) n")
        columns += [f"SUM({ask.amount}) s"] if ask.amount else []
        kind = self._describer.type_of
        terms = [term_text(term, kind(shape.stream, term.field)) for term in ask.where]
        where = all_of(["IsDeleted = false" if shape.has_deleted else "", *terms])
        soql = f"SELECT {','.join(columns)} FROM {shape.stream}"
        return soql + (f" WHERE {where}" if where else "") + (f" GROUP BY {','.join(groups)}" if groups else "")

    def _group(self, row: dict[str, Any], shape: Shape, ask: Measure) -> Group:
        currency = None
        if ask.currency:
            currency = self._describer.currency() if self._is_filled_in(shape, ask) else row[ask.currency]
        month = f"{row['y']:04d}-{row['m']:02d}" if ask.day and row["y"] is not None else None
        total = row["s"] if ask.amount else None
        return Group(currency, month, row["n"], None if total is None else parse_decimal(total))

    def _is_filled_in(self, shape: Shape, ask: Measure) -> bool:
        return ask.currency == CURRENCY and not shape.own_currency

    def _check(self, shape: Shape, ask: Measure) -> None:
        """Raises Refused for what Salesforce would answer in another way than we ask."""
        if ask.amount in shape.converted and shape.own_currency:
            what = f"{ask.amount} is a Currency field, and Salesforce adds those up in the organisation's own currency"
            raise Refused(self._where(shape), what, _READ)
        fields = shape.description.fields
        if ask.day and fields[ask.day].type != "date":
            raise Refused(self._where(shape), f"{ask.day} is no date: its month depends on a time zone", _READ)
        for term in ask.where:
            if not self._is_exact(shape, term):
                what = f"'{term.operator}' of {term.field} is not compared in Salesforce as it is here"
                raise Refused(self._where(shape), what, _READ)

    def _is_exact(self, shape: Shape, term: Term) -> bool:
        """SOQL compares texts without case, and knows no order of them."""
        kind = self._describer.type_of(shape.stream, term.field)
        if term.operator not in _EXACT.get(kind, ()):
            return False
        if kind == "picklist" and term.operator != "is_empty":
            field = shape.description.fields.get(term.field)
            return field is not None and set(term.values) <= set(field.values)
        return kind == "boolean" or bool(term_text(term, kind))

    def _where(self, shape: Shape) -> str:
        return f"{self._rest.where} {shape.stream}"
