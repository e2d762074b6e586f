"""Records as a system gives them, forms as an entity is compared, and the hash of a form."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import Any, Final
from unicodedata import normalize

import orjson

#: What a record or an entity holds: JSON values by name. Amounts are Decimal where a system writes decimals.
Fields = dict[str, Any]


class Absent(Enum):
    """The third value beside null and a value: the side did not say. Absent keeps, null clears."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = Absent.ABSENT


@dataclass(slots=True)
class Record:
    """One record of a stream, whole: its header and all its lines.

    ``version`` sorts as text in the order in which the system changed the record (equal text: the system cannot tell).
    ``changed_by`` names the user who wrote last, if the system says; ``by_us`` is true when that was our own user.
    A deleted record may have no fields. ``merged_into`` is the surviving id at the end of the chain.
    """

    id: str
    version: str
    fields: Fields
    lines: list[Fields] | None = None
    deleted: bool = False
    merged_into: str | None = None
    by_us: bool = False
    changed_by: str | None = None


@dataclass(slots=True)
class Page:
    """A batch of records and how far the stream is complete with it.

    ``complete_to`` is the connector's own position (opaque text): nothing at or before it is still to come, so it may
    become the watermark once the page is durable. None while that cannot be said (unordered reads).
    ``resume`` is a position inside an unfinished unordered read. ``read`` is the system's own count of the records of
    this page, taken before any of our code touched them.
    """

    records: list[Record]
    read: int
    complete_to: str | None = None
    resume: str | None = None


def form_text(form: Fields) -> bytes:
    """The one spelling of a form: sorted keys, no blanks, UTF-8."""
    return orjson.dumps(form, option=orjson.OPT_SORT_KEYS)


def form_hash(form: Fields) -> bytes:
    """16 bytes that differ when two forms differ."""
    return text_hash(form_text(form))


def text_hash(text: bytes) -> bytes:
    """16 bytes that differ when two spelled forms differ."""
    return blake2b(text, digest_size=16).digest()


def match_text(text: str) -> str:
    """How texts are compared by match rules: NFKC, case folded, blanks collapsed and trimmed. Never fuzzy."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(normalize("NFKC", text).casefold().split())


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Records are many and make hardly any cycles: looking for some costs more than parsing them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
