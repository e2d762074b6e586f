"""Does the Salesforce connector keep every promise, against the playground?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from isthmus.kernel.records import Fields
from isthmus.kernel.selection import Selection, Term
from isthmus.playground import SeedSizes, writing
from isthmus.testing.contract import Contract, Subject
from tests.contract.crm_world import World, world_of

FIELDS = ("Name", "Type", "CurrencyIsoCode")
FEW = SeedSizes(accounts=4, products=1, quotes=0, orders=0, dirty=False)


class Salesforce(Subject):
    """Accounts of a small organisation, and somebody else who works there."""

    selection = Selection("Account", FIELDS)
    text_field = "Name"

    def __init__(self, world: World) -> None:
        self.world, self.connector = world, world.crm
        self.secrets = (world.crm.rest.login.token().session_id, *world.crm.config.secrets)

    def fields(self, text: str) -> Fields:
        return {"Name": text, "Type": "Customer", "CurrencyIsoCode": "EUR"}

    def refused(self) -> Fields:
        return {"Type": "Customer"}

    def filtered(self) -> tuple[Selection, Fields]:
        where = (Term("Type", "in", ("Customer",)),)
        return Selection("Account", FIELDS, where=where), {"Name": "Outside", "Type": "Prospect"}

    def rest(self) -> None:
        self.world.clock.advance(timedelta(minutes=1))

    def edit(self, record_id: str, text: str) -> None:
        self.edit_together([record_id], text)

    def edit_together(self, ids: Sequence[str], text: str) -> None:
        with self.world.playground.store.writing(self.world.stranger) as tx:
            for record_id in ids:
                writing.update(tx, tx.schema.objects["Account"], record_id, fields={"Name": text})

    def delete(self, record_id: str) -> None:
        self.world.delete("Account", record_id)

    def merge(self, winner: str, loser: str) -> None:
        self.world.merge(winner, loser)

    def provoke(self) -> None:
        self.connector.describe("no_such_stream")


@pytest.fixture
def subject(world: World) -> Iterator[Salesforce]:
    yield Salesforce(world)


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("playground")
    with world_of(folder, FEW, external_ids={"Account": "ERP_Customer_Number__c"}) as running:
        yield running


class TestSalesforce(Contract):
    """Every promise."""
