"""Going live on two filled systems: is exactly what a person confirmed bound, and nothing else?"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from isthmus.app import Workshop, open_workshop
from isthmus.connect.protocol import Change
from isthmus.db import writing
from isthmus.kernel.errors import Unavailable
from isthmus.kernel.records import Fields
from isthmus.playground import SeedSizes
from isthmus.settings import load_settings
from isthmus.state import leases
from isthmus.sync.proposals import Pair, bind
from tests.cli.conftest import Company, open_company

FEW = SeedSizes(accounts=3, products=2, quotes=0, orders=0, dirty=False)


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Company]:
    """Two systems that have lived apart: customers are in both, nothing is bound."""
    with open_company(tmp_path, FEW) as company:
        company.ask("db", "upgrade")
        yield company


def open_shop(company: Company) -> Workshop:
    return open_workshop(load_settings(company.folder / "isthmus.yaml", {}), company.environ)


def enter(company: Company, name: str, **fields: object) -> str:
    """A clerk enters a customer into the ERP; answers the id."""
    shop = open_shop(company)
    given: Fields = {"name": name, "currency": "EUR", "billing": {"country": "DE"}, **fields}
    with writing(shop.engine) as connection:
        (answer,) = shop.ports.erp.write("customer", [Change("create", f"by hand/{name}", given)], connection)
    shop.close()
    assert answer.id, answer.fault
    return answer.id


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def confirm(company: Company, rows: list[dict[str, str]], *words: str) -> None:
    with (company.folder / "pairs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows({**row, "confirm": word} for row, word in zip(rows, words, strict=True))


def test_pairs_are_proposed_confirmed_and_merged_without_a_second_customer(filled: Company) -> None:
    account = filled.account("Alder Match Example", Tax_Id__c="DE811907980", Phone="1")
    in_erp = enter(filled, "Alder Match Example Ltd", tax_id="de811907980", phone="2")
    said = filled.say("match", "customer")
    assert said.code == 0, said
    (row,) = rows_of(said.out)
    assert row == {
        "confirm": "", "source_id": account, "source_name": "Alder Match Example", "rule": "tax_id",
        "target_id": in_erp, "target_name": "Alder Match Example Ltd", "note": "",
    }  # fmt: skip
    assert "1 pairs are clear" in said.err

    confirm(filled, [row], "yes")
    told = filled.ask("match", "customer", "--confirm", str(filled.folder / "pairs.csv"), "--as", "anna")
    assert (told["confirmed"], told["bound"]) == (1, 1)
    assert filled.pairs("customer") == [(account, in_erp)]
    filled.ask("sync", "customer")
    assert (account, in_erp) in filled.pairs("customer")
    assert filled.rows("SELECT name, phone FROM erp_customer WHERE id = ?", int(in_erp)) == [
        ("Alder Match Example", "1")
    ]
    told = filled.ask("explain", "customer", account)
    assert [one["outcome"] for one in told["steps"]][:2] == ["rebound", "updated"]
    assert told["steps"][0]["who"] == "cli:anna"
    assert re.search("confirmed by cli:anna", filled.say("explain", "customer", account).out)
    number = next(one["crm_value"] for one in told["rows"] if one["row"] == "number")
    assert number == told["erp"]["number"]  # and the way back has happened


def test_nothing_is_bound_unseen(filled: Company) -> None:
    filled.account("Birch Match Example", Tax_Id__c="DE811907981")
    enter(filled, "Birch Match Example", tax_id="DE811907981")
    (row,) = rows_of(filled.say("match", "customer").out)
    confirm(filled, [row], "")
    said = filled.say("match", "customer", "--confirm", str(filled.folder / "pairs.csv"))
    assert said.code == 2
    assert said.err == "pairs.csv: no row is confirmed; write yes into 'confirm' where the pair is right\n"
    assert filled.pairs("customer") == []


def test_what_is_not_clear_says_why_to_look(filled: Company) -> None:
    left = filled.account("Cedar Left Example", Tax_Id__c="DE811907982")
    right = filled.account("Cedar Right Example", Tax_Id__c="DE811907982")
    one = enter(filled, "Cedar Match Example", tax_id="DE811907982")
    rows = {row["source_id"]: row for row in rows_of(filled.say("match", "customer").out)}
    assert {row["target_id"] for row in rows.values()} == {one}
    assert rows[left]["note"] == f"ambiguous: CRM {right} fits the same record"
    assert rows[right]["note"] == f"ambiguous: CRM {left} fits the same record"


def test_a_name_that_fits_twice_is_listed_twice(filled: Company) -> None:
    address = {
        "BillingStreet": "Weg 1",
        "BillingCity": "Bonn",
        "BillingPostalCode": "53111",
        "BillingCountryCode": "DE",
    }
    account = filled.account("Elm Match Example", **address)
    billing = {"postal_code": "53111", "country": "DE"}
    twins = {enter(filled, "ELM match  example", billing=billing), enter(filled, "Elm Match Example", billing=billing)}
    rows = rows_of(filled.say("match", "customer").out)
    assert {(row["source_id"], row["target_id"]) for row in rows} == {(account, twin) for twin in twins}
    assert {row["note"] for row in rows} == {"ambiguous: fits 2 records of the ERP"}
    assert {row["rule"] for row in rows} == {"name + billing.postal_code + billing.country"}


def test_all_that_is_wrong_with_a_file_is_told_and_nothing_is_bound(filled: Company) -> None:
    account = filled.account("Fir Match Example", Tax_Id__c="DE811907983")
    one, other = enter(filled, "Fir One Example"), enter(filled, "Fir Two Example")
    good = {"confirm": "yes", "source_id": account, "target_id": one}
    rows = [
        good,
        {**good, "target_id": other},
        {**good, "source_id": "001000000000000AAA", "target_id": other},
        {**good, "source_id": account[:-1] + "x", "target_id": "999"},
    ]
    confirm(filled, rows, "yes", "yes", "yes", "yes")
    said = filled.say("match", "customer", "--confirm", str(filled.folder / "pairs.csv"))
    assert said.code == 2
    assert f"pairs.csv:3: {account} is confirmed twice, first in pairs.csv:2; confirm one of them\n" in said.err
    assert "pairs.csv:4: customer 001000000000000AAA is not in the CRM; correct the id" in said.err
    assert "pairs.csv:5: customer 999 is not in the ERP; " in said.err
    assert filled.pairs("customer") == []

    confirm(filled, [good, {**good, "source_id": ""}], "maybe", "yes")
    said = filled.say("match", "customer", "--confirm", str(filled.folder / "pairs.csv"))
    assert "pairs.csv:2: 'confirm' says 'maybe'; write yes, or leave it empty" in said.err
    assert "pairs.csv:3: is confirmed without both ids" in said.err


def test_confirming_twice_is_confirming_once_and_a_taken_record_is_refused(filled: Company) -> None:
    account, other = filled.account("Gum Match Example"), filled.account("Gum Other Example")
    in_erp = enter(filled, "Gum ERP Example")
    rows = [{"confirm": "", "source_id": account, "target_id": in_erp}]
    confirm(filled, rows, "x")
    path = str(filled.folder / "pairs.csv")
    assert filled.ask("match", "customer", "--confirm", path)["bound"] == 1
    assert filled.ask("match", "customer", "--confirm", path)["bound"] == 0
    confirm(filled, [{**rows[0], "source_id": other}], "yes")
    said = filled.say("match", "customer", "--confirm", path)
    assert said.code == 2
    assert f"{in_erp} is bound to {account} already" in said.err


def test_a_spreadsheets_own_csv_is_understood(filled: Company) -> None:
    account, in_erp = filled.account("Hazel Match Example"), enter(filled, "Hazel ERP Example")
    text = f"\ufeffconfirm;source_id;source_name;target_id\r\nJA;1;x;2\r\nYES;{account};Hazel;{in_erp}\r\n"
    (filled.folder / "pairs.csv").write_text(text.replace("JA;1;x;2", "no;1;x;2"), encoding="utf-8")
    assert filled.ask("match", "customer", "--confirm", str(filled.folder / "pairs.csv"))["bound"] == 1
    (filled.folder / "pairs.csv").write_text("a,b\n1,2\n")
    said = filled.say("match", "customer", "--confirm", str(filled.folder / "pairs.csv"))
    assert said.err.startswith("pairs.csv:1: has no column confirm, source_id, target_id; ")


def test_a_mapping_without_rules_is_never_guessed(filled: Company) -> None:
    said = filled.say("match", "order")
    assert said.code == 2
    assert said.err.startswith("mapping order: has no match rules, so nothing is proposed; ")


def test_binding_waits_for_a_run_that_is_under_way(filled: Company) -> None:
    shop = open_shop(filled)
    held = leases.take(shop.engine, "customer")
    assert isinstance(held, leases.Lease)
    account, in_erp = filled.account("Ivy Match Example"), enter(filled, "Ivy ERP Example")
    with pytest.raises(Unavailable, match="a run holds the lease"):
        bind(shop.ports, shop.mapping("customer"), [Pair(account, in_erp, "pairs.csv:2")], who="cli:anna")
    shop.close()


def test_a_confirmed_pair_settles_what_was_ambiguous_though_nobody_touched_the_records(filled: Company) -> None:
    account = filled.account("Jarrah Match Example", Tax_Id__c="DE811907984")
    one, other = (enter(filled, f"Jarrah {n} Example", tax_id="DE811907984") for n in ("One", "Other"))
    filled.ask("sync", "customer")
    (item,) = filled.ask("worklist", "show")["items"]
    assert (item["id"], item["reason"], item["detail"]["candidates"]) == (account, "ambiguous", [one, other])
    assert filled.clock
    filled.clock.advance(timedelta(hours=1))
    filled.ask("sync", "customer")  # from here on a read no longer looks back to what happened above
    confirm(filled, [{"confirm": "", "source_id": account, "target_id": one}], "yes")
    filled.ask("match", "customer", "--confirm", str(filled.folder / "pairs.csv"))
    filled.ask("sync", "customer")
    assert filled.ask("worklist", "show")["items"] == []
    told = filled.ask("explain", "customer", account)
    assert (told["erp_id"], told["erp"]["name"]) == (one, "Jarrah Match Example")
    assert next(row["crm_value"] for row in told["rows"] if row["row"] == "number") == told["erp"]["number"]


def test_what_waited_for_a_record_becomes_due_when_it_is_bound(filled: Company) -> None:
    account = filled.account("W" * 220)
    child = filled.account("Yew Child Example", ParentId=account)
    filled.ask("sync", "customer", "--id", child)
    waiting = [one for one in filled.ask("worklist", "show")["items"] if one["id"] == child]
    assert waiting[0]["waits_for"] == f"customer {account}"
    in_erp = enter(filled, "Yew ERP Example")
    confirm(filled, [{"confirm": "", "source_id": account, "target_id": in_erp}], "yes")
    filled.ask("match", "customer", "--confirm", str(filled.folder / "pairs.csv"))
    assert (child,) in filled.rows("SELECT id FROM state_due WHERE mapping = 'customer' AND side = 'crm'")


def test_a_file_that_may_hold_confirmations_is_never_written_over(filled: Company) -> None:
    path = filled.folder / "pairs.csv"
    assert filled.say("match", "customer", "--output", str(path)).code == 0
    path.write_text("confirmed by hand")
    said = filled.say("match", "customer", "--output", str(path))
    assert said.code == 2
    assert said.err.startswith(f"{path}: is there already; ")
    assert path.read_text() == "confirmed by hand"
