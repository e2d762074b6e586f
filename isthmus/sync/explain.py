"""The whole life of one record: what it is now, what was done to it and by whom, or why it is not through yet."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson
from sqlalchemy import Connection

from isthmus.connect.protocol import Evidence, Tracing
from isthmus.db import reading
from isthmus.kernel.records import Fields, Record
from isthmus.kernel.units import SIDES, Side
from isthmus.mapping.compile import CompiledMapping
from isthmus.state import bindings, progress, runs, worklist
from isthmus.state.bindings import Binding, Lane
from isthmus.state.progress import Due
from isthmus.state.worklist import Item
from isthmus.sync.asked import as_written
from isthmus.sync.decision import Direction, tell_term, translate
from isthmus.sync.impact import plan_mapping
from isthmus.sync.ports import Ports


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: when, in which run, by whom and by which mapping."""

    at: str
    direction: str
    outcome: str
    version: str
    run_id: int
    who: str
    mapping_hash: str
    payload: Fields


@dataclass(frozen=True, slots=True)
class Trace:
    """One row of the mapping as it read this record: field, what the system says, what the entity holds."""

    row: str
    field: str
    value: object
    entity_value: object


@dataclass(slots=True)
class Story:
    """Everything that is known of one record. ``verdict`` answers in a sentence; ``next`` is what would happen now."""

    entity: str
    id: str
    verdict: str
    crm_id: str | None = None
    erp_id: str | None = None
    remedy: str = ""
    trace: list[Trace] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    dues: list[Due] = field(default_factory=list)
    next: str = ""
    erp_form: Fields = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)  # what the ERP made its figures of


def explain(ports: Ports, mapping: CompiledMapping, record_id: str) -> Story:
    """Tells of a record by either side's id; also of one that was never seen."""
    record_id = _as_written(ports, mapping, record_id)
    with reading(ports.engine) as connection:
        binding = _find(ports, mapping, record_id, connection=connection)
        if binding and _lives_again(ports, mapping, binding, record_id=record_id):
            binding = None
        crm_id = binding.crm.id if binding else record_id
        story = Story(mapping.entity, record_id, "", crm_id, binding.erp.id if binding else None)
        known_as = {record_id, crm_id, story.erp_id or record_id}
        story.steps = _steps(connection, mapping, known_as)
        for side in SIDES:
            story.items += worklist.load(connection, Lane(mapping.name, side), sorted(known_as)).values()
            story.dues += progress.load_due(connection, Lane(mapping.name, side), sorted(known_as))
        counted = runs.pages_naming(connection, mapping.name, crm_id)
    if binding:
        story.erp_form = orjson.loads(binding.erp.form)
        if isinstance(ports.erp, Tracing):
            story.evidence = ports.erp.trace(mapping.spec.erp.stream, binding.erp.id)
    records = {record.id: record for record in ports.crm.fetch(mapping.selection("crm"), [crm_id])}
    record = records.get(crm_id)
    side = "crm" if record or binding else _sought(mapping, story)
    if side == "erp":
        story.crm_id, story.erp_id = None, record_id
        record = next(iter(ports.erp.fetch(mapping.selection("erp"), [record_id])), None)
    elif record is not None and not record.deleted:
        story.trace = _trace(mapping, record)
        story.next = _next(ports, mapping, crm_id)
    _judge(ports.direction(mapping, side), story, binding=binding, record=record)
    if not story.steps and counted:
        outcome, at, run_id = counted[0]
        story.verdict += f" Run {run_id} read it at {at}: {outcome}."
    return story


def _sought(mapping: CompiledMapping, story: Story) -> Side:
    """The side where a record without a pair is looked for: where it is listed, else where such records are born."""
    if story.items:
        return "crm" if story.items[-1].side == "crm" else "erp"
    return "erp" if "crm" in mapping.spec.creates else "crm"


def _as_written(ports: Ports, mapping: CompiledMapping, record_id: str) -> str:
    """An id as its system writes it."""
    with reading(ports.engine) as connection:
        if _find(ports, mapping, record_id, connection=connection):
            return record_id
    return as_written(ports, mapping, [record_id])[0]


