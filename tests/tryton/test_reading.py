"""Is what is read, counted and added up over Tryton's API what is there, and no more than was asked for?"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.tryton import measuring
from isthmus.connect.protocol import Measure
from isthmus.kernel.errors import Misconfigured, Refused
from isthmus.kernel.records import Record, match_text
from isthmus.kernel.selection import Selection, Term
from tests.tryton.erp import Erp, quote, read

NONE = timedelta(0)


def test_a_first_read_keeps_to_the_filter_and_a_later_one_does_not(erp: Erp) -> None:
    erp.customer("Filtered Ltd")
    where = (Term("name", "in", ("Filtered Ltd",)),)
    first = list(erp.connector.read(Selection("customer", (), where=where), None, NONE))
    assert {record.fields["name"] for page in first for record in page.records} == {"Filtered Ltd"}
    erp.customer("Another Ltd")
    later = list(erp.connector.read(Selection("customer", (), where=where), first[-1].complete_to, NONE))
    assert "Another Ltd" in {record.fields["name"] for page in later for record in page.records}


def test_what_nobody_asks_for_is_not_read(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tryton works amounts out when they are asked for: a thousand sales take it seconds."""
    sold = erp.order(erp.customer(), erp.product())
    asked: list[str] = []
    send = erp.connector.rpc._send

    def tap(method: str, parameters: list[Any]) -> Any:
        if method == "model.sale.sale.search_read":
            asked.extend(parameters[4])
        return send(method, parameters)

    monkeypatch.setattr(erp.connector.rpc, "_send", tap)
    [lean] = erp.connector.fetch(Selection("order", ("customer_id", "bill_to.city")), [sold])
    whole = erp.one("order", sold)
    assert lean.fields == {name: whole.fields[name] for name in ("id", "customer_id", "bill_to")}
    assert (lean.lines, lean.version) == (None, whole.version)
    lean_columns = asked[: asked.index("number", 1)]
    assert [one for one in lean_columns if "amount" in one or "lines.product" in one or "shipment_address" in one] == []
    assert "total_amount" in asked


def test_what_is_counted_and_added_up_is_what_is_read(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "PAGE", 2)
    party, item = erp.customer(), erp.product()
    erp.write("quote", *(quote(party, item, currency=currency) for currency in ("EUR", "USD", "EUR")))
    invoice = erp.bill(erp.order(party, item))
    erp.order(party, item, currency="USD", order_date=erp.day(-45))
    erp.pay(invoice, "1.00")
    asks = {
        "customer": Measure(),
        "order": Measure("total", "currency", "order_date"),
        "quote": Measure("net"),
        "invoice": Measure("outstanding", "currency", where=(Term("kind", "in", ("invoice",)),)),
        "payment": Measure("amount", "currency", "payment_date"),
    }
    for stream, ask in asks.items():
        found = {(one.currency, one.month): (one.count, one.sum) for one in erp.connector.measure(stream, ask)}
        assert found == added_up(read(erp, stream)[0], ask), stream


def added_up(records: dict[str, Record], ask: Measure) -> dict[tuple[Any, Any], tuple[int, Decimal | None]]:
    """What the records themselves come to."""
    found: dict[tuple[Any, Any], tuple[int, Any]] = {}
    for told in (record.fields for record in records.values() if not record.deleted):
        if all(told[term.field] in term.values for term in ask.where):
            cell = (ask.currency and told[ask.currency], ask.day and told[ask.day][:7])
            count, total = found.get(cell, (0, 0))
            found[cell] = (count + 1, total + told[ask.amount] if ask.amount else None)
    return found


def test_what_cannot_be_added_up_is_refused(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    erp.customer()
    monkeypatch.setattr(measuring, "MOST", 0)
    with pytest.raises(Refused, match=r"records, and Tryton adds nothing up by itself: .*; they are read instead"):
        erp.connector.measure("customer", Measure(None, "currency"))
    with pytest.raises(Misconfigured, match="name is no amount; correct the mapping"):
        erp.connector.measure("customer", Measure("name"))


def test_candidates_are_found_whatever_case_and_blanks(erp: Erp) -> None:
    party = erp.customer("Grüne  Straße GmbH", tax_id="ATU77")
    for fields, value in ((("name",), ("grüne strasse gmbh",)), (("tax_id",), ("atu77",))):
        assert party in {one.id for one in erp.connector.find("customer", fields, [value])}
    with pytest.raises(Misconfigured, match="cannot be searched by 'phone'"):
        erp.connector.find("customer", ("phone",), [("1",)])


@pytest.mark.parametrize(
    "spelled", ["ＷＩＤＥ　Ｌａｍｐｓ　２", "ｗｉｄｅ ｌａｍｐｓ ２", "Ｗｉｄｅ株式会社", "O\ufb03ce Lamps"]
)
def test_candidates_are_found_in_full_width_as_well(erp: Erp, spelled: str) -> None:
    party = erp.customer(spelled)
    assert party in {one.id for one in erp.connector.find("customer", ("name",), [(match_text(spelled),)])}


def test_a_merged_party_names_the_one_that_stays(erp: Erp) -> None:
    stays, goes = erp.customer("Twice Ltd"), erp.customer("Twice Ltd")
    erp.merge(stays, goes)
    gone = erp.one("customer", goes)
    assert (gone.deleted, gone.merged_into) == (True, stays)
