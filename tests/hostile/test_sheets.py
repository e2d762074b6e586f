"""Sheets that are broken, cut off, enormous or dangerous: one clear error, and formulas never leave armed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.spreadsheet.cells import COLUMNS_MAX, disarm, is_armed, rearm
from connectors.spreadsheet.sheet import Sheet
from isthmus.kernel.errors import Misconfigured

BROKEN = {
    "Latin letters of Windows": ("id,name\n1,Bäcker\n".encode("cp1252"), "it is not UTF-8"),
    "UTF-16": ("id,name\n1,x\n".encode("utf-16"), "it is not UTF-8"),
    "a workbook under another name": (b"PK\x03\x04\xff\xfe\x00\x00", "it is not UTF-8"),
    "an open quote": (b'id,name\n1,"x\n', "cannot be read"),
    "a row that was cut off": (b"id,name,city\n1,x,y\n2,z\n", "row 3: has another number of cells"),
    "a comma too many": (b"id,name\n1,x,y\n", "row 2: has another number of cells"),
    "two columns of one name": (b"id,name,name\n1,x,y\n", "two columns of one name"),
    "no id": (b"name\nx\n", "has no column 'id'"),
    "the same id twice": (b"id,name\n1,x\n1,y\n", "'1' stands twice"),
    "an empty id": (b"id,name\n,x\n", "a row has no id"),
    "a text for an id": (b"id,name\n" + b"word " * 800 + b",x\n", "has 4000 characters; keep ids to 200"),
    "nothing": (b"", "has no column 'id'"),
    "a million columns": (b"id" + b",c" * 1_000_000 + b"\n", f"keep it to {COLUMNS_MAX}"),
    "an endless cell": (b"id,name\n1," + b"x" * 40_000 + b"\n", "keep it to 32767 characters"),
}


@pytest.mark.parametrize(("content", "says"), BROKEN.values(), ids=BROKEN)
def test_a_broken_sheet_is_one_clear_error(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "customer.csv"
    path.write_bytes(content)
    with pytest.raises(Misconfigured) as caught:
        Sheet.read(path)
    assert says in str(caught.value)
    assert caught.value.fault.remedy
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "journal", [b"", b"{", b"[]", b'{"version": "x", "rows": []}', b'{"rows": [{}], "version": 1}']
)
def test_a_broken_journal_is_not_forgotten_in_silence(tmp_path: Path, journal: bytes) -> None:
    path = tmp_path / "customer.csv"
    path.write_text("id,name\n1,x\n")
    (tmp_path / "customer.journal.json").write_bytes(journal)
    with pytest.raises(Misconfigured, match="is not as we wrote it"):
        Sheet.read(path)


@pytest.mark.parametrize(
    "text", ["id;name\r\n1;x\r\n;\r\n\r\n2;y\r\n;\r\n", 'id;name;"Price, net"\n1;x;\n2;y;\n', "id;name\r1;x\r2;y"]
)
def test_cleared_rows_and_a_comma_in_a_name_are_no_fault(tmp_path: Path, text: str) -> None:
    """As spreadsheet programs leave them: the separators of a row stay, and a column may be called anything."""
    path = tmp_path / "customer.csv"
    path.write_text(text, newline="")
    assert [(row.id, row.fields["name"]) for row in Sheet.read(path).rows.values()] == [("1", "x"), ("2", "y")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_sheet_stays_marked_and_separated_as_people_save_it(tmp_path: Path, separator: str, encoding: str) -> None:
    path = tmp_path / "customer.csv"
    lines = (separator.join(cells) + "\r\n" for cells in (("id", "name"), ("1", '"a,b;c\td"')))
    path.write_text("".join(lines), encoding=encoding, newline="")
    sheet = Sheet.read(path)
    assert sheet.rows["1"].fields == {"id": "1", "name": "a,b;c\td"}
    before = path.read_bytes()
    sheet.save()
    assert path.read_bytes() == before


@given(st.text())
def test_what_was_disarmed_comes_back_and_is_no_formula(text: str) -> None:
    assert rearm(disarm(text)) == text
    assert not is_armed(disarm(text))
