"""Which record a change is about: external keys settled, records found, locked and compared with what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.connect.protocol import Answer
from isthmus.db import insert_rows
from isthmus.erp import external_keys
from isthmus.erp.changes import write_version
from isthmus.erp.external_keys import COLUMNS, Holder, external_key, holders
from isthmus.erp.intake.page import Item, Page
from isthmus.erp.records import lines_of, rows_by_id
from isthmus.kernel.errors import Fault


def settle_keys(page: Page, items: Sequence[Item]) -> dict[str, Holder]:
    """The holders of the items' keys. A create whose key is taken is answered here."""
    taken = holders(page.desk.connection, page.stream.name, [item.change.key for item in items])
    creates = [item for item in items if item.change.verb == "create"]
    done = []
    for item in creates:
        holder = taken.get(item.change.key)
        if holder is None:
            continue
        if holder.status == "live":
            done.append((item, holder.record_id))
        else:
            what = "this key is buried" if holder.status == "buried" else "this key was merged into another record"
            page.refuse(item, Fault(item.change.key, what, "nothing is to be done: the create came too late"))
    load(page, [(item, record_id) for item, record_id in done])
    for item, _ in done:
        page.answer(item, "created")
    return taken


def bury(page: Page, items: Sequence[Item]) -> None:
    """Buries keys that no record carries; one that is carried after all is answered `moved`."""
    keys = [item.change.key for item in items]
    buried = external_keys.bury(page.desk.connection, page.stream.name, keys)
    for item in items:
        key = item.change.key
        page.answers[item.index] = Answer(key, "withdrawn" if key in buried else "moved")


def load(page: Page, items: Sequence[tuple[Item, int]]) -> None:
    """Fills in the rows and lines of items as the database has them now."""
    ids = [record_id for _, record_id in items]
    rows = rows_by_id(page.desk.connection, page.stream, ids)
    lines = lines_of(page.desk.connection, page.stream, ids)
    for item, record_id in items:
        item.present, item.present_lines = rows[record_id], lines.get(record_id)
        item.row, item.lines = item.present, item.present_lines


def store_keys(page: Page, pairs: Sequence[tuple[str, int]]) -> None:
    """Gives records their external keys."""
    name = page.stream.name
    rows: list[tuple[Any, ...]] = [(name, key, record_id, "live") for key, record_id in pairs]
    if rows:
        insert_rows(page.desk.connection, external_key, COLUMNS, rows=rows)


def claim(page: Page, items: list[Item]) -> None:
    """Loads and locks what the items change. Answers those whose record or key is not theirs, or has moved."""
    holders = settle_keys(page, items)
    targets: list[tuple[Item, int]] = []
    for item in items:
        holder = holders.get(item.change.key)
        target = item.change.id or (str(holder.record_id) if holder else None)
        if target is None or not target.isdigit() or len(target) > 18:
            page.refuse(item, Fault(page.stream.name, f"there is no {page.stream.name} {target}", "check the binding"))
        elif holder and (holder.record_id != int(target) or holder.status == "buried"):
            what = "this key is buried" if holder.status == "buried" else "this key belongs to another record"
            page.refuse(item, Fault(item.change.key, what, "resolve the merge first"))
        else:
            targets.append((item, int(target)))
    _lock(page, targets)
    unknown = [item for item in page.left(items) if item.change.key not in holders and item.change.verb != "withdraw"]
    store_keys(page, [(item.change.key, item.row["id"]) for item in unknown])


def _lock(page: Page, targets: list[tuple[Item, int]]) -> None:
    present = rows_by_id(page.desk.connection, page.stream, [record_id for _, record_id in targets], lock=True)
    for item, record_id in targets:
        if record_id not in present:
            page.refuse(
                item, Fault(page.stream.name, f"there is no {page.stream.name} {record_id}", "check the binding")
            )
    load(page, [(item, record_id) for item, record_id in targets if record_id in present])
    for item, record_id in targets:
        expects = item.change.expects
        if record_id in present and expects is not None and expects != write_version(item.present["version"]):
            page.answer(item, "moved")
