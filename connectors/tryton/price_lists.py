"""Prices: each is a line of one of Tryton's price lists.

A line's formula is the price and, as Python has notes, our key behind it: ``17.125  # 01uPARTNERS``. The product's own
list price has a line as well, whose formula refers to it: ``list_price  # 01uSTANDARD``.

Tryton's price lists know one currency, the company's, and their lines are always in force. So a price in another
currency stands in a list of its own, ``Partners [USD]``, one that is not in force in ``Partners [inactive]``, and their
formulas give no price, that nobody sells by them: ``None  # 21.50 01uDOLLARS``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from decimal import Decimal
from typing import Any

from connectors.tryton.lookups import Lookups
from connectors.tryton.pricing import PLACES, fits
from connectors.tryton.rpc import Rpc
from connectors.tryton.streams import one
from connectors.tryton.values import Float, Row
from isthmus.kernel.errors import Refused
from isthmus.kernel.records import Fields

COLUMNS = ("price_list.name", "product", "quantity", "formula", "last_modified_at", "write_uid", "create_uid")
_MOST = 1_000_000  # a price from more pieces on comes first: the first line that fits wins
_OWN = "list_price"
_FORMULA = re.compile(
    r"(?:None\s*#\s*(?P<told>[0-9.]+)\s|(?P<price>list_price|[0-9]+(?:\.[0-9]+)?)\s*#)\s*(?P<key>\S.*?)\s*", re.ASCII
)
_SHELF = re.compile(r"(?P<name>.*?)(?: \[(?P<currency>[A-Z]{3})?(?: ?(?P<inactive>inactive))?\])?")


def price_lines(rpc: Rpc, ids: Sequence[int]) -> dict[int, list[Row]]:
    """The lines of price lists of these products, by product. A clerk's own are among them."""
    found: dict[int, list[Row]] = defaultdict(list)
    domain = [["product", "in", list(ids)], ["price_list.company", "=", rpc.company()]]
    for row in rpc.search_read("product.price_list.line", domain, COLUMNS) if ids else ():
        found[int(row["product"])].append(row)
    return found


def prices_of(lines: Sequence[Row], currency: str, own: Decimal | None) -> list[Fields]:
    """The prices that carry our key; ``own`` is the product's own list price, ``currency`` the company's.

    What a clerk computes in a formula is no price that could be told, and is as good as not there.
    """
    found = []
    for row in lines:
        told, shelf = _FORMULA.fullmatch(row["formula"]), _SHELF.fullmatch(one(row, "price_list", "name"))
        price = None if told is None else own if told["price"] == _OWN else Decimal(told["price"] or told["told"])
        if told is not None and shelf is not None and price is not None:
            found.append({
                "key": told["key"], "price_list": shelf["name"], "currency": shelf["currency"] or currency,
                "unit_price": price, "minimum_quantity": _quantity(row), "active": shelf["inactive"] is None,
            })  # fmt: skip
    return sorted(found, key=lambda line: str(line["key"]))


def _quantity(row: Row) -> Decimal | None:
    return None if row["quantity"] is None else Decimal(str(row["quantity"]))


# --- writing ------------------------------------------------------------------------------------------------------


def check_prices(lines: Sequence[Fields], where: str) -> None:
    """Raises Refused for a price that Tryton would round: in a formula it does so without a word."""
    for line in lines:
        price = Decimal(line["unit_price"])
        if not fits(price):
            what = f"the price {price:f} in {line['price_list']} has more decimals than Tryton keeps ({PLACES})"
            raise Refused(where, what, "correct the price in the CRM")


def list_price(lines: Sequence[Fields], lookups: Lookups) -> Decimal | None:
    """The product's own list price; None when the CRM has none in the company's currency."""
    return next((Decimal(line["unit_price"]) for line in lines if _is_own(line, lookups)), None)


def _is_own(line: Fields, lookups: Lookups) -> bool:
    is_plain = line.get("active") is not False and not line.get("minimum_quantity")
    return is_plain and (line["price_list"], line["currency"]) == (
        lookups.config.list_price_of,
        lookups.company_currency(),
    )


def _shelf(line: Fields, lookups: Lookups) -> str:
    """The name of the price list that a price stands in; with marks it is none to sell by."""
    marks = [] if line["currency"] == lookups.company_currency() else [line["currency"]]
    marks += ["inactive"] if line.get("active") is False else []
    return f"{line['price_list']} [{' '.join(marks)}]" if marks else str(line["price_list"])


def _formula(line: Fields, lookups: Lookups) -> str:
    if _is_own(line, lookups):
        return f"{_OWN}  # {line['key']}"
    price = f"{Decimal(line['unit_price']):f}"
    is_sold_by = _shelf(line, lookups) == line["price_list"]
    return f"{price}  # {line['key']}" if is_sold_by else f"None  # {price} {line['key']}"


def write_prices(rpc: Rpc, lookups: Lookups, wanted: Mapping[int, Sequence[Fields]]) -> None:
    """Brings the price lists to what the lines of these products say; one call for what is new, changed, gone.

    Lines of a clerk's own stay, unless they stand where a price of ours belongs: those would be sold by instead.
    """
    known = price_lines(rpc, list(wanted))
    todo = _Todo(lookups)
    for product, lines in wanted.items():
        present = {_place(row): row for row in known.get(product, [])}
        for line in lines:
            todo.put(product, line, present.pop((_shelf(line, lookups), _minimum(line)), None))
        todo.gone += [row["id"] for row in present.values() if _FORMULA.fullmatch(row["formula"])]
    model = "model.product.price_list.line"
    if todo.news:
        rpc.call(f"{model}.create", todo.news)
    if todo.changes:
        rpc.call(f"{model}.write", *todo.changes)
    if todo.gone:
        rpc.call(f"{model}.delete", todo.gone)


def _place(row: Row) -> tuple[str, Decimal]:
    return one(row, "price_list", "name"), _quantity(row) or Decimal(0)


def _minimum(line: Fields) -> Decimal:
    return Decimal(line.get("minimum_quantity") or 0)


@dataclass(slots=True)
class _Todo:
    """Lines of price lists that are to be entered, changed and deleted."""

    lookups: Lookups
    news: list[Row] = dataclass_field(default_factory=list)
    changes: list[Any] = dataclass_field(default_factory=list)
    gone: list[int] = dataclass_field(default_factory=list)

    def put(self, product: int, line: Fields, before: Row | None) -> None:
        formula = _formula(line, self.lookups)
        if before is None:
            self.news.append(self._new(product, line, formula))
        elif before["formula"] != formula:
            self.changes += [[before["id"]], {"formula": formula}]

    def _new(self, product: int, line: Fields, formula: str) -> Row:
        quantity = _minimum(line)
        return {
            "price_list": self.lookups.price_list(_shelf(line, self.lookups)),
            "product": product,
            "quantity": Float(quantity) if quantity else None,
            "formula": formula,
            "sequence": _MOST - int(quantity),
        }
