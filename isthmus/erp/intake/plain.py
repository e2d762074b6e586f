"""Customers and products on their way in: no document, no money, only fields (and a product's prices)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import delete

from isthmus.db import among, insert_rows, update_rows
from isthmus.erp.changes import log_changes
from isthmus.erp.credit import family_of, log_standings, sharing
from isthmus.erp.desk import COMPANY
from isthmus.erp.intake.attempts import attempt
from isthmus.erp.intake.keys import claim, settle_keys, store_keys
from isthmus.erp.intake.page import Item, Page
from isthmus.erp.records import Row, rows_by_id
from isthmus.erp.release import release
from isthmus.erp.sequences import number_of, take_numbers
from isthmus.erp.streams import STREAMS
from isthmus.kernel.errors import Fault
from isthmus.kernel.money import CURRENCIES
from isthmus.kernel.records import match_text


def create(page: Page, items: list[Item]) -> None:
    """Creates customers or products: a handful of statements however many there are."""
    settle_keys(page, items)
    fresh = page.left(items)
    refuse_unknown_parents(page, fresh)
    attempt(page, page.left(fresh), _create)


def _create(page: Page, items: list[Item]) -> None:
    desk, stream = page.desk, page.stream
    ids = take_numbers(desk.connection, stream.name, len(items))
    versions = log_changes(desk.connection, stream.name, ids, at=desk.at, by=desk.by)
    pick = itemgetter(*stream.stored)

    def rows() -> Iterator[tuple[Any, ...]]:  # made while the database takes in those before them
        for item, record_id, version in zip(items, ids, versions, strict=True):
            row = stream.shape.take(item.change.fields)
            row.update(id=record_id, number=number_of(stream.name, record_id), version=version, changed_by=desk.by)
            finish(page, item, row)
            yield pick(row)

    insert_rows(desk.connection, stream.table, stream.stored, rows=rows())
    store_lines(page, items)
    store_keys(page, [(item.change.key, item.row["id"]) for item in items])
    for item in items:
        page.answer_created(item)


def finish(page: Page, item: Item, row: Row) -> None:
    """Completes a row by what follows from its fields. Raises ValueError for an unknown currency or empty name."""
    row["company"] = COMPANY
    if not row["name"]:
        raise ValueError("no name")
    for path, column in page.stream.find_by.items():
        row[column] = match_text(row[path]) if row[path] else None
    if page.stream.name == "customer" and row["currency"] not in CURRENCIES:
        raise ValueError("unknown currency")
    item.row = row
    shape = page.stream.lines
    if shape is not None and item.change.lines is not None:
        item.lines = [shape.show(shape.take(line)) for line in item.change.lines]
    elif shape is not None:
        item.lines = item.present_lines or []


def store_lines(page: Page, items: Sequence[Item]) -> None:
    """Writes the whole set of lines of each item that brings one."""
    shape, parent = page.stream.lines, page.stream.parent
    if shape is None:
        return
    columns = (parent, "position", *shape.columns)
    rows: list[tuple[Any, ...]] = []
    for item in items:
        for position, line in enumerate(item.change.lines or ()):
            rows.append((item.row["id"], position, *shape.take(line).values()))
    if rows:
        insert_rows(page.desk.connection, shape.table, columns, rows=rows)


def refuse_unknown_parents(page: Page, items: Sequence[Item]) -> None:
    """Refuses customers whose parent is not there."""
    named = [(item, item.change.fields.get("parent_id")) for item in items]
    wanted = {int(parent) for _, parent in named if isinstance(parent, str) and parent.isdigit() and len(parent) < 19}
    if not wanted:
        return
    known = rows_by_id(page.desk.connection, STREAMS["customer"], sorted(wanted))
    for item, parent in named:
        if isinstance(parent, str) and parent.isdigit() and int(parent) not in known:
            page.refuse(item, Fault("parent_id", f"there is no customer {parent}", "bind the parent account first"))


def update(page: Page, items: list[Item]) -> None:
    """Changes customers or products, deactivates them, or brings them back."""
    for item in items:
        if item.change.verb == "withdraw" and item.change.how == "cancel":
            page.refuse(
                item, Fault("gone", f"a {page.stream.name} cannot be cancelled", "write `deactivate` in the mapping")
            )
    claim(page, page.left(items))
    refuse_unknown_parents(page, page.left(items))
    attempt(page, page.left(items), _update)


def _update(page: Page, items: list[Item]) -> None:
    changed = [item for item in items if _changes(page, item)]
    moved = [one.row["id"] for one in changed if one.row.get("parent_id") != one.present.get("parent_id")]
    before = family_of(page.desk.connection, sharing(page.desk.connection, moved))
    write_changed(page, changed)
    if before:  # who has another parent has another limit now, and leaves more to those who shared the former one
        log_standings(page.desk, before)
        release(page.desk, before)
    replace_lines(page, [item for item in changed if item.lines != item.present_lines])
    for item in items:
        page.answer(item, "withdrawn" if item.change.verb == "withdraw" else "updated")


def _changes(page: Page, item: Item) -> bool:
    """Sets what becomes of the record, and says whether that differs from what it is."""
    wanted = _wanted(page, item)
    finish(page, item, dict(wanted))
    if wanted != item.present or item.lines != item.present_lines:
        return True
    item.row = item.present
    return False


def _wanted(page: Page, item: Item) -> Row:
    if item.change.verb == "withdraw":
        return {**item.present, "active": False}
    row = page.stream.shape.take(item.change.fields, item.present)
    if item.change.verb == "reopen" and "active" not in item.change.fields:
        row["active"] = True
    return row


def write_changed(page: Page, changed: Sequence[Item]) -> None:
    """Gives each changed record a new version and writes its row."""
    desk, stream = page.desk, page.stream
    versions = log_changes(desk.connection, stream.name, [item.row["id"] for item in changed], at=desk.at, by=desk.by)
    for item, version in zip(changed, versions, strict=True):
        item.row = {**item.row, "version": version, "changed_by": desk.by}
    columns = tuple(name for name in stream.stored if name not in ("id", "number", "company"))
    pick = itemgetter(*columns, "id")
    update_rows(desk.connection, stream.table, columns, key="id", rows=[pick(item.row) for item in changed])


def replace_lines(page: Page, items: Sequence[Item]) -> None:
    """Takes the present lines of these records away and writes the new ones."""
    shape = page.stream.lines
    if shape is None or not items:
        return
    ids: list[int] = [item.row["id"] for item in items]
    page.desk.connection.execute(
        delete(shape.table).where(among(page.desk.connection, shape.table.c[page.stream.parent], ids))
    )
    store_lines(page, items)
