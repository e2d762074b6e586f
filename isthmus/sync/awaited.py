"""What was pulled and is not through stays wanted: others wait for it, though it is outside its filter."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.state import bindings, worklist
from isthmus.state.progress import Due
from isthmus.sync.decision import Read
from isthmus.sync.ports import Stage


def want_awaited(stage: Stage, reads: Sequence[Read]) -> None:
    """Records outside the filter that nobody knows yet, and that a row with ``pull`` waits for, are due regardless. So
    are those whose pair went over to another one, and that live again: a person is asked what they are.

    Without this a pulled record that was invalid would be read again as filtered: its item would go, and those who
    wait for it would never hear why.
    """
    direction, entity = stage.direction, stage.direction.mapping.entity
    outside = {f"{entity} {one.id}": one for one in reads if not one.is_inside and not one.record.deleted}
    if not outside or not direction.creates:
        return
    pulling = {
        mapping.name
        for mapping in stage.ports.mappings.values()
        if any(row.pull and row.refers_to == entity for row in mapping.references)
    }
    awaited = worklist.awaited(stage.connection, direction.source, list(outside))
    wanted = {outside[target].id: outside[target] for mapping, target in awaited if mapping in pulling}
    known = bindings.load(stage.connection, stage.stream(direction.source), list(wanted))
    for key, read in wanted.items():
        if key not in known or known[key].seen(direction.source).id != key:
            read.due = Due(key, "others wait for it", stage.ports.now(), regardless=True)
