"""Is anything that somebody does to the audit found? Flipped, taken away, cut off, moved, put in, made up anew."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from isthmus.db import reading, writing
from isthmus.state import audit, chain, runs
from isthmus.state.audit import Verdict
from isthmus.state.chain import ERASED, ERASURES, Head
from isthmus.state.runs import Entry, PageFacts, Run

PAGES, ENTRIES = 5, 3
CHAINS = {"customer": "customer", "order": "order", ERASURES: "customer"}
CELLS = {
    "state_page": ("run_id", "mapping", "side", "number", "read", "outcomes", "answered", "complete_to", "committed_at",
                   "previous", "link"),
    "state_audit": ("page_id", "entity", "side", "source_id", "target_id", "outcome", "version", "digest", "salt",
                    "payload"),
}  # fmt: skip
many = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _begin(connection: Connection, mapping: str) -> Run:
    new = Run(0, mapping, "cli:ada", "full", "ab", "1", token=1, started_at="2026-11-23T08:00:00.000000Z")
    return runs.begin_run(connection, new)


def _tell(connection: Connection, of: Run, number: int) -> None:
    outcome = ERASED if of.mapping == ERASURES else "created"
    entries = [
        Entry(f"001{number}{letter}", f"{number}", outcome, "v1", {"written": {"name": f"Firm {letter} Łódź"}})
        for letter in "ABCDEFG"[:ENTRIES]
    ]
    facts = PageFacts("crm", ENTRIES + 1, {"unchanged": [f"001{number}Z"]}, {"created": 3}, f"p{number}", entries)
    runs.add_page(connection, of, facts, entity=CHAINS[of.mapping], now=f"2026-11-23T08:00:0{number}.000000Z")
    report = json.dumps({"chain": chain.head(connection, of.mapping)})
    runs.end_run(connection, of.id, status="done", report=report)


@pytest.fixture
def told(engine: Engine) -> Engine:
    """Three chains of five pages, a run a page; of the newest erased record the values are gone."""
    with writing(engine) as connection:
        for number in range(PAGES):
            for mapping in CHAINS:
                _tell(connection, _begin(connection, mapping), number)
        gone = "UPDATE state_audit SET payload = NULL, salt = NULL WHERE source_id = '0014A' AND outcome = 'created'"
        assert connection.execute(text(gone + " AND entity = 'customer'")).rowcount == 1
    return engine


@contextmanager
def tampering(engine: Engine) -> Iterator[Connection]:
    """What is done in it is seen in it, and undone afterwards. Neither foreign keys nor checks hold anybody back."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            driver: Any = connection.connection.dbapi_connection
            for statement in ("PRAGMA foreign_keys=OFF", "PRAGMA ignore_check_constraints=ON"):
                driver.execute(statement)
        with connection.begin() as transaction:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            yield connection
            transaction.rollback()


def verified(connection: Connection, kept: dict[str, Head] | None = None) -> Verdict:
    return audit.verify(connection, kept or {})


def ids(connection: Connection, table: str, where: str = "1=1") -> list[int]:
    return list(connection.execute(text(f"SELECT id FROM {table} WHERE {where} ORDER BY id")).scalars())


def heads(engine: Engine) -> dict[str, Head]:
    with reading(engine) as connection:
        return audit.read_heads(audit.write_heads(chain.heads(connection), at="now"), where="test")


def test_an_untouched_audit_holds_and_every_row_is_looked_at(told: Engine) -> None:
    kept = heads(told)
    assert {name: one.pages for name, one in kept.items()} == dict.fromkeys(CHAINS, PAGES)
    with reading(told) as connection:
        verdict = verified(connection, kept)
    assert verdict.breaks == []
    assert verdict.rows == len(CHAINS) * PAGES * (1 + ENTRIES)


def _flipped(value: Any, place: int, bit: int) -> Any:
    """The value with one bit of it turned; what is null becomes something."""
    if value is None:
        return "x"
    if isinstance(value, int):
        return value ^ (1 << (bit % 31))
    if isinstance(value, str):
        at = place % len(value) if value else 0
        return value[:at] + chr(ord(value[at]) ^ (1 << bit % 4)) + value[at + 1 :] if value else "x"
    octets = bytearray(value)
    octets[place % len(octets)] ^= 1 << bit
    return bytes(octets)


@many
@given(data=st.data())
def test_any_bit_of_any_cell_is_found_and_named(told: Engine, data: st.DataObject) -> None:
    with tampering(told) as connection:
        table = data.draw(st.sampled_from(sorted(CELLS)))
        column = data.draw(st.sampled_from(CELLS[table]))
        row = data.draw(st.sampled_from(ids(connection, table)))
        before = connection.execute(text(f"SELECT {column} FROM {table} WHERE id = {row}")).scalar_one()
        is_erased = table == "state_audit" and connection.execute(
            text(f"SELECT payload IS NULL FROM state_audit WHERE id = {row}")).scalar_one()  # fmt: skip
        after = _flipped(before, data.draw(st.integers(0, 300)), data.draw(st.integers(0, 7)))
        if isinstance(before, bytes) or (before is None and column == "salt"):
            after = after if isinstance(after, bytes) else b"x"
        change = text(f"UPDATE {table} SET {column} = :after WHERE id = {row}")
        try:
            assert connection.execute(change, {"after": after}).rowcount == 1
        except IntegrityError:
            return  # the database itself says no: two pages of one number, a side that is none
        breaks = verified(connection).breaks
        assert breaks, (table, column, row, before, after)
        if column in ("digest", "salt", "payload") and not is_erased:  # of an erased entry nothing else is left
            ((_, found),) = breaks
            assert found.entry == row
            assert ("another digest than" if column == "digest" else "other values than") in found.what


