"""Runs, their pages, and the audit: each page is one link of its mapping's hash chain.

A link is ``blake2b(previous link, page facts, what the page's audit entries tell, their digests)``; an entry's digest
is ``blake2b(salt, payload)``, so that payload and salt can be erased and the chain still verifies. A run's report keeps
the link that it ended with.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import Connection, Select, Update, bindparam, func, select
from sqlalchemy.sql.dml import ReturningInsert

from isthmus.db import among, insert_rows
from isthmus.kernel.units import Side
from isthmus.state.tables import audit, page, run

FIRST_LINK = "0" * 64


@dataclass(slots=True)
class Run:
    """One run of one mapping under one lease. ``id`` is 0 until it is stored."""

    id: int
    mapping: str
    who: str
    kind: str
    mapping_hash: str
    program: str
    token: int
    started_at: str
    ended_at: str | None = None
    status: str = "running"
    report: str | None = None
    error: str | None = None


@dataclass(slots=True)
class Entry:
    """One record's life on one page. ``payload`` is what ``isthmus explain`` shows: before, written, faults."""

    source_id: str
    target_id: str | None
    outcome: str
    version: str
    payload: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What a page did: ``quiet`` are the ids that only need counting, by outcome; ``answered`` the target's answers."""

    side: Side
    read: int
    quiet: Mapping[str, Sequence[str]]
    answered: Mapping[str, int]
    complete_to: str | None
    entries: Sequence[Entry]


def begin_run(connection: Connection, new: Run) -> Run:
    """Stores a run that starts, and numbers it."""
    values = asdict(new)
    del values["id"]
    new.id = connection.execute(_beginning(), values).scalar_one()
    return new


@cache
def _ending() -> Update:
    return run.update().where(run.c.id == bindparam("of"))


@cache
def _beginning() -> ReturningInsert[int]:
    return run.insert().returning(run.c.id)


def end_run(connection: Connection, run_id: int, **what: str | None) -> None:
    """``ended_at``, ``status`` (done or stopped), ``report`` and ``error`` as text."""
    connection.execute(_ending(), {"of": run_id, **what})


def recent_runs(connection: Connection, mapping: str | None = None, most: int = 1) -> list[Run]:
    """The newest runs first."""
    query = select(run).order_by(run.c.id.desc()).limit(most)
    if mapping:
        query = query.where(run.c.mapping == mapping)
    return [Run(*row) for row in connection.execute(query)]


def digest_of(salt: bytes, payload: bytes) -> bytes:
    return blake2b(salt + payload, digest_size=16).digest()


def link_of(
    previous: str, facts: Sequence[object], told: Sequence[Sequence[object]], *, digests: Iterable[bytes]
) -> str:
    """The next link of a chain, in hex: what each entry of the page tells, and their digests in the same order."""
    body = blake2b(digest_size=32)
    body.update(previous.encode())
    body.update(orjson.dumps(list(facts)))
    body.update(orjson.dumps(told))
    body.update(b"".join(digests))
    return body.hexdigest()


def add_page(connection: Connection, of: Run, facts: PageFacts, *, entity: str, now: str) -> None:
    """Stores a page with its audit entries and forges the link."""
    entries = facts.entries
    last = connection.execute(_newest_page(), {"of": of.mapping}).first()
    number, previous = (last[0] + 1, last[1]) if last else (1, FIRST_LINK)
    quiet, answered = json.dumps(facts.quiet), json.dumps(facts.answered)
    side = facts.side
    told = [(entity, side, one.source_id, one.target_id, one.outcome, one.version) for one in entries]
    payloads = [orjson.dumps(one.payload, default=str) for one in entries]  # Decimals as people write them
    random = secrets.token_bytes(16 * len(entries))  # one call a page; 16 bytes an entry
    salts = [random[start : start + 16] for start in range(0, len(random), 16)]
    digests = [digest_of(salt, payload) for salt, payload in zip(salts, payloads, strict=True)]
    page_facts = (
        of.id, of.who, of.mapping_hash, of.mapping, side, number, facts.read, quiet, answered,
        facts.complete_to, now,
    )  # fmt: skip
    values = {
        "run_id": of.id, "mapping": of.mapping, "side": side, "number": number, "read": facts.read,
        "outcomes": quiet, "answered": answered, "complete_to": facts.complete_to, "committed_at": now,
        "previous": previous, "link": link_of(previous, page_facts, told, digests=digests),
    }  # fmt: skip
    page_id = connection.execute(_new_page(), values).scalar_one()
    columns = ("page_id", "entity", "side", "source_id", "target_id", "outcome", "version", "digest", "salt", "payload")
    rows = (
        (page_id, *tells, digest, salt, payload.decode())
        for tells, digest, salt, payload in zip(told, digests, salts, payloads, strict=True)
    )
    insert_rows(connection, audit, columns, rows=rows)


