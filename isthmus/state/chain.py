"""Verifies a mapping's hash chain: no page or audit entry was changed, taken away, put in or put elsewhere.

A few pages are looked at at a time, so memory does not grow. What nobody can see from the inside is that the newest
pages are gone together with every trace of them: for that, heads are exported and kept elsewhere (`heads`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, or_, select, type_coerce
from sqlalchemy.types import NullType

from isthmus.db import among
from isthmus.state.runs import FIRST_LINK, digest_of, link_of
from isthmus.state.tables import audit, page, run

#: The chain of what was erased, beside those of the mappings. No mapping can have this name.
ERASURES = "(erasures)"
ERASED = "erased"  # the outcome of its entries

_PAGES = 8  # looked at together: at most 16,000 entries
_RUNS = 500
TRIALS = 5  # pages of a chain on which what was changed is looked for: 6 s for one of 2,000 entries
_FACTS = (
    page.c.run_id, run.c.who, run.c.mapping_hash, page.c.mapping, page.c.side, page.c.number, page.c.read,
    page.c.outcomes, page.c.answered, page.c.complete_to, page.c.committed_at,
)  # fmt: skip
_TOLD = ("entity", "side", "source_id", "target_id", "outcome", "version")
_FEW = ("entity", "side", "outcome")  # those that have but a few values
#: As they are: SQLite may hold anything in a column by now.
_ENTRY = (
    audit.c.id, audit.c.page_id, *(audit.c[name] for name in _TOLD), audit.c.payload,
    *(type_coerce(audit.c[name], NullType()).label(name) for name in ("digest", "salt")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain is broken: the page's number and, if one is to blame, the audit entry's row."""

    page: int
    what: str
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain had come: the number of its newest page, and that page's link."""

    pages: int
    link: str


def chains(connection: Connection) -> list[str]:
    """The names of all chains that have a page, or of which a run says that they had one."""
    names = select(page.c.mapping).union(select(run.c.mapping).where(run.c.report.is_not(None)))
    return sorted(name for name in connection.execute(names).scalars() if _is_text(name))


def heads(connection: Connection) -> dict[str, Head]:
    """The newest page of each chain."""
    newest = select(page.c.mapping, func.max(page.c.number).label("number")).group_by(page.c.mapping).subquery()
    of = (newest.c.mapping == page.c.mapping) & (newest.c.number == page.c.number)
    rows = connection.execute(select(page.c.mapping, page.c.number, page.c.link).join(newest, of))
    return {mapping: Head(number, link) for mapping, number, link in sorted(map(tuple, rows))}


def head(connection: Connection, mapping: str) -> str:
    """The newest link of a mapping."""
    return str(connection.execute(_newest(), {"of": mapping}).scalar() or FIRST_LINK)


@cache
def _newest() -> Select[str]:
    return select(page.c.link).where(page.c.mapping == bindparam("of")).order_by(page.c.number.desc()).limit(1)


def verify_chain(connection: Connection, mapping: str) -> Break | None:
    """Recomputes every link of a mapping from the stored rows: the first break, or None when all of it holds."""
    with as_stored(connection):
        return next(Verification(connection, mapping).breaks(), None)


