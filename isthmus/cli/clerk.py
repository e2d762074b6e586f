"""``isthmus erp``: the finance clerk's side of the built-in ERP. Each command is one transaction."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus.cli.call import Call, command
from isthmus.cli.deciding import decider
from isthmus.cli.figures import amount_json, amount_text
from isthmus.kernel.errors import Misconfigured, Refused
from isthmus.kernel.money import CURRENCIES, to_micros, to_minor
from isthmus.settings import require

if TYPE_CHECKING:
    from isthmus.erp.clerk import Decided
    from isthmus.erp.credit import Standing
    from isthmus.erp.desk import Desk
    from isthmus.erp.invoicing import Written

app = typer.Typer(help="The finance clerk's side of the built-in ERP.", no_args_is_help=True)

CUSTOMER = Annotated[str, typer.Argument(help="The customer's number or id.")]
ORDER = Annotated[str, typer.Argument(help="The order's number or id.")]
LINES = Annotated[
    list[str] | None, typer.Option("--line", metavar="KEY=QUANTITY", help="Only so much of this line; may be repeated.")
]


@contextmanager
def desk_of(call: Call) -> Iterator[Desk]:
    """A desk in the built-in ERP, in one transaction. Raises Misconfigured when the ERP is another system."""
    from isthmus.app import open_database
    from isthmus.db import writing
    from isthmus.erp.desk import sit_down
    from isthmus.kernel.clock import SystemClock
    from isthmus.settings import BUILTIN

    if call.settings.erp != BUILTIN:
        what = f"the ERP is {call.settings.erp}, not the built-in one"
        raise Misconfigured("isthmus erp", what, "use that system's own screens")
    engine = open_database(call.settings)
    try:
        with writing(engine) as connection:
            yield sit_down(connection, by=call.who, clock=SystemClock(), time_zone=call.settings.time_zone)
    finally:
        engine.dispose()


# --- documents ----------------------------------------------------------------------------------------------------


@command(app, audited=True)
def invoice(call: Call, order: ORDER, *, lines: LINES = None) -> None:
    """Invoice a confirmed order, or some of it.

    Example: isthmus erp invoice O0000042
    """
    from isthmus.erp.invoicing import invoice as write_invoice

    with desk_of(call) as desk:
        written = write_invoice(desk, order, _quantities(lines))
    _tell_written(call, written)


@command(app, "credit-note", audited=True)
def credit_note(
    call: Call, invoice: Annotated[str, typer.Argument(help="The invoice's number or id.")], *, lines: LINES = None
) -> None:
    """Credit an invoice, or some of its lines, by a linked reversal.

    Example: isthmus erp credit-note I0000007 --line 802xx0000000001=2
    """
    from isthmus.erp.invoicing import credit_note as write_note

    with desk_of(call) as desk:
        written = write_note(desk, invoice, _quantities(lines))
    _tell_written(call, written)


@command(app, audited=True)
def cancel(call: Call, order: ORDER) -> None:
    """Cancel an order; one that is invoiced in part is closed.

    Example: isthmus erp cancel O0000042
    """
    from isthmus.erp.clerk import cancel as cancel_order

    with desk_of(call) as desk:
        moved = cancel_order(desk, order)
    document = {"order": moved.number, "status": moved.status, "released": list(moved.released)}
    call.finish(
        document, lambda: tell_lines(call, f"{moved.number} is {_words(moved.status)}", released=moved.released)
    )


# --- credit -------------------------------------------------------------------------------------------------------


@command(app, audited=True)
def limit(
    call: Call,
    customer: CUSTOMER,
    amount: Annotated[str, typer.Argument(help="The limit, such as 5000; 0 is no credit at all, none is no limit.")],
    *,
    currency: Annotated[str | None, typer.Option(help="Else the customer's own.")] = None,
    grace_days: Annotated[int | None, typer.Option(help="Days overdue that are tolerated.")] = None,
) -> None:
    """Set a customer's credit limit. Held orders that fit now are released at once.

    Example: isthmus erp limit C0000003 5000 --grace-days 10
    """
    from isthmus.erp.clerk import limit as set_limit

    with desk_of(call) as desk:
        chosen = currency or currency_of(desk, customer)
        limit_minor = None if amount.lower() == "none" else read_minor(amount, chosen)
        decided = set_limit(desk, customer, limit_minor, currency=chosen, grace_days=grace_days)
    _tell_decided(call, decided)


@command(app, "share-limit", audited=True)
def share_limit(
    call: Call,
    customer: CUSTOMER,
    *,
    stop: Annotated[bool, typer.Option("--stop", help="Give it its own limit back.")] = False,
) -> None:
    """Let a customer share its parent's limit: what the family owes together counts against it.

    Example: isthmus erp share-limit C0000007
    """
    from isthmus.erp.clerk import share

    with desk_of(call) as desk:
        decided = share(desk, customer, shares=not stop)
    _tell_decided(call, decided)


@command(app, audited=True)
def hold(
    call: Call, customer: CUSTOMER, *, why: Annotated[str, typer.Option("--why", help="The reason; it is kept.")]
) -> None:
    """Put a customer on hold by hand: no order is confirmed until `isthmus erp release`.

    Example: isthmus erp hold C0000003 --why "insolvency is rumoured"
    """
    from isthmus.erp.clerk import hold as set_hold

    with desk_of(call) as desk:
        decided = set_hold(desk, customer, why)
    _tell_decided(call, decided)


@command(app, audited=True)
def release(call: Call, customer: CUSTOMER) -> None:
    """Lift a hold that was set by hand; orders that pass the credit check are confirmed at once.

    Above the limit of `approvals` two people say so: the first only asks. Example: isthmus erp release C0000003
    """
    from isthmus.erp.clerk import lift

    who = decider(call)
    require(call.settings, who, "release")
    with desk_of(call) as desk:
        asked = _ask_a_second(call, desk, customer)
        decided = lift(desk, customer) if asked is None else None
    if decided is not None:
        _tell_decided(call, decided)
        return
    told = f"{customer} takes two people: another one who may releases it as well; {asked}"
    call.finish({"customer": customer, "asked": asked}, lambda: call.screen.line(told))


def _ask_a_second(call: Call, desk: Desk, customer: str) -> str | None:
    """What the first of two people is told, whose request is kept; None where the release may go on.

    A customer counts what it owes and has ordered. Raises Refused when one person would be both.
    """
    from isthmus.erp.clerk import record
    from isthmus.erp.credit import standings
    from isthmus.reconcile.resolve import first_of_two
    from isthmus.state import decisions
    from isthmus.state.decisions import Decided as Decision

    row, people = record(desk, "customer", customer), call.settings.people
    standing = standings(desk.connection, [row["id"]], desk.day)[row["id"]]
    amount = people.takes_two([(standing.exposure_minor, standing.currency)])
    if not standing.held:
        return None
    act = Decision(
        desk.at, call.who, "release", record=f"customer {row['number']}", version=str(standing.held_why),
        answer="release", why="the hold is lifted",
    )  # fmt: skip
    if amount is None:  # kept as well, or what somebody asked for before would count for the next hold
        decisions.add(desk.connection, act)
        return None
    request = decisions.open_request(desk.connection, None, str(standing.held_why), record=str(act.record))
    first = first_of_two(people, act, request, amount=amount)
    decisions.add(desk.connection, act if first is request else first)
    return None if first is request else first.told


@command(app, audited=True)
def rate(
    call: Call,
    source: Annotated[str, typer.Argument(help="One unit of this currency …")],
    target: Annotated[str, typer.Argument(help="… is worth so much of this one.")],
    *,
    value: Annotated[str, typer.Argument(help="Such as 0.92.")],
    day: Annotated[str | None, typer.Option(help="From which day on, such as 2026-11-22; else today.")] = None,
) -> None:
    """Enter an exchange rate. Orders that waited for it are released.

    Example: isthmus erp rate USD EUR 0.92
    """
    from isthmus.erp.clerk import rate as set_rate

    if day is not None:
        _check_day(day)
    with desk_of(call) as desk:
        released = set_rate(desk, source.upper(), target.upper(), value=value, day=day)
    document = {"source": source.upper(), "target": target.upper(), "value": value, "released": list(released)}
    call.finish(
        document, lambda: tell_lines(call, f"1 {source.upper()} is {value} {target.upper()}", released=released)
    )


@command(app, "close-period", audited=True)
def close_period(
    call: Call,
    month: Annotated[str, typer.Argument(help="Such as 2026-10; all months before it are closed as well.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Close the books of a month, for ever.

    Example: isthmus erp close-period 2026-10 --yes
    """
    from isthmus.erp.ledger import close_period as close

    if not yes and not (sys.stdin.isatty() and typer.confirm(f"Close {month} and all before it, for ever?", err=True)):
        raise Refused(f"period {month}", "is not closed, because nobody said yes", "say --yes: it cannot be undone")
    with desk_of(call) as desk:
        close(desk, month)
    call.finish({"month": month, "closed": True}, lambda: call.screen.line(f"the books are closed up to {month}"))