@cache
def _newest_page() -> Select[int, str]:
    query = select(page.c.number, page.c.link).where(page.c.mapping == bindparam("of"))
    return query.order_by(page.c.number.desc()).limit(1)


@cache
def _new_page() -> ReturningInsert[int]:
    return page.insert().returning(page.c.id)


@dataclass(slots=True)
class Sums:
    """What is stored of one direction of a run: pages' own counts, outcomes of stored rows, the target's answers."""

    read: int
    outcomes: dict[str, int]
    answered: dict[str, int]


def add_up(connection: Connection, run_id: int) -> dict[Side, Sums]:
    """Counts a run again from its stored rows."""
    sums: dict[Side, Sums] = {}
    for side, read, outcomes, answered in connection.execute(_pages_of(), {"of": run_id}):
        mine = sums.setdefault(side, Sums(0, {}, {}))
        mine.read += read
        for name, ids in json.loads(outcomes).items():
            mine.outcomes[name] = mine.outcomes.get(name, 0) + len(ids)
        for name, number in json.loads(answered).items():
            mine.answered[name] = mine.answered.get(name, 0) + number
    for side, name, number in connection.execute(_loud_of(), {"of": run_id}):
        sums[side].outcomes[name] = sums[side].outcomes.get(name, 0) + number
    return sums


@cache
def _pages_of() -> Select[Any]:
    query = select(page.c.side, page.c.read, page.c.outcomes, page.c.answered)
    return query.where(page.c.run_id == bindparam("of"))


@cache
def _loud_of() -> Select[Any]:
    query = select(page.c.side, audit.c.outcome, func.count()).join(page, page.c.id == audit.c.page_id)
    return query.where(page.c.run_id == bindparam("of")).group_by(page.c.side, audit.c.outcome)


@dataclass(frozen=True, slots=True)
class Told:
    """An audit entry with the page and run that it belongs to."""

    entry: Entry
    side: Side
    at: str
    run_id: int
    who: str
    mapping_hash: str


def history(connection: Connection, entity: str, ids: Sequence[str]) -> list[Told]:
    """Everything that was decided of a record, oldest first; ``ids`` are those of both sides: each way has its own."""
    query = (
        select(audit, page.c.committed_at, run.c.id.label("run"), run.c.who, run.c.mapping_hash)
        .join(page, page.c.id == audit.c.page_id)
        .join(run, run.c.id == page.c.run_id)
        .where(audit.c.entity == entity, among(connection, audit.c.source_id, ids))
        .order_by(audit.c.id)
    )
    told = []
    for row in connection.execute(query):
        payload = orjson.loads(row.payload) if row.payload is not None else {"erased": True}
        entry = Entry(row.source_id, row.target_id, row.outcome, row.version, payload)
        told.append(Told(entry, row.side, row.committed_at, row.run, row.who, row.mapping_hash))
    return told


def pages_naming(connection: Connection, mapping: str, record_id: str) -> list[tuple[str, str, int]]:
    """(outcome, when, run) of the newest pages that only counted this record."""
    query = select(page.c.outcomes, page.c.committed_at, page.c.run_id).where(page.c.mapping == mapping)
    query = query.where(page.c.outcomes.contains(f'"{record_id}"', autoescape=True)).order_by(page.c.id.desc())
    found = []
    for outcomes, at, run_id in connection.execute(query.limit(3)):
        name = next(name for name, ids in json.loads(outcomes).items() if record_id in ids)
        found.append((name, at, run_id))
    return found
