"""Does a difference keep its age for as long as it is there, and is it closed when it is gone?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import sleep

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from isthmus.db import reading, writing
from isthmus.state import tie_outs
from isthmus.state.tables import metadata
from isthmus.state.tie_outs import Past, Place, Seen


def _seen(place: Place, amount_minor: int = 100) -> Seen:
    return Seen(place, ("amount", "late", "1", "2", amount_minor, "EUR", "due", "wait"))


TOTAL, STATUS = ("invoice", "a1", "7", "total"), ("invoice", "a1", "7", "status")
OTHER = ("order", "8", "9", "total")


def test_migrated_tables_are_those_of_the_code(engine: Engine) -> None:
    with reading(engine) as connection:
        options = {"include_name": lambda name, kind, _parents: kind != "table" or name in metadata.tables}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    assert tie_outs.difference in metadata.sorted_tables


def test_a_difference_is_as_old_as_its_first_sight(engine: Engine) -> None:
    with writing(engine) as connection:
        assert tie_outs.record(connection, ["invoice"], [_seen(TOTAL)], now="1") == {TOTAL: "1"}
    with writing(engine) as connection:
        ages = tie_outs.record(connection, ["invoice"], [_seen(TOTAL, 50), _seen(STATUS)], now="2")
    assert ages == {TOTAL: "1", STATUS: "2"}
    with reading(engine) as connection:
        rows = connection.execute(text("SELECT field, amount_minor, first_seen, last_seen FROM state_difference"))
        assert sorted(tuple(row) for row in rows) == [("status", 100, "2", "2"), ("total", 50, "1", "2")]


def test_what_is_gone_is_closed_and_comes_back_as_new(engine: Engine) -> None:
    with writing(engine) as connection:
        tie_outs.record(connection, ["invoice", "order"], [_seen(TOTAL), _seen(OTHER)], now="1")
        tie_outs.record(connection, ["invoice"], [], now="2")
        assert tie_outs.record(connection, ["invoice", "order"], [_seen(TOTAL), _seen(OTHER)], now="3") == {
            TOTAL: "3",
            OTHER: "1",
        }, "orders were not looked at by the second: theirs stayed open"
        closed = connection.execute(text("SELECT closed_at FROM state_difference WHERE closed_at IS NOT NULL"))
        assert closed.scalars().all() == ["2"]


def test_two_that_end_at_once_store_a_difference_once(engine: Engine) -> None:
    """Credit every ten minutes, receivables hourly, everything daily: they end together, and see the same."""

    def end(now: str) -> dict[Place, str]:
        with writing(engine) as connection:
            return tie_outs.record(connection, ["invoice"], [_seen(TOTAL)], now=now)

    with ThreadPoolExecutor(1) as other:
        with writing(engine) as connection:
            assert tie_outs.record(connection, ["invoice"], [_seen(TOTAL)], now="1") == {TOTAL: "1"}
            later = other.submit(end, "2")
            sleep(0.3)  # the other one has looked by now, or waits
        assert later.result(timeout=20) == {TOTAL: "1"}, "it is as old as the first sight"
    with reading(engine) as connection:
        rows = connection.execute(text("SELECT first_seen, last_seen FROM state_difference")).all()
    assert [tuple(row) for row in rows] == [("1", "2")]


def test_one_that_began_earlier_and_ends_later_closes_nothing_that_it_could_not_see(engine: Engine) -> None:
    with writing(engine) as connection:
        tie_outs.record(connection, ["invoice"], [_seen(TOTAL)], now="2")
        tie_outs.record(connection, ["invoice"], [], now="1")
        assert tie_outs.record(connection, ["invoice"], [_seen(TOTAL)], now="3") == {TOTAL: "2"}


def test_the_latest_tie_outs_are_told_oldest_first(engine: Engine) -> None:
    with writing(engine) as connection:
        for day in ("1", "2", "3"):
            past = Past(day, day != "2", 1, {"EUR": int(day)})
            tie_outs.store(connection, past, kind="totals", who="cli:ada", ended_at=day, report=f'"{day}"')
        tie_outs.store(connection, Past("4", True, 0, {}), kind="credit", who="cli:ada", ended_at="4", report='"c"')
    with reading(engine) as connection:
        assert [one.as_of for one in tie_outs.history(connection, "totals", most=2)] == ["2", "3"]
        assert tie_outs.history(connection, "totals")[1] == Past("2", False, 1, {"EUR": 2})
        assert tie_outs.last_report(connection, "totals") == '"3"'
        assert tie_outs.last_report(connection, "receivables") is None
