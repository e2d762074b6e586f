"""Does the Salesforce connector keep every promise of a connector, for accounts and for documents of our own?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.salesforce import Connector
from isthmus.kernel.records import Fields
from isthmus.kernel.selection import Selection, Term
from isthmus.playground import SeedSizes, writing
from isthmus.testing.contract import Contract, Subject
from tests.contract.crm_world import World, world_of

FEW = SeedSizes(accounts=3, products=1, quotes=0, orders=0, dirty=False)
WRONG = "a-secret-that-is-wrong"


class Salesforce(Subject):
    """An organisation, and somebody in sales who works there."""

    secrets = (WRONG,)

    def __init__(self, world: World) -> None:
        self.world, self.connector = world, world.crm

    def rest(self) -> None:
        self.world.clock.advance(timedelta(minutes=1))

    def edit(self, record_id: str, text: str) -> None:
        self.edit_together([record_id], text)

    def edit_together(self, ids: Sequence[str], text: str) -> None:
        self.rest()
        with self.world.playground.store.writing(self.world.stranger) as tx:
            for record_id in ids:
                writing.update(tx, tx.schema.objects[self.stream], record_id, fields={self.text_field: text})

    def delete(self, record_id: str) -> None:
        self.world.delete(self.stream, record_id)

    def provoke(self) -> None:
        connection = self.world.playground.connection
        extra = {**connection.extra, "consumer_secret": WRONG}
        Connector(replace(connection, extra=extra), sleep=lambda _: None).streams()


class Accounts(Salesforce):
    """Records of a standard object, which can be merged."""

    selection = Selection("Account", ("Name", "Type", "CurrencyIsoCode"))
    text_field = "Name"

    def fields(self, text: str) -> Fields:
        return {"Name": text, "Type": "Customer", "CurrencyIsoCode": "EUR"}

    def refused(self) -> Fields:
        return {"Name": "No such currency", "CurrencyIsoCode": "EUX"}

    def filtered(self) -> tuple[Selection, Fields]:
        selection = replace(self.selection, where=(Term("Type", "in", ("Customer",)),))
        return selection, {"Name": "Outside", "Type": "Prospect", "CurrencyIsoCode": "EUR"}

    def merge(self, winner: str, loser: str) -> None:
        self.world.merge(winner, loser)


class Payments(Salesforce):
    """Records of a custom object."""

    selection = Selection("ERP_Payment__c", ("Reference__c", "Amount__c", "Status__c", "Account__c"))
    text_field = "Reference__c"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.account = world.some("Account")[0]

    def fields(self, text: str) -> Fields:
        return {"Name": "P-1", "Reference__c": text, "Account__c": self.account, "Payment_Date__c": "2026-11-22",
                "Status__c": "Posted"}  # fmt: skip

    def refused(self) -> Fields:
        return {**self.fields("No such state"), "Status__c": "Lost"}

    def filtered(self) -> tuple[Selection, Fields]:
        selection = replace(self.selection, where=(Term("Status__c", "in", ("Posted",)),))
        return selection, {**self.fields("Outside"), "Status__c": "Reversed"}


@pytest.fixture
def organisation(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path, FEW) as world:
        yield world


class TestAccounts(Contract):
    """Every promise."""

    @pytest.fixture
    def subject(self, organisation: World) -> Accounts:
        return Accounts(organisation)


class TestPayments(Contract):
    """Every promise but that of merges, which custom objects do not know."""

    @pytest.fixture
    def subject(self, organisation: World) -> Payments:
        return Payments(organisation)
