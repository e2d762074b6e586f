"""When are people called, and does what they are told hold nothing personal?"""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.kernel.errors import Misconfigured
from isthmus.settings import Alerts, load_settings


def load(folder: Path, text: str) -> Alerts:
    file = folder / "isthmus.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, {}).alerts


def test_nothing_said_is_one_day_and_no_amount(tmp_path: Path) -> None:
    assert load(tmp_path, "erp: builtin\n") == Alerts(1, {}, {})


def test_everything_can_be_said(tmp_path: Path) -> None:
    text = "alerts: {older_than_days: 6, above: {EUR: 99.50}, notifiers: {mail.Notifier: {to: finance@example.com}}}\n"
    assert load(tmp_path, text) == Alerts(6, {"EUR": 9950}, {"mail.Notifier": {"to": "finance@example.com"}})


@pytest.mark.parametrize(
    ("differences", "told"),
    [
        ([], []),
        ([(500, "EUR", 2)], []),
        ([(500, "EUR", 3)], ["1 of the differences are older than 2 days, the oldest 3 days"]),
        ([(0, None, 9), (0, None, 3)], ["2 of the differences are older than 2 days, the oldest 9 days"]),
        ([(9900, "EUR", 0)], []),
        ([(9900, "EUR", 0), (1, "EUR", 0)], ["99.01 EUR are at stake, more than 99.00 EUR"]),
        ([(-9901, "EUR", 0)], ["99.01 EUR are at stake, more than 99.00 EUR"]),
        ([(9901, "EUR", 0), (-9901, "EUR", 0)], ["198.02 EUR are at stake, more than 99.00 EUR"]),
        ([(10**9, "USD", 0)], []),
        (
            [(10**9, "JPY", 3), (9901, "EUR", 0)],
            [
                "1 of the differences are older than 2 days, the oldest 3 days",
                "99.01 EUR are at stake, more than 99.00 EUR",
                "1,000,000,000 JPY are at stake, more than 0 JPY",
            ],
        ),
    ],
)
def test_age_counts_for_each_difference_and_money_for_all_together(
    differences: list[tuple[int, str | None, int]], told: list[str]
) -> None:
    assert Alerts(2, {"EUR": 9900, "JPY": 0}).beyond(differences) == told


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("alerts: {older_than_days: -1}\n", "isthmus.yaml:1:27: older_than_days: '-1' is not a whole number from 0"),
        ("alerts: {notifers: {}}\n", "isthmus.yaml:1:10: unknown key 'notifers'; did you mean 'notifiers'?"),
        ("alerts: {notifiers: {mail: {}}}\n", "isthmus.yaml:1:22: 'mail' is no class; write its whole name, such as"),
        ("alerts: {notifiers: {a.B: {to: ~}}}\n", "isthmus.yaml:1:32: to has no value; write one, or leave"),
        ("alerts: {notifiers: {a.B: x}}\n", "isthmus.yaml:1:27: a.B is not a list of 'key: value' lines; write one"),
    ],
)
def test_a_slip_is_told_with_its_place_and_its_remedy(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path, text)
    (told,) = [str(one) for one in caught.value.faults]
    assert told.startswith(fault), told
