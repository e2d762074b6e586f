"""When a person is erased: is nothing left, do audit and books still hold, and does no run bring anything back?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import inspect, make_url, text

from isthmus.db import reading, writing
from isthmus.erp.invoicing import invoice
from isthmus.kernel.money import from_minor
from isthmus.state import audit, leases
from tests.operations.conftest import Town, say
from tests.scenarios.world import World

WHY = "request of 2026-11-20"


def traces(world: World, word: str = "canary") -> list[tuple[str, Any]]:
    """Every row of every table that holds the word, and the database's file if it does."""
    found: list[tuple[str, Any]] = []
    with reading(world.shop.engine) as connection:
        for table in inspect(connection).get_table_names():
            rows = connection.execute(text(f'SELECT * FROM "{table}"'))
            found += [(table, tuple(row)) for row in rows if word in repr(tuple(row)).casefold()]
    path = make_url(world.database).database
    if world.database.startswith("sqlite"):
        found += [("file", file) for file in (f"{path}", f"{path}-wal") if _holds(Path(file), word)]
    return found


def _holds(file: Path, word: str) -> bool:
    return file.exists() and word.encode() in file.read_bytes().lower()


def verify(world: World) -> None:
    with reading(world.shop.engine) as connection:
        assert audit.verify(connection, {}).breaks == []


def books(world: World) -> list[Any]:
    with reading(world.shop.engine) as connection:
        rows = connection.execute(text(
            "SELECT currency, account, CAST(sum(amount_minor) AS BIGINT), count(*) FROM erp_posting "
            "GROUP BY currency, account ORDER BY currency, account"
        )).all()  # fmt: skip
        sums = connection.execute(text("SELECT sum(amount_minor) FROM erp_posting GROUP BY currency")).scalars()
        assert set(map(int, sums)) == {0}
        documents = "SELECT number, customer_id, total_minor, invoice_date FROM erp_invoice ORDER BY id"
        return [*map(tuple, rows), *map(tuple, connection.execute(text(documents)))]


def test_nothing_is_left_of_erased_people_and_nothing_comes_back(town: Town) -> None:
    world = town.world
    with writing(world.shop.engine) as connection:  # past the log, so that the next run does not see it
        connection.execute(text("UPDATE erp_customer SET name = 'Canary drifted' WHERE name LIKE 'Canary001%'"))
    assert not world.shop.reconcile("totals", "cli:ada", repair=False).agrees
    assert {"erp_customer", "state_binding", "state_audit", "state_difference", "state_tie_out", "erp_order",
            "erp_payment"} <= {table for table, _ in traces(world)}  # fmt: skip
    before = books(world)
    said = town.say("audit", "erase", "customer", *town.people, "--why", WHY, "--json")
    assert said.code == 0, said
    assert traces(world) == []
    verify(world)
    assert books(world) == before
    copies = "Reference__c LIKE 'Canary%'"
    assert len(world.crm_rows("ERP_Payment__c", copies)) == len(town.buyers)
    assert world.cycle().written == len(town.buyers), "the ERP's copies in the CRM lose what the ERP has lost"
    assert world.crm_rows("ERP_Payment__c", copies) == []
    assert world.cycle(full=True).written == 0
    world.edit("customer", town.people[1], Phone="+48 canary again")
    assert world.cycle()["customer", "crm"]["superseded"] >= 1
    assert traces(world) == []
    for kind in ("totals", "receivables"):
        assert world.shop.reconcile(kind, "cli:ada").agrees, kind
    assert world.cycle().written == 0
    assert traces(world) == []
    verify(world)


def test_what_the_crm_still_has_is_on_the_worklist_until_it_is_deleted_there(world: World) -> None:
    person = world.account("Canary Person", Phone="+48 canary")
    world.cycle()
    assert say(world, "audit", "erase", "customer", person, "--why", WHY).code == 0
    item = world.item(person)
    assert item.reason == "invalid"
    assert "was erased on" in item.fault.what
    assert "in the CRM" in item.fault.remedy
    world.cycle()
    assert world.listed(person) == "invalid"
    assert world.shop.office.retry("cli:ada") == [], "nothing becomes possible by waiting"
    world.delete("customer", person)
    world.cycle()
    assert world.listed(person) is None
    assert world.cycle().written == 0
    assert traces(world) == []


def test_who_may_not_who_is_owed_and_who_is_unknown_are_refused_and_kept(world: World) -> None:
    account = world.account("Debtor Person")
    order = world.order(account)
    world.cycle()
    rights = "roles: {privacy: [nobody]}\nrights: {privacy: [erase]}\n"
    for more, who, says in (
        (rights, account, "may not erase"),
        ("", account, "has 1 orders that are not done"),
        ("", "001unknown", "is not known here"),
    ):
        said = say(world, "audit", "erase", "customer", who, "--why", WHY, more=more)
        assert said.code == 1, said
        assert says in said.err
    number = world.erp("order", order)["number"]
    written = world.at_desk(lambda desk: invoice(desk, number))
    said = say(world, "audit", "erase", "customer", account, "--why", WHY)
    assert said.code == 1
    assert f"{from_minor(written.total_minor, 'EUR')} EUR outstanding" in said.err
    assert world.erp("customer", account)["name"] == "Debtor Person"
    kept = [(one.verb, one.outcome) for one in world.shop.office.decisions()]
    assert kept == [("erase", "refused")] * 4


def test_a_mapping_that_runs_is_waited_for_and_the_erasure_is_explained(world: World) -> None:
    account = world.account("Private Person")
    world.cycle()
    held = leases.take(world.shop.engine, "order")
    assert isinstance(held, leases.Lease)
    assert say(world, "audit", "erase", "customer", account, "--why", WHY).code == 75
    leases.release(world.shop.engine, held)
    number = world.erp("customer", account)["number"]
    assert say(world, "audit", "erase", "customer", number, "--why", WHY).code == 0, "by the ERP's number"
    story = world.shop.explain("customer", account)
    assert story.steps[-1].outcome == "erased"
    assert story.steps[-1].payload == {"why": WHY}
    assert [step.payload for step in story.steps[:-1]] == [{"erased": True}] * (len(story.steps) - 1)
    assert "was erased on" in story.verdict
    assert story.next == "superseded"


def test_an_erased_person_that_is_asked_for_by_id_stays_erased(world: World) -> None:
    account = world.account("Canary Person", Phone="+48 canary")
    world.cycle()
    assert say(world, "audit", "erase", "customer", account, "--why", WHY).code == 0
    world.run("customer", ids=[account])
    world.shop.office.retry("cli:ada", world.item(account).id)
    world.edit("customer", account, Phone="+48 canary again")
    world.cycle()
    world.cycle(full=True)
    assert traces(world) == []
    assert "was erased on" in world.item(account).fault.what
