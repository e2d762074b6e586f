"""Two pairs of one entity become one: all that is known by the second's ids is known by the first's from now on."""

from __future__ import annotations

from sqlalchemy import Connection, delete

from isthmus.kernel.units import Side, other_side
from isthmus.state import bindings
from isthmus.state.bindings import Binding, Stream
from isthmus.state.tables import alias, binding


def unite(connection: Connection, keep: Binding, drop: Binding, *, side: Side, winner: str) -> None:
    """``keep`` stays, under the winner's id on the side where records were merged; the other ids become its aliases.

    Where its own id changes, what it showed before is forgotten: whatever the winner shows next is news.
    """
    across = other_side(side)
    old: dict[Side, set[str]] = {
        side: {keep.seen(side).id, drop.seen(side).id} - {winner},
        across: {drop.seen(across).id},
    }
    connection.execute(alias.update().where(alias.c.binding_id == drop.id).values(binding_id=keep.id))
    connection.execute(delete(alias).where(alias.c.binding_id == keep.id, alias.c.id == winner))
    connection.execute(delete(binding).where(binding.c.id == drop.id))
    keep.regardless = keep.regardless or drop.regardless  # whoever was pulled for others stays
    if keep.seen(side).id != winner:
        keep.forget(side, winner)
    bindings.update(connection, [keep])
    for of, ids in old.items():
        stream = Stream(keep.entity, of, keep.seen(of).org)
        bindings.add_aliases(connection, stream, [(key, keep) for key in sorted(ids)])
