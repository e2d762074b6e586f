"""Finding records by what they say, and by the key that we gave them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from connectors.salesforce.describing import Describer
from connectors.salesforce.query import candidates, select, text_literal
from connectors.salesforce.rest import Rest
from isthmus.connect.protocol import Answer, Candidate, Change
from isthmus.kernel.errors import Misconfigured

#: Characters of conditions in one query, as they stand in an address, which has room for 16,000.
_ROOM = 10_000
#: The field for our key that comes with the metadata.
KEY = "Isthmus_Key__c"
#: Whether all lines of a document are there, on objects of ours that may have very many.
COMPLETE = "Isthmus_Complete__c"


class Searcher:
    """Looks records up. Conditions are cut so that each query fits into an address."""

    def __init__(self, rest: Rest, describer: Describer) -> None:
        self._rest = rest
        self._describer = describer

    def find(self, stream: str, fields: tuple[str, ...], values: Sequence[tuple[str, ...]]) -> list[Candidate]:
        """Live records whose fields might equal one of the tuples; the caller compares."""
        self._describer.check_fields(stream, fields)
        found: dict[str, Candidate] = {}
        for part in _chunks(values, lambda row: len(quote(candidates(fields, [row])))):
            where = f"{self._live(stream)}{candidates(fields, part)}"
            for row in self._rest.query_all(select(["Id", *fields], stream, where)):
                found[row["Id"]] = Candidate(row["Id"], tuple(_text(_walk(row, field)) for field in fields))
        return list(found.values())

    def find_keys(self, stream: str, keys: Sequence[str]) -> dict[str, str]:
        """Live records by our external key; nothing where there is no field for it. Half a document is none."""
        return self.find_made(stream, keys)[0]

    def find_made(self, stream: str, keys: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
        """Live records by our external key, whole ones and those whose lines are not all there yet: key → id."""
        field = self._key_name(stream)
        made: dict[str, str] = {}
        half: dict[str, str] = {}
        if field is None:
            return made, half
        mark = (COMPLETE,) if self.has_mark(stream) else ()
        for row in self._rows_by(stream, field, keys, more=mark):
            (half if mark and row[COMPLETE] is not True else made)[row[field]] = row["Id"]
        return made, half

    def take_made(self, stream: str, changes: dict[int, Change]) -> dict[int, Answer]:
        """Takes creates out that an earlier call has done: what was made then was made whole, so nothing is written.

        A document of which only a part is there gets its id, so that the rest of it follows.
        """
        creates = {place: one for place, one in changes.items() if one.verb == "create"}
        if not creates:
            return {}
        made, half = self.find_made(stream, [one.key for one in creates.values()])
        answers: dict[int, Answer] = {}
        for place, one in creates.items():
            if one.key in half:
                changes[place] = replace(one, id=half[one.key])
            if one.key in made:
                answers[place] = Answer(one.key, "created", made[one.key])
                del changes[place]
        return answers

    def find_exactly(self, stream: str, field: str, keys: Sequence[str]) -> dict[str, str]:
        """Live records by the exact value of one field: value → id."""
        return {row[field]: row["Id"] for row in self._rows_by(stream, field, keys)}

    def has_mark(self, stream: str) -> bool:
        """Can a record say that not all of its lines are there yet?"""
        return COMPLETE in self._describer.shape(stream).description.fields

    def _rows_by(
        self, stream: str, field: str, keys: Sequence[str], *, more: tuple[str, ...] = ()
    ) -> Iterator[dict[str, Any]]:
        self._describer.check_fields(stream, (field,))
        wanted = set(keys)
        for part in _chunks(sorted(wanted), lambda key: len(quote(text_literal(key)))):
            where = f"{self._live(stream)}{field} IN ({','.join(map(text_literal, part))})"
            rows = self._rest.query_all(select(["Id", field, *more], stream, where))
            yield from (row for row in rows if row[field] in wanted)

    def key_field(self, stream: str, what: str) -> str:
        """The external-id field of a stream; Misconfigured when it is not one."""
        field = self._key_name(stream)
        where = f"{self._rest.where} {stream}"
        if field is None:
            raise Misconfigured(
                where, f"{what} needs a field that holds our key",
                f"deploy {KEY}, or name an External ID + Unique text field in the connection's external_ids",
            )  # fmt: skip
        self._describer.check_fields(stream, (field,))
        described = self._describer.shape(stream).description.fields[field]
        if not (described.external_id and described.unique):
            raise Misconfigured(
                where, f"{field} is not both External ID and Unique", "set both in the field's definition"
            )
        return field

    def _key_name(self, stream: str) -> str | None:
        """The field that the connection names, or the one that we ship where it was deployed."""
        named = self._rest.config.external_ids.get(stream)
        return named or (KEY if KEY in self._describer.shape(stream).description.fields else None)

    def _live(self, stream: str) -> str:
        return "IsDeleted = false AND " if self._describer.shape(stream).has_deleted else ""


def _chunks(items: Sequence[Any], size_of: Any) -> Iterator[list[Any]]:
    part: list[Any] = []
    size = 0
    for item in items:
        size += size_of(item)
        if part and size > _ROOM:
            yield part
            part, size = [], size_of(item)
        part.append(item)
    if part:
        yield part


def _walk(row: dict[str, Any], path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
