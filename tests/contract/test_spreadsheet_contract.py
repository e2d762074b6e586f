"""Does the spreadsheet connector keep every promise, and does nothing that it writes run as a formula?"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest
from openpyxl.utils.escape import unescape

from connectors.spreadsheet import Connector
from connectors.spreadsheet.cells import disarm, rearm
from isthmus.connect.protocol import Change
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import Misconfigured
from isthmus.kernel.records import Fields
from isthmus.kernel.selection import Selection, Term
from isthmus.testing.contract import Contract, Subject

ARMED = ("=1+2", "+49 30 5550001", "-5+1", "@SUM(A1)", "\tx", "\rx", "＝1", "＋1", "－1", "＠x", "'=1", "''")


class Spreadsheet(Subject):
    """A folder of one sheet, and people who edit it with a text editor."""

    selection = Selection("customers", ("name", "city"))
    text_field = "name"
    ending = "csv"

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"customers.{self.ending}"
        self.save([{"id": "1", "name": "Aurora", "city": "Lisbon"}, {"id": "2", "name": "Borealis", "city": "Oslo"}])
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
        self.save([{**row, "name": text if row["id"] in ids else row["name"]} for row in rows])

    def delete(self, record_id: str) -> None:
        self.save([row for row in self.cells() if row["id"] != record_id])

    def cells(self) -> list[dict[str, str]]:
        """The sheet as a spreadsheet program reads it."""
        with self.path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def save(self, rows: Sequence[dict[str, str]]) -> None:
        with self.path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ("id", "name", "city"))
            writer.writeheader()
            writer.writerows(rows)


class Workbook(Spreadsheet):
    """The same in a workbook. Its ids are numbers, as people type them."""

    ending = "xlsx"

    def cells(self) -> list[dict[str, str]]:
        sheet = openpyxl.load_workbook(self.path)["customers"]
        assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
        _, *rows = sheet.values
        return [{"id": str(key), "name": unescape(name or ""), "city": city or ""} for key, name, city in rows]

    def save(self, rows: Sequence[dict[str, str]]) -> None:
        book = openpyxl.Workbook()
        book.active.title = "customers"
        for row in [("id", "name", "city"), *((int(row["id"]), row["name"], row["city"]) for row in rows)]:
            book.active.append(row)
        for row in book.active.iter_rows(min_col=2):
            for cell in row:
                cell.data_type = "s"
        book.save(self.path)


@pytest.fixture(params=[Spreadsheet, Workbook])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Spreadsheet:
    made: Spreadsheet = request.param(tmp_path)
    return made


class TestSpreadsheet(Contract):
    """Every promise, in both formats."""


@pytest.mark.parametrize("text", ARMED)
def test_no_cell_that_is_written_is_a_formula_and_each_reads_back(subject: Spreadsheet, text: str) -> None:
    made = subject.create(text).id or ""
    (cell,) = [row["name"] for row in subject.cells() if row["id"] == made]
    assert cell == "'" + text
    assert subject.text_of(subject.now(made)) == text


@pytest.mark.parametrize("text", ["Aurora", "O'Neill", "5 - 3", "-5", "-0.25", ""])
def test_what_is_no_formula_is_left_alone(text: str) -> None:
    assert disarm(text) == text
    assert rearm(text) == text


def test_a_file_that_a_crash_left_behind_its_journal_is_read_as_it_is(subject: Spreadsheet) -> None:
    """The journal is written first: if the file does not follow, its rows are news, and nothing is taken for ours."""
    before = subject.path.read_bytes()
    subject.write(Change("update", "org/1", {"name": "Written, and lost"}, id="1"))
    subject.path.write_bytes(before)
    record = subject.now("1")
    assert (record.fields["name"], record.by_us) == ("Aurora", False)


@pytest.mark.parametrize(
    ("text", "what"),
    [("name\nA\n", "has no column 'id'"), ("id,name\n1,A\n1,B\n", "'1' stands twice"), ("id,name\n,A\n", "no id")],
)
def test_a_sheet_that_cannot_be_keyed_is_refused(tmp_path: Path, text: str, what: str) -> None:
    subject = Spreadsheet(tmp_path)
    subject.path.write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured, match=what):
        subject.read()


def test_a_connection_without_a_folder_is_refused() -> None:
    with pytest.raises(Misconfigured, match="names no folder"):
        Connector(Connection("sheets", "spreadsheet", extra={"folder": "no/such/folder"}))


@pytest.mark.parametrize(("text", "what"), [("x" * 32_768, "is longer than"), ("=" * 32_767, "is longer"),
                                            ("half \ud83d", "holds U\\+D83D")])  # fmt: skip
def test_what_no_cell_can_hold_is_refused_and_the_sheet_stays_readable(
    subject: Spreadsheet, text: str, what: str
) -> None:
    good, bad = (Change("create", f"org/{one}", subject.fields(one)) for one in ("Good", text))
    answers = subject.write(bad, good)
    assert [one.result for one in answers] == ["refused", "created"]
    assert re.search(what, str(answers[0].fault))
    assert "Good" in [subject.text_of(one) for one in subject.read()]


def test_an_emptied_cell_is_no_edit_of_somebody_else(subject: Spreadsheet) -> None:
    subject.write(Change("update", "org/1", {"city": ""}, id="1"))
    record = subject.now("1")
    assert (record.fields["city"], record.by_us) == (None, True)


def test_a_stream_in_two_files_is_refused_and_a_lock_file_is_none(subject: Spreadsheet) -> None:
    (subject.path.parent / "~$customers.xlsx").write_bytes(b"\x05somebody")
    assert subject.connector.streams() == ("customers",)
    other = {".csv": ".xlsx", ".xlsx": ".csv"}[subject.path.suffix]
    subject.path.with_suffix(other).write_bytes(subject.path.read_bytes())
    with pytest.raises(Misconfigured, match=r"is in customers.csv and customers.xlsx; take one of them away"):
        subject.read()
