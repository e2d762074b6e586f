"""Salesforce looks at nothing more of a request once fourteen documents of it failed: are those asked for again?"""

from __future__ import annotations

import pytest

from isthmus.erp.allocating import pay
from tests.scenarios.world import World


@pytest.mark.parametrize("others", [10, 40])
def test_payments_that_are_refused_do_not_take_those_of_others_with_them(world: World, others: int) -> None:
    guilty, innocent = world.account("Guilty Ltd"), world.account("Innocent Ltd")
    world.cycle()
    refused, fine = (str(world.erp("customer", one)["number"]) for one in (guilty, innocent))

    def book(customer: str, cents: int) -> str:
        return world.at_desk(lambda desk: pay(desk, customer, amount_minor=cents, currency="EUR")).number

    for number in range(15):
        book(refused, 200 + number)
    wanted = {book(fine, 300 + number) for number in range(others)}
    world.delete("customer", guilty)
    world.run("payment")
    assert wanted <= {row["Name"] for row in world.crm_rows("ERP_Payment__c")}
    assert not any("PROCESSING_HALTED" in str(item.fault) for item in world.items())
