"""Can a person read a question, answer it, and be stopped in words that help?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from isthmus.cli import deciding
from isthmus.db import engine_for, writing
from isthmus.kernel.errors import Fault
from isthmus.state import leases, worklist
from isthmus.state.bindings import Lane
from isthmus.state.worklist import Item
from tests.cli.conftest import Company, Said

ROLES = """
roles: {finance: [ada, eve], operations: tom}
rights: {finance: [resolve, dismiss], operations: [accept, pause]}
"""


@pytest.fixture
def ruled(company: Company, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """The command line of somebody's own account, with these rules in force."""

    def say(account: str, *words: str, rules: str = ROLES) -> Said:
        path = company.folder / "ruled.yaml"
        path.write_text((company.folder / "isthmus.yaml").read_text() + rules)
        monkeypatch.setattr(deciding, "account_name", lambda: account)
        monkeypatch.setattr("isthmus.cli.call.account_name", lambda: account)
        return company.say(*words, "--settings", str(path))

    return say


@pytest.fixture
def question(company: Company) -> dict[str, Any]:
    """A purchase order number that both sides changed."""
    crm_id, erp_id = company.pairs("order")[0]
    company.clerk("order", erp_id, customer_reference=f"ERP-{len(company.rows('SELECT 1 FROM state_run'))}")
    company.sell("update", "Order", Id=crm_id, PoNumber=f"CRM-{len(company.rows('SELECT 1 FROM state_run'))}")
    company.ask("sync", "order", "--id", crm_id)
    (item,) = [one for one in company.ask("worklist", "show", "order")["items"] if one["id"] == crm_id]
    return {"crm": crm_id, "erp": erp_id, **item}


def settled(company: Company, question: dict[str, Any]) -> str:
    company.ask("sync", "order")
    (found,) = company.rows("SELECT customer_reference FROM erp_order WHERE id = ?", int(question["erp"]))
    return str(found[0])


def test_a_question_is_readable_and_every_answer_has_its_command(company: Company, question: dict[str, Any]) -> None:
    number = question["number"]
    said = company.say("worklist", "show", str(number))
    lines = [line.strip() for line in said.out.splitlines()]
    place = lines.index("po_number:")
    assert lines[place + 1].startswith("both last agreed on: ")
    assert lines[place + 2].startswith("the CRM says: CRM-")
    assert lines[place + 3].startswith("the ERP says: ERP-")
    for side in ("crm", "erp"):
        assert f"isthmus worklist resolve {number} --take {side}    the {side.upper()}'s value holds" in lines
    (told,) = company.ask("worklist", "show", str(number))["items"]
    assert [one["take"] for one in told["choices"]] == ["crm", "erp"]
    company.ask("worklist", "resolve", str(number), "--take", "crm")
    assert settled(company, question).startswith("CRM-")


def test_a_field_is_answered_by_name(company: Company, question: dict[str, Any]) -> None:
    number = str(question["number"])
    said = company.say("worklist", "resolve", number, "--take", "po_nummer=erp")
    assert said.code == 1
    assert said.err == f"worklist {number}: po_nummer is not in question; it asks about po_number\n"
    company.ask("worklist", "resolve", number, "--take", "crm", "--take", "po_number=erp")
    assert settled(company, question).startswith("ERP-")


def test_who_may_not_is_told_who_may_and_both_are_kept(
    company: Company, question: dict[str, Any], ruled: Callable[..., Said]
) -> None:
    number = str(question["number"])
    said = ruled("tom", "worklist", "resolve", number, "--take", "crm")
    assert (said.code, said.err) == (1, "cli:tom: may not resolve; ask ada or eve\n")
    assert ruled("ada", "worklist", "resolve", number, "--take", "crm").code == 0
    kept = [(one["who"], one["outcome"]) for one in company.ask("worklist", "decisions", "--most", "2")["decisions"]]
    assert kept == [("cli:ada", "done"), ("cli:tom", "refused")]
    assert "cli:tom  resolve order" in company.say("worklist", "decisions").out
    story = company.ask("explain", "order", question["crm"])["decisions"]
    assert [(one["who"], one["outcome"]) for one in story[:2]] == kept
    assert "decided by people" in company.say("explain", "order", question["crm"]).out
    settled(company, question)


