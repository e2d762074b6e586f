"""One file with its journal: rows with versions, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from connectors.spreadsheet import delimited, workbook
from connectors.spreadsheet.cells import BYTES_MAX, ID, ID_MAX, Cells, Table, checked
from isthmus.kernel.errors import Misconfigured

#: How the files of each ending are read and written.
FORMATS: dict[str, tuple[Callable[[Path], Table], Callable[[Path, list[str], Iterable[Cells]], bytes]]] = {
    ".csv": (delimited.read, delimited.write),
    ".xlsx": (workbook.read, workbook.write),
}


@dataclass
class Row:
    """A row as it is, and as the journal knows it."""

    id: str
    fields: Cells
    version: int
    by_us: bool = False
    key: str | None = None
    deleted: bool = False


@dataclass
class Sheet:
    """A file in memory. ``version`` counts every change that was seen or made."""

    path: Path
    columns: list[str]
    rows: dict[str, Row] = field(default_factory=dict)
    version: int = 0

    @property
    def stream(self) -> str:
        return self.path.stem

    @property
    def journal(self) -> Path:
        return self.path.with_suffix(".journal.json")

    @classmethod
    def read(cls, path: Path) -> Sheet:
        """The file as it is now. What people did since the last look gets the next versions, and is kept."""
        if path.stat().st_size > BYTES_MAX:
            raise Misconfigured(path.name, f"is larger than {BYTES_MAX} bytes", "split it, or use a database")
        read_table, _ = FORMATS[path.suffix]
        table = checked(path.name, read_table(path))
        sheet = cls(path, table.columns)
        sheet._remember()
        sheet._compare(table.rows)
        return sheet

    def _remember(self) -> None:
        if self.journal.exists():
            try:
                told = json.loads(self.journal.read_text(encoding="utf-8"))
                self.version = int(told["version"])
                self.rows = {one["id"]: Row(**one) for one in told["rows"]}
            except (ValueError, TypeError, KeyError):
                remedy = "bring back its last good copy; without it every row counts as new"
                raise Misconfigured(self.journal.name, "is not as we wrote it", remedy) from None

    def _compare(self, rows: list[Cells]) -> None:
        seen, before = set(), self.version
        for fields in rows:
            record_id = fields[ID] or ""
            if not record_id or record_id in seen:
                what = f"{record_id!r} stands twice" if record_id else "a row has no id"
                raise Misconfigured(f"{self.path.name} column {ID}", what, "give each row an id of its own")
            if len(record_id) > ID_MAX:
                what = f"'{record_id[:40]}…' has {len(record_id)} characters"
                raise Misconfigured(f"{self.path.name} column {ID}", what, f"keep ids to {ID_MAX}")
            seen.add(record_id)
            self._see(record_id, fields)
        for row in self.rows.values():
            if row.id not in seen and not row.deleted:
                row.deleted, row.by_us, row.version = True, False, self._next()
        if self.version != before:
            self._save_journal()

    def _see(self, record_id: str, fields: Cells) -> None:
        known = self.rows.get(record_id)
        if known is None:
            self.rows[record_id] = Row(record_id, fields, self._next())
        elif known.fields != fields or known.deleted:
            known.fields, known.deleted, known.by_us, known.version = fields, False, False, self._next()

    def _next(self) -> int:
        self.version += 1
        return self.version

    def live(self) -> Iterator[Row]:
        return (row for row in self.rows.values() if not row.deleted)

    def new_row(self, key: str) -> Row:
        """A row of ours with an id that nobody has or had; it is in the sheet when it is put."""
        numbers = [int(one) for one in self.rows if one.isascii() and one.isdigit() and len(one) < 19]
        record_id = str(max(numbers, default=0) + 1)
        return Row(record_id, {**dict.fromkeys(self.columns), ID: record_id}, 0, key=key)

    def put(self, row: Row, fields: Cells) -> None:
        """The row shows these fields from now on, and we wrote it."""
        if row.fields != fields or row.id not in self.rows:
            row.fields, row.by_us, row.version = fields, True, self._next()
        self.rows[row.id] = row

    def save(self) -> None:
        """The journal first: if the file does not follow, the next look takes its rows for people's edits."""
        _, write_table = FORMATS[self.path.suffix]
        content = write_table(self.path, self.columns, (row.fields for row in self.live()))
        self._save_journal()
        _replace(self.path, content)

    def _save_journal(self) -> None:
        told = {"version": self.version, "rows": [asdict(row) for row in self.rows.values()]}
        _replace(self.journal, json.dumps(told, ensure_ascii=False).encode())


def _replace(path: Path, content: bytes) -> None:
    """Old or new, never half of it."""
    draft = path.with_name(path.name + ".new")
    draft.write_bytes(content)
    draft.replace(path)
