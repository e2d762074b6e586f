"""Does a change get noticed, whoever made it and however late it was committed?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from connectors.tryton import reading
from isthmus.kernel.clock import format_stamp
from isthmus.kernel.selection import Selection
from tests.tryton.erp import Erp, customer, quote

NONE = timedelta(0)


def moved(erp: Erp, stream: str, since: str, **extra: Any) -> set[str]:
    """Ids of what is read since a position; without an overlap of any length."""
    connector = erp.connect()
    config = dataclasses.replace(connector.config, overlap=extra.get("overlap", timedelta(seconds=2)))
    connector.rpc.config = config
    return {record.id for page in connector.read(Selection(stream, ()), since, NONE) for record in page.records}


def mark(erp: Erp, stream: str) -> str:
    """The watermark after everything so far; a moment later than all of it."""
    pages = list(erp.connector.read(Selection(stream, ()), None, NONE))
    return str(pages[-1].complete_to)


def age(erp: Erp, *tables: str) -> None:
    """Lets everything be two days old, so that only what moves now is new."""
    with psycopg.connect(url(erp), autocommit=True) as database:
        for table in tables:
            for column in ("create_date", "write_date"):
                database.execute(f"UPDATE {table} SET {column} = {column} - interval '2 days'".encode())


def url(erp: Erp) -> str:
    return str(urlsplit(erp.postgres.server.get_uri())._replace(path=f"/{erp.database}").geturl())


PARTY_TABLES = ("party_party", "party_address", "party_contact_mechanism", "party_identifier")


@pytest.mark.parametrize(
    "edit",
    [
        lambda clerk, party: clerk.call("model.party.party.write", [party], {"name": "Another Ltd"}),
        lambda clerk, party: clerk.call("model.party.address.write", child(clerk, "address", party), {"city": "Ulm"}),
        lambda clerk, party: clerk.call(
            "model.party.contact_mechanism.write", child(clerk, "contact_mechanism", party), {"value": "b@b.example"}
        ),
        lambda clerk, party: clerk.call(
            "model.party.contact_mechanism.create", [{"party": party, "type": "phone", "value": "+1 9"}]
        ),
        lambda clerk, party: clerk.call("model.party.identifier.create", [{"party": party, "code": "X 1"}]),
    ],
    ids=["party", "address", "mechanism", "new mechanism", "new identifier"],
)
def test_a_customer_moves_with_whatever_belongs_to_it(erp: Erp, edit: Callable[[Any, int], Any]) -> None:
    party, _other = erp.customer(phone=None), erp.customer()
    age(erp, *PARTY_TABLES)
    since = mark(erp, "customer")
    edit(erp.clerk, int(party))
    assert moved(erp, "customer", since) == {party}
    assert erp.one("customer", party).by_us is False


def child(clerk: Any, model: str, party: int) -> list[int]:
    found: list[int] = clerk.call(f"model.party.{model}.search", [["party", "=", party]], 0, 1)
    return found


def test_a_product_moves_with_its_template_and_its_prices(erp: Erp) -> None:
    item, _other = erp.product(), erp.product()
    calls: tuple[tuple[str, Any], ...] = (
        ("model.product.template.write", ([template(erp, item)], {"name": "Other"})),
        ("model.product.price_list.create", ([price_list(item)],)),
    )
    for method, parameters in calls:
        age(erp, "product_product", "product_template", "product_price_list_line")
        since = mark(erp, "product")
        erp.clerk.call(method, *parameters)
        assert moved(erp, "product", since) == {item}


def template(erp: Erp, item: str) -> int:
    return int(erp.clerk.read("product.product", [int(item)], ["template"])[int(item)]["template"])


def price_list(item: str) -> dict[str, Any]:
    lines = [["create", [{"product": int(item), "formula": "7"}]]]
    return {"name": "Friends", "unit": "product_default", "price": "list_price", "lines": lines}


def test_a_shipment_moves_with_its_goods(erp: Erp) -> None:
    party, item = erp.customer(), erp.product()
    shipment, _other = (erp.desk.shipments(int(erp.order(party, item, quantity="5")))[0] for _ in range(2))
    age(erp, "stock_shipment_out", "stock_move")
    since = mark(erp, "shipment")
    erp.desk.pick_less(shipment, Decimal(4))
    assert moved(erp, "shipment", since) == {str(shipment)}


def test_credit_moves_with_the_party_s_open_items_though_the_party_does_not(erp: Erp) -> None:
    party, other = erp.customer(), erp.customer()
    erp.owes(other, "5.00", erp.day(-40))
    age(erp, *PARTY_TABLES, "account_move", "account_move_line", "sale_sale")
    since = mark(erp, "credit_status")
    erp.owes(party, "70.00", erp.day(3))
    assert party in moved(erp, "credit_status", since)
    assert other not in moved(erp, "credit_status", since)
    assert party not in moved(erp, "customer", since)


@pytest.mark.parametrize(
    ("due_days_ago", "news"), [(1, True), (31, True), (61, True), (91, True), (3, False), (-1, False)]
)
def test_credit_moves_with_the_day(erp: Erp, due_days_ago: int, news: bool) -> None:
    party = erp.customer()
    now = erp.connector.rpc.server_time()
    erp.owes(party, "70.00", (erp.connector.rpc.day_of(now) - timedelta(days=due_days_ago)).isoformat())
    age(erp, *PARTY_TABLES, "account_move", "account_move_line", "sale_sale")
    assert (party in moved(erp, "credit_status", format_stamp(now - timedelta(days=1)))) is news


def test_what_was_committed_late_has_an_old_stamp_and_only_the_overlap_finds_it(erp: Erp) -> None:
    party = erp.customer()
    age(erp, *PARTY_TABLES)
    with psycopg.connect(url(erp)) as slow:  # a transaction that began two minutes ago, and is not over
        sql = "UPDATE party_party SET name = 'Late Ltd', write_date = now() - interval '2 minutes' WHERE id = %s"
        slow.execute(sql.encode(), (int(party),))
        since = mark(erp, "customer")
        assert erp.one("customer", party).fields["name"] != "Late Ltd"
        slow.commit()
    assert moved(erp, "customer", since) == set(), "so this is what the overlap is for"
    assert moved(erp, "customer", since, overlap=erp.connector.config.overlap) == {party}


def test_many_pages_lose_nothing_and_resume_anywhere(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages end within equal stamps: five customers are written together."""
    monkeypatch.setattr(reading, "PAGE", 3)
    age(erp, *PARTY_TABLES)
    since, selection, connector = mark(erp, "customer"), Selection("customer", ()), erp.connect()
    connector.rpc.config = dataclasses.replace(connector.config, overlap=NONE)
    writes = [erp.write("customer", *(customer(f"Page {page} {number}") for number in range(5))) for page in range(2)]
    pages = list(connector.read(selection, since, NONE))
    seen = [record.id for page in pages for record in page.records]
    assert sorted(seen) == sorted(str(answer.id) for answers in writes for answer in answers)
    assert [len(page.records) for page in pages] == [3, 3, 3, 1]
    for place, page in enumerate(pages):
        rest = {record.id for later in connector.read(selection, page.complete_to, NONE) for record in later.records}
        assert {record.id for later in pages[place + 1 :] for record in later.records} <= rest


def test_a_server_whose_clock_was_set_back_is_read_anew(erp: Erp) -> None:
    party = erp.customer()
    age(erp, *PARTY_TABLES)
    assert party in moved(erp, "customer", "2999-01-01T00:00:00.000000Z")


def test_a_deleted_sale_is_not_there(erp: Erp) -> None:
    [made] = erp.write("quote", quote(erp.customer(), erp.product()))
    erp.press("cancel", str(made.id))
    erp.clerk.call("model.sale.sale.delete", [int(str(made.id))])
    assert erp.connector.fetch(Selection("quote", ()), [str(made.id), "999999999", "not a number"]) == []
