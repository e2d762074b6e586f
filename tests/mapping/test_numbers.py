"""Do amounts, dates and ids become exactly what they are, or a fault?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from isthmus.mapping.values import read_datetime, read_integer
from tests.mapping.orders import compiled, faults, read

FREIGHT = "freight: {crm: Freight, erp: freight, as: money}"
NUMBERS = [
    ("EUR", Decimal("12.34"), 1234), ("EUR", Decimal("12.340"), 1234), ("EUR", "12.34", 1234), ("EUR", 12, 1200),
    ("JPY", Decimal("12.0"), 12), ("KWD", Decimal("1.234"), 1234), ("EUR", Decimal("-0.01"), -1), ("EUR", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("currency", "value", "minor"), NUMBERS)
def test_money_becomes_minor_units_of_the_currency(currency: str, value: Any, minor: int | None) -> None:
    mapping = compiled(FREIGHT)
    form = read(mapping, {"Currency": currency, "Freight": value})
    assert form == {"currency": currency, "freight": minor}
    assert mapping.to_fields("erp", form)[0]["freight"] == minor
    assert read(mapping, {"currency": currency, "freight": minor}, side="erp") == form


BAD_NUMBERS = [
    (
        {"Currency": "EUR", "Freight": Decimal("0.005")},
        "freight: 0.005 has more decimals than EUR (2); correct the CRM",
    ),
    ({"Currency": "EUR", "Freight": "1_0"}, "freight: '1_0' is not a decimal number; correct the CRM"),
    ({"Currency": "EUR", "Freight": "١٢"}, "freight: '١٢' is not a decimal number; correct the CRM"),
    ({"Currency": "EUR", "Freight": 1.5}, "freight: 1.5 is not a decimal number; correct the CRM"),
    ({"Currency": "EUR", "Freight": Decimal("NaN")}, "freight: NaN is not a number; correct the CRM"),
    (
        {"Currency": "EUR", "Freight": Decimal("1e30")},
        "freight: 1.000000E+30 is too great; correct the CRM",
    ),
    ({"Currency": "EUR", "Freight": Decimal("1e999999")}, "freight: 1.000000E+999999 is too great; correct the CRM"),
    ({"Freight": 1}, "freight: is an amount without a currency; fill the currency in the CRM"),
    ({"Currency": None, "Freight": 1}, "freight: is an amount without a currency; fill the currency in the CRM"),
    (
        {"Currency": "XTS", "Freight": 1},
        "currency: 'XTS' is not an ISO 4217 currency; correct the CRM or add it to 'values'",
    ),
]


@pytest.mark.parametrize(("fields", "fault"), BAD_NUMBERS, ids=range(len(BAD_NUMBERS)))
def test_a_number_that_does_not_fit_is_a_fault_and_never_rounded(fields: dict[str, Any], fault: str) -> None:
    assert faults(compiled(FREIGHT), fields) == [fault]


def test_an_amount_of_the_erp_must_be_whole() -> None:
    fault = "freight: 12.5 is not an amount in whole units; correct the ERP"
    assert faults(compiled(FREIGHT), {"currency": "EUR", "freight": Decimal("12.5")}, side="erp") == [fault]


DAYS = [
    ("2026-11-22", "2026-11-22"),
    ("2026-11-22T23:30:00.000+0000", "2026-11-23"),  # already the next day where the books are kept
    ("2026-11-22T23:30:00Z", "2026-11-23"),
    ("2026-10-25T00:30:00+02:00", "2026-10-25"),
    ("2026-11-22T23:30:00-05:00", "2026-11-23"),
]


@pytest.mark.parametrize(("value", "day"), DAYS)
def test_an_instant_becomes_the_business_day(value: str, day: str) -> None:
    assert read(compiled(), {"EffectiveDate": value}) == {"order_date": day}


@pytest.mark.parametrize("value", ["22.11.2026", "2026-02-30", "2026-11-22T10:00:00", "", 20261122, "0000-01-01"])
def test_what_is_no_date_is_refused(value: Any) -> None:
    (fault,) = faults(compiled(), {"EffectiveDate": value})
    assert fault.startswith("order_date: ")
    assert fault.endswith("is not a date; write it as 2026-11-22")


def test_ids_are_texts_and_must_be_filled_unless_the_row_says_otherwise() -> None:
    mapping = compiled("quote: {crm: QuoteId, erp: quote_id, refers_to: quote, required: false}")
    assert read(mapping, {"AccountId": "001", "QuoteId": None}) == {"customer": "001", "quote": None}
    assert read(mapping, {"customer_id": 17}, side="erp") == {"customer": "17"}
    assert faults(mapping, {"AccountId": None}) == ["customer: is empty; fill AccountId in the CRM"]
    assert faults(mapping, {"AccountId": ""}) == ["customer: is empty; fill AccountId in the CRM"]
    assert [(one.row, one.required, one.in_lines) for one in mapping.references] == [
        ("customer", True, False), ("quote", False, False), ("product", True, True),
    ]  # fmt: skip


@pytest.mark.parametrize(("value", "whole"), [(3, 3), (Decimal("3.0"), 3), ("12", 12), (-1, -1)])
def test_whole_numbers_may_come_with_zeros_behind_the_point(value: Any, whole: int) -> None:
    assert read_integer(value) == whole


@pytest.mark.parametrize("value", [Decimal("3.5"), "3.5", True, "x", 1.0, Decimal("1e30")])
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"is not a (whole |decimal )?number"):
        read_integer(value)


def test_an_instant_is_kept_in_utc() -> None:
    assert read_datetime("2026-11-22T19:15:00.000+0100") == "2026-11-22T18:15:00.000000Z"
    for wrong in ("2026-11-22", "2026-11-22T19:15:00", 5, None):
        with pytest.raises(ValueError, match="is not an instant"):
            read_datetime(wrong)
