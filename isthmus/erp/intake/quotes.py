"""Quotes on their way in, and the states that their orders give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import Table, select

from isthmus.db import among, update_rows
from isthmus.erp.changes import log_changes
from isthmus.erp.desk import Desk
from isthmus.erp.intake.attempts import attempt
from isthmus.erp.intake.documents import (
    insert_documents,
    look_around,
    refuse_deactivation,
    settle_amounts,
    take_in,
    unchanged,
    update_documents,
)
from isthmus.erp.intake.keys import claim, settle_keys, store_keys
from isthmus.erp.intake.page import Item, Page
from isthmus.erp.sales import Order, Quote
from isthmus.erp.sequences import number_of, take_numbers
from isthmus.kernel.errors import Fault

quote = cast(Table, Quote.__table__)


def create(page: Page, items: list[Item]) -> None:
    """Creates quotes; each is open."""
    settle_keys(page, items)
    _price(page, page.left(items))
    attempt(page, page.left(items), _create)


def _price(page: Page, items: list[Item]) -> None:
    take_in(page, items)
    items = page.left(items)
    settle_amounts(page, items, look_around(page, items), day="quote_date")


def _create(page: Page, items: list[Item]) -> None:
    desk = page.desk
    ids = take_numbers(desk.connection, "quote", len(items))
    versions = log_changes(desk.connection, "quote", ids, at=desk.at, by=desk.by)
    for item, record_id, version in zip(items, ids, versions, strict=True):
        item.row.update(id=record_id, number=number_of("quote", record_id), status="open")
        item.row.update(version=version, changed_by=desk.by)
    insert_documents(page, items)
    store_keys(page, [(item.change.key, item.row["id"]) for item in items])
    for item in items:
        page.answer(item, "created")


def update(page: Page, items: list[Item]) -> None:
    """Changes quotes, cancels them, or opens them again."""
    refuse_deactivation(page, items)
    claim(page, page.left(items))
    for item in page.left(items):
        if item.change.verb == "update" and item.present["status"] == "cancelled":
            page.refuse(item, Fault("status", f"quote {item.present['number']} is cancelled", "reopen it first"))
    _price(page, [item for item in page.left(items) if item.change.verb != "withdraw"])
    attempt(page, page.left(items), _update)


def _update(page: Page, items: list[Item]) -> None:
    taken = _taken(page.desk, [item.present["id"] for item in items if item.change.verb == "reopen"])
    for item in items:
        if item.change.verb == "withdraw":
            item.row = {**item.present, "status": "cancelled"}
        elif item.change.verb == "reopen" and item.present["status"] == "cancelled":
            item.row["status"] = "accepted" if item.present["id"] in taken else "open"
    rewritten = [item for item in items if item.change.verb != "withdraw" and not unchanged(item)]
    update_documents(page, rewritten)
    cancelled = [one for one in items if one.change.verb == "withdraw" and one.present["status"] != "cancelled"]
    _write_status(page.desk, [item.row for item in cancelled])
    for item in items:
        page.answer(item, "withdrawn" if item.change.verb == "withdraw" else "updated")


def _taken(desk: Desk, ids: Sequence[int]) -> set[int]:
    """Which of these quotes a live order carries."""
    column = cast(Table, Order.__table__).c
    query = select(column.quote_id).where(among(desk.connection, column.quote_id, ids), column.status != "cancelled")
    return set(desk.connection.execute(query).scalars()) if ids else set()


def move_quotes(desk: Desk, ids: Sequence[int], *, before: str, after: str) -> None:
    """Gives those of the quotes that are in one state another: `open` ones are accepted by an order."""
    if not ids:
        return
    query = select(quote.c.id).where(among(desk.connection, quote.c.id, sorted(set(ids))), quote.c.status == before)
    _write_status(desk, [{"id": one, "status": after} for (one,) in desk.connection.execute(query)])


def _write_status(desk: Desk, rows: Sequence[dict[str, object]]) -> None:
    versions = log_changes(desk.connection, "quote", [int(str(row["id"])) for row in rows], at=desk.at, by=desk.by)
    for row, version in zip(rows, versions, strict=True):
        row.update(version=version, changed_by=desk.by)
    columns = ("status", "version", "changed_by")
    values = [(*(row[name] for name in columns), row["id"]) for row in rows]
    update_rows(desk.connection, quote, columns, key="id", rows=values)
