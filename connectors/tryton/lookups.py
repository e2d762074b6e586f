"""Names that people use → Tryton's ids: currencies, countries, payment terms, units, tax categories, price lists.

A table is asked for once, and again when a name is not in it; what is not there then refuses the record.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from connectors.tryton.config import Config
from connectors.tryton.rpc import Rpc
from connectors.tryton.values import Row
from isthmus.kernel.errors import Refused
from isthmus.kernel.records import Fields


class Lookups:
    """The tables of one connector. They grow, and names in them are hardly ever given to something else."""

    def __init__(self, rpc: Rpc) -> None:
        self.config: Config = rpc.config
        self._rpc = rpc
        self._tables: dict[str, dict[str, int]] = {}

    def currency(self, code: str | None) -> int | None:
        return self._find("currency.currency", "code", code)

    def country(self, code: str | None) -> int | None:
        return self._find("country.country", "code", code)

    def payment_term(self, name: str | None) -> int | None:
        return self._find("account.invoice.payment_term", "name", name)

    def unit(self, name: str | None) -> int | None:
        return self._find("product.uom", "name", name or self.config.unit)

    def tax_category(self, name: str | None) -> int | None:
        return self._find("product.category", "name", name, ["accounting", "=", True])

    def company_currency(self) -> str:
        return self._rpc.company_currency()

    def price_list(self, name: str) -> int:
        """A price list of the company; a new one is entered."""
        table = self._table("product.price_list", "name", ["company", "=", self._rpc.company()])
        if name not in table:
            values = {"name": name, "company": self._rpc.company(), "unit": "product_default", "price": "list_price"}
            table[name] = int(self._rpc.call("model.product.price_list.create", [values])[0])
        return table[name]

    @staticmethod
    def day(text: str | None) -> date | None:
        """A day as Tryton takes it."""
        return date.fromisoformat(text) if text else None

    def place(self, place: Fields | None) -> Row:
        """An address group as the values of an address; what is absent stays."""
        found: Row = {name: value for name, value in (place or {}).items() if name != "country"}
        if "country" in (place or {}):
            found["country"] = self.country((place or {})["country"])
        return found

    def _find(self, model: str, column: str, name: str | None, *domain: Any) -> int | None:
        if name is None:
            return None
        known = model in self._tables
        found = self._table(model, column, *domain).get(name)
        if found is None and known:
            del self._tables[model]
            found = self._table(model, column, *domain).get(name)
        if found is None:
            what = f"Tryton has no {_WORDS[model]} {name!r}"
            raise Refused(
                f"{self.config.where} {_WORDS[model]}", what, "enter it in Tryton, or correct the CRM or the mapping"
            )
        return found

    def _table(self, model: str, column: str, *domain: Any) -> dict[str, int]:
        if model not in self._tables:
            rows = self._rpc.search_read(model, list(domain), [column])
            self._tables[model] = {str(row[column]): int(row["id"]) for row in rows}
        return self._tables[model]


_WORDS = {
    "currency.currency": "currency",
    "country.country": "country",
    "account.invoice.payment_term": "payment term",
    "product.uom": "unit",
    "product.category": "accounting category",
}
