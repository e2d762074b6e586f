"""A person leaves the state: forms, audit payloads, worklist, decisions, differences; that it happened stays.

What is erased can never come back by a run: its pair is seen at a version that is later than any, so whatever a system
still shows is superseded. What the CRM still shows is on the worklist until it is deleted there too. Copies that the
ERP owns (invoices, payments) are written again from what the ERP has left.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, and_, or_, select

from isthmus.db import among
from isthmus.kernel.errors import Fault, Refused
from isthmus.kernel.units import SIDES, Side
from isthmus.state import chain, decisions, progress, runs, tie_outs, worklist
from isthmus.state.bindings import LAST, Lane
from isthmus.state.chain import ERASED, ERASURES
from isthmus.state.decisions import Decided
from isthmus.state.runs import Entry, PageFacts, Run
from isthmus.state.tables import alias, audit, binding, due, note, page
from isthmus.state.worklist import Item

GUARDED = (decisions.table.name,)

#: What tells nothing of one person where it stands alone.
_SHARED = ("city", "state", "postal_code", "country", "currency", "terms", "status", "number", "parent")

Ids = dict[Side, set[str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A mapping whose records are the person, or refer to the person by ``rows`` of the entity and fields of a side.

    ``is_born_in_crm`` where the CRM's record is the original.
    """

    mapping: str
    entity: str
    is_born_in_crm: bool = False
    is_person: bool = False
    rows: tuple[str, ...] = ()
    fields: Mapping[Side, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """Who erases, why, when, with which program."""

    who: str
    why: str
    now: str
    program: str


@dataclass(slots=True)
class Person:
    """All ids that a person has or had on either side, and those of what refers to the person, by entity."""

    entity: str
    ids: Ids
    left_crm: bool = False
    records: dict[str, Ids] = field(default_factory=dict)

    def add(self, entity: str, side: Side, record_id: str | None) -> None:
        if record_id:
            self.records.setdefault(entity, {"crm": set(), "erp": set()})[side].add(record_id)


def find(connection: Connection, entity: str, record_id: str) -> Person | None:
    """The person behind an id of either side, an alias too; None without a pair. Raises Refused if it means two."""
    by_alias = select(alias.c.binding_id).where(alias.c.entity == entity, alias.c.id == record_id)
    known = or_(binding.c.crm_id == record_id, binding.c.erp_id == record_id, binding.c.id.in_(by_alias))
    rows = connection.execute(select(binding).where(binding.c.entity == entity, known)).all()
    if len(rows) > 1:
        raise Refused(f"{entity} {record_id}", f"means {len(rows)} of them", "name it by the other system's id")
    if not rows:
        return None
    row = rows[0]
    person = Person(entity, {"crm": {row.crm_id}, "erp": {row.erp_id}}, row.gone.startswith("crm"))
    for org, other in connection.execute(select(alias.c.org, alias.c.id).where(alias.c.binding_id == row.id)):
        person.ids["crm" if org == row.crm_org else "erp"].add(other)
    return person


def is_told(connection: Connection, entity: str, record_id: str) -> bool:
    """Whether the audit tells of a record, though nothing is bound: it was refused, or its pair is no more."""
    query = select(audit.c.id).where(audit.c.entity == entity, audit.c.source_id == record_id)
    return connection.execute(query.limit(1)).first() is not None


# --- what is a person's -------------------------------------------------------------------------------------------


def gather(connection: Connection, person: Person, kinds: Sequence[Kind]) -> None:
    """Finds the records of every kind that are the person's: by their forms, by the audit, by what waits."""
    for kind in kinds:
        if kind.is_person:
            person.records[kind.entity] = {side: set(ids) for side, ids in person.ids.items()}
            continue
        _gather_bound(connection, person, kind)
        _gather_told(connection, person, kind)
    _gather_waiting(connection, person, {kind.mapping: kind.entity for kind in kinds if not kind.is_person})
    for entity, ids in person.records.items():
        _complete(connection, entity, ids)


def _gather_bound(connection: Connection, person: Person, kind: Kind) -> None:
    signs = {side: [f'"{row}":"{key}"' for row in kind.rows for key in person.ids[side]] for side in SIDES}
    for side in SIDES:
        if not signs[side]:
            continue
        form = binding.c[f"{side}_form"]
        query = select(binding.c.crm_id, binding.c.erp_id, form).where(binding.c.entity == kind.entity)
        found = connection.execute(query.where(or_(*(form.contains(one, autoescape=True) for one in signs[side]))))
        for crm_id, erp_id, text in found:
            if any(one in text for one in signs[side]):  # a database may take no notice of case
                person.add(kind.entity, "crm", crm_id)
                person.add(kind.entity, "erp", erp_id)


def _gather_told(connection: Connection, person: Person, kind: Kind) -> None:
    """Also what never got through: it was written or refused with the person's id in it."""
    signs = [f'"{name}":"{key}"' for side in SIDES for name in kind.fields.get(side, ()) for key in person.ids[side]]
    signs += [f'"{person.entity} {key}"' for key in person.ids["crm"]]
    if not signs:
        return
    query = select(audit.c.side, audit.c.source_id, audit.c.target_id, audit.c.payload)
    query = query.where(audit.c.entity == kind.entity)
    query = query.where(or_(*(audit.c.payload.contains(one, autoescape=True) for one in signs)))
    for side, source_id, target_id, payload in connection.execute(query):
        if any(one in payload for one in signs):
            person.add(kind.entity, side, source_id)
            person.add(kind.entity, "erp" if side == "crm" else "crm", target_id)


def _gather_waiting(connection: Connection, person: Person, entities: Mapping[str, str]) -> None:
    waited = [f"{person.entity} {key}" for side in SIDES for key in person.ids[side]]
    for lane, key in worklist.waiting_for(connection, waited):
        if lane.mapping in entities:
            person.add(entities[lane.mapping], lane.side, key)


def _complete(connection: Connection, entity: str, ids: Ids) -> None:
    """The other side's ids of what is bound."""
    known = or_(among(connection, binding.c.crm_id, sorted(ids["crm"])),
                among(connection, binding.c.erp_id, sorted(ids["erp"])))  # fmt: skip
    query = select(binding.c.crm_id, binding.c.erp_id).where(binding.c.entity == entity, known)
    for crm_id, erp_id in connection.execute(query).all():
        ids["crm"].add(crm_id)
        ids["erp"].add(erp_id)


def texts_of(connection: Connection, person: Person) -> set[str]:
    """What both sides last showed of the person, as far as it points to this person wherever else it stands."""
    query = select(binding.c.crm_form, binding.c.erp_form).where(
        binding.c.entity == person.entity, among(connection, binding.c.crm_id, sorted(person.ids["crm"]))
    )
    forms = [json.loads(text) for row in connection.execute(query) for text in row if text]
    return {text for form in forms for text in _texts(form)}


def _texts(form: Mapping[str, object]) -> Iterator[str]:
    for name, value in form.items():
        if isinstance(value, dict):
            yield from _texts(value)
        elif isinstance(value, str) and name not in _SHARED:
            yield value


# --- what goes ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Erased:
    """How many audit entries were emptied, records frozen, and which records the CRM is to delete."""

    entries: int = 0
    records: int = 0
    listed: list[tuple[str, str]] = field(default_factory=list)  # entity and CRM id


def erase(
    connection: Connection,
    person: Person,
    kinds: Sequence[Kind],
    *,
    order: Order,
    changed: Mapping[str, Collection[str]] | None,
) -> Erased:
    """Empties everything that was gathered and seals that it was. Call it with the guards of `GUARDED` lifted.

    ``changed`` are the ERP's ids of documents of which the ERP has just lost something; None where the ERP is far.
    While the CRM still has what the ERP has lost, the two differ, and the worklist says why.
    """
    done = Erased()
    for kind in kinds:
        ids = person.records.get(kind.entity)
        if ids is None:
            continue
        _empty_worklist(connection, kind.mapping, ids)
        _empty_decisions(connection, kind.entity, ids)
        progress.forget_values(connection, kind.mapping, ids["crm"] | ids["erp"])
        done.entries += _empty_audit(connection, kind.entity, ids)
        if not (kind.is_person or kind.is_born_in_crm):
            again = ids["erp"] if changed is None else changed.get(kind.entity, ())
            done.records += len(_forget(connection, kind.entity, by="erp_id", ids=sorted(again), until=("", order.now)))
            continue
        pairs = _forget(connection, kind.entity, by="crm_id", ids=sorted(ids["crm"]), until=(order.now, order.now))
        done.records += len(pairs)
        lost = ids["erp"] if kind.is_person else set((changed or {}).get(kind.entity, ()))
        if kind.is_born_in_crm and not person.left_crm:
            stays = [crm_id for crm_id, erp_id in pairs if erp_id in lost]
            if kind.is_person and not pairs:  # it never got through: the item alone says that it never may
                stays = sorted(ids["crm"])
            _list(connection, kind, stays, order=order)
            done.listed += [(kind.entity, crm_id) for crm_id in stays]
        if kind.is_person:
            _ask_no_more(connection, kind, ids, order=order)
    _seal(connection, person, order)
    return done


def _ask_no_more(connection: Connection, kind: Kind, ids: Ids, *, order: Order) -> None:
    """Whose merge with the person is in question is planned again: nothing goes over to anybody now."""
    asked = [(one, json.loads(one.detail)) for one in worklist.load_all(connection, kind.mapping) if one.detail]
    theirs = [one for one, told in asked if "winner" in told and not ids["erp"].isdisjoint(told["candidates"])]
    dues = [progress.Due(one.source_id, "the other record of its merge was erased", order.now) for one in theirs]
    progress.add_due(connection, Lane(kind.mapping, "crm"), dues)


def _forget(
    connection: Connection, entity: str, *, by: str, ids: Sequence[str], until: tuple[str, str]
) -> list[tuple[str, str]]:
    """These pairs show nothing any more, and what ERP and CRM show is nothing new ``until`` these days.

    Where the ERP is not told a day, the next run reads its record as new and writes the CRM's copy again.
    """
    chosen = and_(binding.c.entity == entity, among(connection, binding.c[by], ids))
    erp, crm = (f"{LAST}{day}" if day else "" for day in until)
    values = {
        "crm_form": "{}", "erp_form": "{}", "crm_hash": b"", "erp_hash": b"", "crm_version": crm, "erp_version": erp,
        "crm_wrote": "", "erp_wrote": "",
    }  # fmt: skip
    connection.execute(binding.update().where(chosen).values(values))
    query = select(binding.c.crm_id, binding.c.erp_id).where(chosen).order_by(binding.c.id)
    return [(row[0], row[1]) for row in connection.execute(query)]


def _empty_audit(connection: Connection, entity: str, ids: Ids) -> int:
    crm, erp = sorted(ids["crm"]), sorted(ids["erp"])
    source, target = audit.c.source_id, audit.c.target_id
    theirs = or_(
        and_(audit.c.side == "crm", or_(among(connection, source, crm), among(connection, target, erp))),
        and_(audit.c.side == "erp", or_(among(connection, source, erp), among(connection, target, crm))),
    )
    sealed = select(page.c.id).where(page.c.mapping == ERASURES)
    filled = and_(audit.c.entity == entity, audit.c.payload.is_not(None), audit.c.page_id.not_in(sealed))
    return connection.execute(audit.update().where(filled, theirs).values(payload=None, salt=None)).rowcount


def _empty_worklist(connection: Connection, mapping: str, ids: Ids) -> None:
    for side in SIDES:
        worklist.remove(connection, Lane(mapping, side), sorted(ids[side]))
        at = (due.c.mapping == mapping, due.c.side == side, among(connection, due.c.id, sorted(ids[side])))
        connection.execute(due.delete().where(*at))
    noted = among(connection, note.c.id, sorted(ids["crm"]))
    connection.execute(note.delete().where(note.c.mapping == mapping, noted))


def _empty_decisions(connection: Connection, entity: str, ids: Ids) -> None:
    """Who decided what and when stays; the words of people go, and so do the values of differences."""
    table = decisions.table
    about = [f"{entity} {key}" for side in SIDES for key in ids[side]]
    words = {"answer": "", "why": ERASED, "told": ""}
    connection.execute(table.update().where(among(connection, table.c.record, about)).values(words))
    of = tie_outs.difference
    theirs = or_(among(connection, of.c.crm_id, sorted(ids["crm"])), among(connection, of.c.erp_id, sorted(ids["erp"])))
    values = {"crm_value": None, "erp_value": None, "remedy": ERASED}
    connection.execute(of.update().where(of.c.entity == entity, theirs).values(values))


def _list(connection: Connection, kind: Kind, crm_ids: Sequence[str], *, order: Order) -> None:
    what = f"was erased on {order.now[:10]}, and nothing of it is carried any more"
    remedy = "delete or anonymise it in the CRM; then dismiss this"
    listed = [  # `invalid` is not tried again by itself: nothing becomes possible by waiting
        Item(key, "invalid", Fault(f"{kind.entity} {key}", what, remedy), f"{LAST}{order.now}") for key in crm_ids
    ]
    worklist.put(connection, Lane(kind.mapping, "crm"), listed, now=order.now)


def _pairs(connection: Connection, entity: str, ids: Ids) -> list[tuple[str, str | None]]:
    """Each record once, by its CRM id where it has one."""
    query = select(binding.c.crm_id, binding.c.erp_id).where(
        binding.c.entity == entity, among(connection, binding.c.crm_id, sorted(ids["crm"]))
    )
    bound = {row[0]: row[1] for row in connection.execute(query)}
    alone = (ids["crm"] | ids["erp"]) - bound.keys() - set(bound.values())
    return [*sorted(bound.items()), *((one, None) for one in sorted(alone))]


def _seal(connection: Connection, person: Person, order: Order) -> None:
    """The erasure is audited itself: a run in a chain of its own, one page an entity, one entry a record."""
    new = Run(0, ERASURES, order.who, "erasure", "", order.program, token=0, started_at=order.now)
    run = runs.begin_run(connection, new)
    for entity, ids in sorted(person.records.items()):
        pairs = _pairs(connection, entity, ids)
        entries = [Entry(one, other, ERASED, order.now, {"why": order.why}) for one, other in pairs]
        facts = PageFacts("crm", len(entries), {}, {}, None, entries)
        runs.add_page(connection, run, facts, entity=entity, now=order.now)
    told = json.dumps({"chain": chain.head(connection, ERASURES)})
    runs.end_run(connection, run.id, ended_at=order.now, status="done", report=told)
    for record in sorted(person.ids["crm"]):
        decided = Decided(order.now, order.who, "erase", record=f"{person.entity} {record}", why=order.why)
        decisions.add(connection, decided)
