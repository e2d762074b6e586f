"""Stores a page: bindings, outcomes, worklist, audit link and watermark, in the caller's one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import orjson
from sqlalchemy import Connection

from isthmus.connect.protocol import Answer
from isthmus.kernel.records import Page
from isthmus.kernel.units import SIDES
from isthmus.state import bindings, progress, runs, worklist
from isthmus.state.bindings import Binding, Lane
from isthmus.state.progress import Due, Watermark
from isthmus.state.worklist import Item
from isthmus.sync.conclude import Conclusion, editor_of
from isthmus.sync.decision import Direction
from isthmus.sync.ports import Stage

STATUS_WORDS = {
    "invalid": "Not in the ERP: data to correct",
    "waiting": "Waiting for another record",
    "refused": "Refused by the ERP",
    "ambiguous": "Needs a decision: which customer?",
    "conflict": "Needs a decision: changed on both sides",
    "in_doubt": "Being looked up",
}
THROUGH = "Synchronised"
NOWHERE = "Not in the ERP"  # nor meant to be: it has left the filter before it was through
STALE = "it shows something else under an older stamp"


@dataclass(slots=True)
class Work:
    """One page on its way: what was read and what came of it."""

    page: Page
    conclusions: list[Conclusion]
    answers: Sequence[Answer]
    dues: Sequence[Due] = ()
    mark: Watermark | None = None  # where the watermark then stands; due records do not move it
    later: list[str] = field(default_factory=list)  # records that only the next run is to plan again

    def without_listed(self) -> Work:
        """Only what is through, when too much is not: the watermark stays, and the rest is read again."""
        through = [one for one in self.conclusions if one.outcome != "worklisted"]
        ids = {one.read.id for one in through}
        dues = [due for due in self.dues if due.id in ids]
        return Work(Page([], len(through)), through, self.answers, dues)


def store_page(stage: Stage, run: runs.Run, work: Work) -> None:
    """Everything that the page came to, at once."""
    now = stage.ports.now()
    _store_bindings(stage, work.conclusions)
    _join_questions(stage, work.conclusions, now)
    _retry_refused(stage, work.conclusions, now)
    _store_worklist(stage, work.conclusions, now)
    _store_dues(stage, work, now)
    _wake(stage, work.conclusions, now)
    _store_audit(stage, run, work=work, now=now)
    if work.mark is not None:
        progress.store_watermark(stage.connection, stage.direction.lane, work.mark)


def _store_bindings(stage: Stage, conclusions: Sequence[Conclusion]) -> None:
    pairs: dict[str, list[Binding]] = {"insert": [], "update": []}
    for one in conclusions:
        if one.bind and one.decision.binding is not None:
            pairs[one.bind].append(one.decision.binding)
    bindings.insert(stage.connection, pairs["insert"])
    bindings.update(stage.connection, list({item.id: item for item in pairs["update"]}.values()))
    aliases = [
        (one.decision.alias, one.decision.binding)
        for one in conclusions
        if one.outcome == "rebound" and one.decision.alias and one.decision.binding is not None
    ]
    stream = stage.stream(stage.direction.source)
    bindings.drop_aliases(stage.connection, stream, [pair.seen(stream.side).id for _, pair in aliases])
    bindings.add_aliases(stage.connection, stream, aliases)


def _join_questions(stage: Stage, conclusions: Sequence[Conclusion], now: str) -> None:
    """A conflict is one question, kept under the CRM record. What the other side says of it now makes it due there."""
    direction, connection = stage.direction, stage.connection
    across = Lane(direction.mapping.name, direction.target)
    told = {
        pair.seen(direction.target).id: one
        for one in sorted(conclusions, key=lambda one: one.outcome != "superseded")  # a newer look counts
        if direction.shared and (pair := one.decision.binding) is not None
    }  # what is unchanged too: it may have been something else within the same second
    dues, joined = [], []
    for key, item in worklist.load(connection, across, list(told)).items() if told else ():
        one = told[key]
        if not _is_question(item):
            continue
        one.is_asked = True
        if one.outcome == "superseded":  # an older look says nothing
            continue
        if one.item is not None and _is_question(one.item):
            same = worklist.asks_the_same(one.item, item)
            if direction.source == "crm":
                joined.append(key)
                continue
            one.item = None
            if same:
                continue
        dues.append(Due(key, f"{direction.mapping.entity} {one.read.id} says something else now", now))
    worklist.remove(connection, across, joined)
    progress.add_due(connection, across, dues)


def _is_question(item: Item | None) -> bool:
    return item is not None and item.reason == "conflict" and item.detail is not None


def _retry_refused(stage: Stage, conclusions: Sequence[Conclusion], now: str) -> None:
    """What this side refused of the other may pass now that its record has moved: it was deleted, say, and is back."""
    direction = stage.direction
    across = Lane(direction.mapping.name, direction.target)
    moved = {
        pair.seen(direction.target).id: one.read.id
        for one in conclusions
        if (pair := one.decision.binding) is not None and _has_moved(direction, one, pair)
    }
    why = f"{direction.mapping.entity} {{}} has moved since it was refused"
    listed = worklist.load(stage.connection, across, list(moved))
    own = {key: f"{direction.mapping.entity} {key}" for key in listed}  # its record here had been merged away
    again = [key for key, item in listed.items() if item.reason == "refused" or item.waits_for == own[key]]
    dues = [Due(key, why.format(moved[key]), now) for key in again]
    progress.add_due(stage.connection, across, dues)


def _has_moved(direction: Direction, one: Conclusion, pair: Binding) -> bool:
    """Whether a known record is through, and shows something new, or the same under a new stamp."""
    if one.outcome == "unchanged" and one.read.record.version > pair.seen(direction.source).version:
        return True
    return one.outcome != "worklisted" and one.bind == "update"


def _store_worklist(stage: Stage, conclusions: Sequence[Conclusion], now: str) -> None:
    """New and renewed items; records that are through leave the list. Repeats are only counted, not told again."""
    lane = stage.direction.lane
    known = worklist.load(stage.connection, lane, [one.read.id for one in conclusions])
    items = []
    for one in conclusions:
        before = one.listed = known.get(one.read.id)
        if one.item is None:
            continue
        items.append(one.item)
        if (
            before
            and (before.reason, before.fault) == (one.item.reason, one.item.fault)
            and one.outcome == "worklisted"
        ):
            one.entry = None
    stays = {item.source_id for item in items}
    stays.update(one.read.id for one in conclusions if one.outcome == "superseded")  # an older look says nothing
    worklist.put(stage.connection, lane, items, now=now)
    worklist.remove(stage.connection, lane, [key for key in known if key not in stays])
    _hear_out(stage, [one for one in conclusions if _is_question(known.get(one.read.id))], now)
    if lane.side == "crm":
        _store_notes(stage, conclusions)


def _hear_out(stage: Stage, asked: Sequence[Conclusion], now: str) -> None:
    """A question may end without an answer: sales put back what stood there before. What the other side had to say was
    only seen while it was open, so it is planned now. What left says nothing: the question comes back with it. Where an
    answer waits nothing has ended.
    """
    direction = stage.direction
    why = f"the question about {direction.mapping.entity} {{}} has ended"
    dues = [
        Due(pair.seen(direction.target).id, why.format(one.read.id), now)
        for one in asked
        if not (_is_question(one.item) or _waits_to_hold(one)) and one.outcome != "superseded" and not one.decision.left
        if (pair := one.decision.binding) is not None
    ]
    progress.add_due(stage.connection, Lane(direction.mapping.name, direction.target), dues)


def _store_notes(stage: Stage, conclusions: Sequence[Conclusion]) -> None:
    """The reason why a record is not through goes onto the record itself; it leaves with the reason."""
    mapping, connection = stage.direction.mapping.name, stage.connection
    worklist.drop_notes(connection, mapping, [one.read.id for one in conclusions if one.read.record.deleted])
    notes = [
        (one.read.id, STATUS_WORDS[one.item.reason], str(one.item.fault))
        for one in conclusions
        if one.item is not None and not one.read.record.deleted
    ]
    left = {
        one.read.id: NOWHERE if one.outcome == "filtered" else THROUGH
        for one in conclusions
        if one.item is None and one.outcome != "superseded" and not one.read.record.deleted
    }
    stale = worklist.noted(connection, mapping, list(left))
    worklist.want_notes(connection, mapping, [*notes, *((key, left[key], None) for key in stale)])


def _store_dues(stage: Stage, work: Work, now: str) -> None:
    """What was due is done, but for answers that wait; references to be pulled and edits to be undone become due."""
    direction, connection = stage.direction, stage.connection
    work.later = [one.read.id for one in work.conclusions if _waits_to_hold(one)]
    progress.drop_due(connection, direction.lane, [due for due in work.dues if due.id not in work.later])
    pulled: dict[str, dict[str, Due]] = {}
    undone = []
    for one in work.conclusions:
        for entity, key in one.decision.pulls:
            why = f"{direction.mapping.entity} {one.read.id} refers to it"
            pulled.setdefault(entity, {})[key] = Due(key, why, now, regardless=True)
        if one.decision.overruled and one.decision.binding is not None:
            fields = ", ".join(sorted(item.unit for item in one.decision.overruled))
            who = editor_of(one.read) or "somebody"
            source, target = direction.source.upper(), direction.target.upper()
            why = f"{fields} was edited in the {source} by {who}; the {target} owns it"
            undone.append(Due(one.decision.binding.seen(direction.target).id, why, now, force=True))
        elif one.outcome != "worklisted" and (answer := _asks_back(direction, one, now)):
            undone.append(answer)
        if one.again:
            work.later.append(one.read.id)
    again = [Due(one.read.id, one.again, now) for one in work.conclusions if one.again]
    again += [  # with the repair that was owed to the loser
        Due(
            one.decision.binding.seen(direction.source).id,
            f"it took over the pair of {one.read.id}",
            now,
            force=one.read.forced,
        )
        for one in work.conclusions
        if one.outcome == "rebound" and one.decision.binding is not None and one.decision.change is not None
    ]
    again += [Due(one.read.id, STALE, now) for one in work.conclusions if _is_stale(direction, one)]
    progress.add_due(connection, direction.lane, again)
    for entity, items in pulled.items():
        if entity in stage.ports.mappings:
            progress.add_due(connection, Lane(stage.ports.mappings[entity].name, direction.source), items.values())
    progress.add_due(connection, Lane(direction.mapping.name, direction.target), undone)


def _waits_to_hold(one: Conclusion) -> bool:
    """Whether a person's answer could not be carried out, as its record is not through for another reason: nobody is
    asked again, it holds as soon as that is over. Not where the target has said no: it would say so in every run.
    Another question makes it void.
    """
    due, item = one.read.due, one.item
    if due is None or due.resolution is None or item is None or one.outcome != "worklisted" or one.decision.left:
        return False
    was_refused = one.decision.change is not None and item.reason != "in_doubt"
    return not (was_refused or item.reason == "ambiguous" or _is_question(item))


def _is_stale(direction: Direction, one: Conclusion) -> bool:
    """An older stamp under another form, or on the other side of the filter, or of what is listed: there somebody may
    have put back what was through. Fetched by id, it counts.

    It is an old look, or the source's clock was set back, or the source was brought back from its backup.
    """
    binding = one.decision.binding
    if one.outcome != "superseded" or binding is None:
        return False
    seen, stays = binding.seen(direction.source), one.read.is_inside or binding.regardless
    crossed = stays is bool(binding.left(direction.source))
    is_listed = one.is_asked or one.listed is not None
    return (seen.hash != one.read.hash or crossed or is_listed) and not seen.is_erased


def _asks_back(direction: Direction, one: Conclusion, now: str) -> Due | None:
    """The target's own record, where it must be planned too though it did not move."""
    binding = one.decision.binding
    if binding is None:
        return None
    key, name = binding.seen(direction.target).id, f"{direction.mapping.entity} {one.read.id}"
    if one.decision.asks_back:
        return Due(key, one.decision.asks_back, now, force=True)
    if one.decision.is_answer:
        return Due(key, f"the question about {name} is answered", now)
    if one.bind == "insert" and one.outcome == "updated" and not direction.spec.same_as:
        return Due(key, f"it was matched with {name}", now)
    return None


