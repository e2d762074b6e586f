"""Orders on their way in: each goes through the credit gate in the transaction that writes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import Table, select

from isthmus.db import among, update_rows
from isthmus.erp.changes import log_changes
from isthmus.erp.credit import log_figures, log_standings
from isthmus.erp.intake.attempts import attempt
from isthmus.erp.intake.documents import (
    Around,
    insert_documents,
    look_around,
    refuse_deactivation,
    settle_amounts,
    take_in,
    unchanged,
    update_documents,
)
from isthmus.erp.intake.keys import claim, load, settle_keys, store_keys
from isthmus.erp.intake.page import Item, Page
from isthmus.erp.intake.partly import LOOSE, is_repriced, refuse_booked, refuse_raised, reprice
from isthmus.erp.intake.quotes import move_quotes
from isthmus.erp.release import Applicant, gate, move_orders, order, release, set_status
from isthmus.erp.sales import SOLD, Quote
from isthmus.erp.sequences import number_of, take_numbers
from isthmus.kernel.errors import Fault

_TOO_LATE = (
    "write a credit note for its invoices (`isthmus erp cancel` closes what is not invoiced), or dismiss the withdrawal"
)


def create(page: Page, items: list[Item]) -> None:
    """Creates orders; each is confirmed, or held with the reason."""
    settle_keys(page, items)
    take_in(page, page.left(items))
    items = page.left(items)
    around = look_around(page, items)
    _refuse_closed(page, items, around)
    _check(page, page.left(items), around)
    attempt(page, page.left(items), _create)


def _refuse_closed(page: Page, items: Sequence[Item], around: Around) -> None:
    """A customer that is not active gets no order: no new one, none of another customer, none that was cancelled."""
    for item in items:
        had = item.present and item.present["status"] != "cancelled" and item.present["customer_id"]
        is_active, _ = around.customers.get(item.row["customer_id"], (True, None))
        if not is_active and had != item.row["customer_id"]:
            page.refuse(
                item, Fault("customer_id", "the customer is not active", "reactivate it, or take the order back")
            )


def _check(page: Page, items: list[Item], around: Around) -> None:
    for item in items:
        if not item.line_rows:
            page.refuse(item, Fault("lines", "an order needs a line", "add a product to the order"))
    settle_amounts(page, page.left(items), around, day="order_date")
    _check_quotes(page, page.left(items))


def _check_quotes(page: Page, items: list[Item]) -> None:
    """Refuses orders whose quote is not there, is another customer's, or already has a live order."""
    ids = sorted({item.row["quote_id"] for item in items if item.row["quote_id"] is not None})
    if not ids:
        return
    connection, column = page.desk.connection, cast(Table, Quote.__table__).c
    query = select(column.id, column.customer_id).where(among(connection, column.id, ids))
    owners = {row[0]: row[1] for row in connection.execute(query)}
    live = select(order.c.quote_id, order.c.id, order.c.number).where(order.c.status != "cancelled")
    live = live.where(among(connection, order.c.quote_id, ids))
    users = {quote_id: (order_id, number) for quote_id, order_id, number in connection.execute(live)}
    for item in items:
        quote_id = item.row["quote_id"]
        if quote_id is None:
            continue
        user, number = users.get(quote_id, (None, None))
        if quote_id not in owners:
            page.refuse(item, Fault("quote_id", f"there is no quote {quote_id}", "bind the quote first"))
        elif owners[quote_id] != item.row["customer_id"]:
            page.refuse(item, Fault("quote_id", "the quote is another customer's", "correct the quote or the account"))
        elif user not in (None, item.row.get("id", item)):
            what = f"its quote is already used by order {number}"
            page.refuse(item, Fault("quote_id", what, "cancel that order, or take the quote off this one"))
        else:
            users[quote_id] = (item.row.get("id", item), "of this page")


def _create(page: Page, items: list[Item]) -> None:
    desk = page.desk
    ids = take_numbers(desk.connection, "order", len(items))
    for item, record_id in zip(items, ids, strict=True):
        item.row.update(id=record_id, number=number_of("order", record_id), status="draft", hold_reason=None)
    gate(desk, [Applicant(item.row) for item in items])
    versions = log_changes(desk.connection, "order", ids, at=desk.at, by=desk.by)
    for item, version in zip(items, versions, strict=True):
        item.row.update(version=version, changed_by=desk.by)
    insert_documents(page, items)
    store_keys(page, [(item.change.key, item.row["id"]) for item in items])
    quotes = [item.row["quote_id"] for item in items if item.row["quote_id"] is not None]
    move_quotes(desk, quotes, before="open", after="accepted")
    for item in items:
        page.answer(item, "created")


