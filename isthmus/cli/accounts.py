"""``isthmus erp statement``, ``customers`` and ``orders``: what a clerk looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus.cli import payments
from isthmus.cli.call import Call, command, one_of
from isthmus.cli.clerk import CUSTOMER, desk_of, standing_json, tell_standing
from isthmus.cli.figures import amount_json, amount_text
from isthmus.kernel.money import from_micros
from isthmus.kernel.records import Fields

if TYPE_CHECKING:
    from isthmus.erp.statement import Statement

MOST = Annotated[int, typer.Option("--most", min=1, help="How many at most.")]


def statement(call: Call, customer: CUSTOMER) -> None:
    """Show a customer's account: its figures, what was booked, what is open and how old it is, and the credit.

    Example: isthmus erp statement C0000003
    """
    from isthmus.erp.statement import AGES
    from isthmus.erp.statement import statement as load

    with desk_of(call) as desk:
        found = load(desk, customer)
    names = [name for name, _ in AGES]
    call.finish(_document(found, names), lambda: _tell(call, found, names))


def _document(found: Statement, names: list[str]) -> dict[str, Any]:
    return {
        "customer": found.number,
        "name": found.name,
        "booked": [
            {
                "day": one.day, "text": one.text, "currency": one.currency,
                "amount": amount_json(one.amount_minor, one.currency),
                "balance": amount_json(one.balance_minor, one.currency),
            }
            for one in found.booked
        ],
        "open": [
            {
                "invoice": one.number, "due_date": one.due_date, "days_overdue": one.days_overdue,
                "currency": one.currency, "total": amount_json(one.total_minor, one.currency),
                "open": amount_json(one.open_minor, one.currency),
            }
            for one in found.open_items
        ],
        "ages": {
            currency: {name: amount_json(amount, currency) for name, amount in zip(names, amounts, strict=True)}
            for currency, amounts in found.ages.items()
        },
        "credit": standing_json(found.standing),
        "figures": _figures_json(found.figures),
    }  # fmt: skip


def _figures_json(figures: Fields) -> dict[str, Any]:
    """The figures as people write them."""
    money = figures["currency"]
    amounts = ("order_total", "invoiced_12_months", "list_discount")
    decimals = ("days_to_pay", "list_discount_percent")
    return {
        **{name: value for name, value in figures.items() if name not in ("customer_id", "as_of")},
        **{name: amount_json(figures[name], money) for name in amounts},
        **{name: None if figures[name] is None else f"{from_micros(figures[name]):f}" for name in decimals},
    }


def _tell_figures(call: Call, figures: Fields) -> None:
    money, days, percent = figures["currency"], figures["days_to_pay"], figures["list_discount_percent"]
    rows = [
        ["orders", f"{figures['orders']}, {amount_text(figures['order_total'], money)}"],
        ["last order", figures["last_order_date"] or "-"],
        ["invoiced in 12 months", amount_text(figures["invoiced_12_months"], money)],
        ["days to pay", "-" if days is None else f"{from_micros(days):.1f}"],
        ["given against the price list", amount_text(figures["list_discount"], money)],
    ]
    if percent is not None:
        rows[-1][1] += f", {from_micros(percent):.1f} %"
    call.screen.line()
    call.screen.table(("figure", "value"), rows, right=("value",))


def _tell(call: Call, found: Statement, names: list[str]) -> None:
    screen = call.screen
    screen.line(f"{found.number} {found.name}", style="bold")
    tell_standing(call, found.standing)
    _tell_figures(call, found.figures)
    if found.booked:
        rows = [
            [
                one.day,
                one.text,
                amount_text(one.amount_minor, one.currency),
                amount_text(one.balance_minor, one.currency),
            ]
            for one in found.booked
        ]
        screen.line()
        screen.table(("day", "booked", "amount", "balance"), rows, right=("amount", "balance"))
    if found.open_items:
        items = [
            [one.number, one.due_date, f"{one.days_overdue}", amount_text(one.total_minor, one.currency),
             amount_text(one.open_minor, one.currency)]
            for one in found.open_items
        ]  # fmt: skip
        screen.line()
        screen.table(("open invoice", "due", "days late", "total", "open"), items, right=("days late", "total", "open"))
        ages = [
            [currency, *(amount_text(one, currency) for one in amounts)] for currency, amounts in found.ages.items()
        ]
        screen.line()
        screen.table(("age in days", *names), ages, right=names)


def customers(
    call: Call,
    *,
    status: Annotated[str | None, typer.Option(help="Only those that are ok, warning or hold.")] = None,
    most: MOST = 100,
) -> None:
    """List customers with their credit.

    Example: isthmus erp customers --status hold
    """
    from isthmus.erp.statement import customers as load

    one_of("--status", status, ("ok", "warning", "hold"))
    with desk_of(call) as desk:
        found = load(desk, status=status, limit=most)
    document = [
        {"number": one.number, "name": one.name, "active": one.active, **standing_json(one.standing)} for one in found
    ]
    rows = [
        [
            one.number,
            one.name,
            one.standing.status,
            amount_text(one.standing.limit_minor, one.standing.currency),
            amount_text(one.standing.exposure_minor, one.standing.currency),
            "; ".join(one.standing.reasons()),
        ]
        for one in found
    ]
    head = ("number", "name", "credit", "limit", "exposure", "why on hold")
    call.finish({"customers": document}, lambda: call.screen.table(head, rows, right=("limit", "exposure")))


def orders(
    call: Call,
    *,
    status: Annotated[str | None, typer.Option(help="Only this status, such as held.")] = None,
    customer: Annotated[str | None, typer.Option(help="Only this customer's, by number or id.")] = None,
    most: MOST = 100,
) -> None:
    """List orders, the latest first.

    Example: isthmus erp orders --status held
    """
    from isthmus.erp.statement import orders as load
    from isthmus.erp.streams import CHOICES

    one_of("--status", status, CHOICES["order.status"])
    with desk_of(call) as desk:
        found = load(desk, status=status, customer=customer, limit=most)
    document = [
        {"number": one.number, "customer": one.customer, "order_date": one.order_date, "status": one.status,
         "hold_reason": one.hold_reason, "currency": one.currency, "total": amount_json(one.total_minor, one.currency),
         "to_invoice": amount_json(one.to_invoice_minor, one.currency)}
        for one in found
    ]  # fmt: skip
    rows = [
        [one.number, one.customer, one.order_date, one.status.replace("_", " "),
         amount_text(one.total_minor, one.currency), amount_text(one.to_invoice_minor, one.currency),
         one.hold_reason or ""]
        for one in found
    ]  # fmt: skip
    head = ("number", "customer", "date", "status", "total", "to invoice", "why held")
    call.finish({"orders": document}, lambda: call.screen.table(head, rows, right=("total", "to invoice")))


def register(app: typer.Typer) -> None:
    payments.register(app)
    for work in (statement, customers, orders):
        command(app)(work)
