"""Do amounts add up, whatever is sold and however it is invoiced? Which price does a buyer pay?"""

from __future__ import annotations

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from isthmus.db import reading
from isthmus.erp.pricing import Tax, part_of, price, tax_on
from isthmus.erp.products import PriceLists
from isthmus.kernel.errors import Refused
from tests.erp.conftest import World

LINE = st.fixed_dictionaries(
    {
        "product_id": st.just(1),
        "quantity_micros": st.integers(1, 10**12),
        "unit_price_micros": st.integers(0, 10**10),
        "discount_percent_micros": st.integers(0, 100_000_000),
    }
)
TAX = Tax("DE-standard", 19_000_000)


@given(st.lists(LINE, min_size=1, max_size=8), st.integers(0, 100), st.integers(0, 10**9), st.sampled_from("EJK"))
def test_a_document_is_the_sum_of_its_parts(
    lines: list[dict[str, int]], percent: int, freight: int, currency: str
) -> None:
    header = {"currency": {"E": "EUR", "J": "JPY", "K": "KWD"}[currency], "discount_minor": 0, "freight_minor": freight}
    try:
        price(lines, header, lambda _: TAX)
        header["discount_minor"] = sum(line["amount_minor"] for line in lines) * percent // 100
        sums = price(lines, header, lambda _: TAX)
    except Refused:
        reject()  # too great for any document
    assert sum(line["discount_share_minor"] for line in lines) == header["discount_minor"]
    assert all(0 <= line["discount_share_minor"] <= line["amount_minor"] for line in lines)
    net = sum(line["amount_minor"] - line["discount_share_minor"] for line in lines) + freight
    assert sums.tax_minor == sum(line["tax_minor"] for line in lines) + sums.freight_tax_minor
    assert sums.total_minor == net + sums.tax_minor


@given(st.integers(0, 10**12), st.lists(st.integers(1, 10**9), min_size=1, max_size=9))
def test_the_parts_of_a_line_are_exactly_the_line(amount: int, quantities: list[int]) -> None:
    whole, done, parts = sum(quantities), 0, []
    for quantity in quantities:
        parts.append(part_of(amount, done_micros=done, more_micros=quantity, of_micros=whole))
        done += quantity
    assert sum(parts) == amount
    assert min(parts) >= 0


def test_tax_is_rounded_half_up() -> None:
    assert [tax_on(net, Tax("x", 50_000_000)) for net in (1, 2, 3)] == [1, 1, 2]


def test_a_discount_on_nothing_is_refused() -> None:
    line = {"product_id": 1, "quantity_micros": 1, "unit_price_micros": 0, "discount_percent_micros": 0}
    with pytest.raises(Refused, match="more than the lines"):
        price([line], {"currency": "EUR", "discount_minor": 1, "freight_minor": 0}, lambda _: TAX)


def test_the_highest_step_reached_then_the_latest_day_decides_the_price(world: World) -> None:
    def entry(key: str, least: int, cents: int, valid_from: str | None = None, **rest: object) -> dict[str, object]:
        fields = {"key": key, "price_list": "Standard", "currency": "EUR", "minimum_quantity": least * 1_000_000}
        return {**fields, "unit_price": cents * 10_000, "valid_from": valid_from, **rest}

    prices = [
        entry("a", 1, 1000),
        entry("b", 1, 900, "2026-06-01"),
        entry("c", 10, 800),
        entry("d", 10, 700, "2027-01-01"),
        entry("e", 10, 100, active=False),
        entry("f", 1, 50, currency="USD"),
        entry("g", 1, 750, price_list="Partners"),
    ]
    product = world.create("product", {"name": "Nut"}, prices)
    expected = {(1, "2026-01-01"): 1000, (9, "2026-06-01"): 900, (10, "2026-06-01"): 800, (99, "2027-01-01"): 700}
    with reading(world.engine) as connection:
        lists = PriceLists(connection, [int(str(product.id))])
    for (quantity, day), cents in expected.items():
        micros = quantity * 1_000_000
        standard = lists.price(1, currency="EUR", quantity_micros=micros, day=day, price_list="Standard")
        dearest = lists.price(1, currency="EUR", quantity_micros=micros, day=day)
        assert (standard, dearest) == (cents * 10_000, max(cents, 750) * 10_000)
    assert lists.price(1, currency="EUR", quantity_micros=10**6, day="2027-01-01", price_list="Other") is None
