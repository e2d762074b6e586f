"""One CSV file and its journal: rows with versions, formulas disarmed, written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from unicodedata import normalize

from isthmus.kernel.errors import Misconfigured

Cells = dict[str, str | None]
ID = "id"
BYTES_MAX, COLUMNS_MAX, CELL_MAX = 64 * 1024 * 1024, 16_384, 32_767  # the last two are what spreadsheet programs take
_ARMED = ("=", "+", "-", "@", "\t", "\r", "\0")


def disarm(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: full-width signs count, as some programs fold them."""
    return "'" + text if is_armed(text) or text.startswith("'") else text


def is_armed(text: str) -> bool:
    return normalize("NFKC", text[:1]).startswith(_ARMED) if text else False


def rearm(cell: str) -> str:
    """The text that was disarmed. A quote before anything else is the cell's own."""
    rest = cell[1:]
    return rest if cell.startswith("'") and (is_armed(rest) or rest.startswith("'")) else cell


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
        columns, cells = _table(path)
        if ID not in columns:
            raise Misconfigured(str(path.name), f"has no column {ID!r}", f"call one of its columns {ID}")
        sheet = cls(path, columns)
        sheet._remember()
        sheet._compare(cells)
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

    def _compare(self, cells: list[dict[str, str]]) -> None:
        seen, before = set(), self.version
        for cell in cells:
            fields: Cells = {name: rearm(cell[name]) if cell[name] else None for name in self.columns}
            record_id = fields[ID] or ""
            if not record_id or record_id in seen:
                what = f"{record_id!r} stands twice" if record_id else "a row has no id"
                raise Misconfigured(f"{self.path.name} column {ID}", what, "give each row an id of its own")
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
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        for row in self.live():
            writer.writerow({name: disarm(value) if value else "" for name, value in row.fields.items()})
        self._save_journal()
        _replace(self.path, text.getvalue())

    def _save_journal(self) -> None:
        told = {"version": self.version, "rows": [asdict(row) for row in self.rows.values()]}
        _replace(self.journal, json.dumps(told, ensure_ascii=False))


def _table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and rows of a file. Raises Misconfigured for what is no whole table, or too large for a sheet."""
    if path.stat().st_size > BYTES_MAX:
        raise Misconfigured(path.name, f"is larger than {BYTES_MAX} bytes", "split it, or use a database")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = list(reader.fieldnames or ())
        cells = list(reader) if len(columns) <= COLUMNS_MAX else []
    except (csv.Error, UnicodeDecodeError) as error:
        words = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise Misconfigured(path.name, f"cannot be read: {words}", "save it as CSV (UTF-8) once more") from None
    if any(len(cell) > CELL_MAX for row in cells for cell in row.values() if isinstance(cell, str)):
        raise Misconfigured(path.name, "has a cell that is too long", f"keep it to {CELL_MAX} characters")
    if len(columns) > COLUMNS_MAX:
        raise Misconfigured(path.name, f"has {len(columns)} columns", f"keep it to {COLUMNS_MAX}")
    if len(set(columns)) < len(columns):
        raise Misconfigured(path.name, "has two columns of one name", "give each column a name of its own")
    for number, row in enumerate(cells, 2):
        if None in row or None in row.values():
            what = "has another number of cells than the heading"
            raise Misconfigured(f"{path.name} row {number}", what, "put texts with commas into quotes")
    return columns, cells


def _replace(path: Path, text: str) -> None:
    """Old or new, never half of it."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(text, encoding="utf-8", newline="")
    draft.replace(path)