def _wake(stage: Stage, conclusions: Sequence[Conclusion], now: str) -> None:
    """Whatever waited for the records that are bound now, or for credit, or for what others let go, becomes due."""
    entity = stage.direction.mapping.entity
    _wake_rivals(stage, conclusions, now)
    _wake_referring(stage, conclusions, now)
    awaited = [(one, pair) for one in conclusions if (pair := one.decision.binding) and _is_awaited(entity, one)]
    if not awaited:
        return
    bound = (f"{entity} {key}" for one, pair in awaited for key in sorted({one.read.id, pair.crm.id, pair.erp.id}))
    wake_waiting(stage.connection, entity, bound, now=now)
    wake_same(stage, [pair for one, pair in awaited if _binds(one)], now)


def _wake_rivals(stage: Stage, conclusions: Sequence[Conclusion], now: str) -> None:
    """Who was refused, or not told apart, for a record that has moved now, or for what that one may have let go: an
    order, say, whose quote another one used.
    """
    direction, connection = stage.direction, stage.connection
    moved = [(one, pair) for one in conclusions if (pair := one.decision.binding) and _has_moved(direction, one, pair)]
    if not moved:
        return
    entity = direction.mapping.entity
    own = (f"{entity} {key}" for _, pair in moved for key in (pair.crm.id, pair.erp.id) if key)
    waiting = worklist.waiting_for(connection, own, reasons=("refused", "ambiguous"))
    _make_due(connection, waiting, f"the {entity} that stood in its way has moved", now=now)
    rows = [row for row in direction.mapping.references if not row.in_lines]
    if rows:  # the forms are looked into only if anybody waits: `waiting_for` asks that first
        texts = (
            text for one, pair in moved for text in dict.fromkeys((one.before, pair.crm.form, pair.erp.form)) if text
        )
        forms = (orjson.loads(text) for text in texts)
        named = (f"{row.refers_to} {form[row.row]}" for form in forms for row in rows if form.get(row.row))
        freed = worklist.waiting_for(connection, named, reasons=["refused"])
        _make_due(connection, freed, "what it was refused for may be free", now=now)


