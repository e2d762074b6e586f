"""The database goes to another PostgreSQL server, which counts transactions anew: is everything read all the same?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from isthmus.db import writing
from isthmus.kernel.errors import Misconfigured
from isthmus.kernel.selection import Selection
from isthmus.state.guards import lifted
from tests.cli.conftest import Company
from tests.erp.conftest import World

FURTHER = 10**9  # transactions that the server before had counted


def move(engine: Engine) -> None:
    """The log as it is after `pg_restore` on a server that has not counted so far."""
    with writing(engine) as connection, lifted(connection, ["erp_change"]):
        connection.execute(text(f"UPDATE erp_change SET transaction = transaction + {FURTHER}"))


def read(erp: World, since: str | None) -> tuple[list[str], str]:
    pages = list(erp.connector.read(Selection("customer", ()), since, timedelta(0)))
    return [one.id for page in pages for one in page.records], str(pages[-1].complete_to)


def test_a_run_stops_until_it_is_said_and_then_reads_everything(shop: Company, engine: Engine) -> None:
    erp = World(engine)
    known = erp.customer("Alder Example")
    _, here = read(erp, None)
    unread = erp.customer("Birch Example")
    move(engine)
    transaction, number = here.split(".")
    before = f"{int(transaction) + FURTHER:0{len(transaction)}d}.{number}"
    new = erp.customer("Cedar Example")
    with pytest.raises(Misconfigured, match="counts its transactions anew"):
        read(erp, before)
    assert shop.say("db", "restored", "--why", "a larger server", "--skip", "0").code == 0
    found, position = read(erp, None)
    assert found == [known, unread, new]
    last = erp.customer("Deal Example")
    assert read(erp, position)[0] == [last]
