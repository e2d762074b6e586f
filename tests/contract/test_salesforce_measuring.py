"""Are counts and sums those of the records, and is what Salesforce cannot say exactly refused?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from isthmus.connect.protocol import Group, Measure
from isthmus.kernel.errors import Misconfigured, Refused
from isthmus.kernel.selection import Term
from isthmus.playground import writing
from tests.contract.crm_world import SMALL, World, counting, world_of

INVOICES = Measure("Total__c", "CurrencyIsoCode", "Invoice_Date__c")
ROWS = [
    ("EUR", "2026-10-31", "0.1"), ("EUR", "2026-10-01", "0.2"), ("EUR", "2026-11-01", "-5"), ("JPY", "2026-10-09", "7"),
    ("KWD", "2026-10-09", "1.005"), ("EUR", "2025-10-09", "999999999.99"), ("EUR", "2026-10-02", None),
]  # fmt: skip


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_of(tmp_path_factory.mktemp("billed")) as world:
        account = world.create("Account", Name="Billed Ltd")
        for currency, day, total in ROWS:
            world.create("ERP_Invoice__c", Name="RE", Kind__c="Invoice", Account__c=account, Invoice_Date__c=day,
                         Status__c="Open", CurrencyIsoCode=currency, Total__c=total)  # fmt: skip
        gone = world.create("ERP_Invoice__c", Name="RE", Kind__c="Invoice", Account__c=account, Status__c="Paid",
                            Invoice_Date__c="2026-10-09", CurrencyIsoCode="EUR", Total__c="100")  # fmt: skip
        world.delete("ERP_Invoice__c", gone)
        yield world


def test_live_records_are_counted_and_added_up_by_currency_and_month(
    billed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = counting(billed, monkeypatch)
    found = {(one.currency, one.month): (one.count, one.sum) for one in billed.crm.measure("ERP_Invoice__c", INVOICES)}
    assert found == {
        ("EUR", "2026-10"): (3, Decimal("0.3")),
        ("EUR", "2026-11"): (1, Decimal(-5)),
        ("EUR", "2025-10"): (1, Decimal("999999999.99")),
        ("JPY", "2026-10"): (1, Decimal(7)),
        ("KWD", "2026-10"): (1, Decimal("1.005")),
    }
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (Measure(), [Group(None, None, 7, None)]),
        (Measure("Total__c"), [Group(None, None, 7, sum((Decimal(one) for _, _, one in ROWS if one), Decimal(0)))]),
        (Measure(currency="CurrencyIsoCode", where=(Term("CurrencyIsoCode", "in", ("JPY",)),)),
         [Group("JPY", None, 1, None)]),
        (Measure(where=(Term("Status__c", "in", ("Paid",)),)), []),
        (Measure(where=(Term("Invoice_Date__c", "before", ("2026-01-01",)),)), [Group(None, None, 1, None)]),
        (Measure(where=(Term("Due_Date__c", "is_empty", (True,)),)), [Group(None, None, 7, None)]),
        (Measure(where=(Term("Isthmus_Complete__c", "in", (False,)),)), [Group(None, None, 7, None)]),
        (Measure(day="Due_Date__c"), [Group(None, None, 7, None)]),
    ],
    ids=range(8),
)  # fmt: skip
def test_any_dimension_may_be_left_out(billed: World, ask: Measure, expected: list[Group]) -> None:
    assert billed.crm.measure("ERP_Invoice__c", ask) == expected


def test_what_is_measured_is_what_is_read(world: World) -> None:
    soql = "SELECT Id, EffectiveDate, CurrencyIsoCode FROM Order WHERE IsDeleted = false AND StatusCode = 'Activated'"
    read = Counter((row["CurrencyIsoCode"], row["EffectiveDate"][:7]) for row in world.crm.rest.query_all(soql))
    ask = Measure(None, "CurrencyIsoCode", "EffectiveDate", (Term("StatusCode", "in", ("Activated",)),))
    assert {(one.currency, one.month): one.count for one in world.crm.measure("Order", ask)} == read


@pytest.mark.parametrize(
    ("stream", "ask", "why"),
    [
        ("Order", Measure("TotalAmount"), "organisation's own currency"),
        ("Order", Measure(day="CreatedDate"), "time zone"),
        ("Account", Measure(where=(Term("Name", "in", ("Aurora",)),)), "Name is not compared"),
        ("Account", Measure(where=(Term("Type", "not_in", ("Customer",)),)), "Type is not compared"),
        ("Account", Measure(where=(Term("Type", "in", ("Rival",)),)), "Type is not compared"),
        ("Account", Measure(where=(Term("CreatedDate", "after", ("2026-01-01",)),)), "CreatedDate is not compared"),
    ],
    ids=range(6),
)  # fmt: skip
def test_what_salesforce_would_answer_otherwise_is_refused(world: World, stream: str, ask: Measure, why: str) -> None:
    with pytest.raises(Refused, match=why):
        world.crm.measure(stream, ask)


def test_a_field_that_is_not_there_is_a_mistake_of_the_mapping(world: World) -> None:
    with pytest.raises(Misconfigured, match="Totl__c"):
        world.crm.measure("ERP_Invoice__c", Measure("Totl__c"))


def test_without_multi_currency_a_currency_field_adds_up(tmp_path: Path) -> None:
    with world_of(tmp_path, replace(SMALL, multi_currency=False)) as world:
        rows = world.crm.rest.query_all("SELECT Id, TotalAmount FROM Order WHERE IsDeleted = false")
        total = sum((Decimal(row["TotalAmount"]) for row in rows), Decimal(0))
        (found,) = world.crm.measure("Order", Measure("TotalAmount", "CurrencyIsoCode"))
        assert (found.currency, found.count, found.sum) == ("EUR", len(rows), total)


def test_more_groups_than_one_answer_takes_are_refused(tmp_path: Path) -> None:
    with world_of(tmp_path) as world:
        store = world.playground.store
        with store.writing(world.stranger) as tx:
            for number in range(2001):
                fields: dict[str, Any] = {"Name": "X", "ERP_Figures_Currency__c": _code(number)}
                writing.create(tx, tx.schema.objects["Account"], fields)
        with pytest.raises(Refused, match="queryMore"):
            world.crm.measure("Account", Measure(currency="ERP_Figures_Currency__c"))


def _code(number: int) -> str:
    return "".join(chr(65 + number // 26**place % 26) for place in range(3))
