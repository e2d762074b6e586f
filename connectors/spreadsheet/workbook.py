"""XLSX files, opened by pandas' engine for them; cell by cell, because a frame cannot tell a formula from a text.

A file is looked through before anything is unfolded from it: it may be a bomb. Writing changes single cells of the file
as it is, so formats, widths and other sheets stay; a file with parts that would be lost is not written.
"""

from __future__ import annotations

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

from connectors.spreadsheet.cells import BYTES_MAX, ID, Cells, Table, disarm, rearm
from isthmus.kernel.errors import Misconfigured

Value = str | bool | int | float | datetime | time | timedelta | None
CELLS_MAX = 1_000_000
DIGITS_MAX = 15  # of a number, in every spreadsheet program

_TAG = rb"<(?:[^\s<>/:]+:)?"
_CELL = re.compile(_TAG + rb"c[\s/>]")
_MERGED = re.compile(_TAG + rb"mergeCell[\s/>]")
_RANGE = re.compile(_MERGED.pattern + rb"[^>]*?ref\s*=\s*[\"']([A-Za-z]{1,3}\d{1,7}:[A-Za-z]{1,3}\d{1,7})[\"']")
_ENTITY = re.compile(rb"<!DOCTYPE|<!ENTITY")
#: The parts that are still there, or that nobody misses, after a workbook has been written again.
_KEPT = re.compile(
    r"\[Content_Types\]\.xml|.*\.rels|docProps/.*|docMetadata/.*|customXml/.*|xl/(workbook|styles|sharedStrings|"
    r"calcChain)\.xml|xl/theme/.*|xl/tables/.*|xl/printerSettings/.*|xl/comments[^/]*\.xml|"
    r"xl/drawings/(commentsDrawing|vmlDrawing)[^/]*|.*/"
)
#: Parts that are kept unless they hold this: what hangs on a drawing, drop-down lists that look at other sheets.
_LOSSES = {"xl/drawings/drawing": b"Anchor", "xl/worksheets/": b"extLst"}
#: How a workbook writes a character that XML cannot hold, and an underscore that begins such a spelling.
_SPELLED = re.compile(r"_x(00[01][0-9A-Fa-f]|005[Ff]|[Ff]{3}[EFef])_")
_ZEROS = re.compile(r"0{2,}")  # a format that shows a number with zeros before it
_UNSPOKEN = re.compile(rf"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?={_SPELLED.pattern[1:]})")
#: What broken files make of a reader that has no error of its own.
_BROKEN = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError, RuntimeError, SyntaxError,
    TypeError, ValueError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def read(path: Path) -> Table:
    """The table as it is. Raises Misconfigured for what is none, or cannot be taken as it stands."""
    _inspect(path)
    with _opened(path) as (_, sheet):
        if sheet.merged_cells.ranges:
            first = min(str(one) for one in sheet.merged_cells.ranges)
            raise Misconfigured(f"{path.name} cells {first}", "are merged", "unmerge them, and fill each")
        return _table(path.name, sheet)


def write(path: Path, columns: list[str], rows: Iterable[Cells]) -> bytes:
    """The content of the file with these rows: changed cells are exchanged, new rows follow the last one."""
    _refuse_losses(path)
    with _opened(path) as (book, sheet):
        places = {_shown(cell): cell.column for cell in sheet[1]}
        numbers = {_shown(sheet.cell(at, places[ID])): at for at in range(2, sheet.max_row + 1)}
        last = max([1, *(at for record_id, at in numbers.items() if record_id)])
        for row in rows:
            number = numbers.get(row[ID])
            model = number or (last if last > 1 else None)
            last = max(last, number or last + 1)
            for name in columns:
                like = sheet.cell(model, places[name]) if model else None
                _put(sheet.cell(number or last, places[name]), row[name], like)
        content = BytesIO()
        book.save(content)
    return content.getvalue()


# --- opening ------------------------------------------------------------------------------------------------------


