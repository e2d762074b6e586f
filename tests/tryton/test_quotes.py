"""Does a quote say that an order names it, and can an order still name one that came late?"""

from __future__ import annotations

from tests.tryton.erp import Erp, order, quote, update
from tests.tryton.test_changes import age, mark, moved


def entered(erp: Erp, party: str, item: str) -> str:
    [answer] = erp.write("quote", quote(party, item))
    return str(answer.id)


def test_a_quote_is_accepted_as_long_as_a_live_order_names_it(erp: Erp) -> None:
    party, item = erp.customer(), erp.product()
    chosen, other = entered(erp, party, item), entered(erp, party, item)
    erp.limit(party, "0")  # the order waits as a quotation, which a clerk may still cancel
    age(erp, "sale_sale", "sale_line")
    since = mark(erp, "quote")
    sale = erp.order(party, item, quote_id=chosen)
    assert moved(erp, "quote", since) == {chosen}
    assert [erp.one("quote", one).fields["status"] for one in (chosen, other)] == ["accepted", "open"]
    erp.press("cancel", sale)
    assert erp.one("quote", chosen).fields["status"] == "open"


def test_a_quote_that_comes_after_its_order_is_named_late_or_a_person_is_asked(either: Erp) -> None:
    """Tryton takes a sale's origin in drafts only; with our module, an empty one may still be filled."""
    party, item = either.customer(), either.product()
    sold = order(party, item)
    [made] = either.write("order", sold)
    late = entered(either, party, item)
    [told] = either.write("order", update(sold, str(made.id), quote_id=late, customer_reference="PO-2"))
    shown = either.one("order", made.id).fields
    if "reference" in either.extra:
        assert (told.result, shown["quote_id"], shown["customer_reference"]) == ("updated", late, "PO-2")
        assert either.one("quote", late).fields["status"] == "accepted"
        return
    assert (told.result, shown["quote_id"]) == ("refused", None)
    assert "its quote was not there when Tryton confirmed it" in str(told.fault)
    assert "activate isthmus_reference in Tryton, or take the quote off in the CRM" in str(told.fault)