@pytest.mark.parametrize(
    ("column", "before", "after"),
    [("outcome", "created", "updated"), ("entity", "order", "quote"), ("side", "crm", "erp")],
)
def test_what_an_entry_tells_is_named_with_what_was_sealed(told: Engine, column: str, before: str, after: str) -> None:
    with tampering(told) as connection:
        row = ids(connection, "state_audit", "entity = 'order'")[4]
        connection.execute(text(f"UPDATE state_audit SET {column} = '{after}' WHERE id = {row}"))
        ((name, found),) = verified(connection).breaks
    assert (name, found.entry) == ("order", row)
    assert found.what.endswith(f" 0011B on page 2 tells the {column} {after}, and {before} was sealed")


@many
@given(data=st.data())
def test_octets_that_are_no_text_are_a_find_and_no_crash(told: Engine, data: st.DataObject) -> None:
    if told.dialect.name != "sqlite":
        return  # PostgreSQL keeps no such text
    with tampering(told) as connection:
        table = data.draw(st.sampled_from(sorted(CELLS)))
        column = data.draw(st.sampled_from(CELLS[table]))
        row = data.draw(st.sampled_from(ids(connection, table)))
        query = text(f"SELECT CAST({column} AS BLOB) FROM {table} WHERE id = {row}")
        before = connection.execute(query).scalar_one() or b""
        at = data.draw(st.integers(0, len(before)))
        after = before[:at] + data.draw(st.sampled_from([b"\xff", b"\xc3", b"\x00", b"7"])) + before[at + 1 :]
        kind = data.draw(st.sampled_from(["TEXT", "BLOB"]))
        connection.execute(text(f"UPDATE {table} SET {column} = CAST(:after AS {kind}) WHERE id = {row}"),
                           {"after": after})  # fmt: skip
        if after != before or kind == "BLOB":
            same = f"SELECT typeof({column}) IN ('text', 'integer') AND CAST({column} AS BLOB) = :before FROM {table}"
            unchanged = connection.execute(text(f"{same} WHERE id = {row}"), {"before": before}).scalar_one()
            assert unchanged or column in ("digest", "salt") or verified(connection).breaks


@many
@given(data=st.data())
def test_any_rows_that_are_gone_are_found(told: Engine, data: st.DataObject) -> None:
    with tampering(told) as connection:
        gone = data.draw(st.sets(st.sampled_from(ids(connection, "state_audit")), min_size=1))
        connection.execute(text(f"DELETE FROM state_audit WHERE id IN ({', '.join(map(str, gone))})"))
        assert verified(connection).breaks


@many
@given(data=st.data())
def test_any_page_that_is_gone_is_found_with_or_without_its_entries(told: Engine, data: st.DataObject) -> None:
    with tampering(told) as connection:
        page = data.draw(st.sampled_from(ids(connection, "state_page")))
        connection.execute(text(f"DELETE FROM state_page WHERE id = {page}"))
        if data.draw(st.booleans()):
            connection.execute(text(f"DELETE FROM state_audit WHERE page_id = {page}"))
        assert verified(connection).breaks


def test_any_tail_cut_off_with_every_trace_is_found_against_the_exported_head(told: Engine) -> None:
    kept = heads(told)
    for mapping, left in itertools.product(CHAINS, range(PAGES)):
        tail = f"mapping = '{mapping}' AND number > {left}"
        with tampering(told) as connection:
            of = f"SELECT run_id FROM state_page WHERE {tail}"
            connection.execute(text(f"UPDATE state_run SET report = NULL WHERE id IN ({of})"))
            cut = f"SELECT id FROM state_page WHERE {tail}"
            connection.execute(text(f"DELETE FROM state_audit WHERE page_id IN ({cut})"))
            connection.execute(text(f"DELETE FROM state_page WHERE {tail}"))
            found = [(name, one.page) for name, one in verified(connection, kept).breaks if "exported" in one.what]
        assert found == [(mapping, PAGES)], (mapping, left)


def test_a_tail_cut_off_is_found_by_the_runs_own_reports_too(told: Engine) -> None:
    with tampering(told) as connection:
        cut = "SELECT id FROM state_page WHERE mapping = 'order' AND number = 5"
        connection.execute(text(f"DELETE FROM state_audit WHERE page_id IN ({cut})"))
        connection.execute(text("DELETE FROM state_page WHERE mapping = 'order' AND number = 5"))
        ((name, found),) = verified(connection).breaks
    assert (name, found.page) == ("order", PAGES)
    assert "ended with a page that is not there any more" in found.what


