"""Two pairs become one, on a person's word: in the target where it can, in the state, and for all around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from isthmus.connect.protocol import Connector, Merging
from isthmus.kernel.errors import Refused
from isthmus.kernel.units import SIDES, other_side
from isthmus.mapping.compile import CompiledMapping
from isthmus.reconcile import question
from isthmus.state import bindings, merges, progress, worklist
from isthmus.state.bindings import Binding, Lane, Stream
from isthmus.state.progress import Due
from isthmus.state.worklist import Item


@dataclass(frozen=True, slots=True)
class Merger:
    """A question which of two records of ``target`` stays. ``stream`` is where their twins were merged."""

    found: Item
    stream: Stream
    target: Connector
    mappings: Mapping[str, CompiledMapping]
    winner: str = ""  # under whose id the winner's pair is known by now: it may have lost a merge itself


def unite(connection: Connection, merger: Merger, stays: Due) -> None:
    """Lets one record of the target stay, under the winner's id; the other is closed where the target can do that.

    Both are planned again: the record that stays learns what the winner says, and the winner its number. Raises
    Refused when either pair moved since the question, or when the target cannot let this one stay.
    """
    keep, drop, winner = _pairs(connection, merger, stays.id)
    merger = replace(merger, winner=winner)
    _unite_target(connection, merger, stays=keep, goes=drop)
    stream = merger.stream
    ids = {pair.seen(side).id for pair in (keep, drop) for side in SIDES}
    merges.unite(connection, keep, drop, side=stream.side, winner=winner)
    for mapping in merger.mappings.values():
        if mapping.spec.same_as == stream.entity:
            _unite_same(connection, merger, mapping, stays=stays)
    for other, key in worklist.waiting_for(connection, [f"{stream.entity} {one}" for one in sorted(ids)]):
        progress.add_due(connection, other, [replace(stays, id=key, force=False)])
    _wake_refused(connection, merger, stays)
    lane = question.lane_of(merger.found)
    worklist.remove(connection, lane, [merger.found.source_id])
    worklist.drop_notes(connection, merger.found.mapping, [merger.found.source_id])
    asked = [one for one in worklist.load_all(connection, merger.found.mapping) if question.is_merge(one)]
    touched = [one.source_id for one in asked if not ids.isdisjoint(question.details(one)["candidates"])]
    progress.add_due(connection, lane, [replace(stays, id=one, force=False) for one in touched])
    progress.add_due(connection, lane, [replace(stays, id=winner)])
    progress.add_due(connection, replace(lane, side=other_side(lane.side)), [stays])


def _pairs(connection: Connection, merger: Merger, stays: str) -> tuple[Binding, Binding, str]:
    """The pair that stays, the one that goes, and the winner's id by now."""
    found, asked = merger.found, question.details(merger.found)
    side, across = merger.stream.side, other_side(merger.stream.side)
    pairs = bindings.load(connection, merger.stream, [found.source_id, asked["winner"]])
    mine, winners = pairs.get(found.source_id), pairs.get(asked["winner"])
    if mine is None or winners is None or [one.seen(across).id for one in (mine, winners)] != asked["candidates"]:
        raise Refused(f"worklist {found.id}", "has changed since it was asked", f"run `isthmus sync {found.mapping}`")
    if any(pair.seen(one).is_erased for pair in (mine, winners) for one in SIDES):
        raise Refused(f"worklist {found.id}", "is about somebody who was erased", f"run `isthmus sync {found.mapping}`")
    winner = winners.seen(side).id
    return (mine, winners, winner) if mine.seen(across).id == stays else (winners, mine, winner)


def _unite_target(connection: Connection, merger: Merger, *, stays: Binding, goes: Binding) -> None:
    side, target = merger.stream.side, merger.target
    across = other_side(side)
    ids = {"stays": stays.seen(across).id, "goes": goes.seen(across).id}
    if isinstance(target, Merging):
        stream = merger.mappings[merger.stream.entity].selection(across).stream
        target.merge(stream, **ids, within=None if target.capabilities.remote else connection)
    elif stays.seen(side).id != merger.winner:  # its external key of the winner is the other's, for ever
        what = f"the {across.upper()} knows {merger.winner} as {ids['goes']} and cannot merge, so that one has to stay"
        raise Refused(
            f"worklist {merger.found.id}", what, f"let it stay, and move what is open at {ids['stays']} to it"
        )


def _unite_same(connection: Connection, merger: Merger, mapping: CompiledMapping, *, stays: Due) -> None:
    """Records that share these pairs, such as a customer's credit, follow them. Of either one nothing may have been
    shown yet: then what was shown of the other goes over, as the winner can have but one.
    """
    side, winner = merger.stream.side, merger.winner
    across, ids = other_side(side), question.details(merger.found)["candidates"]
    here = Stream(mapping.entity, side, merger.stream.org)
    there = Stream(mapping.entity, across, merger.target.identity())
    found = bindings.load(connection, here, [merger.found.source_id, winner]) | bindings.load(connection, there, ids)
    pairs = {pair.seen(across).id: pair for pair in found.values()}
    keep = pairs.pop(stays.id, None)
    if keep is None and pairs:
        keep = pairs.pop(min(pairs))
        keep.forget(across, stays.id)
    if keep:
        keep.gone = ""  # as the loser it was deleted; as the winner it lives, if that is not gone by now as well
        for drop in pairs.values():
            merges.unite(connection, keep, drop, side=side, winner=winner)
        if keep.seen(side).id != winner:
            keep.forget(side, winner)
        bindings.update(connection, [keep])
    progress.add_due(connection, Lane(mapping.name, side), [replace(stays, id=winner, force=False)])
    progress.add_due(connection, Lane(mapping.name, across), [stays])


def _wake_refused(connection: Connection, merger: Merger, due: Due) -> None:
    """What was refused because it was one record's may be the other's now, though it shows nothing new itself."""
    entity = merger.stream.entity
    around = (one for one in merger.mappings.values() if any(row.refers_to == entity for row in one.references))
    for lane, key in worklist.refused(connection, [one.name for one in around]):
        progress.add_due(connection, lane, [replace(due, id=key)])