def update(page: Page, items: list[Item]) -> None:
    """Changes orders, cancels them, or brings them back; then releases what the freed credit allows."""
    refuse_deactivation(page, items)
    claim(page, page.left(items))
    _refuse_by_status(page, page.left(items))
    items = page.left(items)
    rewritten = [item for item in items if item.change.verb != "withdraw"]
    take_in(page, rewritten)
    rewritten = page.left(rewritten)
    refuse_booked(page, rewritten)
    rewritten = page.left(rewritten)
    open_ones = [item for item in rewritten if item.present["status"] not in SOLD]
    partly = [item for item in rewritten if is_repriced(item)]
    around = look_around(page, [*open_ones, *partly])
    _refuse_closed(page, open_ones, around)
    _check(page, page.left(open_ones), around)
    reprice(page, partly, around)
    attempt(page, page.left(items), _update)


def _refuse_by_status(page: Page, items: Sequence[Item]) -> None:
    for item in items:
        status, number = item.present["status"], item.present["number"]
        if item.change.verb == "update" and status == "cancelled":
            page.refuse(item, Fault("status", f"order {number} is cancelled", "reopen it first"))
        elif item.change.verb == "withdraw" and status in SOLD:
            what = f"order {number} is {status.replace('_', ' ')} and cannot be cancelled"
            page.refuse(item, Fault("status", what, _TOO_LATE))


def _update(page: Page, items: list[Item]) -> None:
    desk = page.desk
    cancelled = [one for one in items if one.change.verb == "withdraw" and one.present["status"] != "cancelled"]
    for item in cancelled:
        item.row = {**item.present, "status": "cancelled", "hold_reason": None}
    set_status(desk, [item.row for item in cancelled])
    changed = [item for item in items if item.change.verb != "withdraw" and not _same(item)]
    repriced = refuse_raised(page, [item for item in changed if is_repriced(item)])
    update_documents(page, repriced)
    move_orders(desk, [item.row["id"] for item in repriced])
    _write_loose(page, [one for one in changed if one.present["status"] in SOLD and not is_repriced(one)])
    gated = [item for item in changed if item.present["status"] not in SOLD]
    for item in gated:
        item.row = dict(item.row)
    gate(desk, [Applicant(item.row, item.present) for item in gated])
    update_documents(page, gated)
    _move_quotes(page, cancelled, gated)
    left = [one.present["customer_id"] for one in gated if one.row["customer_id"] != one.present["customer_id"]]
    log_standings(desk, left)
    log_figures(desk, left)
    released = set(release(desk, [item.present["customer_id"] for item in (*cancelled, *gated, *repriced)]))
    moved = released | {item.row["id"] for item in repriced}
    load(page, [(item, item.row["id"]) for item in page.left(items) if item.row["id"] in moved])
    for item in page.left(items):
        page.answer(item, "withdrawn" if item.change.verb == "withdraw" else "updated")


def _same(item: Item) -> bool:
    return unchanged(item) and not (item.change.verb == "reopen" and item.present["status"] == "cancelled")


def _write_loose(page: Page, items: Sequence[Item]) -> None:
    desk = page.desk
    ids = [item.row["id"] for item in items]
    versions = log_changes(desk.connection, "order", ids, at=desk.at, by=desk.by)
    for item, version in zip(items, versions, strict=True):
        item.row.update(version=version, changed_by=desk.by)
    columns = (*LOOSE, "version", "changed_by")
    rows = [(*(item.row[name] for name in columns), item.row["id"]) for item in items]
    update_rows(desk.connection, order, columns, key="id", rows=rows)


def _move_quotes(page: Page, cancelled: Sequence[Item], gated: Sequence[Item]) -> None:
    left = {item.present["quote_id"] for item in (*cancelled, *gated)}
    taken = {item.row["quote_id"] for item in gated}
    move_quotes(page.desk, sorted(left - taken - {None}), before="accepted", after="open")
    move_quotes(page.desk, sorted(taken - {None}), before="open", after="accepted")
