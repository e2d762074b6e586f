"""One entity: both sides read, what may differ found by SQL, fetched again and judged; the totals add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select, text

from isthmus.db import among, reading
from isthmus.kernel.selection import Selection
from isthmus.kernel.units import SIDES, Side
from isthmus.reconcile import scratch
from isthmus.reconcile.findings import EntityResult, Line, Reason, Tally, Verdict
from isthmus.reconcile.judge import HELD, MEANWHILE, Evidence, judge
from isthmus.reconcile.ports import Ports
from isthmus.reconcile.scratch import TABLES, Candidate
from isthmus.reconcile.shape import Cell, Shape
from isthmus.reconcile.sides import Look, Moved, Readers
from isthmus.state import bindings, mappings, progress, worklist
from isthmus.state.bindings import Binding, Lane
from isthmus.state.worklist import Item

BATCH = 400  # candidates that are fetched again at once
LOOKED_AT_MOST = 20_000  # more than that is no drift but a mistake: `plan --full` shows it better
ON_HOLD = "held: on both sides, waiting for credit"
OURS = "the tie-out"  # how our own reasons for being due begin: they excuse nothing


@dataclass
class EntityTie:
    """The comparison of one entity under way. ``connection`` holds the scratch tables."""

    ports: Ports
    shape: Shape
    connection: Connection
    selections: Mapping[Side, Selection] = field(default_factory=dict)
    touched: set[str | None] = field(default_factory=set)  # customers of whom something is explained or listed
    is_moving: bool = False  # something was written while it was compared

    def __post_init__(self) -> None:
        self.readers = Readers(self.ports, self.shape)

    def run(self) -> EntityResult:
        """Reads, finds, looks again. The scratch tables stay for whoever wants to add up more."""
        for side in SIDES:
            self.readers.read_into(self.connection, side, self.selections.get(side))
        with self.connection.begin():
            scratch.index(self.connection)
            candidates = self._candidates()
            unseen = scratch.count_different(self.connection) - len(candidates) if len(candidates) else 0
            result = EntityResult(self.shape.entity, self._paired(), self._lines(), unseen=unseen)
            result.is_part = bool(self.selections)
        book = _Book(result)
        moved = self.readers.moved() if candidates else Moved({})
        for start in range(0, len(candidates), BATCH):
            for verdict in self._judge(candidates[start : start + BATCH], moved):
                book.enter(verdict)
                self.is_moving |= verdict.reason == MEANWHILE
                if verdict.differences or verdict.reason:
                    self.touched.update(verdict.parties)
        book.close()
        self._add_held(result)
        return result

    # --- what may differ ----------------------------------------------------------------------------------------------

    def _candidates(self) -> list[Candidate]:
        found = scratch.differing(self.connection, LOOKED_AT_MOST)
        for side in SIDES:
            found += scratch.one_sided(self.connection, side, LOOKED_AT_MOST)
        return found[:LOOKED_AT_MOST]

    def _paired(self) -> int:
        query = "SELECT count(*) FROM tie_crm c JOIN tie_erp e ON e.pair = c.pair"
        return int(self.connection.execute(text(query)).scalar_one())

    def _lines(self) -> list[Line]:
        """Counts and sums of both sides by currency and month: the outer join of two small frames."""
        import pandas as pd

        keys, frames = ["currency", "month"], []
        for side in SIDES:
            table = TABLES[side].c
            query = select(table.currency, table.month, func.count(), func.sum(table.amount_minor))
            rows = self.connection.execute(query.group_by(table.currency, table.month)).all()
            names = [*keys, f"{side}_count", f"{side}_minor"]
            frames.append(pd.DataFrame([tuple(row) for row in rows], columns=names, dtype=object))
        both = frames[0].merge(frames[1], on=keys, how="outer").sort_values(keys, na_position="last")
        numbers = ("crm_count", "erp_count", "crm_minor", "erp_minor")
        return [
            Line(_text(row.currency), _text(row.month), *(_whole(getattr(row, name)) for name in numbers))
            for row in both.itertuples(index=False)
        ]

    # --- the closer look ----------------------------------------------------------------------------------------------

    def _judge(self, batch: Sequence[Candidate], moved: Moved) -> Iterator[Verdict]:
        pairs = self._bindings(batch)
        ids = [self._ids(one, pairs) for one in batch]
        state = self._state(ids)  # first: what a run puts right and takes from the list meanwhile stays explained
        looks: dict[Side, dict[str, Look]] = {}
        for side in SIDES:
            looks[side] = self.readers.fetch(side, list(dict.fromkeys(one[side] for one in ids if one.get(side))))
        twins = self._twins(batch)
        for one, named in zip(batch, ids, strict=True):
            evidence = Evidence(
                self.shape, named, pairs.get(_key_of(one)), one.glances,
                {side: looks[side][key] for side, key in named.items() if key in looks[side]}, moved,
                {side: item for side, key in named.items() if (item := state.items[side].get(key))},
                {side: why for side, key in named.items() if (why := state.dues[side].get(key))},
                _twin_of(one, twins), bool(self.selections),
            )  # fmt: skip
            verdict = judge(evidence)
            for found in verdict.differences:
                found.is_pending = found.lane is not None and named.get(found.lane) in state.pending[found.lane]
            yield verdict

    def _bindings(self, batch: Sequence[Candidate]) -> dict[tuple[Side, str], Binding]:
        """(side, id) → pair, for whichever side was read first. Also of records that got one in the meantime."""
        found: dict[tuple[Side, str], Binding] = {}
        with reading(self.ports.engine) as connection:
            for side in SIDES:
                keys = [one.glances[side].id for one in batch if side in one.glances]
                stream = self.ports.stream(self.shape.entity, side)
                loaded = bindings.load(connection, stream, keys)
                found.update({(side, key): pair for key, pair in loaded.items()})
            unknown = mappings.unknown_units(connection, self.shape.mapping)
        for pair in found.values() if unknown else ():
            pair.forget_units(unknown)
        return found

    def _ids(self, one: Candidate, pairs: Mapping[tuple[Side, str], Binding]) -> dict[Side, str]:
        pair = pairs.get(_key_of(one))
        if pair is None:
            return {side: glance.id for side, glance in one.glances.items()}
        return {side: pair.seen(side).id for side in SIDES}

    def _state(self, ids: Sequence[Mapping[Side, str]]) -> _State:
        name, state = self.shape.mapping.name, _State()
        with reading(self.ports.engine) as connection:
            for side in SIDES:
                lane, keys = Lane(name, side), [one[side] for one in ids if one.get(side)]
                state.items[side] = worklist.load(connection, lane, keys)
                dues = progress.load_due(connection, lane, keys)
                state.dues[side] = {due.id: due.why for due in dues if not due.why.startswith(OURS)}
                state.pending[side] = {due.id for due in dues}
        return state

    def _twins(self, batch: Sequence[Candidate]) -> dict[Side, dict[int, str]]:
        found: dict[Side, dict[int, str]] = {}
        for side in SIDES:
            prints = [one.glances[side].twin for one in batch if one.pair is None and side in one.glances]
            with self.connection.begin():
                found[side] = scratch.twins(self.connection, side, prints) if prints else {}
        return found

    def _add_held(self, result: EntityResult) -> None:
        """Orders on credit hold are on both sides; they are told because nobody will be paid for them yet."""
        name = self.shape.mapping.name
        with reading(self.ports.engine) as connection:
            items = worklist.load_all(connection, name)
        keys = [item.source_id for item in items if item.reason == HELD and item.side == "erp"]
        table = TABLES["erp"].c
        query = select(table.currency, func.count(), func.sum(table.amount_minor)).group_by(table.currency)
        with self.connection.begin():
            rows = self.connection.execute(query.where(among(self.connection, table.id, keys))).all()
        if rows:
            amounts = Counter({currency: int(amount or 0) for currency, _, amount in rows if currency})
            result.explained.append(Tally(ON_HOLD, sum(count for _, count, _ in rows), amounts))


@dataclass
class _State:
    """What is known of a batch: worklist items and what is due, by side and id."""

    items: dict[Side, dict[str, Item]] = field(default_factory=dict)
    dues: dict[Side, dict[str, str]] = field(default_factory=dict)
    pending: dict[Side, set[str]] = field(default_factory=dict)  # …, for whatever reason


def _key_of(one: Candidate) -> tuple[Side, str]:
    side: Side = "crm" if "crm" in one.glances else "erp"
    return side, one.glances[side].id


def _twin_of(one: Candidate, twins: Mapping[Side, Mapping[int, str]]) -> str | None:
    if one.pair is not None:
        return None
    side, _ = _key_of(one)
    return twins[side].get(one.glances[side].twin)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: object) -> int:
    """A count or sum out of a frame; what was not there is 0."""
    return 0 if value is None or isinstance(value, float) else int(str(value))  # the only float is NaN, a gap


class _Book:
    """Enters verdicts into the totals, so that CRM total = ERP total + explained + listed."""

    def __init__(self, result: EntityResult) -> None:
        self._result = result
        self._lines = {(line.currency, line.month): line for line in result.lines}
        self._tallies: dict[Reason, Tally] = {}

    def enter(self, verdict: Verdict) -> None:
        is_listed = bool(verdict.differences)
        for side, cell in verdict.cells.items():
            sign, line = (1 if side == "crm" else -1), self._lines[cell.currency, cell.month]
            amount = sign * (cell.amount_minor or 0)
            if is_listed:
                line.differing_minor += amount
                line.differing_count += sign
            else:
                line.explained_minor += amount
                line.explained_count += sign
        self._result.differences.extend(verdict.differences)
        if verdict.reason is not None and not is_listed:
            self._tally(verdict.reason, verdict.cells.values())

    def _tally(self, reason: Reason, cells: Iterable[Cell]) -> None:
        tally = self._tallies.setdefault(reason, Tally(reason))
        tally.count += 1
        amounts = [(one.amount_minor, one.currency) for one in cells if one.currency and one.amount_minor]
        if amounts:
            amount, currency = max(amounts, key=lambda pair: abs(pair[0]))
            tally.amounts[currency] += amount

    def close(self) -> None:
        self._result.explained = sorted(self._tallies.values(), key=lambda one: one.reason)