def _wake_referring(stage: Stage, conclusions: Sequence[Conclusion], now: str) -> None:
    """A pair has gone over to another record, or got a new one, or its own is back: what was refused may have named the
    one before it, or the one that was deleted. Not every system says which field it refuses, so all of the mappings
    that refer to the entity are tried again.
    """
    if not any(_is_another(one) or one.is_back or _reopens(one) for one in conclusions):
        return
    entity = stage.direction.mapping.entity
    around = (one for one in stage.ports.mappings.values() if any(row.refers_to == entity for row in one.references))
    refused = worklist.refused(stage.connection, [one.name for one in around])
    _make_due(stage.connection, refused, f"the {entity} it was refused for may be another one now", now=now)


def wake_waiting(connection: Connection, entity: str, bound: Iterable[str], *, now: str) -> None:
    """Makes due what is on the worklist until these are there: each ``entity id``, of either side."""
    _make_due(connection, worklist.waiting_for(connection, bound), f"the {entity} it waited for is there", now=now)


def _make_due(connection: Connection, waiting: Iterable[tuple[Lane, str]], why: str, *, now: str) -> None:
    dues: dict[Lane, list[Due]] = {}
    for lane, key in waiting:
        dues.setdefault(lane, []).append(Due(key, why, now))
    for lane, items in dues.items():
        progress.add_due(connection, lane, items)


