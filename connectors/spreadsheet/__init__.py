"""Spreadsheets as a system: a folder of CSV and XLSX files, one a stream. The smallest complete one, to be copied.

A file's first row names its columns; one of them is called ``id``. People edit the files with whatever they like.
Beside each file Isthmus keeps a journal (``customers.journal.json``): what every row looked like when it was read last,
so that a row that people changed or took out is noticed, and which external key it carries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from connectors.spreadsheet.cells import ID, unfit
from connectors.spreadsheet.sheet import FORMATS, Row, Sheet
from isthmus.connect.protocol import Answer, Candidate, Capabilities, Change, Group, Measure, Note, Result
from isthmus.kernel.connection import Connection as Where
from isthmus.kernel.description import FieldDescription, StreamDescription
from isthmus.kernel.errors import Fault, Misconfigured, Refused
from isthmus.kernel.records import Fields, Page, Record, match_text
from isthmus.kernel.selection import Selection, passes

PAGE = 2_000
WIDTH = 12  # digits of a version, so that it sorts as text


@dataclass(frozen=True, slots=True)
class Config:
    """``extra``: ``folder`` holds the files, ``required`` names columns that may not be empty. Nothing is secret."""

    name: str
    folder: Path
    required: tuple[str, ...] = ()

    @classmethod
    def of(cls, where: Where) -> Config:
        folder = where.extra.get("folder")
        if not isinstance(folder, str) or not Path(folder).is_dir():
            raise Misconfigured(
                f"connection {where.name}", "names no folder", 'write {"folder": "sheets"} in its extra'
            )
        return cls(where.name, Path(folder), tuple(where.extra.get("required", ())))


class Connector:
    """Keeps `isthmus.connect.protocol.Connector`."""

    capabilities = Capabilities(
        batch_size=PAGE, external_key="looked_up", numbers="decimal", remote=True, tells_writer=True, annotates=False
    )

    def __init__(self, where: Where, **_ports: object) -> None:
        self.config = Config.of(where)

    def identity(self) -> str:
        """The folder's own name, kept in it from the first time on: a copied folder stays the same organisation."""
        path = self.config.folder / "organisation.txt"
        if not path.exists():
            path.write_text(f"sheets-{self.config.folder.name}\n", encoding="utf-8")
        return path.read_text(encoding="utf-8").strip()

    def streams(self) -> tuple[str, ...]:
        return tuple(sorted({path.stem for path in self._files()}))

    def describe(self, stream: str) -> StreamDescription:
        columns = self._open(stream).columns
        fields = {
            name: FieldDescription(name, "id" if name == ID else "text", creatable=name != ID, updatable=name != ID,
                                   unique=name == ID, required=name in self.config.required)
            for name in columns
        }  # fmt: skip
        return StreamDescription(stream, fields)

    # --- reading --------------------------------------------------------------------------------------------------

    def read(self, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:  # noqa: ARG002
        """Rows in the order in which they were seen to move. Versions are counted, so no overlap is needed."""
        sheet = self._open(selection.stream)
        rows = [row for row in sheet.rows.values() if since is None or _spell(row.version) > since]
        rows.sort(key=lambda row: row.version)
        end = max(_spell(sheet.version), since or "")
        if since is None:
            rows = [row for row in rows if row.deleted or all(passes(row.fields, term) for term in selection.where)]
        for start in range(0, max(len(rows), 1), PAGE):
            part = rows[start : start + PAGE]
            is_last = start + PAGE >= len(rows)
            records = [self._record(selection, row) for row in part]
            yield Page(records, len(records), end if is_last else _spell(part[-1].version))

    def fetch(self, selection: Selection, ids: Sequence[str]) -> list[Record]:
        rows = self._open(selection.stream).rows
        return [self._record(selection, rows[one]) for one in dict.fromkeys(ids) if one in rows]

    def find(self, stream: str, fields: tuple[str, ...], values: Sequence[tuple[str, ...]]) -> list[Candidate]:
        wanted, found = set(values), []
        for row in self._open(stream).live():
            texts = tuple(row.fields.get(name) for name in fields)
            if tuple(match_text(text or "") for text in texts) in wanted and all(texts):
                found.append(Candidate(row.id, texts))
        return found

    def find_keys(self, stream: str, keys: Sequence[str]) -> dict[str, str]:
        wanted = set(keys)
        return {row.key: row.id for row in self._open(stream).live() if row.key and row.key in wanted}

    def measure(self, stream: str, ask: Measure) -> list[Group]:  # noqa: ARG002
        raise Refused(f"sheet {stream}", "adds nothing up by itself", "its rows are read instead")

    def posted(self, stream: str, ids: Sequence[str]) -> set[str]:  # noqa: ARG002
        """None: a sheet is no book."""
        return set()

    # --- writing --------------------------------------------------------------------------------------------------

    def write(self, stream: str, changes: Sequence[Change], within: object | None = None) -> list[Answer]:
        """All changes of a call with one replacement of the file: half of them are never seen."""
        if within is not None:
            raise Misconfigured(f"sheet {stream}", "cannot join a database transaction", "report this")
        sheet = self._open(stream)
        answers = [self._write(sheet, change) for change in changes]
        if any(answer.result not in ("refused", "moved") for answer in answers):
            sheet.save()
        return answers

    def _write(self, sheet: Sheet, change: Change) -> Answer:
        try:
            row, result = self._apply(sheet, change)
        except Refused as refused:
            return Answer(change.key, "refused", change.id, fault=refused.fault)
        if change.expects is not None and result == "moved":
            return Answer(change.key, "moved", row.id, _spell(row.version))
        return Answer(change.key, result, row.id, _spell(row.version))

    def _apply(self, sheet: Sheet, change: Change) -> tuple[Row, Result]:
        where = f"sheet {sheet.stream} {change.id or change.key}"
        if change.lines is not None or change.verb in ("withdraw", "reopen"):
            what = "has no lines" if change.lines is not None else f"knows no {change.verb}"
            raise Refused(where, what, "do it by hand, then dismiss this item")
        known = next((row for row in sheet.live() if row.key == change.key), None)
        if change.verb == "create" and known is not None:
            return known, "created"
        row = sheet.new_row(change.key) if change.verb == "create" else sheet.rows.get(change.id or "")
        if row is None or row.deleted:
            raise Refused(where, "the row is not there any more", "bring it back, or bind another one")
        if change.expects is not None and _spell(row.version) != change.expects:
            return row, "moved"
        wanted = {**row.fields, **{name: _text(value) for name, value in change.fields.items()}}
        self._check(sheet, wanted, where)
        sheet.put(row, wanted)
        return row, "created" if change.verb == "create" else "updated"

    def _check(self, sheet: Sheet, fields: Fields, where: str) -> None:
        unknown = [name for name in fields if name not in sheet.columns]
        empty = [name for name in self.config.required if name in sheet.columns and not fields.get(name)]
        if unknown:
            raise Refused(where, f"the sheet has no column {unknown[0]!r}", "add the column, or map another")
        if empty:
            raise Refused(where, f"{empty[0]} is empty", f"fill {empty[0]}")
        for name, text in fields.items():
            if what := unfit(text or ""):
                raise Refused(f"{where} {name}", what, "correct it")

    def annotate(self, stream: str, notes: Sequence[Note]) -> list[Fault | None]:
        fault = Fault(f"sheet {stream}", "takes no notes", "read the worklist instead")
        return [fault for _ in notes]

    def close(self) -> None:
        """Nothing is held open."""

    def _files(self) -> list[Path]:
        """The sheets; what a spreadsheet program puts beside one while it is open is none."""
        found = (path for path in self.config.folder.iterdir() if path.suffix in FORMATS)
        return sorted(path for path in found if not path.name.startswith(("~$", ".")))

    def _open(self, stream: str) -> Sheet:
        files = [path for path in self._files() if path.stem == stream]
        if not files:
            known = ", ".join(self.streams()) or "there is none yet"
            what = f"there is no {' or '.join(stream + ending for ending in FORMATS)}"
            raise Misconfigured(f"stream {stream}", what, f"use one of: {known}")
        if len(files) > 1:
            raise Misconfigured(
                f"stream {stream}", f"is in {files[0].name} and {files[1].name}", "take one of them away"
            )
        return Sheet.read(files[0])

    def _record(self, selection: Selection, row: Row) -> Record:
        fields: Fields = {name: row.fields.get(name) for name in selection.fields}
        return Record(row.id, _spell(row.version), fields, deleted=row.deleted, by_us=row.by_us)


def _spell(version: int) -> str:
    return f"{version:0{WIDTH}d}"


def _text(value: object) -> str | None:
    """A value as a cell tells it: an empty text is an empty cell, and a number has no zeros that say nothing."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return None if value is None else str(value) or None
