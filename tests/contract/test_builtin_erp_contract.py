"""Does the built-in ERP keep every promise of a connector?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from connectors.builtin_erp import Connector
from isthmus.connect.protocol import Change
from isthmus.db import engine_for, writing
from isthmus.erp.desk import sit_down
from isthmus.erp.intake import write as take_in
from isthmus.kernel.clock import SetClock
from isthmus.kernel.connection import Connection
from isthmus.kernel.records import Fields
from isthmus.kernel.selection import Selection, Term
from isthmus.testing.contract import Contract, Subject

FIELDS = ("name", "currency", "phone", "number")


class BuiltinErp(Subject):
    """Customers of a fresh ERP, and the clerk who works there."""

    selection = Selection("customer", FIELDS)
    text_field = "name"

    def __init__(self, engine: Engine) -> None:
        self.engine, self.clock = engine, SetClock(datetime(2026, 11, 23, 8, tzinfo=UTC))
        self.connector = Connector(Connection("builtin", "builtin_erp"), engine=engine, clock=self.clock)

    def fields(self, text: str) -> Fields:
        return {"name": text, "currency": "EUR", "phone": "+49 30 5550001"}

    def refused(self) -> Fields:
        return {"name": "No such currency", "currency": "EUX"}

    def filtered(self) -> tuple[Selection, Fields]:
        selection = Selection("customer", FIELDS, where=(Term("currency", "in", ("EUR",)),))
        return selection, {"name": "In crowns", "currency": "SEK"}

    def rest(self) -> None:
        self.clock.advance(timedelta(seconds=2))

    def edit(self, record_id: str, text: str) -> None:
        self.edit_together([record_id], text)

    def edit_together(self, ids: Sequence[str], text: str) -> None:
        with writing(self.engine) as connection:
            desk = sit_down(connection, by="clerk:berta", clock=self.clock)
            keys = {one: self._key(connection, one) for one in ids}
            answers = take_in(desk, "customer", [Change("update", keys[one], {"name": text}, id=one) for one in ids])
        assert [answer.result for answer in answers] == ["updated"] * len(ids)

    @staticmethod
    def _key(connection: object, record_id: str) -> str:
        query = f"SELECT key FROM erp_external_key WHERE stream = 'customer' AND record_id = {int(record_id)}"
        return str(connection.exec_driver_sql(query).scalar_one())  # type: ignore[attr-defined]


@pytest.fixture
def subject(sqlite_url: str) -> Iterator[BuiltinErp]:
    engine = engine_for(sqlite_url)
    yield BuiltinErp(engine)
    engine.dispose()


class TestBuiltinErp(Contract):
    """Every promise, on SQLite; what differs on PostgreSQL has tests of its own in ``tests/erp``."""
