"""Does each command do what it says, on two real systems?"""

from __future__ import annotations

import json
import re

from tests.cli.conftest import Company


def test_check_says_that_a_good_installation_is_in_order_and_what_is_signed(fresh: Company) -> None:
    said = fresh.say("check")
    assert said.code == 0, said
    assert "everything is in order" in said.out
    assert "mappings: customer, product, quote, order" in said.out
    assert re.search(r"Once\s+to the ERP\s+own\s+At most one live record", said.out)
    assert re.search(r"Once\s+to the CRM\s+remote\s+.*external key refuses", said.out)
    assert not (fresh.folder / "var" / "isthmus.db").exists() or fresh.rows("SELECT name FROM sqlite_master") == []


def test_a_plan_writes_nothing_and_the_sync_then_does_what_it_said(fresh: Company) -> None:
    planned = [json.loads(line) for line in fresh.say("plan", "customer", "--json").out.splitlines()]
    assert fresh.pairs("customer") == []
    created = {one["id"] for one in planned if one.get("outcome") == "created"}
    (counts,) = [one["counts"] for one in planned if "counts" in one]
    report = fresh.ask("sync", "customer")["runs"][0]
    assert created
    assert counts[0]["outcomes"]["created"] == len(created) == report["directions"][0]["outcomes"]["created"]
    assert {crm for crm, _ in fresh.pairs("customer")} == created


def test_a_plan_shows_each_field_before_and_after(company: Company) -> None:
    account = company.account("Birch Plan Example", Phone="1")
    company.ask("sync", "customer", "--id", account)
    company.sell("update", "Account", Id=account, Phone="2")
    said = company.say("plan", "customer", "--id", account)
    assert said.code == 0
    assert re.search(rf"customer {account} \(ERP \d+\) crm→erp updated\n    phone: 1 → 2\n", said.out)


def test_sync_prints_what_became_of_every_record_and_what_is_left(company: Company) -> None:
    account = company.account("Cedar Sync Example")
    said = company.say("sync", "customer", "--id", account)
    assert said.code == 0
    assert re.search(r"^mapping +direction +read +created", said.out, re.MULTILINE)
    assert re.search(r"^customer +crm→erp +1 +1 .*yes$", said.out, re.MULTILINE)
    assert "customer crm→erp:" in said.err  # progress, as lines: nobody's terminal


def test_sync_of_one_record_leaves_the_others_alone(company: Company) -> None:
    wanted, other = company.account("Elm One Example"), company.account("Elm Two Example")
    company.ask("sync", "customer", "--id", wanted)
    bound = {crm for crm, _ in company.pairs("customer")}
    assert wanted in bound
    assert other not in bound


def test_strict_fails_when_something_is_not_through_and_only_then(fresh: Company) -> None:
    assert fresh.say("sync", "product", "--strict").code == 0
    account = fresh.account("F" * 220)
    said = fresh.say("sync", "customer", "--id", account, "--strict", "--json")
    assert said.code == 1
    assert said.json["worklist"]["customer"] == {"invalid": 1}


def test_status_knows_the_last_run_of_each_mapping(company: Company) -> None:
    told = {one["mapping"]: one for one in company.ask("status")["mappings"]}
    documents = ["customer", "product", "quote", "order", "invoice", "payment"]
    assert list(told) == [*documents, "credit_status", "customer_figures"]
    assert told["order"]["last_run"]["status"] == "done"
    assert told["order"]["lag_seconds"] >= 0
    assert company.say("status").out.splitlines()[0].split()[:3] == ["mapping", "last", "run"]


def test_a_paused_mapping_is_skipped_until_it_is_resumed(fresh: Company) -> None:
    fresh.ask("pause", "product", "--why", "prices are reviewed", "--as", "anna")
    said = fresh.say("sync", "product")
    assert said.code == 0
    assert "product: skipped; " in said.out
    assert "paused by cli:anna: prices are reviewed" in fresh.say("status").out
    fresh.ask("resume", "product")
    assert fresh.ask("sync", "product")["runs"][0]["skipped"] is None


def test_accept_remembers_who_and_why(company: Company) -> None:
    told = company.ask("accept", "quote", "--why", "agreed with finance", "--as", "anna")
    assert told["by"] == "cli:anna"
    who, why, digest = company.rows(
        "SELECT accepted_by, accepted_why, accepted_hash FROM state_mapping WHERE name='quote'"
    )[0]
    assert (who, why, digest) == ("cli:anna", "agreed with finance", told["accepted_hash"])


def test_the_worklist_says_what_to_do_and_hides_what_was_dismissed(company: Company) -> None:
    account = company.account("Y" * 220)
    company.ask("sync", "customer", "--id", account)
    (item,) = [one for one in company.ask("worklist", "show", "customer")["items"] if one["id"] == account]
    assert (item["reason"], item["entity"]) == ("invalid", "customer")
    assert item["remedy"]
    said = company.say("worklist", "show", str(item["number"]))
    assert f"customer {account} in the CRM" in said.out
    assert f"to do: {item['remedy']}" in said.out

    assert company.ask("worklist", "retry", str(item["number"]))["due"] == ["customer"]
    company.ask("worklist", "dismiss", str(item["number"]), "--why", "a test", "--as", "anna")
    shown = [one["id"] for one in company.ask("worklist", "show")["items"]]
    everything = {one["id"]: one["dismissed_by"] for one in company.ask("worklist", "show", "--all")["items"]}
    assert account not in shown
    assert everything[account] == "cli:anna"