@pytest.mark.parametrize(
    "words",
    [
        ("worklist", "resolve", "1", "--take", "crm"),
        ("worklist", "dismiss", "1", "--why", "x"),
        ("accept", "order", "--why", "x"),
        ("pause", "order", "--why", "x"),
        ("resume", "order"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_name_cannot_be_borrowed_where_roles_are_given(ruled: Callable[..., Said], words: tuple[str, ...]) -> None:
    said = ruled("mallory", *words, "--as", "ada")
    assert said.code == 1
    assert said.err.startswith("--as: mallory cannot decide for ada: isthmus.yaml says who may; decide under")


def test_above_the_limit_the_first_only_asks(
    company: Company, question: dict[str, Any], ruled: Callable[..., Said]
) -> None:
    number, rules = str(question["number"]), ROLES + "approvals: {above: {EUR: 0, USD: 0}}\n"
    first = ruled("ada", "worklist", "resolve", number, "--take", "crm", rules=rules)
    assert first.code == 0
    assert f"{number} takes two people: another one who may gives the same answer" in first.out
    shown = ruled("eve", "worklist", "show", number, rules=rules)
    assert "asked for: cli:ada took the value of the CRM; it is about " in shown.out
    again = ruled("ada", "worklist", "resolve", number, "--take", "crm", rules=rules)
    assert again.code == 1
    assert again.err == f"worklist {number}: cli:ada asked for this and cannot confirm it as well; ask eve\n"
    assert ruled("eve", "worklist", "resolve", number, "--take", "crm", rules=rules).code == 0
    assert settled(company, question).startswith("CRM-")


def test_above_the_limit_it_takes_two_to_lift_a_hold(company: Company, ruled: Callable[..., Said]) -> None:
    number = company.rows(
        "SELECT c.number FROM erp_customer c JOIN erp_order o ON o.customer_id = c.id WHERE o.status = 'confirmed'"
    )[0][0]
    company.ask("erp", "hold", number, "--why", "the bank asked")
    held = "SELECT held FROM erp_credit_term t JOIN erp_customer c ON c.id = t.customer_id WHERE c.number = :number"
    rules = ROLES.replace("[resolve, dismiss]", "[resolve, release]") + "approvals: {above: {EUR: 0, USD: 0}}\n"
    first = ruled("ada", "erp", "release", number, rules=rules)
    assert first.code == 0
    assert f"{number} takes two people: another one who may releases it as well; it is about " in first.out
    again = ruled("ada", "erp", "release", number, rules=rules)
    assert (again.code, again.err) == (
        1, f"customer {number}: cli:ada asked for this and cannot confirm it as well; ask eve\n"
    )  # fmt: skip
    assert company.rows(held.replace(":number", f"'{number}'")) == [(1,)]
    assert ruled("eve", "erp", "release", number, rules=rules).code == 0
    assert company.rows(held.replace(":number", f"'{number}'")) == [(0,)]


def test_who_asked_to_lift_a_hold_has_not_asked_to_lift_the_next_one(
    company: Company, ruled: Callable[..., Said]
) -> None:
    """The debt fell below the limit, and one person lifted it; months later the same words are entered again."""
    number = company.rows(
        "SELECT c.number FROM erp_customer c JOIN erp_order o ON o.customer_id = c.id "
        "WHERE o.status = 'confirmed' AND c.currency = 'PLN'"
    )[0][0]
    rules = ROLES.replace("[resolve, dismiss]", "[resolve, release]") + "approvals: {above: {PLN: %d}}\n"
    two, one = rules % 0, rules % 10**9
    company.ask("erp", "hold", number, "--why", "pays late")
    assert "takes two people" in ruled("ada", "erp", "release", number, rules=two).out
    assert "takes two people" not in ruled("eve", "erp", "release", number, rules=one).out
    company.ask("erp", "hold", number, "--why", "pays late")
    assert "takes two people" in ruled("eve", "erp", "release", number, rules=two).out
    assert ruled("ada", "erp", "release", number, rules=two).code == 0


def test_a_hold_is_lifted_only_by_who_may(company: Company, ruled: Callable[..., Said]) -> None:
    number = company.rows("SELECT number FROM erp_customer ORDER BY id")[0][0]
    company.ask("erp", "hold", number, "--why", "the bank asked")
    refused = ruled("ada", "erp", "release", number)
    assert (refused.code, refused.err.splitlines()[-1]) == (
        1, "cli:ada: may not release; give 'release' to a role in isthmus.yaml"
    )  # fmt: skip
    rules = ROLES.replace("[resolve, dismiss]", "[resolve, release]")
    assert "--as" in ruled("tom", "erp", "release", number, "--as", "ada", rules=rules).err
    assert ruled("ada", "erp", "release", number, rules=rules).code == 0


def test_a_retry_says_what_it_left_out_because_it_is_running(company: Company) -> None:
    engine = engine_for(f"sqlite:///{company.folder}/var/isthmus.db")
    with writing(engine) as connection:
        item = Item("801A", "refused", Fault("order 801A", "is refused", "wait"), "face")
        worklist.put(connection, Lane("order", "crm"), [item], now="2026-11-23T08:00:00Z")
    held = leases.take(engine, "order")
    assert isinstance(held, leases.Lease)
    said = company.say("worklist", "retry").out
    assert "left out, because it is running: order; say it again then" in said
    assert "nothing to retry" not in said
    leases.release(engine, held)
    said = company.say("worklist", "retry").out
    assert "due with the next run; now: isthmus sync order" in said
    assert "left out" not in said
    with writing(engine) as connection:
        worklist.remove(connection, Lane("order", "crm"), ["801A"])
    engine.dispose()
