"""Do aggregate queries answer as Salesforce's do, and is the rest refused in its words?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from isthmus.kernel.clock import SetClock
from isthmus.playground import SeedSizes, start
from isthmus.playground.sums import ConvertedSum
from tests.playground.conftest import NOW, Client


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("sold")
    sizes = SeedSizes(accounts=20, products=6, quotes=0, orders=80, dirty=False)
    with start(folder, sizes, clock=SetClock(NOW)) as playground, requests.Session() as session:
        yield Client(playground, session).login()


def test_groups_are_those_of_the_records(sold: Client) -> None:
    rows = sold.query("SELECT CurrencyIsoCode, EffectiveDate FROM Order")
    expected = Counter((row["CurrencyIsoCode"], row["EffectiveDate"][:7]) for row in rows)
    soql = ("SELECT CurrencyIsoCode, CALENDAR_YEAR(EffectiveDate), CALENDAR_MONTH(EffectiveDate), COUNT(Id) FROM Order"
            " GROUP BY CurrencyIsoCode, CALENDAR_YEAR(EffectiveDate), CALENDAR_MONTH(EffectiveDate)")  # fmt: skip
    found = sold.query(soql)
    assert {(one["CurrencyIsoCode"], f"{one['expr0']}-{one['expr1']:02d}"): one["expr2"] for one in found} == expected
    assert {one["attributes"]["type"] for one in found} == {"AggregateResult"}


def test_expressions_may_have_names(sold: Client) -> None:
    (found,) = sold.query("SELECT COUNT(Id) n, SUM(Quantity), COUNT(Description) described FROM OrderItem")
    quantities = [Decimal(row["Quantity"]) for row in sold.query("SELECT Quantity FROM OrderItem")]
    assert found["n"] == len(quantities)
    assert (found["expr0"], found["described"]) == (sum(quantities), 0)


def test_conditions_and_the_bin_hold_for_groups_too(sold: Client) -> None:
    account = sold.create("Account", Name="Short-lived Ltd")
    sold.send("DELETE", f"sobjects/Account/{account}")
    soql = "SELECT COUNT(Id) FROM Account WHERE Name = 'Short-lived Ltd'"
    assert sold.query(soql)[0]["expr0"] == 0
    assert sold.query(soql, deleted=True)[0]["expr0"] == 1


def test_currency_fields_are_added_up_in_the_organisations_currency(sold: Client) -> None:
    rates = {row["IsoCode"]: Decimal(row["ConversionRate"]) for row in
             sold.query("SELECT IsoCode, ConversionRate FROM CurrencyType")}  # fmt: skip
    rows = sold.query("SELECT CurrencyIsoCode, TotalAmount FROM Order")
    for one in sold.query("SELECT CurrencyIsoCode, SUM(TotalAmount) total FROM Order GROUP BY CurrencyIsoCode"):
        code = one["CurrencyIsoCode"]
        own = sum((Decimal(row["TotalAmount"]) for row in rows if row["CurrencyIsoCode"] == code), Decimal(0))
        assert Decimal(one["total"]) == (own / rates[code]).quantize(Decimal("0.01"), ROUND_HALF_UP), code


def test_a_converted_sum_is_exact_however_great_it_is() -> None:
    """Where floats would have lost the cents: seventeen digits, and thirds that only come even together."""
    for rows, expected in (
        ([(9_000_000_000_000_001, 1_000_000)] * 3, 27_000_000_000_000_003),
        ([(1, 3_000_000)] * 3, 1), ([(1, 2_000_000)], 1), ([(-1, 2_000_000)], -1),
        ([(100, 1_000_000), (100, 1_100_000)], 191), ([(None, 1_000_000)], None), ([(5, None)], None), ([], None),
    ):  # fmt: skip
        total = ConvertedSum()
        for amount, rate in rows:
            total.step(amount, rate)
        assert total.finalize() == expected


def test_nothing_adds_up_to_null(sold: Client) -> None:
    (found,) = sold.query("SELECT COUNT(Id), SUM(Total__c) FROM ERP_Invoice__c")
    assert (found["expr0"], found["expr1"]) == (0, None)


@pytest.mark.parametrize(
    ("soql", "code", "words"),
    [
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY", "Field must be grouped or aggregated: Name"),
        ("SELECT Name FROM Account GROUP BY Type", "MALFORMED_QUERY", "Field must be grouped or aggregated: Name"),
        ("SELECT SUM(Name) FROM Account", "MALFORMED_QUERY", "does not support aggregate operator SUM"),
        ("SELECT COUNT(Id) FROM Account LIMIT 5", "MALFORMED_QUERY", "cannot also use LIMIT"),
        ("SELECT TotalAmount FROM Order GROUP BY TotalAmount", "INVALID_FIELD", "can not be grouped"),
        ("SELECT CreatedDate FROM Order GROUP BY CreatedDate", "INVALID_FIELD", "can not be grouped"),
        ("SELECT Description FROM Order GROUP BY Description", "INVALID_FIELD", "can not be grouped"),
        ("SELECT COUNT(Id) FROM Account GROUP BY CALENDAR_YEAR(Name)", "MALFORMED_QUERY", "CALENDAR_YEAR"),
        ("SELECT COUNT(Id) n, COUNT(Name) n FROM Account", "MALFORMED_QUERY", "duplicate alias"),
        ("SELECT COUNT(Nope) FROM Account", "INVALID_FIELD", "Nope"),
        ("SELECT COUNT() FROM Account GROUP BY Type", "MALFORMED_QUERY", ""),
        ("SELECT MEDIAN(AnnualRevenue) FROM Account", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM Account GROUP BY SUM(AnnualRevenue)", "MALFORMED_QUERY", ""),
        ("SELECT Type FROM Account GROUP BY Type HAVING COUNT(Id) > 1", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT COUNT(Id) FROM Order)", "MALFORMED_QUERY", ""),
    ],
    ids=range(15),
)  # fmt: skip
def test_what_cannot_be_grouped_is_refused(sold: Client, soql: str, code: str, words: str) -> None:
    told: Any = sold.send("GET", "query", params={"q": soql}).json()
    assert told[0]["errorCode"] == code
    assert words in told[0]["message"]
