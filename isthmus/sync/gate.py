"""The credit gate for an ERP that has none of its own: an order that would pass its customer's credit waits. Pure.

The built-in ERP, and every ERP that checks credit in the transaction that confirms an order, is left to its own gate.
For others the standing is fetched with the page, may have a greatest age, and too old counts as hold. Between this look
and the write somebody else may use the credit up: that is the weaker promise which `isthmus check` prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import orjson

from isthmus.kernel.clock import parse_stamp
from isthmus.kernel.errors import Fault
from isthmus.kernel.money import from_minor
from isthmus.kernel.records import Fields
from isthmus.sync.crossing import listed
from isthmus.sync.decision import Credit, Decision, Direction

REMEDY = "collect what is overdue or raise the limit in the ERP; the order then goes on by itself"


def gate(direction: Direction, credit: Credit, decisions: Sequence[Decision]) -> list[Decision]:
    """The decisions of a page, oldest order first, each that would pass its customer's credit replaced by a wait."""
    used: dict[str, int] = {}
    verdicts: dict[int, Decision] = {}
    for one in sorted(decisions, key=lambda one: (str(one.read.form.get("order_date")), one.read.id)):
        more = _asks_for(direction, one)
        if more is None:
            continue
        customer = str(one.read.form.get("customer"))
        fault = _judge(one, credit, asked=used.get(customer, 0) + more)
        if fault is None:
            used[customer] = used.get(customer, 0) + more
            continue
        held = listed(one.read, "held", fault, binding=one.binding if one.binding and one.binding.id else None)
        if held.item:
            held.item = replace(held.item, waits_for=f"credit_status {customer}")
        verdicts[id(one)] = held
    return [verdicts.get(id(one), one) for one in decisions]


def worth(form: Fields) -> int:
    """What an order comes to before tax, in minor units: lines, freight, less its discount."""
    lines = sum(line.get("amount") or 0 for line in form.get("lines") or ())
    return int(lines + (form.get("freight") or 0) - (form.get("discount") or 0))


def _asks_for(direction: Direction, one: Decision) -> int | None:
    """How much more credit a change needs; None when it needs none."""
    if one.change is None or one.change.verb == "withdraw":
        return None
    before: Fields = {}
    if one.change.verb == "update" and one.binding is not None and one.binding.id is not None:
        before = orjson.loads(one.binding.seen(direction.source).form)
    if not one.units & {"lines", "freight", "discount", "customer", "currency"} and before:
        return None
    same = all(before.get(name) == one.read.form.get(name) for name in ("customer", "currency"))
    more = worth(one.read.form) - (worth(before) if same else 0)
    return more if more > 0 or not same else None


def _judge(one: Decision, credit: Credit, *, asked: int) -> Fault | None:
    """Why an order does not pass; None when it does."""
    where = f"order {one.read.id}"
    standing = credit.standings.get(str(one.read.form.get("customer")))
    if standing is None:
        return Fault(where, "nobody says how its customer's credit stands", "map credit_status, or enter the credit")
    if _age(standing, credit.looked_at) > credit.greatest_age:
        what = f"its customer's credit standing is of {standing.get('as_of')}, which is too old"
        return Fault(where, what, "let the ERP compute it again; the order then goes on by itself")
    if standing.get("status") == "hold":
        return Fault(where, f"its customer is on hold: {standing.get('reason') or 'no reason told'}", REMEDY)
    return None if standing.get("limit") is None else _judge_limit(one, standing, asked=asked)


def _judge_limit(one: Decision, standing: Fields, *, asked: int) -> Fault | None:
    where, currency, limit = f"order {one.read.id}", str(standing.get("currency")), int(standing["limit"])
    if one.read.form.get("currency") != currency:
        what = f"it is in {one.read.form.get('currency')}, the credit in {currency}, and no rate is known here"
        return Fault(where, what, "confirm it in the ERP by hand, or give the customer credit in its currency")
    exposure = int(standing.get("exposure") or 0) + asked
    if exposure <= limit:
        return None
    told = f"{from_minor(exposure, currency):,f} {currency}, over the limit of {from_minor(limit, currency):,f}"
    return Fault(where, f"its customer's exposure would be {told} {currency}", REMEDY)


def _age(standing: Fields, now: datetime) -> timedelta:
    """How old a standing is; one that tells only its day is as young as that day's end."""
    told = str(standing.get("as_of") or "")
    if len(told) == len("2026-11-22"):
        return max(timedelta(), now - parse_stamp(f"{told}T00:00:00Z") - timedelta(days=1))
    return now - parse_stamp(told) if told else timedelta.max
