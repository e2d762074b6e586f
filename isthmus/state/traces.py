"""Where a person's texts may stand beside the person's own records: reasons, messages, reports of people and runs."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import Connection, Table, and_, or_, select

from isthmus.state import decisions, tie_outs
from isthmus.state.chain import ERASED
from isthmus.state.tables import due, mapping, note, run, worklist

LEAST = 5  # characters: what is shorter stands in too many other words
_TEXTS_AT_ONCE = 50
_PLACES: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (run, ("error",)),
    (worklist, ("where", "what", "remedy", "detail")),
    (due, ("why",)),
    (note, ("message",)),
    (mapping, ("accepted_why", "paused_why", "full_wanted")),
    (decisions.table, ("answer", "why", "told")),
    (tie_outs.difference, ("crm_value", "erp_value", "remedy")),
    (tie_outs.tie_out, ("report",)),
)


def sweep(connection: Connection, texts: Collection[str]) -> int:
    """Takes these texts, as whole words, out of everything that people and runs said; in how many rows they stood.

    Call it with the guard of decisions lifted.
    """
    spelled = sorted({one for text in texts if len(text.strip()) >= LEAST for one in _spellings(text.strip())})
    found = 0
    for start in range(0, len(spelled), _TEXTS_AT_ONCE):
        chosen = spelled[start : start + _TEXTS_AT_ONCE]
        longest_first = sorted(chosen, key=len, reverse=True)
        pattern = re.compile("|".join(rf"(?<!\w){re.escape(one)}(?!\w)" for one in longest_first))
        for table, columns in _PLACES:
            found += _sweep(connection, table, columns, pattern=pattern, texts=chosen)
    return found


def _spellings(text: str) -> Iterator[str]:
    """As it is, and as it stands inside JSON."""
    yield text
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield json.dumps(text)[1:-1]


def _sweep(
    connection: Connection, table: Table, columns: Sequence[str], *, pattern: re.Pattern[str], texts: Sequence[str]
) -> int:
    keys = list(table.primary_key.columns)
    places = or_(*(table.c[name].contains(text, autoescape=True) for name in columns for text in texts))
    number = 0
    for row in connection.execute(select(*keys, *(table.c[name] for name in columns)).where(places)).all():
        values = dict(zip(columns, row[len(keys) :], strict=True))
        swept = {name: pattern.sub(ERASED, value) for name, value in values.items() if value is not None}
        if any(values[name] != value for name, value in swept.items()):
            at = and_(*(key == value for key, value in zip(keys, row, strict=False)))
            connection.execute(table.update().where(at).values(swept))
            number += 1
    return number