def test_resolving_what_is_no_conflict_is_refused_with_what_to_do_instead(company: Company) -> None:
    account = company.account("Z" * 220)
    company.ask("sync", "customer", "--id", account)
    (item,) = [one for one in company.ask("worklist", "show", "customer")["items"] if one["id"] == account]
    said = company.say("worklist", "resolve", str(item["number"]), "--take", "erp")
    assert said.code == 1
    assert said.err == f"worklist {item['number']}: invalid is no choice between two values; {item['remedy']}\n"


def test_a_conflict_shows_both_values_and_is_answered_by_a_person(company: Company) -> None:
    crm_id, erp_id = company.pairs("order")[-1]
    company.clerk("order", erp_id, customer_reference="ERP-1")
    company.sell("update", "Order", Id=crm_id, PoNumber="CRM-1")
    company.ask("sync", "order", "--id", crm_id)
    (item,) = [one for one in company.ask("worklist", "show", "order")["items"] if one["id"] == crm_id]
    assert item["reason"] == "conflict"
    said = company.say("worklist", "show", str(item["number"]))
    assert "the CRM says: CRM-1\n" in said.out
    assert "the ERP says: ERP-1\n" in said.out
    assert company.ask("worklist", "resolve", str(item["number"]), "--take", "erp")["due"] == ["order"]
    company.ask("sync", "order")
    assert company.ask("explain", "order", crm_id)["worklist"] == []
    assert company.rows("SELECT customer_reference FROM erp_order WHERE id = ?", int(erp_id)) == [("ERP-1",)]


def test_explain_tells_rule_by_rule_and_step_by_step(company: Company) -> None:
    crm_id, erp_id = company.pairs("order")[0]
    told = company.ask("explain", "order", crm_id)
    assert (told["crm_id"], told["erp_id"]) == (crm_id, erp_id)
    rows = {one["row"]: one for one in told["rows"]}
    assert rows["currency"]["crm_field"] == "CurrencyIsoCode"
    assert rows["currency"]["value"] == rows["currency"]["erp_value"]
    assert re.fullmatch(r"\d+\.\d\d", told["erp"]["total"])
    first = next(one for one in told["steps"] if one["outcome"] == "created")
    assert first["direction"] == "crm→erp"
    assert first["who"].startswith("cli:")
    assert any(re.fullmatch(r"lines\[802\w+\].quantity", name) for name in first["written"])

    said = company.say("explain", "order", erp_id)
    assert said.code == 0
    assert f"CRM {crm_id}, ERP {erp_id}" in said.out
    assert "crm→erp created, run " in said.out


def test_explain_shows_what_stood_there_before_and_which_edit_was_undone(company: Company) -> None:
    account = company.account("Larch Story Example", Phone="1")
    company.ask("sync", "customer", "--id", account)
    company.sell("update", "Account", Id=account, Phone="2", BillingCity="Bonn", BillingCountryCode="DE")
    company.ask("sync", "customer", "--id", account)
    erp_id = dict(company.pairs("customer"))[account]
    company.clerk("customer", erp_id, phone="3")
    company.ask("sync", "customer")
    story = company.say("explain", "customer", account).out
    assert "\n    phone: 1 → 2\n    billing.city: (empty) → Bonn\n    billing.country: (empty) → DE\n" in story
    assert "\n    undone: phone was set to 3 by clerk:berta\n" in story
    assert "\n    phone: 3 → 2\n" in story
    told = company.ask("explain", "customer", account)["steps"]
    (edit,) = [edit for step in told for edit in step["overruled"]]
    assert edit == {"field": "phone", "by": "clerk:berta", "old": "2", "new": "3"}


def test_explain_answers_for_an_id_that_nobody_knows(company: Company) -> None:
    said = company.say("explain", "order", "801000000000000AAA")
    assert said.code == 0
    assert "Isthmus has never seen it" in said.out
    assert "to do: check the id" in said.out


def test_the_files_own_tests_hold_and_need_no_system(lonely: Company) -> None:
    said = lonely.say("test")
    assert said.code == 0, said
    assert re.fullmatch(r"\d+ tests of 8 mappings hold\n", said.out)
    assert len(lonely.ask("test", "order")["tests"]) > 3


def test_functions_print_their_documentation(lonely: Company) -> None:
    said = lonely.say("functions")
    assert "## trim" in said.out
    assert "'  PO 7 '  via trim  →  'PO 7'" in said.out
    assert "trim" in [one["name"] for one in lonely.ask("functions")["functions"]]


def test_db_upgrade_makes_the_tables_that_db_check_misses(lonely: Company) -> None:
    said = lonely.say("db", "check")
    assert said.code == 2
    assert said.err.startswith("database: the tables of erp are at version nothing")
    assert len(lonely.ask("db", "upgrade")["upgraded"]) == 2
    assert lonely.ask("db", "check") == {"current": True}
    assert lonely.ask("db", "upgrade") == {"upgraded": []}