# --- reading what was typed ---------------------------------------------------------------------------------------


def read_minor(text: str, currency: str) -> int:
    """An amount as typed, in minor units."""
    if currency not in CURRENCIES:
        raise Refused("currency", f"{currency!r} is not an ISO 4217 currency", "use a code such as EUR")
    try:
        return to_minor(text, currency)
    except ValueError as error:
        raise Refused(f"amount {text}", str(error), "write it as 119.00") from None


def currency_of(desk: Desk, customer: str) -> str:
    """A customer's own."""
    from isthmus.erp.clerk import record

    return str(record(desk, "customer", customer)["currency"])


def _quantities(lines: Sequence[str] | None) -> dict[str, int] | None:
    """``KEY=QUANTITY`` as micros by key; None means everything."""
    if not lines:
        return None
    found: dict[str, int] = {}
    for line in lines:
        key, equals, quantity = line.rpartition("=")
        try:
            found[key] = to_micros(quantity)
        except ValueError as error:
            raise Refused(f"--line {line}", str(error), "write it as KEY=2.5") from None
        if not equals or not key:
            raise Refused(f"--line {line}", "names no line", "write it as KEY=2.5")
    return found


def _check_day(day: str) -> None:
    from datetime import date

    try:
        if date.fromisoformat(day).isoformat() == day:  # Python reads 20261122 as well, SQLite keeps no such day
            return
    except ValueError:
        pass
    raise Refused(f"day {day}", "is not a day", "write it as 2026-11-22")


