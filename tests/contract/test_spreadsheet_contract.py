"""Does the spreadsheet connector keep every promise, and does nothing that it writes run as a formula?"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from connectors.spreadsheet import Connector
from connectors.spreadsheet.sheet import disarm, rearm
from isthmus.connect.protocol import Change
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import Misconfigured
from isthmus.kernel.records import Fields
from isthmus.kernel.selection import Selection, Term
from isthmus.testing.contract import Contract, Subject

ARMED = ("=1+2", "+49 30 5550001", "-5", "@SUM(A1)", "\tx", "\rx", "＝1", "＋1", "－1", "＠x", "'=1", "''")


class Spreadsheet(Subject):
    """A folder of one sheet, and people who edit it with a text editor."""

    selection = Selection("customers", ("name", "city"))
    text_field = "name"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "customers.csv"
        self.path.write_text("id,name,city\n1,Aurora,Lisbon\n2,Borealis,Oslo\n", encoding="utf-8")
        extra = {"folder": str(folder), "required": ["name"]}
        self.connector = Connector(Connection("sheets", "spreadsheet", extra=extra))

    def fields(self, text: str) -> Fields:
        return {"name": text, "city": "Porto"}

    def refused(self) -> Fields:
        return {"name": None, "city": "Porto"}

    def filtered(self) -> tuple[Selection, Fields]:
        where = (Term("city", "in", ("Porto",)),)
        return Selection("customers", ("name", "city"), where=where), {"name": "Far", "city": "Oslo"}

    def edit(self, record_id: str, text: str) -> None:
        self.edit_together([record_id], text)

    def edit_together(self, ids: Sequence[str], text: str) -> None:
        rows = self.cells()
        self._save([{**row, "name": text if row["id"] in ids else row["name"]} for row in rows])

    def delete(self, record_id: str) -> None:
        self._save([row for row in self.cells() if row["id"] != record_id])

    def cells(self) -> list[dict[str, str]]:
        """The sheet as a spreadsheet program reads it."""
        with self.path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def _save(self, rows: Sequence[dict[str, str]]) -> None:
        with self.path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ("id", "name", "city"))
            writer.writeheader()
            writer.writerows(rows)


@pytest.fixture
def subject(tmp_path: Path) -> Spreadsheet:
    return Spreadsheet(tmp_path)


class TestSpreadsheet(Contract):
    """Every promise."""


@pytest.mark.parametrize("text", ARMED)
def test_no_cell_that_is_written_is_a_formula_and_each_reads_back(subject: Spreadsheet, text: str) -> None:
    made = subject.create(text).id or ""
    (cell,) = [row["name"] for row in subject.cells() if row["id"] == made]
    assert cell == "'" + text
    assert subject.text_of(subject.now(made)) == text


@pytest.mark.parametrize("text", ["Aurora", "O'Neill", "5 - 3", ""])
def test_what_is_no_formula_is_left_alone(text: str) -> None:
    assert disarm(text) == text
    assert rearm(text) == text


def test_a_file_that_a_crash_left_behind_its_journal_is_read_as_it_is(subject: Spreadsheet) -> None:
    """The journal is written first: if the file does not follow, its rows are news, and nothing is taken for ours."""
    before = subject.path.read_text(encoding="utf-8")
    subject.write(Change("update", "org/1", {"name": "Written, and lost"}, id="1"))
    subject.path.write_text(before, encoding="utf-8")
    record = subject.now("1")
    assert (record.fields["name"], record.by_us) == ("Aurora", False)


@pytest.mark.parametrize(
    ("text", "what"),
    [("name\nA\n", "has no column 'id'"), ("id,name\n1,A\n1,B\n", "'1' stands twice"), ("id,name\n,A\n", "no id")],
)
def test_a_sheet_that_cannot_be_keyed_is_refused(subject: Spreadsheet, text: str, what: str) -> None:
    subject.path.write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured, match=what):
        subject.read()


def test_a_connection_without_a_folder_is_refused() -> None:
    with pytest.raises(Misconfigured, match="names no folder"):
        Connector(Connection("sheets", "spreadsheet", extra={"folder": "no/such/folder"}))