def _binds(one: Conclusion) -> bool:
    """Whether a pair is new, or has gone over to another record."""
    return one.bind == "insert" or one.outcome in ("rebound", "created")


def _is_another(one: Conclusion) -> bool:
    """Whether one half of a known pair is another record now."""
    return one.outcome == "rebound" or (one.outcome == "created" and one.bind == "update")


def _reopens(one: Conclusion) -> bool:
    change = one.decision.change
    return one.outcome == "updated" and change is not None and change.verb == "reopen"


def _is_awaited(entity: str, one: Conclusion) -> bool:
    """Whether others may wait for what happened: a pair to refer to, one that is open again, or credit that is free."""
    return _binds(one) or _reopens(one) or (one.outcome == "updated" and entity == "credit_status")


def wake_same(stage: Stage, moved: Sequence[Binding], now: str) -> None:
    """Mappings whose records share these pairs follow them; one that was never read will read everything anyway."""
    entity = stage.direction.mapping.entity
    for mapping in stage.ports.mappings.values() if moved else ():
        for side in SIDES if mapping.spec.same_as == entity else ():
            lane = Lane(mapping.name, side)
            was_read = progress.load_watermark(stage.connection, lane) is not None
            if was_read and stage.ports.direction(mapping, side).writes:
                dues = [Due(pair.seen(side).id, f"its {entity} is bound", now) for pair in moved]
                progress.add_due(stage.connection, lane, dues)


def _store_audit(stage: Stage, run: runs.Run, *, work: Work, now: str) -> None:
    quiet: dict[str, list[str]] = {}
    for one in work.conclusions:
        if one.entry is None:
            quiet.setdefault(one.outcome, []).append(one.read.id)
    counts: Counter[str] = Counter(answer.result for answer in work.answers)
    # A re-pointed pair is told to the target, which answers `updated`; that is no update of ours.
    counts["updated"] -= sum(one.outcome == "rebound" and one.decision.change is not None for one in work.conclusions)
    answered = {name: number for name, number in counts.items() if number}
    entries = [one.entry for one in work.conclusions if one.entry is not None]
    direction, page = stage.direction, work.page
    facts = runs.PageFacts(direction.source, page.read, quiet, answered, page.complete_to, entries)
    runs.add_page(stage.connection, run, facts, entity=direction.mapping.entity, now=now)
