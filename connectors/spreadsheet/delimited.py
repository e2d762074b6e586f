"""CSV files. The strict reader of the language: pandas' own pads a row that was cut off."""

from __future__ import annotations

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterable
from pathlib import Path

from connectors.spreadsheet.cells import COLUMNS_MAX, ID, Cells, Table, disarm, rearm
from isthmus.kernel.errors import Misconfigured


def read(path: Path) -> Table:
    """The file as it is. Raises Misconfigured for what is no whole table in UTF-8."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
        columns = list(reader.fieldnames or ())
        rows = list(reader) if len(columns) <= COLUMNS_MAX else []
    except (csv.Error, UnicodeDecodeError) as error:
        words = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise Misconfigured(path.name, f"cannot be read: {words}", "save it as CSV (UTF-8) once more") from None
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            what = "has another number of cells than the heading"
            raise Misconfigured(f"{path.name} row {number}", what, "put texts with separators into quotes")
    filled = (row for row in rows if any(row.values()))  # a row that was cleared leaves its separators
    return Table(columns, [{name: rearm(cell) or None for name, cell in row.items()} for row in filled])


def write(path: Path, columns: list[str], rows: Iterable[Cells]) -> bytes:
    """The content of the file with these rows, marked and separated as it is."""
    before, text = path.read_bytes(), io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, delimiter=_separator(before.decode("utf-8-sig")))
    writer.writeheader()
    writer.writerows({name: disarm(value or "") for name, value in row.items()} for row in rows)
    return text.getvalue().encode("utf-8-sig" if before.startswith(BOM_UTF8) else "utf-8")


def _separator(text: str) -> str:
    """What sets ``id`` apart in the heading: where a comma is a decimal one, programs write semicolons."""
    heading = io.StringIO(text, newline=None).readline()
    found = [one for one in ",;\t" if one in heading]
    return next((one for one in found if ID in next(csv.reader([heading], delimiter=one))), (*found, ",")[0])
