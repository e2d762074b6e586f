"""Does SOQL select what Salesforce would, and is everything else refused?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.kernel.clock import SetClock
from isthmus.playground import SeedSizes, start
from tests.playground.conftest import NOW, Client

Row = dict[str, Any]
TEXTS = ["alpha", "Alpha", "beta", "a_b", "a%b", "axb", "Ünï", "ÜNÏ", "it's", "back\\slash", "two words", "",
         "line\nfeed"]  # fmt: skip
NUMBERS = ["0", "-5", "10.05", "10.5", "999999999.99", "-0.01"]
DAYS = ["2026-01-01", "2026-02-28", "2026-12-31"]


@dataclass(frozen=True)
class Written:
    """A condition as text and what it means."""

    text: str
    means: Callable[[Row], bool]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, list[Row]]]:
    """Quotes with every mixture of filled and empty fields, and what was written."""
    sizes = SeedSizes(accounts=3, products=1, quotes=0, orders=0, dirty=False)
    folder: Path = tmp_path_factory.mktemp("soql")
    with start(folder, sizes, clock=SetClock(NOW)) as playground, requests.Session() as session:
        client = Client(playground, session).login()
        accounts = [row["Id"] for row in client.query("SELECT Id FROM Account ORDER BY Id")]
        rows = []
        for index in range(60):
            row = {"Name": f"Q{index}", "AccountId": accounts[index % 3], "ERP_Status__c": TEXTS[index % 13] or None,
                   "ERP_Tax__c": NUMBERS[index % 6] if index % 4 else None,
                   "ExpirationDate": DAYS[index % 3] if index % 5 else None}  # fmt: skip
            row["Id"] = client.create("Quote", **row)
            rows.append(row)
        yield client, rows


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def _text_conditions() -> st.SearchStrategy[Written]:
    def equal(text: str, negated: bool) -> Written:
        def means(row: Row) -> bool:
            same = (row["ERP_Status__c"] or "").casefold() == text.casefold()
            return same != negated

        return Written(f"ERP_Status__c {'!=' if negated else '='} {_quoted(text)}", means)

    def among(texts: list[str], negated: bool) -> Written:
        folded = {text.casefold() for text in texts}

        def means(row: Row) -> bool:
            return ((row["ERP_Status__c"] or "").casefold() in folded) != negated

        listed = ",".join(map(_quoted, texts))
        return Written(f"ERP_Status__c {'NOT IN' if negated else 'IN'} ({listed})", means)

    some = st.sampled_from(TEXTS)
    several = st.lists(some, min_size=1, max_size=4)
    return st.builds(equal, some, st.booleans()) | st.builds(among, several, st.booleans())


def _like_text(part: str) -> str:
    return part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("'", "\\'")


def _like_conditions() -> st.SearchStrategy[Written]:
    wild = {"%": ".*", "_": "."}

    def like(parts: list[str]) -> Written:
        pattern = "".join(wild.get(part, re.escape(part)) for part in parts)
        text = "".join(part if part in wild else _like_text(part) for part in parts)

        def means(row: Row) -> bool:
            value = row["ERP_Status__c"]
            return value is not None and re.fullmatch(pattern, value, re.IGNORECASE | re.DOTALL) is not None

        return Written(f"ERP_Status__c LIKE '{text}'", means)

    return st.builds(like, st.lists(st.sampled_from(["%", "_", "a", "B", "x%", "_b", "\\", "'", "ü", "t"]), min_size=1,
                                    max_size=4))  # fmt: skip


def _ordered_conditions() -> st.SearchStrategy[Written]:
    tests: dict[str, Callable[[Any, Any], bool]] = {
        "=": lambda one, other: one == other, "!=": lambda one, other: one != other,
        "<": lambda one, other: one < other, "<=": lambda one, other: one <= other,
        ">": lambda one, other: one > other, ">=": lambda one, other: one >= other,
    }  # fmt: skip

    def compare(field: str, sign: str, value: str) -> Written:
        read: Callable[[str], Any] = Decimal if field == "ERP_Tax__c" else str

        def means(row: Row) -> bool:
            if row[field] is None:
                return sign == "!="
            return tests[sign](read(row[field]), read(value))

        return Written(f"{field} {sign} {value}", means)

    signs = st.sampled_from(sorted(tests))
    numbers = st.sampled_from([*NUMBERS, "10.051", "-0.005", "1e3", "99999999999999999999"])
    return st.builds(compare, st.just("ERP_Tax__c"), signs, numbers) | st.builds(
        compare, st.just("ExpirationDate"), signs, st.sampled_from([*DAYS, "2026-06-30"]))  # fmt: skip


def _null_conditions() -> st.SearchStrategy[Written]:
    def null(field: str, negated: bool) -> Written:
        return Written(f"{field} {'!=' if negated else '='} null", lambda row: (row[field] is None) != negated)

    return st.builds(null, st.sampled_from(["ERP_Status__c", "ERP_Tax__c", "ExpirationDate"]), st.booleans())


def _join(parts: list[Written], word: str) -> Written:
    test = all if word == "AND" else any
    return Written("(" + f" {word} ".join(part.text for part in parts) + ")",
                   lambda row: test(part.means(row) for part in parts))  # fmt: skip


def _negate(part: Written) -> Written:
    return Written(f"(NOT ({part.text}))", lambda row: not part.means(row))


CONDITIONS = st.recursive(
    _text_conditions() | _like_conditions() | _ordered_conditions() | _null_conditions(),
    lambda inner: (
        st.builds(_join, st.lists(inner, min_size=2, max_size=3), st.sampled_from(["AND", "OR"]))
        | st.builds(_negate, inner)
    ),
    max_leaves=6,
)


@settings(max_examples=250, deadline=None)
@given(condition=CONDITIONS)
def test_conditions_select_what_a_plain_reading_selects(sample: tuple[Client, list[Row]], condition: Written) -> None:
    client, rows = sample
    found = {row["Id"] for row in client.query(f"SELECT Id FROM Quote WHERE {condition.text}")}
    assert found == {row["Id"] for row in rows if condition.means(row)}, condition.text


def test_nulls_come_first_unless_said(sample: tuple[Client, list[Row]]) -> None:
    client, _ = sample
    for order, place in (("ASC", 0), ("DESC", 0), ("ASC NULLS LAST", -1), ("DESC NULLS LAST", -1)):
        rows = client.query(f"SELECT ERP_Tax__c FROM Quote ORDER BY ERP_Tax__c {order}, Id")
        assert rows[place]["ERP_Tax__c"] is None
        filled = [row["ERP_Tax__c"] for row in rows if row["ERP_Tax__c"] is not None]
        assert filled == sorted(filled, reverse=order.startswith("DESC"))


def test_keyset_by_stamp_and_id_meets_every_record_once(shared: Client) -> None:
    every = [row["Id"] for row in shared.query("SELECT Id FROM Contact ORDER BY SystemModstamp, Id")]
    met: list[str] = []
    where = ""
    while True:
        soql = f"SELECT Id, SystemModstamp FROM Contact {where} ORDER BY SystemModstamp, Id LIMIT 7"
        page = shared.query(soql)
        if not page:
            break
        met += [row["Id"] for row in page]
        stamp = page[-1]["SystemModstamp"].replace("+0000", "Z")
        where = f"WHERE SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '{met[-1]}')"
    assert met == every


def test_parents_are_nested_and_null_when_absent(shared: Client) -> None:
    contact = shared.create("Contact", LastName="Loner")
    soql = f"SELECT Name, Account.Name, Owner.Email, Account.Owner.Name FROM Contact WHERE Id = '{contact[:15]}'"
    (row,) = shared.query(soql)
    assert row["Account"] is None
    assert row["Owner"]["Email"] == "integration@playground.example"
    assert row["Owner"]["attributes"]["type"] == "User"
    filled = shared.query("SELECT Primary_Contact__r.LastName FROM Account WHERE Primary_Contact__r.LastName != null")
    assert all(one["Primary_Contact__r"]["LastName"] for one in filled)
    assert shared.query("SELECT a.Name, a.Owner.Name FROM Account a WHERE a.Type = 'Customer' LIMIT 1")


def test_semi_join_and_count(shared: Client) -> None:
    inner = "SELECT AccountId FROM Order WHERE StatusCode = 'Activated'"
    ordering = {row["Id"] for row in shared.query(f"SELECT Id FROM Account WHERE Id IN ({inner})")}
    buyers = {row["AccountId"] for row in shared.query("SELECT AccountId FROM Order WHERE StatusCode = 'Activated'")}
    live = {row["Id"] for row in shared.query("SELECT Id FROM Account")}
    assert ordering == buyers & live
    told = shared.send("GET", "query", params={"q": f"SELECT COUNT() FROM Account WHERE Id NOT IN ({inner})"}).json()
    assert told == {"totalSize": len(live - buyers), "done": True, "records": []}


def test_pages_have_at_most_the_asked_size_and_stand_still(fresh: Client) -> None:
    header = {"Sforce-Query-Options": "batchSize=200"}
    sizes = {"accounts": 500, "products": 4, "quotes": 0, "orders": 0}
    fresh.admin("seed", **sizes)
    fresh.login()
    told = fresh.send("GET", "query", params={"q": "SELECT Id, Name FROM Account"}, headers=header).json()
    assert (len(told["records"]), told["done"]) == (200, False)
    target = told["records"][0]["Id"]
    last = fresh.query("SELECT Id FROM Account ORDER BY Id DESC LIMIT 1")[0]["Id"]
    assert fresh.send("DELETE", f"sobjects/Account/{last}").status_code == 204
    again = told["nextRecordsUrl"]
    pages = [fresh.session.get(fresh.playground.url + again, timeout=30).json() for _ in range(2)]
    assert pages[0] == pages[1], "a page whose answer was lost can be asked for again"
    total = told["totalSize"]
    rest = fresh.session.get(fresh.playground.url + pages[0]["nextRecordsUrl"], timeout=30).json()
    ids = [row["Id"] for page in (told, pages[0], rest) for row in page["records"]]
    assert len(set(ids)) == total
    assert last in ids, "rows are as of the first call"
    assert target in ids
    bad = fresh.session.get(f"{fresh.playground.url}/services/data/v66.0/query/01gNOPE-200", timeout=30)
    assert (bad.status_code, bad.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")


def test_the_eleventh_open_cursor_closes_the_first(fresh: Client) -> None:
    header = {"Sforce-Query-Options": "batchSize=200"}
    fresh.admin("seed", accounts=210, products=0, quotes=0, orders=0)
    fresh.login()
    asked = [fresh.send("GET", "query", params={"q": "SELECT Id FROM Account"}, headers=header).json()
             for _ in range(11)]  # fmt: skip
    codes = [fresh.session.get(fresh.playground.url + one["nextRecordsUrl"], timeout=30).status_code for one in asked]
    assert codes == [400] + [200] * 10


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Id, id FROM Account", "INVALID_FIELD"),
        ("SELECT Nope.Name FROM Account", "INVALID_FIELD"),
        ("SELECT IsDeleted FROM User", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE NumberOfEmployees = '5'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE CreatedDate > 2026-01-01", "INVALID_FIELD"),
        ("SELECT Id FROM Order WHERE EffectiveDate > 2026-01-01T00:00:00Z", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE ERP_Sync_Message__c = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Account ORDER BY Description", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Id = 'short'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE IsDeleted > true", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE Id LIKE '001%'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE Name < null", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'a' AND NOT Name = 'b'", "MALFORMED_QUERY"),
        ('SELECT Id FROM Account WHERE Name = "a"', "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'a", "MALFORMED_QUERY"),
        (r"SELECT Id FROM Account WHERE Name = '\q'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name IN ()", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE CreatedDate = TODAY", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE CreatedDate > 2026-13-01T00:00:00Z", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account LIMIT 1.5", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account; DROP TABLE Account", "MALFORMED_QUERY"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "MALFORMED_QUERY"),
        ("SELECT * FROM Account", "MALFORMED_QUERY"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE " + "(" * 60 + "Name = 'a'" + ")" * 60, "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
    ],
)
def test_what_salesforce_refuses_is_refused(shared: Client, soql: str, code: str) -> None:
    assert shared.refusal(soql) == code


def test_an_address_beyond_16_kilobytes_is_refused(shared: Client) -> None:
    ids = ",".join(f"'001Qy{number:010d}AAA'" for number in range(800))
    assert shared.error("GET", "query", params={"q": f"SELECT Id FROM Account WHERE Id IN ({ids})"})[0] == 414


def test_numbers_leave_exactly(shared: Client) -> None:
    amounts = ["0.10", "-0.05", "1234567890123456.78", "9999999.99", "10000000", "350000000", "-12345678.9", "7"]
    account = shared.query("SELECT Id FROM Account LIMIT 1")[0]["Id"]
    for amount in amounts:
        quote = shared.create("Quote", Name="n", AccountId=account, ERP_Tax__c=amount)
        (row,) = shared.query(f"SELECT ERP_Tax__c, ERP_Total__c FROM Quote WHERE Id = '{quote}'")
        assert row["ERP_Tax__c"] == Decimal(amount)
        assert row["ERP_Total__c"] is None
        text = shared.send("GET", f"sobjects/Quote/{quote}").text
        assert ("E" in text.split('"ERP_Tax__c":')[1].split(",")[0]) == (abs(Decimal(amount)) >= 10**7)