@contextmanager
def as_stored(connection: Connection) -> Iterator[None]:
    """While chains are verified, SQLite's texts are read whatever their bytes are: a text that is none is a find."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    before, driver.text_factory = driver.text_factory, lambda octets: octets.decode(errors="surrogateescape")
    try:
        yield
    finally:
        driver.text_factory = before


@dataclass(slots=True)
class Verification:
    """One chain being recomputed. ``pages`` and ``entries`` count what has been looked at so far.

    ``kept`` is a head that was exported earlier: the chain must still lead through it.
    """

    connection: Connection
    mapping: str
    kept: Head | None = None
    pages: int = 0
    entries: int = 0
    _number: int = 0
    _trials: int = TRIALS
    _previous: str = FIRST_LINK
    _ends: Iterator[tuple[int, str | None]] = field(default_factory=lambda: iter(()))
    _end: tuple[int, str | None] | None = None

    def breaks(self) -> Iterator[Break]:
        """Every break, page by page; behind a break the rest is verified as it stands."""
        self._ends = _ends(self.connection, self.mapping)
        self._end = next(self._ends, None)
        for one, entries in _pages(self.connection, self.mapping):
            yield from self._ended_before(one.run_id if isinstance(one.run_id, int) else 0)
            yield from self._step(one, entries)
        yield from self._ended_before(None)
        if self.kept is not None and self._number < self.kept.pages:
            what = f"page {self.kept.pages}, which the exported head names, is not there any more"
            yield Break(self.kept.pages, what)

    def _step(self, one: Any, entries: Sequence[Any]) -> Iterator[Break]:
        due, previous = self._number + 1, self._previous
        self.pages, self.entries = self.pages + 1, self.entries + len(entries)
        self._number = one.number if isinstance(one.number, int) else due
        self._previous = one.link
        if one.number != due:
            yield Break(due, f"page {due} is missing")
        elif one.previous != previous:
            yield Break(due, f"page {due} does not follow the page before it")
        for found in _check_page(self.connection, one, entries, number=self._number):
            yield found if found.entry is not None else self._tried_out(one, entries) or found
        if self.kept is not None and self.kept.pages == self._number and self.kept.link != one.link:
            yield Break(self._number, f"page {self._number} is not the one that the exported head names")

    def _tried_out(self, one: Any, entries: Sequence[Any]) -> Break | None:
        """The one entry that explains a broken page, if a few of them are broken and such an entry is found."""
        self._trials -= 1
        return _explain(self.connection, one, entries, number=self._number) if self._trials >= 0 else None

    def _ended_before(self, run_id: int | None) -> Iterator[Break]:
        """A run keeps the link that the chain had when it ended. None: the end of the chain."""
        while self._end is not None and (run_id is None or self._end[0] < run_id):
            number, ended = self._end
            if ended != self._previous:
                yield Break(self._number + 1, f"run {number} ended with a page that is not there any more")
            self._end = next(self._ends, None)


def orphans(connection: Connection) -> list[Break]:
    """Entries that belong to no page, and pages to no mapping: nothing else would ever look at them."""
    names = connection.execute(select(page.c.mapping).distinct()).scalars()
    lost = [Break(0, "there are pages of a mapping whose name is no text") for name in names if not _is_text(name)]
    query = select(audit.c.id, audit.c.entity, audit.c.source_id).join(page, page.c.id == audit.c.page_id, isouter=True)
    rows = connection.execute(query.where(page.c.id.is_(None)).order_by(audit.c.id).limit(_RUNS))
    return lost + [
        Break(0, f"the entry of {_shown(entity, record)} is on no page", number) for number, entity, record in rows
    ]


def _shown(*values: object) -> str:
    return " ".join(map(str, values)).encode(errors="backslashreplace").decode()


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def _pages(connection: Connection, mapping: str) -> Iterator[tuple[Any, list[Any]]]:
    """Each page with its entries, in order."""
    query = select(page.c.id, page.c.previous, page.c.link, *_FACTS).join(run, run.c.id == page.c.run_id, isouter=True)
    query = query.where(page.c.mapping == mapping).order_by(page.c.number).limit(_PAGES)
    batch = connection.execute(query).all()
    while batch:
        mine: dict[int, list[Any]] = {one.id: [] for one in batch}
        of = select(*_ENTRY).where(audit.c.page_id.in_(list(mine))).order_by(audit.c.page_id, audit.c.id)
        for entry in connection.execute(of):
            mine[entry.page_id].append(entry)
        yield from ((one, mine[one.id]) for one in batch)
        if not isinstance(batch[-1].number, int):
            return  # behind what is no number there are no numbers
        batch = connection.execute(query.where(page.c.number > batch[-1].number)).all()


def _check_page(connection: Connection, one: Any, entries: Sequence[Any], *, number: int) -> Iterator[Break]:
    """What of a page is not as it was. Rows may hold anything by now, also what no text can be."""
    emptied = [entry for entry in entries if entry.payload is None and entry.salt is None]
    erased = _erased(connection, one, emptied) if emptied else set()
    changed = [entry for entry in entries if entry.id not in erased and not _is_whole(entry)]
    told, digests = _told_by(entries)
    is_sealed = _link_of(one, told, digests) == one.link
    if not changed and is_sealed:
        return
    anew = [_digest_now(entry) or entry.digest for entry in entries]
    is_resealed = bool(changed) and not is_sealed and _link_of(one, told, anew) == one.link
    what = "another digest" if is_resealed else "other values" if is_sealed else "other values, or another digest,"
    for entry in changed:
        name = _shown(entry.entity, entry.source_id)
        yield Break(number, f"the entry of {name} on page {number} has {what} than was sealed", entry.id)
    if not is_sealed and not is_resealed:
        yield Break(number, f"page {number} or its entries were changed, taken away or added to")


def _is_whole(entry: Any) -> bool:
    """Whether what the entry tells is what was sealed."""
    return entry.digest is not None and _digest_now(entry) == entry.digest


def _digest_now(entry: Any) -> bytes | None:
    """The digest of what the entry holds now; None where that is nothing that could be sealed."""
    try:
        return digest_of(entry.salt, entry.payload.encode())
    except (AttributeError, TypeError, UnicodeEncodeError):
        return None


def _told_by(entries: Sequence[Any]) -> tuple[list[list[object]], list[bytes]]:
    """What entries tell, and their digests, in order."""
    return [[getattr(entry, name) for name in _TOLD] for entry in entries], [entry.digest for entry in entries]


def _link_of(one: Any, told: Sequence[Sequence[object]], digests: Sequence[bytes]) -> str | None:
    facts = [getattr(one, column.name) for column in _FACTS]
    try:
        return link_of(one.previous, facts, told, digests=digests)
    except (AttributeError, TypeError, UnicodeEncodeError):
        return None


def _explain(connection: Connection, one: Any, entries: Sequence[Any], *, number: int) -> Break | None:
    """A page's link is one hash over all that its entries tell: what was changed shows by undoing it, one by one."""
    told, digests = _told_by(entries)
    for at, entry in enumerate(entries):
        if _link_of(one, _without(told, at), _without(digests, at)) == one.link:
            name = _shown(entry.entity, entry.source_id)
            return Break(number, f"the entry of {name} on page {number} was put in", entry.id)
    for name in _FEW:
        known = connection.execute(select(audit.c[name]).distinct().order_by(audit.c[name])).scalars().all()
        for (at, entry), value in product(enumerate(entries), known):
            undone = [*told[:at], [value if of == name else getattr(entry, of) for of in _TOLD], *told[at + 1 :]]
            if _link_of(one, undone, digests) == one.link:
                what = f"the entry of {_shown(entry.entity, entry.source_id)} on page {number}"
                told_now = _shown(getattr(entry, name))
                return Break(number, f"{what} tells the {name} {told_now}, and {_shown(value)} was sealed", entry.id)
    return None


