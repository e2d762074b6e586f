"""Going live on two filled systems: an ERP customer is taken by one account at most."""

from __future__ import annotations

from tests.scenarios.erp_side import new_customer
from tests.scenarios.world import World


def test_two_new_accounts_of_one_company_do_not_both_take_its_customer(both: World) -> None:
    number = new_customer(both, name="Twice Ltd", tax_id="DE900000001", currency="EUR")
    accounts = [both.account("Twice Ltd", Tax_Id__c="DE900000001"), both.account("Two Ltd", Tax_Id__c="DE900000001")]
    both.cycle()
    (taker,) = [one for one in accounts if both.listed(one) is None]
    (left_over,) = [one for one in accounts if both.listed(one) == "ambiguous"]
    assert both.erp("customer", taker)["number"] == number
    assert taker in both.item(left_over).fault.what
