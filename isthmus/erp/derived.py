"""Streams that are worked out when they are read: one record for each customer, under the customer's own id."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection, Table, select

from isthmus.erp import credit_status, figures
from isthmus.erp.computed import Today
from isthmus.erp.parties import Customer
from isthmus.erp.positions import Position, Way
from isthmus.erp.shapes import Field, Kind
from isthmus.kernel.records import Fields, Record

BY = "erp"  # nobody writes them


@dataclass(frozen=True, slots=True)
class Derived:
    """A stream's fields, how it is shown, and which customers' records are news between two positions."""

    name: str
    fields: tuple[Field, ...]
    show: Callable[[Connection, Sequence[int], Today], Mapping[int, Fields]]
    news: Callable[[Connection, Position, Position], list[int]]


def _fields(values: Mapping[str, tuple[str, ...]], **kinds: str) -> tuple[Field, ...]:
    """Fields by kind: ``amount="limit exposure"``."""
    return tuple(
        Field(path, path, cast(Kind, "choice" if path in values else kind), None, False, True,
              "customer" if kind == "reference" else None, values.get(path, ()))
        for kind, paths in kinds.items() for path in paths.split()
    )  # fmt: skip


DERIVED = {
    "credit_status": Derived(
        "credit_status",
        _fields(
            {"status": ("ok", "warning", "hold")},
            reference="customer_id",
            text="currency status reason",
            amount="limit exposure available outstanding overdue not_due overdue_1_30 overdue_31_60 overdue_61_90"
            " overdue_over_90",
            count="days_overdue held_orders",
            day="oldest_due_date",
            instant="as_of",
        ),
        credit_status.show,
        credit_status.news,
    ),
    "customer_figures": Derived(
        "customer_figures",
        _fields(
            {},
            reference="customer_id",
            text="currency",
            count="orders",
            amount="order_total invoiced_12_months list_discount",
            micros="days_to_pay list_discount_percent",
            day="last_order_date",
            instant="as_of",
        ),
        figures.show,
        figures.news,
    ),
}


def ids_on(connection: Connection, stream: Derived, way: Way) -> Sequence[int]:
    """The customers whose records lie on the way, ascending."""
    if way.since is not None:
        return [one for one in stream.news(connection, way.since, way.until) if one > way.after]
    customer = cast(Table, Customer.__table__).c
    query = select(customer.id).where(customer.id > way.after).order_by(customer.id)
    return connection.execute(query).scalars().all()


def records(
    connection: Connection, stream: Derived, ids: Sequence[int], *, today: Today, until: Position
) -> list[Record]:
    """The records of these customers, of the version of a position: what is read later sorts higher."""
    shown = stream.show(connection, ids, today)
    version = str(Position(until.transaction, until.number, today.day))
    return [
        Record(id=str(one), version=version, fields=shown[one], changed_by=BY) for one in sorted(ids) if one in shown
    ]
