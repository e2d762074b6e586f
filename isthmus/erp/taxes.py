"""Which tax applies: the customer's country, the product's category and the day decide."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Connection, Table, select

from isthmus.erp.pricing import Tax
from isthmus.erp.products import TaxCode
from isthmus.kernel.errors import Refused


class TaxTable:
    """All tax codes, read once for a page. A country without codes of its own takes those of ``*``."""

    def __init__(self, connection: Connection) -> None:
        column = cast(Table, TaxCode.__table__).c
        query = select(column.country, column.category, column.valid_from, column.code, column.rate_micros)
        self._codes: dict[tuple[str, str], list[tuple[str, Tax]]] = {}
        for country, category, day, code, rate_micros in connection.execute(query.order_by(column.valid_from)):
            self._codes.setdefault((country, category), []).append((day, Tax(code, rate_micros)))

    def by_code(self, code: str) -> Tax:
        """The tax of a code that a line has."""
        return next(tax for codes in self._codes.values() for _, tax in codes if tax.code == code)

    def tax(self, country: str | None, category: str, day: str) -> Tax:
        """The tax of a category on a day. Raises Refused where there is none."""
        codes = self._codes.get((country or "*", category)) or self._codes.get(("*", category), [])
        valid = [tax for since, tax in codes if since <= day]
        if not valid:
            what = f"there is no {category} tax for {country or 'other countries'} on {day}"
            raise Refused("tax", what, "enter a tax code in the ERP")
        return valid[-1]
