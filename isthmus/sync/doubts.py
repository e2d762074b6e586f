"""Intents of earlier runs that nobody heard of in full: looked up by key, planned anew, watched while they may land.

A create that has not arrived may still do so. If its record is wanted, it is sent again under the same key, and one of
the two changes nothing. If its record is gone, the key is buried where the target can do that, and the record goes by
another key should it come back; elsewhere the key is looked up for as long as a request may be on its way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection

from isthmus.db import reading, writing
from isthmus.kernel.clock import parse_stamp
from isthmus.kernel.records import Fields, form_text
from isthmus.state import bindings, graves, leases, progress
from isthmus.state.bindings import Binding, Lane, Sight
from isthmus.state.progress import Announced, Due, Intent
from isthmus.sync.commit import wake_same, wake_waiting
from isthmus.sync.decision import Direction
from isthmus.sync.leg import Leg
from isthmus.sync.ports import Stage
from isthmus.sync.unheard import by_place, shown_of

LANDS_WITHIN = timedelta(hours=28)  # queues and proxies keep a request for a day at the most


def settle(leg: Leg) -> None:
    """Answers what earlier runs of this way left open, as far as it can be answered today."""
    direction, lane = leg.direction, leg.direction.lane
    with reading(leg.ports.engine) as connection:
        known = progress.load_intents(connection, lane.mapping)
        intents = known[direction.source]
        creates = _creates(leg, connection, intents)
    leg.unheard = by_place({direction.target: intents, direction.source: known[direction.target]})
    if not intents:
        return
    keys = [entry.key for entry in creates]
    arrived = leg.ports.system(direction.target).find_keys(direction.target_stream, keys) if keys else {}
    requests = _requests(leg, intents, arrived)
    buried = _bury(leg, intents, [entry for entry in creates if entry.key not in arrived])
    with writing(leg.ports.engine) as connection:
        leases.confirm(connection, leg.held)
        _make_due(leg, connection, [entry for one in intents for entry in _asking(leg, one)])
        _bind_arrived(leg, connection, {request: arrived[request.key] for request in requests})
        graves.add(connection, _source(leg), sorted(entry.source_id for entry in creates if entry.key in buried))
        open_keys = {entry.key for entry in _creates(leg, connection, intents)} - buried
        due = {one.id for one in progress.load_due(connection, lane)}
        now_of = _present(leg, connection, [entry for one in intents for entry in one.entries])
        for intent in intents:
            left = [one for one in intent.entries if one.verb != "create" or one.key in open_keys]
            if _is_over(leg, intent):  # known until its record was planned with it in mind, on both ways
                unseen = not _was_read_since(leg, connection, intent)
                left = [replace(one, over=True) for one in left if unseen or now_of[one.source_id] in due]
            progress.settle_intent(connection, intent.id, left, now=leg.ports.now())


def _source(leg: Leg) -> bindings.Stream:
    return leg.ports.stream(leg.direction.mapping.entity, leg.direction.source)


def _creates(leg: Leg, connection: Connection, intents: Sequence[Intent]) -> list[Announced]:
    """What was to be created and is not bound, each key once."""
    found = {entry.key: entry for one in intents for entry in one.entries if entry.verb == "create"}
    bound = bindings.bound_across(connection, _source(leg), [entry.source_id for entry in found.values()])
    return [entry for entry in found.values() if entry.source_id not in bound]


def _requests(leg: Leg, intents: Sequence[Intent], arrived: Mapping[str, str]) -> list[Announced]:
    """The request that made each record: of several under one key that differ, the one that it shows most of.

    Where none can be told from the others the oldest counts: what differs since then is an edit, and none is lost.
    """
    sent: dict[str, list[Announced]] = {key: [] for key in arrived}
    for entry in (entry for one in intents for entry in one.entries):
        if entry.verb == "create" and entry.key in sent:
            sent[entry.key].append(entry)
    unclear = [key for key, entries in sent.items() if any(one.values != entries[0].values for one in entries)]
    shown = _forms(leg, [arrived[key] for key in unclear])
    return [_closest(entries, shown.get(arrived[key], {})) for key, entries in sent.items()]


def _closest(entries: Sequence[Announced], shown: Fields) -> Announced:
    return max(entries, key=lambda one: len(shown_of([one], shown)))


def _forms(leg: Leg, ids: Sequence[str]) -> dict[str, Fields]:
    """What records of the target show now."""
    mapping, target = leg.direction.mapping, leg.direction.target
    records = leg.ports.system(target).fetch(mapping.selection(target), ids) if ids else []
    return {record.id: mapping.to_entity(target, record).form for record in records}


def _bury(leg: Leg, intents: Sequence[Intent], entries: Sequence[Announced]) -> set[str]:
    """Buries the keys of records that are gone, and those for which nobody heard whether it was done.

    It is announced first: a record that comes back goes by another key if the old one may be buried.
    """
    if not entries or not leg.ports.system(leg.direction.target).capabilities.buries:
        return set()
    known = {entry.key for entry in entries if entry.buried}
    fresh = _gone(leg, [entry for entry in entries if entry.key not in known])
    if fresh:
        with writing(leg.ports.engine) as connection:
            leases.confirm(connection, leg.held)
            progress.announce_burial(connection, intents, set(fresh))
    return leg.bury(sorted({*known, *fresh}))


def _gone(leg: Leg, entries: Sequence[Announced]) -> list[str]:
    """The keys of those whose record is not wanted any more: deleted, or outside the filter and not pulled."""
    if not entries:
        return []
    page = leg.fetch([Due(entry.source_id, "its create may still land", "") for entry in entries])
    reads = leg.translate(page)
    return [
        entry.key
        for entry, read in zip(entries, reads, strict=True)
        if read.record.deleted or not (read.is_inside or entry.regardless)
    ]


def _is_over(leg: Leg, intent: Intent) -> bool:
    """Whether nothing of it can land any more."""
    return leg.ports.clock.now() - parse_stamp(intent.opened_at) > LANDS_WITHIN


def _was_read_since(leg: Leg, connection: Connection, intent: Intent) -> bool:
    """Whether the way back has come to its end since then: what landed last was read, and was not taken for an edit."""
    direction = leg.direction
    if not leg.ports.direction(direction.mapping, direction.target).has_work:
        return True
    mark = progress.load_watermark(connection, Lane(direction.mapping.name, direction.target))
    return (
        mark is not None
        and mark.resume is None
        and (parse_stamp(mark.moved_at) - parse_stamp(intent.opened_at) > LANDS_WITHIN)
    )


def _asking(leg: Leg, intent: Intent) -> list[Announced]:
    """Whose records are to be planned: all once; once more what a late landing may have closed, or opened, unseen."""
    if not intent.settled:
        return list(intent.entries)
    lasting = ("withdraw", "reopen")
    return [one for one in intent.entries if one.verb in lasting and not one.over and _is_over(leg, intent)]


def _make_due(leg: Leg, connection: Connection, entries: Sequence[Announced]) -> None:
    why, now = "an earlier run did not hear the answer to its write", leg.ports.now()
    now_of = _present(leg, connection, entries)
    dues = [Due(now_of[entry.source_id], why, now, force=True, regardless=entry.regardless) for entry in entries]
    progress.add_due(connection, leg.direction.lane, dues)


def _present(leg: Leg, connection: Connection, entries: Sequence[Announced]) -> dict[str, str]:
    """Whose record each one's is now: that of a merge's loser has gone over to the winner."""
    pairs = bindings.load(connection, _source(leg), [entry.source_id for entry in entries])
    side = leg.direction.source
    return {
        entry.source_id: pairs[entry.source_id].seen(side).id if entry.source_id in pairs else entry.source_id
        for entry in entries
    }


def _pair(direction: Direction, entry: Announced, target_id: str) -> Binding:
    shown = {unit: values[1] for unit, values in entry.values.items()}
    told = {unit: values[2] for unit, values in entry.values.items()}
    source = Sight(direction.source_org, entry.source_id, "", b"", form_text(told).decode())
    pair = direction.new_binding(source, target_id)
    pair.seen(direction.target).form = form_text(shown).decode()
    pair.regardless = entry.regardless
    return pair


def _bind_arrived(leg: Leg, connection: Connection, arrived: Mapping[Announced, str]) -> None:
    """Pairs that a lost answer would have told of. What both may change has been shown to both; all else is news.

    The other way may have read the new record already, when nobody knew whose it was: it is due there.
    """
    target = leg.ports.stream(leg.direction.mapping.entity, leg.direction.target)
    taken = bindings.bound_across(connection, target, list(arrived.values()))
    news = {entry: target_id for entry, target_id in arrived.items() if target_id not in taken}
    pairs = [_pair(leg.direction, entry, target_id) for entry, target_id in news.items()]
    bindings.drop_aliases(connection, _source(leg), [entry.source_id for entry in news])
    bindings.insert(connection, pairs)
    why, now, entity = "it arrived, though nobody heard the answer", leg.ports.now(), leg.direction.mapping.entity
    wake_waiting(connection, entity, [f"{entity} {key}" for one in pairs for key in (one.crm.id, one.erp.id)], now=now)
    wake_same(Stage(leg.ports, leg.direction, connection), pairs, now)
    _make_due(leg, connection, list(news))
    dues = [Due(target_id, why, now, force=True) for target_id in news.values()]
    progress.add_due(connection, Lane(leg.direction.mapping.name, leg.direction.target), dues)
