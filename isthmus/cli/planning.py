"""``isthmus plan``: what a sync would do, record by record, field by field. Nothing is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from isthmus.cli.call import Call, command
from isthmus.cli.figures import Difference, differences, entity_types, words
from isthmus.cli.running import chosen
from isthmus.kernel.errors import Misconfigured
from isthmus.kernel.records import Fields

if TYPE_CHECKING:
    from isthmus.cli.screen import Screen
    from isthmus.sync.decision import Decision, Direction

QUIET = frozenset({"unchanged", "superseded", "filtered"})  # counted only, unless asked for by id
_STYLES = {"created": "green", "updated": "cyan", "withdrawn": "magenta", "worklisted": "yellow"}


def plan(
    call: Call,
    mapping: Annotated[str | None, typer.Argument(help="Which mapping; all if none is named.")] = None,
    *,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Only these CRM records, of one mapping.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Plan everything, not only what moved.")] = False,
) -> None:
    """Show what a sync would do, without doing it. With --json: one JSON document a line, the counts last.

    Example: isthmus plan order --id 801xx0000000001
    """
    call.in_lines = True
    if ids and mapping is None:
        raise Misconfigured("--id", "belongs to one mapping", "name it: isthmus plan order --id 801…")
    counts: dict[tuple[str, str], Counter[str]] = {}
    with call.workshop() as workshop:
        for name in chosen(workshop, [mapping] if mapping else None):
            for direction, decisions in workshop.plan(name, full=full, ids=tuple(ids or ())):
                count = counts.setdefault((name, f"{direction.source}→{direction.target}"), Counter())
                count.update(one.outcome for one in decisions)
                _tell_page(call, direction, [one for one in decisions if ids or one.outcome not in QUIET])
    _tell_counts(call, counts)


def _tell_page(call: Call, direction: Direction, decisions: list[Decision]) -> None:
    for decision in decisions:
        document = describe(direction, decision)
        if call.as_json:
            call.screen.json_line(document)
        else:
            _tell_one(call.screen, document)


def describe(direction: Direction, decision: Decision) -> dict[str, Any]:
    """One decision as plain values, amounts in decimals."""
    read, item, change = decision.read, decision.item, decision.change
    across = decision.binding.seen(direction.target).id if decision.binding else None
    return {
        "mapping": direction.mapping.name,
        "direction": f"{direction.source}→{direction.target}",
        "entity": direction.mapping.entity,
        "id": read.id,
        "target_id": across or None,
        "outcome": decision.outcome,
        "verb": change.verb if change else None,
        "how": change.how if change else None,
        "due": read.due.why if read.due else None,
        "outside": _outside(decision),
        "changes": [asdict(one) for one in _changes(direction, decision)] if change else [],
        "worklist": item and {"reason": item.reason, **asdict(item.fault)},
    }


def _outside(decision: Decision) -> str | None:
    term = decision.read.outside
    return f"{term.field} {term.operator.replace('_', ' ')} {', '.join(map(str, term.values))}" if term else None


def _changes(direction: Direction, decision: Decision) -> list[Difference]:
    types = entity_types(direction.spec)
    old = _before(direction, decision)
    currency = decision.target_form.get("currency") or (old or {}).get("currency")
    new = {name: decision.target_form[name] for name in decision.units if name in decision.target_form}
    ordered = {row.group or row.name: None for row in direction.spec.rows} | {"lines": None}
    new = {name: new[name] for name in ordered if name in new}
    kept = None if old is None else {name: value for name, value in old.items() if name in new}
    return differences(None if kept is None else types.flat(kept, currency), types.flat(new, currency))


def _before(direction: Direction, decision: Decision) -> Fields | None:
    """What the target shows now, or showed last; None for a record that is yet to be."""
    if decision.target_seen is not None:
        return decision.target_seen
    if decision.binding is None or decision.binding.id is None:
        return None
    form: Fields = orjson.loads(decision.binding.seen(direction.target).form)
    return form


def _tell_one(screen: Screen, one: dict[str, Any]) -> None:
    across = f" ({one['direction'][-3:].upper()} {one['target_id']})" if one["target_id"] else ""
    how = f", {one['how']}" if one["how"] else ""
    outside = f": outside the filter ({one['outside']})" if one["outside"] and one["outcome"] == "filtered" else ""
    head = f"{one['entity']} {one['id']}{across} {one['direction']} {one['outcome']}{how}{outside}"
    screen.line(head, style=_STYLES.get(one["outcome"], ""))
    for change in one["changes"]:
        before = f"{words(change['old'])} → " if change["known"] else ""
        screen.line(f"    {change['field']}: {before}{words(change['new'])}")
    if one["worklist"]:
        item = one["worklist"]
        screen.line(f"    {item['reason']}: {item['where']}: {item['what']}")
        screen.line(f"    to do: {item['remedy']}")


def _tell_counts(call: Call, counts: dict[tuple[str, str], Counter[str]]) -> None:
    if call.as_json:
        told = [{"mapping": at[0], "direction": at[1], "outcomes": dict(count)} for at, count in counts.items()]
        call.screen.json_line({"counts": told})
        return
    used = sorted({name for count in counts.values() for name in count})
    rows = [[*at, f"{count.total():,}", *(f"{count[name]:,}" for name in used)] for at, count in counts.items()]
    if not used:
        call.screen.line("nothing has moved; a sync would write nothing")
        return
    call.screen.table(("mapping", "direction", "records", *used), rows, right=("records", *used))


def register(app: typer.Typer) -> None:
    command(app)(plan)
