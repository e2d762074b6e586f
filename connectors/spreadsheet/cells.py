"""What a cell may hold, and how none of its texts ever becomes a formula. A table is texts, whatever its file is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from unicodedata import normalize

from isthmus.kernel.errors import Misconfigured

Cells = dict[str, str | None]
ID = "id"
ID_MAX = 200  # a database that looks records up by their ids takes no text of any length
BYTES_MAX = 64 * 1024 * 1024
COLUMNS_MAX, CELL_MAX = 16_384, 32_767  # what spreadsheet programs take
_ARMED = ("=", "+", "-", "@", "\t", "\r", "\0")
_NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?")
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Table:
    """A file's columns and rows. Each row has every column; an empty cell is None."""

    columns: list[str]
    rows: list[Cells]


def disarm(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: full-width signs count, as some programs fold them."""
    return "'" + text if is_armed(text) or text.startswith("'") else text


def is_armed(text: str) -> bool:
    """Whether a spreadsheet would compute with it. A plain number below zero is one, and stays one."""
    return normalize("NFKC", text[:1]).startswith(_ARMED) and not _NUMBER.fullmatch(text) if text else False


def rearm(cell: str) -> str:
    """The text that was disarmed. A quote before anything else is the cell's own."""
    rest = cell[1:]
    return rest if cell.startswith("'") and (is_armed(rest) or rest.startswith("'")) else cell


def unfit(text: str) -> str | None:
    """Why a text can be in no cell; None for one that can."""
    if len(disarm(text)) > CELL_MAX:
        return f"is longer than the {CELL_MAX} characters of a cell"
    if found := _HALF.search(text):
        return f"holds U+{ord(found[0]):04X}, which is half a character"
    return None


def checked(name: str, table: Table) -> Table:
    """The table. Raises Misconfigured for columns of one name, and for more than a sheet can hold."""
    columns = table.columns
    if len(columns) > COLUMNS_MAX:
        raise Misconfigured(name, f"has {len(columns)} columns", f"keep it to {COLUMNS_MAX}")
    if len(set(columns)) < len(columns):
        raise Misconfigured(name, "has two columns of one name", "give each column a name of its own")
    if ID not in columns:
        raise Misconfigured(name, f"has no column {ID!r}", f"call one of its columns {ID}")
    lengths = [len(cell) for row in table.rows for cell in row.values() if cell]
    if max(lengths, default=0) > CELL_MAX:
        raise Misconfigured(name, "has a cell that is too long", f"keep it to {CELL_MAX} characters")
    if sum(lengths) > BYTES_MAX:  # cells of a workbook may share one text
        raise Misconfigured(name, f"holds more than {BYTES_MAX} characters", "split it, or use a database")
    return table