@many
@given(data=st.data())
def test_any_two_that_changed_places_are_found(told: Engine, data: st.DataObject) -> None:
    """Pages of one chain, or what two entries tell, wherever they are."""
    with tampering(told) as connection:
        what = data.draw(st.sampled_from(["pages", "entries", "contents"]))
        if what == "pages":
            one, other = _two(data, list(range(1, PAGES + 1)))
            _exchange(connection, "state_page", "number", one, other)
        elif what == "entries":  # of one page: between pages, row numbers mean nothing
            page = data.draw(st.sampled_from(ids(connection, "state_page")))
            one, other = _two(data, ids(connection, "state_audit", f"page_id = {page}"))
            _exchange(connection, "state_audit", "id", one, other)
        else:
            one, other = _two(data, ids(connection, "state_audit", "payload IS NOT NULL"))
            query = f"SELECT digest, salt, payload FROM state_audit WHERE id IN ({one}, {other}) ORDER BY id"
            held = [row._asdict() for row in connection.execute(text(query))]
            for target, values in zip(sorted((one, other)), reversed(held), strict=True):
                what = "digest = :digest, salt = :salt, payload = :payload"
                connection.execute(text(f"UPDATE state_audit SET {what} WHERE id = {target}"), values)
        assert verified(connection).breaks


def _two(data: st.DataObject, among: list[int]) -> list[int]:
    return data.draw(st.lists(st.sampled_from(among), min_size=2, max_size=2, unique=True))


def _exchange(connection: Connection, table: str, column: str, one: int, other: int) -> None:
    of_customer = "mapping = 'customer' AND " if table == "state_page" else ""
    for old, new in ((one, 10_000), (other, one), (10_000, other)):
        connection.execute(text(f"UPDATE {table} SET {column} = {new} WHERE {of_customer}{column} = {old}"))


@many
@given(data=st.data())
def test_any_entry_that_is_put_in_is_found(told: Engine, data: st.DataObject) -> None:
    """A copy of any entry on any page, or on a page that does not exist."""
    with tampering(told) as connection:
        row = data.draw(st.sampled_from(ids(connection, "state_audit")))
        page = data.draw(st.sampled_from([*ids(connection, "state_page"), 4_711]))
        columns = "entity, side, source_id, target_id, outcome, version, digest, salt, payload"
        copy = f"SELECT {page}, {columns} FROM state_audit WHERE id = {row}"
        connection.execute(text(f"INSERT INTO state_audit (page_id, {columns}) {copy}"))
        breaks = [one for _, one in verified(connection).breaks]
        assert breaks
        assert page == 4_711 or any("was put in" in one.what for one in breaks)


@many
@given(data=st.data())
def test_values_that_are_emptied_are_found_unless_their_erasure_is_sealed(told: Engine, data: st.DataObject) -> None:
    with tampering(told) as connection:
        row = data.draw(st.sampled_from(ids(connection, "state_audit", "payload IS NOT NULL")))
        connection.execute(text(f"UPDATE state_audit SET payload = NULL, salt = NULL WHERE id = {row}"))
        told_of = connection.execute(text(f"SELECT entity, outcome FROM state_audit WHERE id = {row}")).one()
        found = [one.entry for _, one in verified(connection).breaks]
        # Each customer has been erased, at the time of its page: what was told of it until then may be empty.
        assert found == ([] if told_of == ("customer", "created") else [row])


def test_a_history_made_up_anew_is_found_against_the_exported_head(told: Engine) -> None:
    """Whoever can compute can forge all links; not those that are kept elsewhere."""
    kept = heads(told)
    with tampering(told) as connection:
        connection.execute(text("UPDATE state_run SET who = 'cli:mallory' WHERE mapping = 'order'"))
        _forge(connection, "order")
        assert verified(connection).breaks == []
        ((name, found),) = verified(connection, kept).breaks
    assert (name, found.page) == ("order", PAGES)
    assert found.what == "page 5 is not the one that the exported head names"


def _forge(connection: Connection, mapping: str) -> None:
    """All links of a chain computed anew, also those that reports keep."""
    previous = runs.FIRST_LINK
    for one, entries in chain._pages(connection, mapping):
        facts = [getattr(one, column.name) for column in chain._FACTS]
        shown = [[getattr(entry, name) for name in chain._TOLD] for entry in entries]
        link = runs.link_of(previous, facts, shown, digests=[entry.digest for entry in entries])
        connection.execute(text(f"UPDATE state_page SET previous = '{previous}', link = '{link}' WHERE id = {one.id}"))
        report = json.dumps({"chain": link})
        connection.execute(text("UPDATE state_run SET report = :r WHERE id = :id"), {"r": report, "id": one.run_id})
        previous = link


def test_a_head_of_a_chain_that_is_gone_altogether_is_missed(told: Engine) -> None:
    with reading(told) as connection:
        found = verified(connection, {"payment": Head(3, "ab")}).breaks
    assert [(name, one.page) for name, one in found] == [("payment", 3)]
