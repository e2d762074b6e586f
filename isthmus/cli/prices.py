"""``isthmus erp price-break``: what a price list asks of who buys more."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus.cli.call import Call, command
from isthmus.cli.clerk import desk_of
from isthmus.kernel.errors import Refused
from isthmus.kernel.money import from_micros, to_micros

PRODUCT = Annotated[str, typer.Argument(help="The product's number or id.")]
PRICE = Annotated[str, typer.Argument(help="What one of it costs then, such as 0.80.")]
FROM = Annotated[str, typer.Option("--from", metavar="QUANTITY", help="From this quantity on.")]


def price_break(
    call: Call,
    product: PRODUCT,
    price: PRICE,
    *,
    least: FROM,
    price_list: Annotated[str | None, typer.Option("--list", help="Where the product is on several lists.")] = None,
    currency: Annotated[str, typer.Option(help="Of the price.")] = "EUR",
) -> None:
    """Enter a quantity break of a price list, from today on. Discounts of new orders count against it.

    Example: isthmus erp price-break P0000004 0.80 --from 10
    """
    from isthmus.erp.breaks import set_break

    with desk_of(call) as desk:
        step = set_break(
            desk, product, unit_price_micros=_micros("price", price), minimum_quantity_micros=_micros("--from", least),
            currency=currency.upper(), price_list=price_list,
        )  # fmt: skip
    unit, quantity = (f"{from_micros(one):f}" for one in (step.unit_price_micros, step.minimum_quantity_micros))
    document = {
        "product": step.product, "price_list": step.price_list, "currency": step.currency,
        "from_quantity": quantity, "unit_price": unit, "valid_from": step.valid_from,
    }  # fmt: skip
    told = f"{step.product}: {unit} {step.currency} from {quantity} on, by {step.price_list} from {step.valid_from} on"
    call.finish(document, lambda: call.screen.line(told))


def _micros(what: str, text: str) -> int:
    try:
        return to_micros(text)
    except ValueError as error:
        raise Refused(f"{what} {text}", str(error), "write it as 0.80") from None


def register(app: typer.Typer) -> None:
    command(app, "price-break", audited=True)(price_break)
