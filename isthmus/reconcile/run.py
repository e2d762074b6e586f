"""A tie-out: what was asked for, entity by entity, its repairs, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import orjson

from isthmus.connect.protocol import Timely
from isthmus.db import reading, writing
from isthmus.kernel.clock import parse_stamp
from isthmus.kernel.errors import Misconfigured
from isthmus.kernel.records import Fields
from isthmus.kernel.selection import Selection, Term
from isthmus.kernel.units import SIDES, Side
from isthmus.mapping.compile import CompiledMapping
from isthmus.reconcile import scratch, totals
from isthmus.reconcile.balances import SHOWN_MOST, Balance, Balances, add_up, misstated, name_parties
from isthmus.reconcile.entity import OURS, EntityTie
from isthmus.reconcile.findings import Difference, EntityResult, at_stake, weighed
from isthmus.reconcile.judge import HELD
from isthmus.reconcile.ports import Ports
from isthmus.reconcile.shape import Shape
from isthmus.state import progress, tie_outs
from isthmus.state.bindings import Lane
from isthmus.state.progress import Due
from isthmus.state.tie_outs import Past, Place, Seen

Asked = Literal["credit", "receivables", "totals"]
KINDS: tuple[Asked, ...] = get_args(Asked)
UNHELPED = "the last repair did not help"
ENTITIES = {"credit": ("credit_status",), "receivables": ("invoice", "payment", "credit_status")}


@dataclass(slots=True)
class TieOut:
    """The result. ``past`` are earlier tie-outs of the same kind, oldest first, this one last; people are told instants
    in ``time_zone``.
    """

    kind: Asked
    who: str
    as_of: str
    entities: list[EntityResult] = field(default_factory=list)
    balances: list[Balance] = field(default_factory=list)  # of customers whose sums do not agree
    past: list[Past] = field(default_factory=list)
    time_zone: str = "UTC"

    @property
    def agrees(self) -> bool:
        return all(one.agrees for one in self.entities)

    @property
    def differences(self) -> list[Difference]:
        return [one for entity in self.entities for one in entity.differences]

    def weighed(self) -> list[tuple[int, str | None, int]]:
        """What people are called for: (minor units, currency, age in days) of each difference, a record once."""
        return weighed(self.differences)

    def doubts(self) -> list[str]:
        """What is wrong with the comparison itself, in words without ids or names: it proves nothing then."""
        from isthmus.reconcile.report.words import doubts

        return [doubt for entity in self.entities for doubt in doubts(entity)]

    def table(self) -> str:
        """The whole as text, for a terminal or a log."""
        from isthmus.reconcile.report.table import plain

        return plain(self)

    def html(self) -> str:
        """One page that needs nothing from outside."""
        from isthmus.reconcile.report.page import html

        return html(self)

    def as_json(self) -> Fields:
        return {
            "kind": self.kind, "agrees": self.agrees, "as_of": self.as_of, "who": self.who,
            "at_stake_minor": at_stake(self.differences), "entities": [one.as_json() for one in self.entities],
            "differences": [one.as_json() for one in self.differences],
            "balances": [one.as_json() for one in self.balances],
        }  # fmt: skip


def reconcile(ports: Ports, kind: Asked, who: str, *, repair: bool = True, time_zone: str = "UTC") -> TieOut:
    """Compares both sides and stores what came of it. Raises Misconfigured when nothing maps what is asked for."""
    if repair and kind == "credit":
        _pass_time(ports)
    tie_out = TieOut(kind, who, ports.now(), time_zone=time_zone)
    promised = _promised(ports)
    balances = Balances()
    for mapping in chosen(ports, kind):
        result = tie_entity(ports, mapping, balances=balances if kind == "receivables" else None)
        tie_out.entities.append(result)
        if not all(one.agrees for one in result.own):  # what was written a moment ago is counted, but not read yet
            result.own = tie_entity(ports, mapping).own
    if kind == "receivables":
        _add_balances(ports, tie_out, balances)
    if kind == "credit" and "order" in ports.mappings:
        tie_out.entities.append(tie_held(ports, ports.mappings["order"]))
    vain = {place: told for place, told in _promised(ports).items() if told[1].startswith(UNHELPED)}
    give_up(tie_out.differences, promised | vain)  # one that began later may have said so meanwhile
    if repair:
        mend(ports, tie_out)
    else:
        forgo(tie_out.differences)
    keep(ports, tie_out)
    return tie_out


def _promised(ports: Ports) -> dict[Place, tuple[str, str]]:
    with reading(ports.engine) as connection:
        return tie_outs.open_repairs(connection, list(ports.mappings))


def _pass_time(ports: Ports) -> None:
    """What time alone has made possible is done before anybody looks."""
    for system in map(ports.system, SIDES):
        if isinstance(system, Timely):
            system.pass_time()


def chosen(ports: Ports, kind: Asked) -> list[CompiledMapping]:
    """The mappings that a kind of tie-out looks at."""
    entities = ENTITIES.get(kind)
    found = [one for one in ports.mappings.values() if entities is None or one.entity in entities]
    if not found:
        raise Misconfigured(f"reconcile {kind}", "no mapping carries it", "add one, or use `isthmus reconcile totals`")
    return found


def tie_entity(ports: Ports, mapping: CompiledMapping, *, balances: Balances | None = None) -> EntityResult:
    """One entity: the systems' own figures, then keys, then fields."""
    shape = Shape(mapping)
    meter = totals.Meter(ports, shape)
    with scratch.scratch(ports.engine) as connection:
        before = {side: meter.ask(side) for side in SIDES}
        tie = EntityTie(ports, shape, connection)
        result = tie.run()
        with connection.begin():
            read = {side: totals.read_figures(connection, side) for side in SIDES}
            if balances is not None:
                balances.take(connection, mapping.entity)
                balances.touch(tie.touched)
        if not tie.is_moving:
            result.own = totals.compare_figures(meter, before, read)
    return result


