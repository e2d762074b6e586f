"""Do both sides say that each customer owes the same, item by item, and does the customer's own record say so too?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from isthmus.reconcile import scratch
from isthmus.reconcile.balances import Balance, Balances, add_up, misstated
from isthmus.reconcile.run import TieOut, reconcile
from tests.reconcile.lab import Lab

Item = tuple[str, str, int]  # customer, currency, minor units
ITEMS = st.lists(
    st.tuples(st.sampled_from("123"), st.sampled_from(("EUR", "USD")), st.integers(-(10**17), 10**17)), max_size=12
)


def _receivables(lab: Lab, *, repair: bool = True) -> TieOut:
    return reconcile(lab.world.shop.ports, "receivables", "cli:ada", repair=repair)


def test_a_company_in_step_agrees_and_says_what_is_open(lab: Lab) -> None:
    found = _receivables(lab)
    assert found.agrees, found.table()
    (open_items,) = [one for one in found.entities if one.entity == "balance"]
    by_currency = {line.currency: (line.crm_minor, line.erp_minor) for line in open_items.lines}
    wanted = {row["currency"]: row["sum"] for row in _erp_says(lab)}
    assert {currency: amount for currency, (amount, _) in by_currency.items() if amount} == wanted
    assert all(crm == erp for crm, erp in by_currency.values())


def _erp_says(lab: Lab) -> list[dict[str, Any]]:
    """What is open by the ERP's own view, which nothing of the tie-out reads."""
    with lab.open("erp") as db:
        query = 'SELECT currency, sum(outstanding_minor) AS "sum" FROM erp_receivable GROUP BY currency'
        return [dict(row) for row in db.execute(query) if row["sum"]]


def test_a_balance_that_differs_names_the_customer_and_the_item(lab: Lab) -> None:
    pair = next(one for one in lab.pairs("invoice") if lab.one("crm", "ERP_Invoice__c", _id(one))["Outstanding__c"])
    before = lab.one("crm", "ERP_Invoice__c", _id(pair))["Outstanding__c"]
    lab.set("crm", "ERP_Invoice__c", _id(pair), Outstanding__c=before + 5_000)  # thousandths
    found = _receivables(lab)
    assert [(one.entity, one.field, one.told, one.amount_minor) for one in found.differences] == [
        ("invoice", "outstanding", "edited in CRM", 500)
    ]
    (balance,) = found.balances
    assert balance.items_minor["crm"] - balance.items_minor["erp"] == 500
    customer = lab.one("erp", "erp_invoice", f"id = {pair.erp.id}")["customer_id"]
    assert balance.name.startswith(str(lab.one("erp", "erp_customer", f"id = {customer}")["number"]))
    lab.world.cycle()
    lab.world.pass_time()
    assert _receivables(lab).agrees


def _id(pair: Any) -> str:
    return f"\"Id\" = '{pair.crm.id}'"


def test_an_account_that_states_another_balance_is_found(lab: Lab) -> None:
    """The credit fields of the account are compared with the ERP's, and with the sum of the account's own items."""
    pairs = {pair.erp.id: pair for pair in lab.pairs("customer")}
    bill = next(row for row in lab.all("erp", "erp_invoice", "kind = 'invoice'") if str(row["customer_id"]) in pairs)
    account = pairs[str(bill["customer_id"])].crm.id
    stated = lab.one("crm", "Account", f"\"Id\" = '{account}'")["ERP_Outstanding__c"] or 0
    lab.set("crm", "Account", f"\"Id\" = '{account}'", ERP_Outstanding__c=stated + 777_000)
    found = _receivables(lab)
    assert ("credit_status", account, "outstanding") in {(d.entity, d.ids["crm"], d.field) for d in found.differences}
    lab.world.cycle()
    lab.world.pass_time()
    assert _receivables(lab).agrees


def test_credit_and_held_orders_are_compared(lab: Lab) -> None:
    from isthmus.erp.clerk import hold

    pair = lab.pairs("customer")[0]
    with lab.at_desk() as desk:
        hold(desk, lab.one("erp", "erp_customer", f"id = {pair.erp.id}")["number"], "does not answer")
    order = lab.world.order(pair.crm.id, quantity=2)
    for _ in range(3):
        lab.world.cycle()
    lab.world.pass_time()
    assert reconcile(lab.world.shop.ports, "credit", "cli:ada").agrees
    lab.set("crm", "Order", f"\"Id\" = '{order}'", ERP_Status__c="Confirmed")
    found = reconcile(lab.world.shop.ports, "credit", "cli:ada")
    assert [(one.entity, one.field, one.told) for one in found.differences] == [("order", "status", "edited in CRM")]
    other = next(one for one in lab.pairs("order") if one.crm.id != order)
    lab.set("crm", "Order", _id(other), ERP_Total__c=1)
    totals = reconcile(lab.world.shop.ports, "totals", "cli:ada")
    again = reconcile(lab.world.shop.ports, "credit", "cli:ada")
    assert len(totals.differences) == 2
    assert [one.ids["crm"] for one in again.differences] == [order]
    with lab.open("erp") as db:
        left = db.execute("SELECT count(*) FROM state_difference WHERE closed_at IS NULL").fetchone()[0]
    assert left == 2, "what a look at a few orders did not see stays open"


# --- frames -------------------------------------------------------------------------------------------------------


def _taken(engine: Engine, items: dict[str, list[Item]], stated: dict[str, list[Item]]) -> Balances:
    balances = Balances()
    for entity, sides in (("invoice", items), ("credit_status", stated)):
        with scratch.scratch(engine) as connection, connection.begin():
            for side, rows in sides.items():
                filled = [(None, str(n), "", 0, 0, 0, currency, None, None, party, amount)
                          for n, (party, currency, amount) in enumerate(rows)]  # fmt: skip
                scratch.put(connection, side, filled)  # type: ignore[arg-type]
            balances.take(connection, entity)
    return balances


@pytest.fixture(scope="module")
def bare() -> Engine:
    from isthmus.db import engine_for

    return engine_for("sqlite://")


@settings(deadline=None, max_examples=40)
@given(crm=ITEMS, erp=ITEMS)
def test_balances_are_the_sums_of_the_items_whatever_they_are(bare: Engine, crm: list[Item], erp: list[Item]) -> None:
    rows = _taken(bare, {"crm": crm, "erp": erp}, {}).rows()
    wanted: dict[tuple[str, str], dict[str, int]] = {}
    for side, items in (("crm", crm), ("erp", erp)):
        for party, currency, amount in items:
            sums = wanted.setdefault((party, currency), {"crm": 0, "erp": 0})
            sums[side] += amount
    assert {(row.party, row.currency): row.items_minor for row in rows} == wanted
    for line in add_up(rows, is_listed=False):
        assert line.crm_minor == sum(amount for _, currency, amount in crm if currency == line.currency)
        assert line.left_minor == 0


def test_a_sum_stated_wrongly_is_told_once_and_only_where_it_can_be_known(bare: Engine) -> None:
    items = {"crm": [("1", "EUR", 500), ("2", "EUR", 500), ("2", "USD", 300), ("3", "EUR", 100)]}
    items["erp"] = items["crm"]
    stated = {"crm": [("1", "EUR", 400), ("2", "EUR", 777), ("3", "EUR", 100)]}
    stated["erp"] = stated["crm"]
    rows = _taken(bare, items, stated).rows()
    (one,) = misstated(rows, touched=set())
    assert (one.ids, one.amount_minor, one.values) == ({"erp": "1"}, 100, {"crm": 400, "erp": 500})
    assert misstated(rows, touched={"1"}) == []
    assert isinstance(rows[0], Balance)