def _without(those: list[Any], at: int) -> list[Any]:
    return [*those[:at], *those[at + 1 :]]


def _erased(connection: Connection, one: Any, emptied: Sequence[Any]) -> set[int]:
    """Those of a page's emptied entries of which the chain of erasures says that a later run emptied them."""
    if one.mapping == ERASURES:
        return set()
    ids = [key for entry in emptied for key in (entry.source_id, entry.target_id) if key is not None]
    theirs = or_(among(connection, audit.c.source_id, ids), among(connection, audit.c.target_id, ids))
    query = select(audit.c.entity, audit.c.source_id, audit.c.target_id).join(page, page.c.id == audit.c.page_id)
    query = query.where(page.c.mapping == ERASURES, page.c.run_id > one.run_id, audit.c.outcome == ERASED)
    query = query.where(theirs)
    known = {(entity, key) for entity, *both in connection.execute(query) for key in both if key is not None}
    return {entry.id for entry in emptied if {(entry.entity, entry.source_id), (entry.entity, entry.target_id)} & known}


def _ends(connection: Connection, mapping: str) -> Iterator[tuple[int, str | None]]:
    """Each run that ended, with the link that it ended with; None where that cannot be read."""
    query = select(run.c.id, run.c.report).where(run.c.mapping == mapping, run.c.report.is_not(None))
    query = query.order_by(run.c.id).limit(_RUNS)
    batch = connection.execute(query).all()
    while batch:
        for number, report in batch:
            told = _told(report)
            if told is None or "chain" in told:
                yield number, str(told["chain"]) if told else None
        batch = connection.execute(query.where(run.c.id > batch[-1].id)).all()


def _told(report: str) -> Mapping[str, object] | None:
    try:
        told = json.loads(report)
    except (TypeError, ValueError):
        return None
    return told if isinstance(told, dict) else None
