"""One set-based step that fetches what planning a page needs: never a query a record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from isthmus.kernel.errors import Fault
from isthmus.kernel.records import Record, match_text
from isthmus.mapping.compile import CompiledMapping
from isthmus.state import bindings, worklist
from isthmus.sync.crossing import references_of
from isthmus.sync.decision import Direction, Read, Reference, Sights
from isthmus.sync.match import Hit, Matches, key_of
from isthmus.sync.ports import Ports

#: How many missing references of a page are fetched to tell why they are missing; the others are told in general.
EXPLAINED_MOST = 200


def look(ports: Ports, direction: Direction, reads: Sequence[Read], connection: Connection) -> Sights:
    """Bindings, references, match candidates, and present forms of targets where a plan needs them."""
    ids = [read.id for read in reads]
    ids += [read.record.merged_into for read in reads if read.record.merged_into]
    stream = ports.stream(direction.mapping.entity, direction.source)
    sights = Sights(bindings=bindings.load(connection, stream, ids))
    news = [read for read in reads if _is_news(direction, read, sights)]
    _look_at_references(ports, direction, news, sights, connection)
    unbound = [read for read in news if read.id not in sights.bindings and read.is_inside and not read.faults]
    if direction.creates and direction.spec.match and unbound:
        sights.matches = _look_for_matches(ports, direction, unbound, connection)
    _look_at_targets(ports, direction, news, sights)
    return sights


def _is_news(direction: Direction, read: Read, sights: Sights) -> bool:
    binding = sights.bindings.get(read.id)
    return binding is None or binding.seen(direction.source).hash != read.hash or read.forced or binding.withdrawn


# --- references ---------------------------------------------------------------------------------------------------


def _look_at_references(
    ports: Ports, direction: Direction, news: Sequence[Read], sights: Sights, connection: Connection
) -> None:
    for entity, ids in references_of(direction, news).items():
        across = bindings.translate_ids(connection, ports.stream(entity, direction.source), sorted(ids))
        for key in ids:
            if key in across:
                sights.references[(entity, key)] = across[key]
        missing = sorted(ids - across.keys())
        if missing and entity in ports.mappings:
            sights.missing.update(_explain_missing(ports, direction, entity, missing, connection))


def _explain_missing(
    ports: Ports, direction: Direction, entity: str, ids: list[str], connection: Connection
) -> dict[Reference, Fault]:
    """Why a reference cannot cross: on the worklist itself, deleted, outside the filter, or simply not read yet."""
    mapping = ports.mappings[entity]
    told: dict[Reference, Fault] = {}
    listed = worklist.load(connection, mapping.name, direction.source, ids)
    for key, item in listed.items():
        what = f"is itself on the worklist ({item.reason}): {item.fault.what}"
        told[(entity, key)] = Fault(f"{entity} {key}", what, item.fault.remedy)
    rest = [key for key in ids if key not in listed][:EXPLAINED_MOST]
    fetched = {
        record.id: record for record in ports.system(direction.source).fetch(mapping.selection(direction.source), rest)
    }
    for key in rest:
        told[(entity, key)] = _why_missing(direction, mapping, key, fetched.get(key))
    return told


def _why_missing(direction: Direction, mapping: CompiledMapping, key: str, record: Record | None) -> Fault:
    where, side = f"{mapping.entity} {key}", direction.source.upper()
    if record is None or record.deleted:
        merged = f" (merged into {record.merged_into})" if record and record.merged_into else ""
        return Fault(where, f"is deleted in the {side}{merged}", "restore it, or refer to another record")
    term = mapping.inside(direction.source, record)
    if term is not None:
        values = ", ".join(str(value) for value in term.values)
        what = f"is outside the filter of {mapping.name}: {term.field} is not {term.operator.replace('_', ' ')} {values}"
        return Fault(where, what, f"change {term.field} in the {side}, or the filter in {mapping.name}.yaml")
    return Fault(where, "was not read yet", f"nothing to do: it follows when {mapping.name} has been synchronised")


# --- matches ------------------------------------------------------------------------------------------------------


def _look_for_matches(
    ports: Ports, direction: Direction, unbound: Sequence[Read], connection: Connection
) -> Matches:
    """Candidates of the target for each rule, and which of them are bound already."""
    matches = Matches(rules=direction.spec.match)
    found: dict[tuple[int, tuple[str, ...]], set[str]] = {}
    for index, rule in enumerate(matches.rules):
        keys = {key for read in unbound if (key := key_of(read.form, rule))}
        if not keys:
            continue
        fields = tuple(direction.target_field(path) for path in rule)
        for candidate in ports.system(direction.target).find(direction.target_stream, fields, sorted(keys)):
            key = tuple(match_text(value or "") for value in candidate.values)
            if key in keys:
                found.setdefault((index, key), set()).add(candidate.id)
    every = sorted(set().union(*found.values())) if found else []
    stream = ports.stream(direction.mapping.entity, direction.target)
    taken = bindings.bound_across(connection, stream, every)
    matches.hits = {place: [Hit(key, taken.get(key)) for key in sorted(ids)] for place, ids in found.items()}
    return matches


# --- targets ------------------------------------------------------------------------------------------------------


def _look_at_targets(ports: Ports, direction: Direction, news: Iterable[Read], sights: Sights) -> None:
    """Present forms of the targets: of bound pairs that share a row, and of records about to be adopted."""
    wanted = set()
    for read in news:
        binding = sights.bindings.get(read.id)
        if binding is not None and direction.shared:
            wanted.add(binding.seen(direction.target).id)
        elif binding is None and (found := sights.matches.find(read.form)):
            wanted.update(hit.id for hit in found[2] if hit.taken_by is None)
    if not wanted:
        return
    selection = direction.mapping.selection(direction.target)
    for record in ports.system(direction.target).fetch(selection, sorted(wanted)):
        form = direction.mapping.to_entity(direction.target, record).form
        sights.targets[record.id] = (record.version, form)
