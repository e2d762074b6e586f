"""Whole records that are missing, extra, late or double, and documents whose sums do not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from isthmus.kernel.units import Side
from isthmus.mapping.compile import CompiledMapping
from isthmus.playground.ids import make_id
from isthmus.state.bindings import Binding
from tests.reconcile.cases import BOTH, CENT, Case, anything, field_cases, line_amount
from tests.reconcile.lab import Lab

Planter = Callable[..., int]
OUT: dict[str, dict[str, Any]] = {
    "customer": {"Type": "Prospect"},
    "product": {"IsActive": 0},
    "quote": {"Status": "Draft"},
    "order": {"Status": "Draft", "StatusCode": "Draft"},
}
TOTAL = {"order": "TotalAmount", "quote": "TotalPrice"}
LINE = {"order": "erp_order_line", "quote": "erp_quote_line", "product": "erp_price"}


def _id(pair: Binding) -> str:
    return f"\"Id\" = '{pair.crm.id}'"


def purge_in_crm(lab: Lab, pair: Binding, entity: str) -> int:
    """Deleted, and out of the bin before anybody read of it."""
    lab.remove("crm", lab.table(entity), _id(pair))
    return lab.worth(entity, pair)


def bury_in_crm(lab: Lab, pair: Binding, entity: str) -> int:
    """In the bin with an old stamp: the reading is past it."""
    lab.set("crm", lab.table(entity), _id(pair), IsDeleted=1)
    return lab.worth(entity, pair)


def leave_filter(lab: Lab, pair: Binding, entity: str) -> int:
    """A field of the filter changed, and the reading is past it."""
    lab.set("crm", lab.table(entity), _id(pair), **OUT[entity])
    return lab.worth(entity, pair)


def purge_in_erp(lab: Lab, pair: Binding, entity: str) -> int:
    worth = lab.worth(entity, pair)
    lab.remove("erp", f"erp_{entity}", f"id = {pair.erp.id}")
    return worth


def forget_in_crm(lab: Lab, pair: Binding, entity: str) -> int:
    """As if an ERP document had never been shown: no copy, no pair."""
    lab.remove("crm", lab.table(entity), _id(pair))
    lab.remove("erp", "state_binding", f"id = {pair.id}")
    lab.new[pair.crm.id] = pair.erp.id
    return lab.worth(entity, pair)


def copy_in_crm(lab: Lab, pair: Binding, entity: str, **changed: Any) -> int:
    """A copy of a CRM record, lines and all, with the stamp of the first."""
    row = lab.one("crm", lab.table(entity), _id(pair))
    new = {**row, "Id": make_id(row["Id"][:3], 50_000_000 + lab.unique()), "Isthmus_Key__c": None, **changed}
    lab.insert("crm", lab.table(entity), new)
    lines = lab.world.shop.ports.mappings[entity].spec.crm.lines
    for line in lab.all("crm", *lab.lines_of(entity, pair)) if lines and entity != "product" else ():
        copied = make_id(line["Id"][:3], 50_000_000 + lab.unique())
        lab.insert("crm", lines.stream, {**line, "Id": copied, "Isthmus_Key__c": f"copy {copied}",  # type: ignore[union-attr]
                                         lines.parent: new["Id"]})  # type: ignore[union-attr]  # fmt: skip
    lab.new[pair.crm.id] = new["Id"]
    return lab.worth(entity, pair)


def late_commit(lab: Lab, pair: Binding, entity: str) -> int:
    """A new CRM record, committed with an old stamp: incremental reading never sees it."""
    row, unique = lab.one("crm", lab.table(entity), _id(pair)), lab.unique()
    changed: dict[str, Any] = {name: None for name in row if name.startswith("ERP_")}
    if entity == "customer":
        changed |= {"Tax_Id__c": f"LATE{unique:08d}", "Name": f"Late Comers {unique}", "Primary_Contact__c": None}
    if entity == "product":
        changed |= {"ProductCode": f"LATE-{unique}", "StockKeepingUnit": f"LATE-{unique}"}
    if entity == "order":
        changed["QuoteId"] = None
    return copy_in_crm(lab, pair, entity, **changed)


def copy_in_erp(lab: Lab, pair: Binding, entity: str, **changed: Any) -> int:
    """The record once more under another number, as a retried request without a key would leave it."""
    row = lab.one("erp", f"erp_{entity}", f"id = {pair.erp.id}")
    with lab.open("erp") as db:
        db.execute("UPDATE erp_sequence SET last = last + 1 WHERE name IN (?, 'change')", (entity,))
        taken = dict(db.execute("SELECT name, last FROM erp_sequence").fetchall())
    new, change = taken[entity], taken["change"]
    told = {"id": new, "number": f"X{new:07d}", "version": change, **changed}
    lab.insert("erp", f"erp_{entity}", {**row, **told})
    for line in lab.all("erp", LINE[entity], f"{entity}_id = {pair.erp.id}") if entity in LINE else ():
        lab.insert("erp", LINE[entity], {**line, f"{entity}_id": new})
    logged = {"stream": entity, "transaction": 0, "number": change, "record_id": new, "by": "clerk:berta"}
    lab.insert("erp", "erp_change", {**logged, "at": "2026-11-23T08:00:00.000000Z"})
    lab.new[pair.crm.id] = str(new)
    return lab.worth(entity, pair)


def cheat_sum(lab: Lab, pair: Binding, entity: str, by: int) -> int:
    """The CRM comes to another amount although every shared field agrees."""
    stream, where = lab.lines_of(entity, pair)
    line = lab.one("crm", stream, where)
    lab.set("crm", stream, f"\"Id\" = '{line['Id']}'", TotalPrice=line["TotalPrice"] + by)
    header = lab.one("crm", lab.table(entity), _id(pair))
    lab.set("crm", lab.table(entity), _id(pair), **{TOTAL[entity]: header[TOTAL[entity]] + by})
    return by


def drop_line(lab: Lab, pair: Binding, entity: str, side: Side) -> int:
    """A line that is gone from one side."""
    stream, where = lab.lines_of(entity, pair)
    line = lab.one("crm", stream, where)
    lab.line_keys[pair.crm.id] = line["Id"]
    erp_where = f"{entity}_id = {pair.erp.id} AND key = '{line['Id']}'"
    amount = line_amount(lab.one("erp", LINE[entity], erp_where))
    if side == "erp":
        lab.remove("erp", LINE[entity], erp_where)
        return amount
    lab.remove("crm", stream, f"\"Id\" = '{line['Id']}'")
    left = lab.one("crm", lab.table(entity), _id(pair))[TOTAL[entity]] - line["TotalPrice"]
    lab.set("crm", lab.table(entity), _id(pair), **{TOTAL[entity]: left})
    return amount


# --- the cases ----------------------------------------------------------------------------------------------------


def _in_cents(lab: Lab, pair: Binding) -> bool:
    return lab.one("erp", f"erp_{pair.entity}", f"id = {pair.erp.id}")["currency"] in ("EUR", "PLN", "USD")


def _without_quote(lab: Lab, pair: Binding) -> bool:
    """The ERP itself lets no quote have two orders."""
    return lab.one("erp", "erp_order", f"id = {pair.erp.id}")["quote_id"] is None


def _case(name: str, entity: str, told: str, plant: Planter, **how: Any) -> Case:
    """``how``: field, repair, sides and fits of the case; everything else is the planter's."""
    own = {key: how.pop(key) for key in ("field", "repair", "sides", "fits") if key in how}
    given = {"field": "", "repair": "due", "sides": BOTH, "fits": anything, **own}
    return Case(f"{entity} {name}", entity, told=told, plant=lambda lab, pair: plant(lab, pair, entity, **how), **given)


