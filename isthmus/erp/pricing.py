"""What a quote or an order comes to: line amounts, the header discount's shares, tax, total. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isthmus.erp.records import Row
from isthmus.kernel.errors import Refused
from isthmus.kernel.money import GREATEST, MICROS, divide_half_up, from_minor, line_amount_minor, share_out


@dataclass(frozen=True, slots=True)
class Tax:
    """The tax that applies to a line: its code, and its rate in micros of a per cent."""

    code: str
    rate_micros: int


@dataclass(frozen=True, slots=True)
class Sums:
    """A document's amounts in minor units of its currency."""

    tax_minor: int
    total_minor: int
    freight_tax_minor: int


def price(lines: Sequence[Row], header: Mapping[str, Any], tax_of: Callable[[int | None], Tax]) -> Sums:
    """Completes each line (amount, discount share, tax) and answers the sums.

    Each line is rounded half up once, and so is its tax; the header's discount is shared out by largest remainder over
    the lines' amounts. Freight is taxed as a standard good. Raises Refused for a discount greater than the goods.
    """
    currency, discount = header["currency"], header["discount_minor"]
    for line in lines:
        line["amount_minor"] = line_amount_minor(
            line["quantity_micros"],
            line["unit_price_micros"],
            currency,
            discount_percent_micros=line["discount_percent_micros"],
        )
    amounts = [line["amount_minor"] for line in lines]
    goods = sum(amounts)
    if discount > goods:
        what = f"{from_minor(discount, currency)} {currency} is more than the lines, {from_minor(goods, currency)}"
        raise Refused("discount", what, "correct the discount")
    shares = share_out(discount, amounts) if discount else [0] * len(amounts)
    for line, share in zip(lines, shares, strict=True):
        tax = tax_of(line["product_id"])
        line.update(discount_share_minor=share, tax_code=tax.code)
        line["tax_minor"] = tax_on(line["amount_minor"] - share, tax)
    freight_tax = tax_on(header["freight_minor"], tax_of(None))
    tax_minor = sum(line["tax_minor"] for line in lines) + freight_tax
    total = goods - discount + header["freight_minor"] + tax_minor
    if total > GREATEST:
        raise Refused("total", f"{from_minor(total, currency)} {currency} is too great", "split the document")
    return Sums(tax_minor, total, freight_tax)


def tax_on(net_minor: int, tax: Tax) -> int:
    """The tax on a net amount, half up."""
    return divide_half_up(net_minor * tax.rate_micros, 100 * MICROS)


def part_of(amount_minor: int, *, done_micros: int, more_micros: int, of_micros: int) -> int:
    """What the next part of a line comes to, so that all parts together are exactly the line."""
    before = divide_half_up(amount_minor * done_micros, of_micros)
    return divide_half_up(amount_minor * (done_micros + more_micros), of_micros) - before