def _find(ports: Ports, mapping: CompiledMapping, record_id: str, *, connection: Connection) -> Binding | None:
    """The pair of a record, by either side's id, or by an id from before a merge."""
    for side in SIDES:
        stream = ports.stream(mapping.entity, side)
        now = bindings.heirs(connection, stream, [record_id]).get(record_id, record_id)
        if now in (found := bindings.load(connection, stream, [now])):
            return found[now]
    return None


def _lives_again(ports: Ports, mapping: CompiledMapping, binding: Binding, *, record_id: str) -> bool:
    """Whether its pair went over to another record, and it is one of its own again."""
    if record_id in (binding.crm.id, binding.erp.id):
        return False
    return any(not record.deleted for record in ports.crm.fetch(mapping.selection("crm"), [record_id]))


def _steps(connection: Connection, mapping: CompiledMapping, ids: set[str]) -> list[Step]:
    steps = []
    for one in runs.history(connection, mapping.entity, sorted(ids)):
        arrow, entry = "crm→erp" if one.side == "crm" else "erp→crm", one.entry
        payload = dict(entry.payload)
        steps.append(Step(one.at, arrow, entry.outcome, entry.version, one.run_id, one.who, one.mapping_hash, payload))
    return steps


def _trace(mapping: CompiledMapping, record: Record) -> list[Trace]:
    """Rule by rule: which field said what, and what became of it."""
    form = mapping.to_entity("crm", record).form
    traces = []
    for row in mapping.spec.rows:
        source = row.source("crm")
        if source is None:
            continue
        holder = form.get(row.group, {}) if row.group else form
        value = (holder or {}).get(row.name)
        traces += [Trace(row.path, name, _at(record.fields, name), value) for name in source.fields]
    return traces


def _at(fields: Fields, path: str) -> object:
    value: object = fields
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _next(ports: Ports, mapping: CompiledMapping, crm_id: str) -> str:
    """What the next run would do with it, by planning it now."""
    for direction, decisions in plan_mapping(ports, mapping, full=False, ids=(crm_id,)):
        mine = [one for one in decisions if one.read.id == crm_id]  # whom it takes over goes with it
        if direction.source == "crm" and mine:
            one = mine[0]
            return f"{one.outcome}: {one.item.fault}" if one.item else one.outcome
    return ""


def _judge(direction: Direction, story: Story, *, binding: Binding | None, record: Record | None) -> None:
    """The answer in one sentence."""
    what, here, there = f"{story.entity} {story.id}", direction.source.upper(), direction.target.upper()
    if story.items:
        item = next((one for one in story.items if one.reason == "ambiguous"), story.items[-1])  # a person's turn
        place = f"is in the {there}, and on" if binding else f"is not in the {there}: it is on"
        story.verdict = f"{what} {place} the worklist ({item.reason}). {item.fault.where}: {item.fault.what}."
        story.remedy = item.fault.remedy
    elif binding:
        state = f"was withdrawn ({binding.gone})" if binding.gone else "is in both systems"
        if story.id not in (binding.crm.id, binding.erp.id):
            state = f"went over to another one, which {state}"
        story.verdict = f"{what} {state}: CRM {binding.crm.id}, ERP {binding.erp.id}."
    elif record is None:
        story.verdict = f"{what} does not exist in the {here}, and Isthmus has never seen it."
        story.remedy = "check the id, and whether our user may see the record"
    elif record.merged_into:
        story.verdict = f"{what} was merged into {record.merged_into} in the {here} before it was ever synchronised."
        story.remedy = f"see `isthmus explain {story.entity} {record.merged_into}`"
    elif record.deleted:
        story.verdict = f"{what} was deleted in the {here} before it was ever synchronised."
    else:
        _judge_unseen(direction, story, record)


def _judge_unseen(direction: Direction, story: Story, record: Record) -> None:
    read = translate(direction, record)
    what, here = f"{story.entity} {story.id}", direction.source.upper()
    if read.outside is None:
        story.verdict = f"{what} is in the {here} and inside the filter, but no run has read it yet."
        only = f" --id {story.id}" if here == "CRM" else ""
        story.remedy = f"run `isthmus sync {direction.mapping.name}{only}`"
        return
    term = read.outside
    present = _at(record.fields, term.field)
    story.verdict = f"{what} is outside the filter: {term.field} is {present!r}, but {tell_term(term)}."
    story.remedy = f"change {term.field} in the {here}, or `where` in {direction.mapping.name}.yaml"
