"""Finding what may be the same record: Tryton narrows down, the caller compares."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from connectors.tryton.rpc import Rpc
from connectors.tryton.streams import Stream, asked_of
from isthmus.connect.protocol import Candidate
from isthmus.kernel.errors import Misconfigured
from isthmus.kernel.records import Fields
from isthmus.kernel.selection import Selection, value_at

_CHUNK = 100
_WIDER = 0xFEE0  # from a letter of ASCII to the same in full width
_ONE = re.compile("ss|ff[il]?|f[il]|st")  # what may be one letter: ß, ﬁ and the like
#: Where Tryton can search for what a field of ours shows.
_PATHS = {
    "customer": {"name": "name", "tax_id": "identifiers.code", "number": "code",
                 "billing.street": "addresses.street", "billing.city": "addresses.city",
                 "billing.postal_code": "addresses.postal_code", "email": "contact_mechanisms.value"},
    "product": {"sku": "code", "name": "template.name", "number": "id"},
}  # fmt: skip


def find(rpc: Rpc, stream: Stream, fields: tuple[str, ...], *, values: Sequence[tuple[str, ...]]) -> list[Candidate]:
    """Records whose first field might equal one of the values. Raises Misconfigured for one that is not searched."""
    unknown = [field for field in fields if field not in stream.fields]
    path = _PATHS.get(stream.name, {}).get(fields[0])
    if unknown or path is None:
        what = f"cannot be searched by {(unknown or [fields[0]])[0]!r}"
        raise Misconfigured(f"stream {stream.name}", what, "correct `match`")
    found: dict[str, Candidate] = {}
    asked = asked_of(Selection(stream.name, fields))
    patterns = sorted({pattern for one in values for pattern in _patterns(one[0])})
    for start in range(0, len(patterns), _CHUNK):
        either = ["OR", *([path, "ilike", pattern] for pattern in patterns[start : start + _CHUNK])]
        for record in stream.records(rpc, [either], asked):
            if not record.deleted:
                texts = tuple(_text(record.fields, field) for field in fields)
                found[record.id] = Candidate(record.id, texts)
    return list(found.values())


def _patterns(text: str) -> Iterator[str]:
    """What folds to the same text: blanks may be many, a letter beyond ASCII may have been two, and two of them one.

    A text is looked for in its own width and, as it may be written in Asia, in full width.
    """
    kept = [char if char.isascii() and char.isalnum() else "%" for char in _ONE.sub("%", text)]
    yield f"%{''.join(kept)}%"
    yield f"%{''.join(char if char == '%' else chr(ord(char) + _WIDER) for char in kept)}%"


def _text(fields: Fields, path: str) -> str | None:
    value = value_at(fields, path)
    return None if value is None else str(value)