# --- telling ------------------------------------------------------------------------------------------------------


def standing_json(standing: Standing) -> dict[str, Any]:
    """A customer's credit."""
    money = standing.currency
    return {
        "status": standing.status,
        "currency": money,
        "limit": amount_json(standing.limit_minor, money),
        "exposure": amount_json(standing.exposure_minor, money),
        "available": amount_json(standing.available_minor, money),
        "shares_limit_of": standing.line.number if standing.line.root_id != standing.customer_id else None,
        "reasons": standing.reasons(),
    }


def tell_standing(call: Call, standing: Standing) -> None:
    """A customer's credit, and why it is on hold."""
    money, free = standing.currency, standing.available_minor
    told = "no limit" if standing.limit_minor is None else f"limit {amount_text(standing.limit_minor, money)}"
    told += f", exposure {amount_text(standing.exposure_minor, money)}"
    if standing.line.root_id != standing.customer_id:
        told += f" shared with {standing.line.number}"
    if free is not None:
        told += f", {amount_text(free, money)} available" if free >= 0 else f", {amount_text(-free, money)} over it"
    call.screen.line(f"credit {standing.status}: {told}")
    for reason in standing.reasons():
        call.screen.line(f"    {reason}", style="yellow")


def _words(status: str) -> str:
    return status.replace("_", " ")


def tell_lines(call: Call, text: str, *, released: Sequence[str], held: Sequence[str] = ()) -> None:
    """What was done, and what became of orders by it."""
    call.screen.line(text)
    if held:
        call.screen.line(f"held: {', '.join(held)}", style="yellow")
    if released:
        call.screen.line(f"released: {', '.join(released)}", style="green")


def _tell_written(call: Call, written: Written) -> None:
    money = written.currency
    document = {
        "number": written.number, "kind": written.kind, "currency": money, "due_date": written.due_date,
        "net": amount_json(written.net_minor, money), "tax": amount_json(written.tax_minor, money),
        "total": amount_json(written.total_minor, money), "order_status": written.order_status,
        "released": list(written.released),
    }  # fmt: skip
    total = f"{amount_text(written.total_minor, money)}, of it tax {amount_text(written.tax_minor, money)}"
    order = f"; the order is {_words(written.order_status)}" if written.order_status else ""
    due = f", due {written.due_date}" if written.kind == "invoice" else ""
    text = f"{_words(written.kind)} {written.number}: {total}{due}{order}"
    call.finish(document, lambda: tell_lines(call, text, released=written.released))


def _tell_decided(call: Call, decided: Decided) -> None:
    document = {"customer": decided.number, **standing_json(decided.standing), "released": list(decided.released)}

    def words() -> None:
        call.screen.line(f"customer {decided.number}")
        tell_standing(call, decided.standing)
        if decided.released:
            call.screen.line(f"released: {', '.join(decided.released)}", style="green")

    call.finish(document, words)