def _inspect(path: Path) -> None:
    """Raises Misconfigured for a file that is no workbook, or that would unfold into too much."""
    if path.read_bytes()[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        what = "is protected by a password, or of the format before 2007"
        raise Misconfigured(path.name, what, "save it without a password, as .xlsx")
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(one.file_size for one in packed.infolist()) > BYTES_MAX:
                raise Misconfigured(path.name, f"unfolds to more than {BYTES_MAX} bytes", "split it, or use a database")
            cells = sum(_count(packed.read(name), name) for name in packed.namelist())
    except _BROKEN as error:
        raise _unreadable(path, error) from None
    if cells > CELLS_MAX:
        raise Misconfigured(path.name, f"has more than {CELLS_MAX} cells", "split it, or use a database")


def _count(part: bytes, name: str) -> int:
    """The cells of a part, with those that are merged into others. Raises ValueError for what no workbook needs."""
    ranges = _RANGE.findall(part)
    if _ENTITY.search(part) or (name.endswith((".xml", ".rels")) and b"\0" in part):
        raise ValueError("entities, or no UTF-8")
    if len(ranges) != len(_MERGED.findall(part)):
        raise ValueError("cells merged in hiding")
    return len(_CELL.findall(part)) + sum(map(_area, ranges))


def _area(span: bytes) -> int:
    from openpyxl.utils import range_boundaries

    left, top, right, bottom = map(int, range_boundaries(span.decode().upper()))
    return (abs(right - left) + 1) * (abs(bottom - top) + 1)


def _refuse_losses(path: Path) -> None:
    with zipfile.ZipFile(path) as packed:
        lost = [name for name in packed.namelist() if _is_lost(name, packed)]
    if lost:
        what = f"holds {lost[0]} with pictures, charts, drop-down lists, macros or the like, which would be lost"
        raise Misconfigured(path.name, what, "keep the table in a workbook of its own")


def _is_lost(name: str, packed: zipfile.ZipFile) -> bool:
    for start, sign in _LOSSES.items():
        if name.startswith(start):
            return sign in packed.read(name) and not name.endswith(".rels")
    return not _KEPT.fullmatch(name)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The workbook, and the sheet of it that holds the table."""
    import pandas as pd

    whole = {"read_only": False, "data_only": False}  # formulas as they are: what they came to last is somebody's word
    with warnings.catch_warnings(action="ignore"):
        try:
            book = pd.ExcelFile(BytesIO(path.read_bytes()), engine="openpyxl", engine_kwargs=whole).book
        except _BROKEN as error:
            raise _unreadable(path, error) from None
        yield book, _table_sheet(path, book.worksheets)


def _table_sheet(path: Path, sheets: list[Any]) -> Any:
    named = [one for one in sheets if one.title.casefold() == path.stem.casefold()]
    if len(named or sheets) == 1:
        return (named or sheets)[0]
    titles = ", ".join(one.title for one in sheets) or "none"
    raise Misconfigured(path.name, f"has several sheets or none: {titles}", f"call the one that counts {path.stem}")


def _unreadable(path: Path, error: Exception) -> Misconfigured:
    return Misconfigured(path.name, f"cannot be read: {type(error).__name__}", "save it as an Excel workbook once more")


# --- reading ------------------------------------------------------------------------------------------------------


def _table(name: str, sheet: Any) -> Table:
    if sheet.max_row * sheet.max_column > CELLS_MAX:
        what = f"reaches to row {sheet.max_row} and column {sheet.max_column}"
        raise Misconfigured(name, what, "delete the empty rows below the table and the empty columns beside it")
    heading, *lines = [[_taken(name, cell) for cell in row] for row in sheet.iter_rows()] or [[]]
    while heading and heading[-1] is None:
        heading.pop()
    if None in heading:
        raise Misconfigured(f"{name} row 1", "has a column without a name", "name it, or take it out")
    columns = [str(one) for one in heading]
    for number, line in enumerate(lines, 2):
        if any(line[len(columns) :]):
            what = "has another number of cells than the heading"
            raise Misconfigured(f"{name} row {number}", what, "name the column, or move it to another sheet")
    return Table(columns, [dict(zip(columns, line, strict=False)) for line in lines if any(line)])


def _taken(name: str, cell: Any) -> str | None:
    """The text of a cell. Raises Misconfigured for a formula, an error, an inexact number: none is anybody's word."""
    if cell.data_type in ("f", "e"):
        what = "holds a formula" if cell.data_type == "f" else f"holds the error {cell.value}"
        raise Misconfigured(f"{name} cell {cell.coordinate}", what, "put the value there, or move it to another sheet")
    if isinstance(cell.value, int) and len(str(abs(cell.value)).rstrip("0")) > DIGITS_MAX:
        what = f"holds a number of more than {DIGITS_MAX} digits, which spreadsheets round"
        raise Misconfigured(f"{name} cell {cell.coordinate}", what, "make it a text")
    return _shown(cell)


def _shown(cell: Any) -> str | None:
    """The text of a cell; with the zeros before a number that its format asks for, as of a postal code."""
    text = _text(cell.value)
    return _filled(text, cell) if text and isinstance(cell.value, (int, float)) else text


def _filled(digits: str, like: Any) -> str:
    return (
        digits.zfill(len(like.number_format)) if _ZEROS.fullmatch(like.number_format) and digits.isdigit() else digits
    )


def _text(value: Value) -> str | None:
    """A value as text: numbers in full and exact, days as 2026-11-23, an empty text as nothing."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        text = f"{Decimal(f'{value + 0.0:.{DIGITS_MAX}g}'):f}"  # what is shown: 0.1, not what is stored for it
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, datetime):
        return value.isoformat() if value.time() != time.min else value.date().isoformat()
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, str):
        return rearm(_SPELLED.sub(lambda found: chr(int(found[1], 16)), value)) or None
    return None if value is None else str(value)


# --- writing ------------------------------------------------------------------------------------------------------


def _put(cell: Any, text: str | None, like: Any | None) -> None:
    """The cell shows this text: as a number or day where the cell, or the one above a new one, is such."""
    if like is not None and cell is not like and text is not None:
        cell.number_format = like.number_format
    if _shown(cell) == text:
        return
    same = None if like is None or text is None else _of_kind(like, text)
    cell.value = same
    if same is None and text is not None:
        cell.value = _UNSPOKEN.sub(lambda found: f"_x{ord(found[0]):04X}_", disarm(text))
        cell.data_type = "s"  # whatever it looks like


def _of_kind(like: Any, text: str) -> Value:
    """The text as a value of this cell's kind; None unless it reads back exactly as it is."""
    try:
        value: Value = _convert(like.value, text)
    except ValueError:
        return None
    told = _text(value)
    return value if told is not None and _filled(told, like) == text else None


def _convert(like: Value, text: str) -> Value:
    if isinstance(like, bool):
        return text == "TRUE"
    if isinstance(like, (int, float)):
        value = float(text)
        return value if abs(value) < 10**DIGITS_MAX else None
    if isinstance(like, datetime):
        day = datetime.fromisoformat(text)
        return day if day.tzinfo is None and not day.microsecond and day.year > 1900 else None
    return None
