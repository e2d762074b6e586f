"""Stores a page: bindings, outcomes, worklist, audit link and watermark, in the caller's one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from isthmus.connect.protocol import Answer
from isthmus.kernel.records import Page
from isthmus.state import bindings, progress, runs, worklist
from isthmus.state.progress import Due, Watermark
from isthmus.sync.conclude import Conclusion
from isthmus.sync.decision import Direction
from isthmus.sync.ports import Ports

STATUS_WORDS = {
    "invalid": "Not in the ERP: data to correct",
    "waiting": "Waiting for another record",
    "refused": "Refused by the ERP",
    "ambiguous": "Needs a decision: which customer?",
    "conflict": "Needs a decision: changed on both sides",
    "in_doubt": "Being looked up",
}
THROUGH = "Synchronised"


@dataclass(slots=True)
class Work:
    """One page on its way: what was read and what came of it."""

    page: Page
    conclusions: list[Conclusion]
    answers: Sequence[Answer]
    dues: Sequence[Due] = ()
    is_watermark: bool = True  # due records do not move the watermark


def store_page(ports: Ports, direction: Direction, run: runs.Run, work: Work, connection: Connection) -> None:
    """Everything that the page came to, at once."""
    now = ports.now()
    _store_bindings(ports, direction, work.conclusions, connection)
    _store_worklist(direction, work.conclusions, now, connection)
    _store_dues(ports, direction, work, now, connection)
    _wake(ports, direction, work.conclusions, now, connection)
    _store_audit(direction, run, work, now, connection)
    if work.is_watermark and (work.page.complete_to is not None or work.page.resume is not None):
        _move_watermark(direction, work.page, now, connection)


def _store_bindings(
    ports: Ports, direction: Direction, conclusions: Sequence[Conclusion], connection: Connection
) -> None:
    pairs = {"insert": [], "update": []}  # type: ignore[var-annotated]
    for one in conclusions:
        if one.bind and one.decision.binding is not None:
            pairs[one.bind].append(one.decision.binding)
    bindings.insert(connection, pairs["insert"])
    bindings.update(connection, list({item.id: item for item in pairs["update"]}.values()))
    aliases = [(one.decision.alias, one.decision.binding) for one in conclusions if one.decision.alias]
    bindings.add_aliases(
        connection,
        ports.stream(direction.mapping.entity, direction.source),
        [(key, binding) for key, binding in aliases if key and binding],
    )


def _store_worklist(
    direction: Direction, conclusions: Sequence[Conclusion], now: str, connection: Connection
) -> None:
    """New and renewed items; records that are through leave the list. Repeats are only counted, not told again."""
    mapping, side = direction.mapping.name, direction.source
    ids = [one.read.id for one in conclusions]
    known = worklist.load(connection, mapping, side, ids)
    items = []
    for one in conclusions:
        before = known.get(one.read.id)
        if one.item is None:
            continue
        items.append(one.item)
        if before and (before.reason, before.fault) == (one.item.reason, one.item.fault) and one.outcome == "worklisted":
            one.entry = None
    listed = {item.source_id for item in items}
    worklist.put(connection, mapping, side, items, now)
    worklist.remove(connection, mapping, side, [key for key in known if key not in listed])
    if side == "crm":
        _store_notes(direction, conclusions, connection)


def _store_notes(direction: Direction, conclusions: Sequence[Conclusion], connection: Connection) -> None:
    """The reason why a record is not through goes onto the record itself; it leaves with the reason."""
    mapping = direction.mapping.name
    notes = [
        (one.read.id, STATUS_WORDS[one.item.reason], str(one.item.fault))
        for one in conclusions
        if one.item is not None and not one.read.record.deleted
    ]
    through = [one.read.id for one in conclusions if one.item is None and not one.read.record.deleted]
    stale = worklist.noted(connection, mapping, through)
    worklist.want_notes(connection, mapping, [*notes, *((key, THROUGH, None) for key in stale)])


def _store_dues(ports: Ports, direction: Direction, work: Work, now: str, connection: Connection) -> None:
    """What was due is done; references to be pulled and edits to be undone become due."""
    progress.drop_due(connection, direction.mapping.name, direction.source, work.dues)
    pulled: dict[str, dict[str, Due]] = {}
    undone = []
    for one in work.conclusions:
        for entity, key in one.decision.pulls:
            why = f"{direction.mapping.entity} {one.read.id} refers to it"
            pulled.setdefault(entity, {})[key] = Due(key, why, now, regardless=True)
        if one.decision.overruled and one.decision.binding is not None:
            fields = ", ".join(sorted(item.unit for item in one.decision.overruled))
            who = one.read.record.changed_by or "somebody"
            why = f"{fields} was edited in the {direction.source.upper()} by {who}; the {direction.target.upper()} owns it"
            undone.append(Due(one.decision.binding.seen(direction.target).id, why, now, force=True))
    for entity, items in pulled.items():
        if entity in ports.mappings:
            progress.add_due(connection, ports.mappings[entity].name, direction.source, items.values())
    progress.add_due(connection, direction.mapping.name, direction.target, undone)


def _wake(
    ports: Ports, direction: Direction, conclusions: Sequence[Conclusion], now: str, connection: Connection
) -> None:
    """Whatever waited for the records that are bound now becomes due."""
    entity = direction.mapping.entity
    bound = [f"{entity} {one.read.id}" for one in conclusions if one.bind == "insert" or one.outcome == "rebound"]
    waiting: dict[tuple[str, str], list[Due]] = {}
    for mapping, side, key in worklist.waiting_for(connection, bound):
        waiting.setdefault((mapping, side), []).append(Due(key, f"the {entity} it waited for is there", now))
    for (mapping, side), items in waiting.items():
        progress.add_due(connection, mapping, side, items)  # type: ignore[arg-type]


def _store_audit(direction: Direction, run: runs.Run, work: Work, now: str, connection: Connection) -> None:
    quiet: dict[str, list[str]] = {}
    entries = []
    for one in work.conclusions:
        if one.entry is None:
            quiet.setdefault(one.outcome, []).append(one.read.id)
        else:
            entries.append(one.entry)
    answered = Counter("rebound" if one.outcome == "rebound" else "" for one in work.conclusions if one.decision.change)
    counts = Counter(answer.result for answer in work.answers)
    counts["updated"] -= answered["rebound"]  # a re-pointed pair is told to the target, but is no update
    facts = runs.PageFacts(
        direction.source, work.page.read, quiet, {name: n for name, n in counts.items() if n}, work.page.complete_to
    )
    runs.add_page(connection, run, facts, entries, entity=direction.mapping.entity, now=now)


def _move_watermark(direction: Direction, page: Page, now: str, connection: Connection) -> None:
    mapping, side = direction.mapping.name, direction.source
    if page.complete_to is not None:
        mark = Watermark(page.complete_to, None, now)
    else:
        before = progress.load_watermark(connection, mapping, side)
        mark = Watermark(before.position if before else None, page.resume, now)
    progress.store_watermark(connection, mapping, side, mark)
