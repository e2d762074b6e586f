"""What was in the ERP before Isthmus came."""

from __future__ import annotations

from typing import Any

from isthmus.connect.protocol import Change
from isthmus.db import writing
from isthmus.erp.desk import sit_down
from isthmus.erp.intake import write as take_in
from isthmus.erp.sequences import number_of
from tests.scenarios.world import World


def new_customer(world: World, **fields: Any) -> str:
    """A customer that a clerk entered by hand; its number."""
    world.pass_time(minutes=1)
    with writing(world.shop.engine) as connection:
        desk = sit_down(connection, by="clerk:berta", clock=world.clock)
        key = f"by-hand/{fields['name']}/{fields.get('tax_id')}"
        (answer,) = take_in(desk, "customer", [Change("create", key, fields)])
    assert answer.result == "created", answer
    return number_of("customer", int(answer.id or ""))
