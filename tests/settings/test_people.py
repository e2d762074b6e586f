"""Does `isthmus.yaml` say who may decide what, and is every slip told before somebody is kept out or let in by it?"""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.kernel.errors import Misconfigured, Refused
from isthmus.settings import Settings, load_settings, require
from isthmus.settings.people import money, same_person

RULES = """
roles:
  finance: [ada, "airflow:vera"]
  operations: tom
rights:
  finance: [resolve, dismiss, release]
  operations: [accept, pause]
approvals: {above: {EUR: 10000, JPY: 1500000}}
"""


def load(folder: Path, text: str) -> Settings:
    file = folder / "isthmus.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, {})


def test_without_roles_everyone_may_and_one_is_enough(tmp_path: Path) -> None:
    settings = load(tmp_path, "erp: builtin\n")
    for right in ("resolve", "dismiss", "accept", "release", "pause"):
        require(settings, "cli:anybody", right)
    assert settings.people.takes_two([(10**12, "EUR")]) is None


@pytest.mark.parametrize(
    ("who", "right", "may"),
    [
        ("cli:ada", "resolve", True),
        ("airflow:vera", "resolve", True),
        ("cli:tom", "accept", True),
        ("cli:vera", "resolve", False),  # known in Airflow is not known at the command line
        ("airflow:ada", "resolve", False),
        ("cli:tom", "resolve", False),
        ("cli:ada", "accept", False),
        ("cli:Ada", "resolve", False),
        ("", "resolve", False),
    ],
)
def test_a_right_is_a_roles_and_a_role_is_its_people(tmp_path: Path, who: str, right: str, may: bool) -> None:
    people = load(tmp_path, RULES).people
    assert people.may(who, right) is may


def test_a_refusal_names_those_who_may(tmp_path: Path) -> None:
    settings = load(tmp_path, RULES)
    with pytest.raises(Refused) as caught:
        require(settings, "cli:tom", "release")
    assert str(caught.value) == "cli:tom: may not release; ask airflow:vera or ada"


def test_a_right_that_nobody_has_says_how_to_give_it(tmp_path: Path) -> None:
    settings = load(tmp_path, "roles: {finance: ada}\nrights: {finance: resolve}\n")
    with pytest.raises(Refused, match=r"may not pause; give 'pause' to a role in isthmus.yaml"):
        require(settings, "cli:ada", "pause")


@pytest.mark.parametrize(
    ("amount_minor", "currency", "takes_two"),
    [(1_000_000, "EUR", False), (1_000_001, "EUR", True), (-1_000_001, "EUR", True), (1_500_000, "JPY", False),
     (1_500_001, "JPY", True), (0, "USD", True)],
)  # fmt: skip
def test_two_people_decide_above_the_limit_of_the_currency_and_in_one_without_a_limit(
    tmp_path: Path, amount_minor: int, currency: str, takes_two: bool
) -> None:
    people = load(tmp_path, RULES).people
    assert (people.takes_two([(amount_minor, currency)]) is not None) is takes_two


def test_a_record_without_an_amount_is_decided_by_one(tmp_path: Path) -> None:
    assert load(tmp_path, RULES).people.takes_two([]) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("cli:ada", "cli:ada", True),
        ("cli:ada", "airflow:ada", True),
        ("cli:ada", "airflow:Ada", True),
        ("cli:ada", "cli:tom", False),
        ("cli:ada", "other:ada", False),
    ],
)
def test_one_person_stays_one_through_every_door(one: str, other: str, same: bool) -> None:
    assert same_person(one, other) is same


def test_money_is_told_as_people_write_it() -> None:
    assert [money(1_200_000, "EUR"), money(1500, "JPY")] == ["12,000.00 EUR", "1,500 JPY"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("roles: {finance: [ada]}\n", "isthmus.yaml:1:8: nobody may do anything: rights are missing; "),
        ("rights: {finance: [resolve]}\n", "isthmus.yaml:1:10: role 'finance' has no people; name them under roles"),
        (
            "roles: {finance: ada}\nrights: {finanse: resolve}\n",
            "isthmus.yaml:2:10: unknown role 'finanse'; did you mean 'finance'?",
        ),
        (
            "roles: {finance: ada}\nrights: {finance: [resolv]}\n",
            "isthmus.yaml:2:20: unknown right 'resolv'; did you mean 'resolve'?",
        ),
        (
            "roles: {finance: ada}\nrights: {finance: [fly]}\n",
            "isthmus.yaml:2:20: unknown right 'fly'; known rights: resolve, dismiss, accept, release, pause",
        ),
        (
            "roles: {finance: ['aiflow:ada']}\nrights: {finance: resolve}\n",
            "isthmus.yaml:1:19: 'aiflow:ada' is no name that Isthmus knows people by; write ada, or airflow:ada",
        ),
        (
            "roles: {finance: ['airflow:']}\nrights: {finance: resolve}\n",
            "isthmus.yaml:1:19: 'airflow:' is no name that Isthmus knows people by; write ada, or airflow:ada",
        ),
        (
            "roles: {finance: ada, finance: tom}\nrights: {finance: resolve}\n",
            "isthmus.yaml:1:23: 'finance' is said twice; keep one of the two",
        ),
        ("roles: {finance: [~]}\nrights: {finance: resolve}\n", "isthmus.yaml:1:19: finance has no value; "),
        ("roles: [ada]\nrights: {}\n", "isthmus.yaml:1:8: roles is not a list of 'key: value' lines; write one"),
        ("approvals: {}\n", "isthmus.yaml:1:12: approvals say no amount; write approvals: {above: {EUR: 10000}}"),
        ("approvals: {abov: 1}\n", "isthmus.yaml:1:13: unknown key 'abov'; did you mean 'above'?"),
        ("approvals: {above: {EURO: 1}}\n", "isthmus.yaml:1:21: unknown currency 'EURO'; did you mean 'EUR'?"),
        ("approvals: {above: {EUR: 1.005}}\n", "isthmus.yaml:1:26: EUR: 1.005 has more decimals than EUR (2); write"),
        (
            "approvals: {above: {EUR: much}}\n",
            "isthmus.yaml:1:26: EUR: 'much' is not a decimal number; write an amount",
        ),
        ("approvals: {above: {EUR: -1}}\n", "isthmus.yaml:1:26: EUR: -1 is less than nothing; write zero or more"),
    ],
)
def test_a_slip_is_told_with_its_place_and_its_remedy(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path, text)
    told = [str(one) for one in caught.value.faults]
    assert any(one.startswith(fault) for one in told), told