CRM, ERP = frozenset(("crm",)), frozenset(("erp",))


def _born_in_crm(entity: str) -> Iterator[Case]:
    fits = _without_quote if entity == "order" else anything
    yield _case("purged in the CRM", entity, "late", purge_in_crm)
    yield _case("buried in the CRM", entity, "late", bury_in_crm)
    yield _case("out of the filter", entity, "late", leave_filter)
    yield _case("committed late", entity, "never arrived", late_commit, sides=CRM)
    yield _case("twice in the ERP", entity, "duplicate", copy_in_erp, repair="worklist", sides=ERP, fits=fits)
    if entity not in TOTAL:
        return
    yield _case("deleted in the ERP", entity, "edited in ERP", purge_in_erp, repair="worklist")
    yield _case("only in the ERP", entity, "extra", copy_in_erp, repair="worklist", sides=ERP, fits=fits,
                customer_reference="by phone")  # fmt: skip
    yield _case("a cent more in the CRM", entity, "rounding", cheat_sum, repair="worklist", field="comes to", by=CENT)
    yield _case("500 more in the CRM", entity, "amount", cheat_sum, repair="worklist", field="comes to", by=50_000)
    for side, told in (("crm", "late"), ("erp", "edited in ERP")):
        yield _case(
            f"a line gone from the {side}", entity, told, drop_line, field="lines[*]", fits=_in_cents, side=side
        )


def _born_in_erp(entity: str) -> Iterator[Case]:
    yield _case("purged in the CRM", entity, "edited in CRM", purge_in_crm)
    yield _case("buried in the CRM", entity, "edited in CRM", bury_in_crm)
    yield _case("never shown in the CRM", entity, "never arrived", forget_in_crm, sides=ERP)
    yield _case("twice in the CRM", entity, "duplicate", copy_in_crm, repair="worklist", sides=CRM)
    yield _case("made by hand in the CRM", entity, "extra", copy_in_crm, repair="worklist", sides=CRM, Name="BY-HAND")


def cases_of(mapping: CompiledMapping) -> list[Case]:
    """Everything that can be planted in a mapping's records."""
    whole = _born_in_crm if "erp" in mapping.spec.creates else _born_in_erp
    return [*field_cases(mapping), *(whole(mapping.entity) if mapping.spec.creates else ())]