def tie_held(ports: Ports, mapping: CompiledMapping) -> EntityResult:
    """Only the orders that either side shows as held: does sales see what credit control decided?"""
    selections = {side: held for side in SIDES if (held := _held(mapping, side)) is not None}
    with scratch.scratch(ports.engine) as connection:
        return EntityTie(ports, Shape(mapping), connection, selections).run()


def _held(mapping: CompiledMapping, side: Side) -> Selection | None:
    row = mapping.spec.row("status")
    source = row.source(side) if row else None
    if source is None or not source.fields:
        return None
    told = tuple(system for system, value in source.values if value == HELD) or (HELD,)
    own = mapping.selection(side)
    return replace(own, where=(*own.where, Term(source.fields[0], "in", told)))


def _add_balances(ports: Ports, tie_out: TieOut, balances: Balances) -> None:
    """What customers owe, by the items of both sides; a record that states something else is a difference."""
    rows = balances.rows()
    wrong = misstated(rows, balances.touched)
    parties = {one.ids["erp"] for one in wrong}
    tie_out.balances = [row for row in rows if row.differs or row.party in parties][:SHOWN_MOST]
    name_parties(ports, tie_out.balances)
    names = {row.party: row.name for row in tie_out.balances}
    for one in wrong:
        one.name = names.get(one.ids["erp"]) or one.name
    sums = add_up(rows, is_listed=bool(tie_out.differences))
    tie_out.entities.append(EntityResult("balance", len(rows), sums, differences=wrong))


def mend(ports: Ports, tie_out: TieOut) -> None:
    """Makes due what the next run can put right."""
    now, why = ports.now(), f"{OURS} of {tie_out.as_of} found a difference"
    lanes: dict[Lane, list[Due]] = {}
    for one in tie_out.differences:
        mapping = ports.mappings.get(one.entity)
        if one.lane is not None and mapping is not None and (key := one.ids.get(one.lane)):
            lanes.setdefault(Lane(mapping.name, one.lane), []).append(Due(key, why, now, force=True))
    if not lanes:
        return
    with writing(ports.engine) as connection:
        for lane, dues in lanes.items():
            progress.add_due(connection, lane, dues)


def forgo(differences: Iterable[Difference]) -> None:
    """Nothing becomes due: only what an earlier tie-out has asked for is still to come."""
    for one in differences:
        if one.repair == "due" and not one.is_pending:
            one.repair, one.remedy = "none", f"{one.remedy}, if `--no-repair` is left out"


def give_up(differences: Iterable[Difference], promised: Mapping[Place, tuple[str, str]]) -> None:
    """What was due before this tie-out began, was planned before it was looked at, and still differs needs a person; it
    stays with people until it is gone.
    """
    for one in differences:
        repair, remedy = promised.get(one.place, ("", "")) if one.lane is not None else ("", "")
        if (repair == "due" and not one.is_pending) or remedy.startswith(UNHELPED):
            key = next(filter(None, one.ids.values()))
            one.repair = "worklist"
            one.remedy = f"{UNHELPED}: see `isthmus explain {one.entity} {key}`, then correct it by hand"


def keep(ports: Ports, tie_out: TieOut) -> None:
    """Stores every difference with its age, and the report."""
    now = ports.now()
    whole = [one.entity for one in tie_out.entities if not one.is_part]
    parts = [one.entity for one in tie_out.entities if one.is_part]
    seen = [_seen(one) for one in tie_out.differences]
    with writing(ports.engine) as connection:
        ages = tie_outs.record(connection, whole, seen, now=tie_out.as_of, parts=parts)
        for one in tie_out.differences:
            one.first_seen = ages[one.place]
            age = parse_stamp(tie_out.as_of) - parse_stamp(one.first_seen)
            one.age_days = max(0, age.days)  # one that began later may have seen it before
        past = Past(tie_out.as_of, tie_out.agrees, len(seen), at_stake(tie_out.differences))
        report = orjson.dumps(tie_out.as_json(), default=str).decode()
        tie_outs.store(connection, past, kind=tie_out.kind, who=tie_out.who, ended_at=now, report=report)
        tie_out.past = tie_outs.history(connection, tie_out.kind)


def _seen(one: Difference) -> Seen:
    crm, erp = (_spelled(one.values.get(side)) for side in SIDES)
    told = (one.kind, one.cause, crm, erp, one.amount_minor, one.currency, one.repair, one.remedy)
    return Seen(one.place, told)


def _spelled(value: object) -> str | None:
    return None if value is None else orjson.dumps(value, default=str).decode()
