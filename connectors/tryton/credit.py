"""How a customer stands: limit, exposure, what is open and overdue, by age. Told per party, in the company's currency.

A party never moves when its receivable does: those whose move lines, sales or identity moved are read again, and so
are those of whom an open item passed its due date or an ageing edge since the last read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

from connectors.tryton.config import Config
from connectors.tryton.rpc import Rpc
from connectors.tryton.sales import reference_field
from connectors.tryton.streams import ANY_ACTIVITY, STAMP, Stream, Watched, described, given, needed_by, record_of
from connectors.tryton.values import Row
from isthmus.kernel.clock import format_stamp
from isthmus.kernel.records import Fields, Record

_ZERO = Decimal(0)
_WARNING_PERCENT = 80
#: Days overdue up to which an item is in a bucket; the last has no end.
_EDGES = ((0, "not_due"), (30, "overdue_1_30"), (60, "overdue_31_60"), (90, "overdue_61_90"))
_LAST = "overdue_over_90"
BUCKETS = (*(name for _, name in _EDGES), _LAST)
_OPEN = (["account.type.receivable", "=", True], ["reconciliation", "=", None], ["move_state", "=", "posted"])


def credit_statuses(config: Config) -> Stream:
    """The stream of credit: its records have the parties' ids."""

    def make(rpc: Rpc, rows: list[Row]) -> list[Record]:
        return _records(rpc, rows, reference_field(config))

    amounts = ("limit", "exposure", "available", "outstanding", "overdue", *BUCKETS)
    return Stream(
        "credit_status", "party.party", ("name", "credit_limit_amount", "credit_amount", *STAMP), make,
        described(
            given("customer_id", "reference"), given("currency", "reference"),
            *(given(name, "number") for name in amounts), given("days_overdue", "number"),
            given("oldest_due_date", "date"), given("held_orders", "number"), given("reason"),
            given("as_of", "datetime"),
            given("status", "picklist", values=("ok", "warning", "hold"), restricted=True),
        ),
        domain=(ANY_ACTIVITY,),
        watched=(
            Watched("account.move.line", "party", (["account.type.receivable", "=", True], ["party", "!=", None])),
            Watched("sale.sale", "party"),
        ),
        aged=aged_since,
        # Tryton walks all open orders of a customer for it.
        dear=needed_by(["credit_amount"], "exposure", "available", "status", "reason"),
    )  # fmt: skip


def aged_since(rpc: Rpc, before: date, today: date) -> set[int]:
    """Parties with an open item that became due, or passed an ageing edge, after one day and up to another."""
    found: set[int] = set()
    for edge, _ in _EDGES:
        first, last = before - timedelta(days=edge), today - timedelta(days=edge)
        passed = (["maturity_date", ">=", first], ["maturity_date", "<", last], ["party", "!=", None])
        rows = rpc.search_read("account.move.line", [*_OPEN, *passed], ["party"])
        found.update(int(row["party"]) for row in rows)
    return found


def _records(rpc: Rpc, rows: list[Row], reference: str) -> list[Record]:
    parties = [int(row["id"]) for row in rows]
    now = rpc.ports.clock.now()
    today = rpc.day_of(now)
    items, held, currency = _open_items(rpc, parties), _held(rpc, parties, reference), rpc.company_currency()
    records = []
    for row in rows:
        party = int(row["id"])
        fields = {**_ageing(items.get(party, ()), today), "customer_id": str(party), "currency": currency}
        fields |= {"as_of": format_stamp(now), "held_orders": held.get(party, 0)}
        fields |= _standing(row["credit_limit_amount"], row["credit_amount"] or _ZERO, fields)
        records.append(record_of(rpc, row, fields))
    return records


def _open_items(rpc: Rpc, parties: Sequence[int]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    columns = ["party", "debit", "credit", "maturity_date", "date"]
    for row in (
        rpc.search_read("account.move.line", [*_OPEN, ["party", "in", list(parties)]], columns) if parties else ()
    ):
        found[int(row["party"])].append(row)
    return found


def _held(rpc: Rpc, parties: Sequence[int], reference: str) -> dict[int, int]:
    """Orders of ours that Tryton has not confirmed."""
    domain = [["party", "in", list(parties)], ["state", "=", "quotation"], [reference, "like", "order:%"]]
    found: dict[int, int] = defaultdict(int)
    for row in rpc.search_read("sale.sale", domain, ["party"]) if parties else ():
        found[int(row["party"])] += 1
    return found


def _ageing(items: Iterable[Row], today: date) -> Fields:
    """Open items by age. What was paid without saying for what lessens the oldest first."""
    debts = sorted((str(it["maturity_date"] or it["date"]), it["debit"] - it["credit"]) for it in items)
    spare = -sum((amount for _, amount in debts if amount < 0), _ZERO)
    buckets = dict.fromkeys(BUCKETS, _ZERO)
    oldest: str | None = None
    for due, amount in ((due, amount) for due, amount in debts if amount > 0):
        rest = amount - min(spare, amount)
        spare -= amount - rest
        days = (today - date.fromisoformat(due)).days
        if rest:
            buckets[_bucket(days)] += rest
            oldest = oldest or (due if days > 0 else None)
    overdue = sum((amount for name, amount in buckets.items() if name != "not_due"), _ZERO)
    return {
        **buckets,
        "outstanding": sum((amount for _, amount in debts), _ZERO),
        "overdue": overdue,
        "oldest_due_date": oldest,
        "days_overdue": (today - date.fromisoformat(oldest)).days if oldest else 0,
    }


def _bucket(days: int) -> str:
    return next((name for edge, name in _EDGES if days <= edge), _LAST)


def _standing(limit: Decimal | None, exposure: Decimal, fields: Fields) -> Fields:
    """Tryton's own rule: an order is confirmed while the exposure stays within the limit; none is no limit."""
    status, reason = "ok", None
    if limit is not None and exposure * 100 >= limit * _WARNING_PERCENT:
        status, reason = "warning", f"{exposure} of {limit} {fields['currency']} are used"
    if limit is not None and (exposure >= limit or fields["held_orders"]):
        status, reason = "hold", f"the limit of {limit} {fields['currency']} is used: exposure {exposure}"
        if fields["held_orders"]:
            reason = f"{reason}; {fields['held_orders']} orders wait for it"
    return {
        "limit": limit,
        "exposure": exposure,
        "available": None if limit is None else limit - exposure,
        "status": status,
        "reason": reason,
    }
