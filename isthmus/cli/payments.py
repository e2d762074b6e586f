"""``isthmus erp pay``, ``allocate``, ``refund``, ``reverse`` and ``chargeback``: money that comes and goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus.cli.call import Call, command
from isthmus.cli.clerk import CUSTOMER, currency_of, desk_of, read_minor, tell_lines
from isthmus.cli.figures import amount_json, amount_text

if TYPE_CHECKING:
    from isthmus.erp.allocating import Paid
    from isthmus.erp.release import Reviewed
    from isthmus.erp.reversing import Kind, Refunded, Reversed

INVOICES = Annotated[
    list[str] | None,
    typer.Option("--invoice", help="Settle this invoice, in whatever currency; else the oldest due ones."),
]
PAYMENT = Annotated[str, typer.Argument(help="The payment's number or id.")]
SOURCE = Annotated[str, typer.Argument(help="A payment's number or id, or a credit note's number.")]
WHY = Annotated[str, typer.Option("--why", help="The reason; it is kept.")]


def pay(
    call: Call,
    customer: CUSTOMER,
    amount: Annotated[str, typer.Argument(help="What came in, such as 119.00.")],
    *,
    currency: Annotated[str | None, typer.Option(help="Else the customer's own.")] = None,
    reference: Annotated[str | None, typer.Option(help="What the bank statement says.")] = None,
    invoices: INVOICES = None,
) -> None:
    """Book a payment and settle invoices with it. What is left over stays on the customer's account.

    Example: isthmus erp pay C0000003 119.00 --reference "transfer 7"
    """
    from isthmus.erp.allocating import pay as book

    with desk_of(call) as desk:
        chosen = currency or currency_of(desk, customer)
        amount_minor = read_minor(amount, chosen)
        paid = book(
            desk, customer, amount_minor=amount_minor, currency=chosen, reference=reference, invoices=invoices or None
        )
    _tell_paid(call, paid)


def allocate(call: Call, source: SOURCE, *, invoices: INVOICES = None) -> None:
    """Settle invoices with what is left over of a payment or credit note.

    Example: isthmus erp allocate R0000002 --invoice I0000009
    """
    from isthmus.erp.allocating import allocate as spend

    with desk_of(call) as desk:
        paid = spend(desk, source, invoices or None)
    _tell_paid(call, paid)


def refund(
    call: Call,
    source: SOURCE,
    amount: Annotated[str | None, typer.Argument(help="How much, such as 19.00; else all that is left of it.")] = None,
    *,
    reference: Annotated[str | None, typer.Option(help="What the bank transfer says.")] = None,
) -> None:
    """Pay back what is left over of a payment or credit note. Confirmed orders that counted on it are held.

    Example: isthmus erp refund R0000002 19.00
    """
    from isthmus.erp.allocating import find_source
    from isthmus.erp.reversing import refund as pay_back

    with desk_of(call) as desk:
        money = find_source(desk, source).row["currency"]
        amount_minor = None if amount is None else read_minor(amount, money)
        refunded = pay_back(desk, source, amount_minor, reference=reference)
    _tell_refunded(call, refunded)


def reverse(call: Call, payment: PAYMENT, *, why: WHY) -> None:
    """Take a payment back, whole: what it settled is open again, and orders that it had let pass are looked at again.

    Example: isthmus erp reverse R0000002 --why "booked twice"
    """
    _reverse(call, payment, why, kind="reversal", fee=None)


def chargeback(
    call: Call,
    payment: PAYMENT,
    *,
    why: WHY,
    fee: Annotated[str | None, typer.Option(help="What the bank takes for it, such as 3.50.")] = None,
) -> None:
    """Reverse a payment that the bank took back, with its reason and its fee.

    Example: isthmus erp chargeback R0000002 --why "account is empty" --fee 3.50
    """
    _reverse(call, payment, why, kind="chargeback", fee=fee)


def _reverse(call: Call, payment: str, why: str, *, kind: Kind, fee: str | None) -> None:
    from isthmus.erp.clerk import record
    from isthmus.erp.reversing import reverse as take_back

    with desk_of(call) as desk:
        money = record(desk, "payment", payment)["currency"]
        fee_minor = read_minor(fee, money) if fee else 0
        taken = take_back(desk, payment, why, kind=kind, fee_minor=fee_minor)
    _tell_reversed(call, taken)


def _tell_paid(call: Call, paid: Paid) -> None:
    money = paid.currency
    settled = [_settled(one.invoice, amount_json(one.amount_minor, one.currency), one.currency) for one in paid.settled]
    document = {
        "number": paid.number, "currency": money, "amount": amount_json(paid.amount_minor, money), "settled": settled,
        "unapplied": amount_json(paid.unapplied_minor, money), "released": list(paid.released),
    }  # fmt: skip

    def words() -> None:
        call.screen.line(f"{paid.number}: {amount_text(paid.amount_minor, money)}")
        for one in paid.settled:
            call.screen.line(f"    {one.invoice}: {amount_text(one.amount_minor, one.currency)}")
        tell_lines(call, f"    unapplied: {amount_text(paid.unapplied_minor, money)}", released=paid.released)

    call.finish(document, words)


def _settled(invoice: str, amount: str | None, currency: str) -> dict[str, Any]:
    return {"invoice": invoice, "amount": amount, "currency": currency}


def _tell_refunded(call: Call, refunded: Refunded) -> None:
    money = refunded.currency
    document = {
        "number": refunded.number, "of": refunded.of, "currency": money,
        "amount": amount_json(refunded.amount_minor, money), "left": amount_json(refunded.left_minor, money),
        **_orders(refunded.orders),
    }  # fmt: skip
    text = f"{refunded.number}: {amount_text(refunded.amount_minor, money)} of {refunded.of} paid back"
    text += f", {amount_text(refunded.left_minor, money)} left of it"
    orders = refunded.orders
    call.finish(document, lambda: tell_lines(call, text, released=orders.released, held=orders.held))


def _tell_reversed(call: Call, taken: Reversed) -> None:
    money = taken.currency
    document = {
        "number": taken.number, "kind": taken.kind, "currency": money, "amount": amount_json(taken.amount_minor, money),
        "fee": amount_json(taken.fee_minor, money), "reopened": list(taken.reopened), **_orders(taken.orders),
    }  # fmt: skip
    text = f"{taken.number}: {amount_text(taken.amount_minor, money)} taken back"
    text += f", fee {amount_text(taken.fee_minor, money)}" if taken.fee_minor else ""
    text += f"; open again: {', '.join(taken.reopened)}" if taken.reopened else ""
    orders = taken.orders
    call.finish(document, lambda: tell_lines(call, text, released=orders.released, held=orders.held))


def _orders(orders: Reviewed) -> dict[str, list[str]]:
    return {"released": list(orders.released), "held": list(orders.held)}


def register(app: typer.Typer) -> None:
    for work in (pay, allocate, refund, reverse, chargeback):
        command(app, audited=True)(work)
