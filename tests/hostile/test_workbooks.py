"""Workbooks as people leave them, and as somebody might build them: exact texts, one clear error, nothing lost."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import datetime, time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet

from connectors.spreadsheet import workbook
from connectors.spreadsheet.cells import CELL_MAX, Cells, Table, checked
from connectors.spreadsheet.sheet import Sheet
from isthmus.kernel.errors import Misconfigured

Build = Callable[[Worksheet], object]
NEW_YEAR, DAY = datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2026-11-23")
SHEET = "xl/worksheets/sheet1.xml"


def built(path: Path, *rows: list[Any], also: Build = lambda _sheet: None) -> Path:
    """A workbook of one sheet with these rows under ``id`` and ``value``."""
    book = openpyxl.Workbook()
    assert book.active
    for row in (["id", "value"], *rows):
        book.active.append(row)
    also(book.active)
    book.save(path)
    return path


def with_part(path: Path, name: str, content: bytes) -> Path:
    """The workbook with one more part, or another one of that name."""
    parts = {one: zipfile.ZipFile(path).read(one) for one in zipfile.ZipFile(path).namelist()} | {name: content}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for one, text in parts.items():
            packed.writestr(one, text)
    return path


def values(path: Path) -> list[str | None]:
    return [row["value"] for row in workbook.read(path).rows]


# --- what cells say -----------------------------------------------------------------------------------------------

SAID = [
    (0.1, "0.1"), (0.1 + 0.2, "0.3"), (1e-7, "0.0000001"), (12.50, "12.5"), (1e15, "1000000000000000"), (-5, "-5"),
    (1e17, "100000000000000000"), (999999999999999, "999999999999999"), (12345678.9, "12345678.9"), (0, "0"),
    (-0.0, "0"), (True, "TRUE"), ("0012", "0012"), (DAY, "2026-11-23"), (time(9, 30), "09:30:00"),
    (datetime.fromisoformat("2026-02-28T09:30"), "2026-02-28T09:30:00"), (None, None), ("", None), (" ", " "),
    ("two\nlines", "two\nlines"), ("a_x000D_\nb", "a\r\nb"), ("NA", "NA"), ("'=1+1", "=1+1"), ("O'Neill", "O'Neill"),
]  # fmt: skip


def test_every_cell_is_read_as_it_is_shown_and_no_number_is_rounded(tmp_path: Path) -> None:
    path = built(tmp_path / "a.xlsx", *([number, said] for number, (said, _) in enumerate(SAID)))
    assert values(path) == [text for _, text in SAID]


def test_a_text_that_looks_like_a_formula_is_a_text_and_leaves_disarmed(tmp_path: Path) -> None:
    def quote(sheet: Worksheet) -> None:
        sheet["B2"].data_type = "s"

    path = built(tmp_path / "a.xlsx", [1, "=1+1"], [2, "x"], also=quote)
    assert values(path) == ["=1+1", "x"]
    _write(path, {"2": '=HYPERLINK("//x.example")'})
    cells = [openpyxl.load_workbook(path).active[at] for at in ("B2", "B3")]
    assert [(one.data_type, one.value) for one in cells] == [("s", "=1+1"), ("s", '\'=HYPERLINK("//x.example")')]


# --- what is refused ----------------------------------------------------------------------------------------------


def _set(at: str, value: object, kind: str | None = None) -> Build:
    def build(sheet: Worksheet) -> None:
        sheet[at].value = value
        if kind:
            sheet[at].data_type = kind

    return build


def _sheets(*titles: str) -> Build:
    return lambda sheet: [sheet.parent.create_sheet(title) for title in titles] if sheet.parent else None


def _far_day(sheet: Worksheet) -> None:
    sheet["B2"].value = 1e12
    sheet["B2"].number_format = "yyyy-mm-dd"


REFUSED: dict[str, tuple[Build, str]] = {
    "a formula": (_set("B2", "=A2*2"), "a.xlsx cell B2: holds a formula; put the value there"),
    "a formula beside the table": (_set("D2", "=A2*2"), "a.xlsx cell D2: holds a formula"),
    "an error": (_set("B2", "#REF!", "e"), "a.xlsx cell B2: holds the error #REF!"),
    "a day that is none": (_far_day, "a.xlsx cell B2: holds the error #VALUE!"),
    "merged cells": (lambda sheet: sheet.merge_cells("A2:A3"), "a.xlsx cells A2:A3: are merged"),
    "several sheets": (_sheets("x", "y"), "has several sheets or none: Sheet, x, y; call the one that counts a"),
    "a note beside the table": (_set("D2", "call them"), "row 2: has another number of cells than the heading"),
    "a column without a name": (_set("D1", "city"), "row 1: has a column without a name"),
    "two columns of one name": (_set("C1", "value"), "two columns of one name"),
    "no id": (_set("A1", "key"), "has no column 'id'"),
    "a row without an id": (_set("B4", "x"), "a row has no id"),
    "the same id twice": (_set("A3", 1), "'1' stands twice"),
    "a cell far away": (_set("XFD1048576", "x"), "reaches to row 1048576 and column 16384"),
}


@pytest.mark.parametrize(("build", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_taken_as_it_stands_is_one_clear_error(tmp_path: Path, build: Build, says: str) -> None:
    path = built(tmp_path / "a.xlsx", [1, "x"], [2, "y"], also=build)
    before = path.read_bytes()
    with pytest.raises(Misconfigured) as caught:
        Sheet.read(path)
    assert says in str(caught.value)
    assert caught.value.fault.remedy
    assert path.read_bytes() == before


XML = b'<?xml version="1.0" encoding="UTF-8"?>'
MAIN = b' xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
LAUGHS = XML + b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>'
MERGES = b'<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
PARTS = {
    "a bomb of zeros": ("xl/media/x.bin", b"\0" * (64 * 1024 * 1024), "unfolds to more than"),
    "a bomb of cells": (SHEET, b"<c/>" * 1_000_001, "has more than 1000000 cells"),
    "a bomb of merged cells": (
        SHEET, b"<worksheet%b><sheetData/>%b</worksheet>" % (MAIN, MERGES), "has more than 1000000 cells"),
    "merged cells in hiding": (
        SHEET, b"<worksheet%b><sheetData/>%b</worksheet>" % (MAIN, MERGES.replace(b"A1", b"&#65;1")),
        "cannot be read: ValueError"),
    "no cell": (SHEET, b"<worksheet%b><sheetData/></worksheet>" % MAIN, "has no column 'id'"),
    "entities": (SHEET, LAUGHS, "cannot be read: ValueError"),
    "another encoding": (SHEET, LAUGHS.decode().encode("utf-16"), "cannot be read: ValueError"),
    "XML cut off": (SHEET, XML + b"<worksheet><sheetData>", "cannot be read:"),
    "an endless number": (
        SHEET, b"<worksheet%b><sheetData><row><c><v>%b</v></c></row></sheetData></worksheet>" % (MAIN, b"9" * 5000),
        "cannot be read: ValueError"),
    "a number that no spreadsheet keeps": (
        SHEET, b"<worksheet%b><sheetData><row><c><v>1234567890123456</v></c></row></sheetData></worksheet>" % MAIN,
        "cell A1: holds a number of more than 15 digits"),
    "no workbook inside": ("xl/workbook.xml", XML + b"<x/>", "has several sheets or none: none"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "says"), PARTS.values(), ids=PARTS)
def test_a_hostile_part_is_refused_before_it_unfolds(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = with_part(built(tmp_path / "a.xlsx", [1, "x"]), name, content)
    with pytest.raises(Misconfigured, match=says):
        Sheet.read(path)


def test_a_text_that_is_kept_once_and_shown_in_all_cells_is_refused_before_it_is_written_out() -> None:
    row: Cells = {"id": "1", "value": "x" * CELL_MAX}
    with pytest.raises(Misconfigured, match="holds more than 67108864 characters"):
        checked("a.xlsx", Table(["id", "value"], [row] * 2_049))


NO_BOOKS = {
    "a protected one": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504,
        "is protected by a password, or of the format",
    ),
    "a CSV file": (b"id,value\n1,x\n", "cannot be read: BadZipFile"),
    "nothing": (b"", "cannot be read: BadZipFile"),
}


@pytest.mark.parametrize(("content", "says"), NO_BOOKS.values(), ids=NO_BOOKS)
def test_what_is_no_workbook_is_said_so(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match=says):
        Sheet.read(path)


def test_a_workbook_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    whole = built(tmp_path / "a.xlsx", [1, "x"]).read_bytes()
    for end in range(0, len(whole) - 1, len(whole) // 40):
        (tmp_path / "a.xlsx").write_bytes(whole[:end])
        with pytest.raises(Misconfigured, match="cannot be read"):
            workbook.read(tmp_path / "a.xlsx")


def test_a_package_with_a_locked_part_is_refused(tmp_path: Path) -> None:
    path = built(tmp_path / "a.xlsx", [1, "x"])
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the mark of an encrypted part
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match="cannot be read: RuntimeError"):
        workbook.read(path)


# --- what writing leaves ------------------------------------------------------------------------------------------


def _write(path: Path, changed: dict[str, str | None]) -> None:
    """Rows whose value changes, or that are new."""
    table = workbook.read(path)
    rows: dict[str, Cells] = {row["id"] or "": row for row in table.rows}
    for key, text in changed.items():
        rows[key] = {**dict.fromkeys(table.columns), **rows.get(key, {}), "id": key, "value": text}
    path.write_bytes(workbook.write(path, table.columns, rows.values()))


#: What was there, what is written, what is there then.
KINDS = [
    (10, "12.5", 12.5), (10, "0012", "0012"), (10, "12.50", "12.50"), ("10", "12", "12"), (10, "1e5", "1e5"),
    (10, "inf", "inf"), (10, "-0", "-0"), (10, "1234567890123456", "1234567890123456"), (10, "#REF!", "#REF!"),
    (10, None, None), (True, "FALSE", False), (NEW_YEAR, "2026-11-23", DAY), (NEW_YEAR, "soon", "soon"),
    (NEW_YEAR, "2026-11-23T09:30:00+01:00", "2026-11-23T09:30:00+01:00"), (NEW_YEAR, "1850-01-01", "1850-01-01"),
    (10, "Infinity", "Infinity"),
]  # fmt: skip


def test_a_number_stays_a_number_and_a_day_a_day_in_old_rows_and_new_ones(tmp_path: Path) -> None:
    for old, new, kept in KINDS:
        path = built(tmp_path / "a.xlsx", [7, old])
        _write(path, {"7": new, "8": new})
        sheet = openpyxl.load_workbook(path).active
        assert [list(row) for row in sheet.values] == [["id", "value"], [7, kept], [8, kept]]
        assert values(path) == [new, new]


def test_a_number_that_is_shown_with_zeros_before_it_has_them(tmp_path: Path) -> None:
    """Spreadsheet programs keep a postal code as a number: 2134, shown as 02134."""

    def show(sheet: Worksheet) -> None:
        for column in "AB":
            for row in (2, 3):
                sheet[f"{column}{row}"].number_format = "00000"

    path = built(tmp_path / "a.xlsx", [7, 2134], [8, 98101], also=show)
    assert [tuple(row.values()) for row in workbook.read(path).rows] == [("00007", "02134"), ("00008", "98101")]
    _write(path, {"00007": "00501", "00009": "09999"})
    sheet = openpyxl.load_workbook(path).active
    assert [list(row) for row in sheet.values][1:] == [[7, 501], [8, 98101], [9, 9999]]
    _write(path, {"00008": "2134"})
    assert values(path) == ["00501", "2134", "09999"]


def test_formats_other_sheets_and_their_formulas_stay(tmp_path: Path) -> None:
    def build(sheet: Worksheet) -> None:
        sheet.title = "A"
        sheet["B3"].number_format = "0.00"
        sheet.column_dimensions["B"].width = 33
        assert sheet.parent
        sheet.parent.create_sheet("sums")["A1"] = "=SUM(A!B2:B9)"

    path = built(tmp_path / "a.xlsx", [1, "keep"], [2, 2.5], also=build)
    _write(path, {"2": "3.5", "3": "4.5"})
    book = openpyxl.load_workbook(path)
    assert book["sums"]["A1"].value == "=SUM(A!B2:B9)"
    assert book["A"].column_dimensions["B"].width == 33
    assert [row[1] for row in book["A"].values] == ["value", "keep", 3.5, 4.5]
    assert [book["A"][at].number_format for at in ("B2", "B3", "B4")] == ["General", "0.00", "0.00"]


@pytest.mark.parametrize(
    "part", ["xl/charts/chart1.xml", "xl/vbaProject.bin", "xl/media/image1.png", "xl/new/thing.xml"]
)
def test_a_workbook_that_would_lose_a_part_is_read_and_not_written(tmp_path: Path, part: str) -> None:
    path = with_part(built(tmp_path / "a.xlsx", [1, "x"]), part, b"<x/>")
    before = path.read_bytes()
    with pytest.raises(Misconfigured, match=f"holds {part} .* would be lost"):
        _write(path, {"1": "y"})
    assert path.read_bytes() == before
    assert values(path) == ["x"]


@pytest.mark.parametrize(
    ("part", "kept", "lost"),
    [("xl/drawings/drawing1.xml", b"<xdr:wsDr/>", b"<xdr:wsDr><xdr:oneCellAnchor/></xdr:wsDr>"),
     ("xl/worksheets/sheet2.xml", b"<worksheet/>", b"<worksheet><extLst/></worksheet>")],
)  # fmt: skip
def test_a_part_without_anything_in_it_is_no_loss(tmp_path: Path, part: str, kept: bytes, lost: bytes) -> None:
    path = built(tmp_path / "a.xlsx", [1, "x"])
    _write(with_part(path, part, kept), {"1": "y"})
    assert values(path) == ["y"]
    with pytest.raises(Misconfigured, match="would be lost"):
        _write(with_part(path, part, lost), {"1": "z"})


@cache
def _template() -> bytes:
    with TemporaryDirectory() as folder:
        return built(Path(folder) / "a.xlsx", [1, 0.5], [2, NEW_YEAR], [3, "x"], [4, True]).read_bytes()


_LIKELY = (
    st.text(max_size=20)
    | st.from_regex(r"-?[0-9]{1,17}(\.[0-9]{0,6})?", fullmatch=True)
    | st.datetimes(datetime.fromisoformat("1800-01-01")).map(datetime.isoformat)
    | st.sampled_from(
        ["_x000D_", "_x005F_x000D_", "_x", "TRUE", "\x00\x0b\ufffe\uffff", "'", "''=", "1E+2", "nan", "٣"]
    )
)


@settings(max_examples=40, deadline=None)
@given(st.lists(_LIKELY, min_size=5, max_size=5))
def test_whatever_text_is_written_reads_back_over_whatever_was_there(texts: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.xlsx"
        path.write_bytes(_template())
        _write(path, {str(key): text or None for key, text in enumerate(texts, 1)})
        assert values(path) == [text or None for text in texts]
        assert all(cell.data_type not in "fe" for row in openpyxl.load_workbook(path).worksheets[0] for cell in row)
