"""Does the connector keep every promise of the contract, on a real Tryton?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from connectors.tryton import Connector
from isthmus.cli.tryton_server import PASSWORD
from isthmus.kernel.records import Fields
from isthmus.kernel.selection import Selection, Term
from isthmus.testing.contract import Contract, Subject
from tests.tryton.erp import Erp, customer


class Parties(Subject):
    """Customers of a Tryton, and a clerk. Tryton tells no deletions: the tie-out finds them (see test_cycle.py)."""

    selection = Selection("customer", ("name", "terms", "billing.street", "active"))
    text_field = "billing.street"
    secrets = (PASSWORD, "open-sesame-17")

    def __init__(self, erp: Erp) -> None:
        self.erp = erp
        self.connector = erp.connector

    def fields(self, text: str) -> Fields:
        return customer("Contract Ltd", billing={"street": text}).fields

    def refused(self) -> Fields:
        return {**customer("Refused").fields, "terms": "When it suits"}

    def edit(self, record_id: str, text: str) -> None:
        self.edit_together([record_id], text)

    def edit_together(self, ids: Sequence[str], text: str) -> None:
        rows = self.erp.clerk.search_read("party.address", [["party", "in", [int(one) for one in ids]]], ["id"])
        self.erp.clerk.call("model.party.address.write", [row["id"] for row in rows], {"street": text})

    def merge(self, winner: str, loser: str) -> None:
        self.erp.merge(winner, loser)

    def filtered(self) -> tuple[Selection, Fields]:
        selection = dataclasses.replace(self.selection, where=(Term("billing.street", "in", ("Inside",)),))
        return selection, self.fields("Outside")

    def provoke(self) -> None:
        connection = self.erp.server.connection(self.erp.database)
        Connector(dataclasses.replace(connection, password="open-sesame-17")).identity()


@pytest.fixture
def subject(erp: Erp) -> Parties:
    return Parties(erp)


class TestTryton(Contract):
    """Every promise."""
