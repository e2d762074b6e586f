"""Does the connector keep its word on a real Tryton, with and without the unique reference?"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.tryton.config import STANDARD
from isthmus.cli.tryton_server import REFERENCE
from isthmus.connect.protocol import Answer, Change
from isthmus.kernel.errors import Unavailable
from isthmus.kernel.records import Fields
from tests.tryton.erp import Erp, customer, line, order, price_line, product, quote, read, update

NONE = timedelta(0)


# --- what is written reads back -----------------------------------------------------------------------------------


def test_a_customer_reads_back_whole(erp: Erp) -> None:
    change = customer(
        tax_id="DE123456789", website="https://aurora.example", email="post@aurora.example",
        shipping={"street": "Quay 2", "city": "Ulm", "postal_code": "0701", "country": "NO"},
    )  # fmt: skip
    [answer] = erp.write("customer", change)
    shown = erp.one("customer", answer.id)
    assert {name: shown.fields[name] for name in change.fields} == change.fields
    assert shown.fields["number"] == change.key.rpartition("/")[2]
    assert shown.fields["active"] is True
    assert shown.by_us


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "Aurora Sp. z o.o."},
        {"tax_id": "PL9"},
        {"tax_id": None},
        {"terms": None},
        {"currency": "USD"},
        {"phone": None},
        {"phone": "+1 555 2"},
        {"billing": {"street": None, "city": "Bergen", "postal_code": "5003", "country": "NO"}},
        {"shipping": dict.fromkeys(("street", "city", "postal_code", "country"))},
        {"shipping": {"street": "Quay 3", "city": "Ulm", "postal_code": "1", "country": "DE"}},
        {"contact": {"first_name": "Bo", "last_name": "Birch", "email": None, "phone": "+1 555 3"}},
        {"contact": dict.fromkeys(("first_name", "last_name", "email", "phone"))},
    ],
    ids=lambda fields: f"{fields}"[:60],
)
def test_an_update_of_a_customer_changes_that_and_nothing_else(erp: Erp, fields: dict[str, Any]) -> None:
    change = customer(tax_id="DE1")
    [made] = erp.write("customer", change)
    before = erp.one("customer", made.id).fields
    [answer] = erp.write("customer", update(change, str(made.id), **fields))
    assert answer.result == "updated", answer
    after = erp.one("customer", made.id).fields
    assert after == {**before, **fields}


def test_a_product_reads_back_whole_and_its_prices_follow(erp: Erp) -> None:
    change = product()
    change.lines = [price_line(STANDARD, "19.99"), price_line("Partners", "17.125"),
                    price_line("Partners", "16", key="many", minimum_quantity=100),
                    price_line(STANDARD, "21.50", key="usd", currency="USD")]  # fmt: skip
    [answer] = erp.write("product", change)
    shown = erp.one("product", answer.id)
    assert {name: shown.fields[name] for name in change.fields} == change.fields
    assert shown.lines == priced(change)
    change.lines = [price_line(STANDARD, "20"), price_line("Partners", "18", active=False)]
    erp.write("product", update(change, str(answer.id), lines=change.lines))
    assert erp.one("product", answer.id).lines == priced(change)
    assert prices_to_sell_by(erp, str(answer.id)) == {STANDARD: Decimal(20), "Partners [inactive]": None}


def priced(change: Change) -> list[Fields]:
    """How the prices of a change read back."""
    return sorted(({"minimum_quantity": None, **line} for line in change.lines or ()), key=lambda one: str(one["key"]))


def prices_to_sell_by(erp: Erp, item: str) -> dict[str, Decimal | None]:
    """What Tryton itself asks for the product, by the price lists that it offers."""
    lists = erp.clerk.search_read("product.price_list", [["lines.product", "=", int(item)]], ["name"])
    told = {}
    for one in lists:
        rows = erp.clerk.call(
            "model.product.product.read", [int(item)], ["sale_price_uom"], context={"price_list": one["id"]}
        )
        told[one["name"]] = rows[0]["sale_price_uom"]
    return told


def test_a_clerk_s_own_prices_stay_and_ours_are_put_back(erp: Erp) -> None:
    change = product()
    change.lines = [price_line(STANDARD, "19.99"), price_line("Resellers", "17")]
    [made] = erp.write("product", change)
    lists = erp.clerk.search_read("product.price_list", [["name", "=", "Resellers"]], ["lines"])
    [ours] = lists[0]["lines"]
    erp.clerk.call("model.product.price_list.line.write", [ours], {"formula": "list_price * 0.5"})
    own = {"product": int(str(made.id)), "quantity": 5, "formula": "list_price * 0.9", "price_list": lists[0]["id"]}
    erp.clerk.call("model.product.price_list.line.create", [own])
    assert [one["key"] for one in erp.one("product", made.id).lines or ()] == [STANDARD]
    erp.write("product", update(change, str(made.id), lines=change.lines))
    assert erp.one("product", made.id).lines == priced(change)
    formulas = erp.clerk.search_read("product.price_list.line", [["price_list", "=", lists[0]["id"]]], ["formula"])
    assert sorted(one["formula"] for one in formulas) == ["17  # Resellers", "list_price * 0.9"]


def test_a_price_that_tryton_would_round_is_refused(erp: Erp) -> None:
    change = product()
    change.lines = [price_line(STANDARD, "19.99"), price_line("Partners", "17.12345")]
    [answer] = erp.write("product", change)
    assert answer.result == "refused"
    assert "the price 17.12345 in Partners has more decimals than Tryton keeps (4)" in str(answer.fault)


def test_an_order_is_confirmed_and_reads_back_whole(either: Erp) -> None:
    party, item = either.customer(), either.product()
    place = {"street": "Elsewhere 9", "city": "Ulm", "postal_code": "89073", "country": "DE"}
    change = order(
        party, item, quantity="3", price="19.99", freight=Decimal("12.50"), discount=Decimal(5), ship_to=place
    )
    [answer] = either.write("order", change)
    shown = either.one("order", answer.id)
    assert {name: shown.fields[name] for name in change.fields} == change.fields
    assert shown.lines == [{**one, "discount_percent": None, "amount": Decimal("59.97")} for one in change.lines or ()]
    money = {name: shown.fields[name] for name in ("net", "tax", "total")}
    assert money == {"net": Decimal("67.47"), "tax": Decimal("12.82"), "total": Decimal("80.29")}
    assert shown.fields["status"] == "confirmed"
    assert not any(shown.fields["bill_to"].values()), "the order names no place: it is the customer's usual one"
    sold = either.sale(str(answer.id), "state", "invoice_address.city")
    assert (sold["state"], sold["invoice_address."]["city"]) == ("processing", "Kiel")


def test_lines_come_to_the_cent_of_the_crm(erp: Erp) -> None:
    """Tryton knows no discount and rounds a half to the even cent: what falls short gets a line of its own."""
    change = order(erp.customer(), erp.product())
    item = (change.lines or [])[0]["product_id"]
    wanted = (("0.125", None, "0.13"), ("0.135", "0", "0.14"), ("-0.125", None, "-0.13"),
              ("19.99", "12.5", "17.49"), ("10.01", "50", "5.01"), ("0.145", None, "0.14"))  # fmt: skip
    change.lines = [
        {**line(item, "1", price), "discount_percent": percent and Decimal(percent), "amount": Decimal(amount)}
        for price, percent, amount in wanted
    ]
    [answer] = erp.write("order", change)
    shown = erp.one("order", answer.id)
    assert shown.fields["net"] == sum(Decimal(amount) for _, _, amount in wanted)
    assert shown.lines == [{**one, "discount_percent": one["discount_percent"] or None} for one in change.lines]
    assert erp.write("order", update(change, str(answer.id), lines=change.lines))[0].result == "updated"
    change.key, change.lines[0]["amount"] = f"{change.key[:-3]}BBB", Decimal("0.15")
    [answer] = erp.write("order", change)
    assert "comes to 0.13 EUR, and not to 0.15; correct quantity, price or amount in the CRM" in str(answer.fault)


def test_a_product_without_a_price_is_sold_at_that_of_its_order(erp: Erp) -> None:
    change = product()
    change.lines = None
    [made] = erp.write("product", change)
    sale_id = erp.order(erp.customer(), str(made.id), price="7.00")
    assert erp.one("order", sale_id).fields["net"] == 7


def test_a_quote_stays_a_quotation_is_edited_and_cancelled(either: Erp) -> None:
    change = quote(either.customer(), either.product())
    [answer] = either.write("quote", change)
    shown = either.one("quote", answer.id)
    assert {name: shown.fields[name] for name in change.fields} == change.fields
    assert shown.fields["status"] == "open"
    product_id = (change.lines or [])[0]["product_id"]
    either.write("quote", update(change, str(answer.id), lines=[line(product_id, "4", "5.5")], freight=Decimal(7)))
    edited = either.one("quote", answer.id)
    assert (edited.fields["net"], edited.fields["freight"]) == (Decimal(29), Decimal(7))
    assert edited.fields["number"] == shown.fields["number"]
    [gone] = either.write("quote", Change("withdraw", change.key, {}, id=answer.id, how="cancel"))
    assert (gone.result, either.one("quote", answer.id).fields["status"]) == ("withdrawn", "cancelled")
    [back] = either.write("quote", Change("reopen", change.key, {}, id=answer.id))
    assert (back.result, either.one("quote", answer.id).fields["status"]) == ("updated", "open")


def test_an_order_names_its_quote(erp: Erp) -> None:
    party, item = erp.customer(), erp.product()
    [asked] = erp.write("quote", quote(party, item))
    bought = erp.order(party, item, quote_id=str(asked.id))
    assert erp.one("order", bought).fields["quote_id"] == asked.id
    assert erp.sale(bought, "origin")["origin"] == f"sale.sale,{asked.id}"


def test_a_line_without_a_price_is_priced_by_tryton(erp: Erp) -> None:
    party, item = erp.customer(currency="USD"), erp.product(price="100.00")
    [answer] = erp.write("order", order(party, item, price=None, currency="USD"))
    [shown] = erp.one("order", answer.id).lines or []
    assert shown["unit_price"] == Decimal("108.0000"), "list price at the day's rate of 1.08"


# --- once ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", ["order", "quote"])
def test_writing_a_sale_twice_is_writing_it_once(either: Erp, stream: str) -> None:
    write_twice(either, stream, sale(either, stream))


@pytest.mark.parametrize(("stream", "change"), [("customer", customer), ("product", product)])
def test_writing_twice_is_writing_once(erp: Erp, stream: str, change: Callable[[], Change]) -> None:
    write_twice(erp, stream, change())


def write_twice(erp: Erp, stream: str, change: Change) -> None:
    """Two processes write the same, and the key finds it."""
    first, second = erp.write(stream, change)[0], erp.connect().write(stream, [change])[0]
    assert (first.result, second.result) == ("created", "created")
    assert first.id == second.id
    assert erp.connector.find_keys(stream, [change.key, "nobody/knows/this000000000000000"]) == {change.key: first.id}


def sale(erp: Erp, stream: str) -> Change:
    return (order if stream == "order" else quote)(erp.customer(), erp.product())


def test_a_quote_is_no_order(either: Erp) -> None:
    party, item = either.customer(), either.product()
    [asked], [bought] = either.write("quote", quote(party, item)), either.write("order", order(party, item))
    quotes, orders = read(either, "quote")[0], read(either, "order")[0]
    assert str(asked.id) in quotes
    assert str(asked.id) not in orders
    assert str(bought.id) in orders
    assert str(bought.id) not in quotes


def test_tryton_itself_refuses_a_second_sale_of_a_reference_where_the_module_is(either: Erp) -> None:
    change = order(either.customer(), either.product())
    either.write("order", change)
    other = either.connect()
    assert other.capabilities.external_key == ("enforced" if either.template == REFERENCE else "looked_up")
    name = "isthmus_reference" if either.template == REFERENCE else "description"
    values = {"party": int(change.fields["customer_id"]), "company": 1, name: f"order:{change.key}"}
    if either.template == REFERENCE:
        with pytest.raises(Exception, match="reference of a sale must be unique"):
            either.clerk.call("model.sale.sale.create", [values])
    else:
        either.clerk.call("model.sale.sale.create", [values])
        assert len(either.connector.find_keys("order", [change.key])) == 1


@pytest.mark.parametrize("stream", ["customer", "order"])
def test_four_workers_that_enter_one_record_at_once_make_one(erp: Erp, stream: str) -> None:
    change = customer() if stream == "customer" else sale(erp, stream)
    connectors = [erp.connect() for _ in range(4)]
    for one in connectors:
        one.identity()  # logged in: they start together
    with ThreadPoolExecutor(4) as workers:
        told = list(workers.map(lambda one: one.write(stream, [change])[0], connectors))
    assert [answer.result for answer in told] == ["created"] * 4, told
    assert len({answer.id for answer in told}) == 1
    if stream == "order":
        made = erp.sale(str(told[0].id), "state", "invoices")
        assert (made["state"], len(made["invoices"])) == ("processing", 1)
        assert len(erp.one("order", told[0].id).lines or ()) == 1


def test_four_workers_at_once_confirm_within_the_limit(plain_erp: Erp) -> None:
    """Tryton locks whole tables for a limit, and answers whoever comes second with 503: that is tried again.

    A worker who never gets the lock stops, and the next run goes on: under the same key, so nothing is doubled.
    """
    erp = plain_erp
    party, item = erp.customer("Crowded Ltd"), erp.product()
    erp.limit(party, "50.00")
    changes = [order(party, item, quantity="1") for _ in range(8)]

    def enter(change: Change) -> Answer:
        for _ in range(10):
            with suppress(Unavailable):
                return connectors[changes.index(change) % 4].write("order", [change])[0]
        raise AssertionError("nobody ever got the lock")

    connectors = [erp.connect() for _ in range(4)]
    with ThreadPoolExecutor(4) as workers:
        told = list(workers.map(enter, changes))
    assert [answer.result for answer in told] == ["created"] * 8
    assert len({answer.id for answer in told}) == 8
    assert erp.count("sale.sale", ["party", "=", int(party)]) == 8
    # Not by status: whose answer was lost may be confirmed and still be on its way through Tryton's queue.
    states = [erp.sale(str(answer.id), "state")["state"] for answer in told]
    assert states.count("quotation") == 3, states
    assert erp.one("credit_status", party).fields["exposure"] == Decimal(50)


def test_a_short_id_is_no_code_by_itself(erp: Erp) -> None:
    change = customer()
    change.key = "portal-7/customer/17"
    [answer] = erp.write("customer", change)
    assert erp.one("customer", answer.id).fields["number"] == "portal-7/customer/17"


# --- one answer each ----------------------------------------------------------------------------------------------


def test_a_refusal_stops_no_neighbour(erp: Erp) -> None:
    changes = [customer(f"Number {number}") for number in range(9)]
    changes[2].fields["terms"] = "When it suits"
    changes[5].fields["billing"] = {"country": "XX"}
    answers = erp.connector.write("customer", changes)
    assert [answer.key for answer in answers] == [change.key for change in changes]
    assert [place for place, answer in enumerate(answers) if answer.result != "created"] == [2, 5]
    told = [str(answer.fault) for answer in answers if answer.fault]
    assert "Tryton has no payment term 'When it suits'; enter it in Tryton" in told[0]
    assert "Tryton has no country 'XX'" in told[1]


def test_a_bad_sale_in_a_batch_is_found_and_leaves_nothing_behind(erp: Erp) -> None:
    party, item = erp.customer(), erp.product()
    changes = [order(party, item) for _ in range(8)]
    changes[3].lines = [line(item, "1", "9.12345")]
    changes[6].lines = [line(item, "1.5", "9")]
    before = erp.count("sale.sale")
    answers = erp.connector.write("order", changes)
    assert [place for place, answer in enumerate(answers) if answer.result != "created"] == [3, 6]
    assert "Tryton keeps four decimals of a price; correct the price" in str(answers[3].fault)
    assert "Tryton counts this unit in whole pieces" in str(answers[6].fault)
    assert erp.count("sale.sale") == before + 6


def test_what_cannot_be_confirmed_is_taken_back(erp: Erp) -> None:
    erp.clerk.call("model.currency.currency.create", [{"name": "Rand", "code": "ZAR", "symbol": "R", "digits": 2}])
    change = order(erp.customer(), erp.product(), currency="ZAR")
    before = erp.count("sale.sale")
    [answer] = erp.write("order", change)
    assert answer.result == "refused"
    assert "No rate found" in str(answer.fault)
    assert "enter the currency's rate in Tryton" in str(answer.fault)
    assert erp.count("sale.sale") == before
    assert erp.connector.find_keys("order", [change.key]) == {}


# --- past being edited --------------------------------------------------------------------------------------------


def test_a_processed_order_takes_its_reference_and_nothing_else(erp: Erp) -> None:
    change = order(erp.customer(), erp.product())
    [made] = erp.write("order", change)
    [told] = erp.write("order", update(change, str(made.id), customer_reference="PO-2"))
    assert (told.result, erp.one("order", made.id).fields["customer_reference"]) == ("updated", "PO-2")
    [told] = erp.write("order", update(change, str(made.id), **change.fields, lines=change.lines))
    assert told.result == "updated", "all fields of a forced repair, and only the reference differs"
    [told] = erp.write("order", update(change, str(made.id), freight=Decimal(1), lines=[line("1", "1", "1")]))
    assert told.result == "refused"
    assert "freight, lines changed, but Tryton has it as processing, past being edited" in str(told.fault)
    [told] = erp.write("order", Change("withdraw", change.key, {}, id=made.id, how="cancel"))
    assert told.result == "refused"
    assert "in another state by now" in str(told.fault)


def test_a_shared_row_expects_its_version(erp: Erp) -> None:
    change = order(erp.customer(), erp.product())
    [made] = erp.write("order", change)
    seen = erp.one("order", made.id).version
    erp.clerk.call("model.sale.sale.write", [int(str(made.id))], {"comment": "the clerk was here"})
    late = Change("update", change.key, {"customer_reference": "PO-9"}, None, made.id, expects=seen)
    assert erp.write("order", late)[0].result == "moved"
    assert erp.one("order", made.id).fields["customer_reference"] == "PO-1"
    fresh = Change(
        "update", change.key, {"customer_reference": "PO-9"}, None, made.id, erp.one("order", made.id).version
    )
    assert erp.write("order", fresh)[0].result == "updated"


def test_deactivated_and_reopened(erp: Erp) -> None:
    for stream, change in (("customer", customer()), ("product", product())):
        [made] = erp.write(stream, change)
        [gone] = erp.write(stream, Change("withdraw", change.key, {}, id=made.id, how="deactivate"))
        assert (gone.result, erp.one(stream, made.id).fields["active"]) == ("withdrawn", False)
        [back] = erp.write(stream, Change("reopen", change.key, {}, id=made.id))
        assert (back.result, erp.one(stream, made.id).fields["active"]) == ("updated", True)
