"""Changes on their way into the ERP, a page at a time, each known by its external key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeGuard

from sqlalchemy import select

from isthmus.connect.protocol import Answer, Change
from isthmus.db import among
from isthmus.erp.credit import lock_customers
from isthmus.erp.desk import Desk
from isthmus.erp.intake import orders, plain, quotes
from isthmus.erp.intake.keys import bury
from isthmus.erp.intake.page import Item, Page, drop_doubles
from isthmus.erp.release import order
from isthmus.erp.streams import STREAMS
from isthmus.kernel.errors import Fault

_Write = Callable[[Page, list[Item]], None]
_WRITERS: dict[str, tuple[_Write, _Write]] = {
    "customer": (plain.create, plain.update),
    "product": (plain.create, plain.update),
    "quote": (quotes.create, quotes.update),
    "order": (orders.create, orders.update),
}


def write(desk: Desk, stream: str, changes: Sequence[Change]) -> list[Answer]:
    """Writes a page: one answer for each change, in the same order. A refusal stops no neighbour.

    What is withdrawn goes first, so that the credit and the quotes that it frees are there for the rest.
    """
    create, update = _WRITERS[stream]
    page = Page(desk, STREAMS[stream])
    if stream in ("order", "customer"):
        _lock(desk, stream, changes)
    items, doubles = drop_doubles([Item(index, change) for index, change in enumerate(changes)])
    for verbs, action in (
        (("bury",), bury), (("withdraw",), update), (("update", "reopen"), update), (("create",), create)
    ):  # fmt: skip
        chosen = [item for item in items if item.change.verb in verbs]
        if chosen:
            action(page, chosen)
    for double, first in doubles:
        known = page.answers[first.index]
        if double.change.verb == first.change.verb == "create" and known.result == "created":
            page.answers[double.index] = known
        else:
            page.refuse(
                double, Fault(double.change.key, "this key stands twice in one page", "send one change per record")
            )
    return [page.answers[index] for index in range(len(changes))]


def _lock(desk: Desk, stream: str, changes: Sequence[Change]) -> None:
    """Locks all customers whose credit a page may move, at once and before anything else: or two pages could deadlock.

    Those are the customers that orders have and will have, and customers that may get another parent. One that is yet
    to be shares nobody's limit.
    """
    if stream == "customer":
        changes = [one for one in changes if one.verb != "create"]
    named = {one.fields.get(name) for one in changes for name in ("customer_id", "parent_id")}
    ids = {int(one) for one in named if _is_id(one)}
    known = [int(one.id) for one in changes if _is_id(one.id)]
    if stream == "order":
        query = select(order.c.customer_id).where(among(desk.connection, order.c.id, known))
        ids |= set(desk.connection.execute(query).scalars())
    elif ids or any("parent_id" in one.fields for one in changes):
        ids |= set(known)
    lock_customers(desk.connection, sorted(ids))


def _is_id(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 19
