"""Does the summary of a cycle speak of the ERP that is there?"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from isthmus.app import open_workshop
from isthmus.cli.standing import tie_out_line
from isthmus.cli.summary import Cycle, summary
from isthmus.kernel.connection import Connection
from isthmus.settings import load_settings
from isthmus.state.tie_outs import Past
from tests.cli.conftest import Company, say

OURS = "ledger: nothing is posted yet, and so it balances"
THEIRS = "ledger: the books are the ERP's own; `isthmus reconcile` says whether both systems agree"


@pytest.mark.parametrize(("erp", "told"), [("builtin", OURS), ("spreadsheet", THEIRS)])
def test_the_ledger_is_summed_where_it_is_ours_and_nowhere_else(erp: str, told: str, tmp_path: Path) -> None:
    sheets = tmp_path / "sheets"
    sheets.mkdir()
    file = tmp_path / "isthmus.yaml"
    assert say("init", "--crm", "salesforce", "--erp", erp, ISTHMUS_SETTINGS=str(file)).code == 0
    connections = {
        "salesforce_default": Connection("salesforce_default", "salesforce", extra={
            "instance_url": "https://crm.example.com", "consumer_key": "invented", "consumer_secret": "invented"}),
        "spreadsheet_default": Connection("spreadsheet_default", "spreadsheet", extra={"folder": str(sheets)}),
    }  # fmt: skip
    with closing(open_workshop(load_settings(file, {}), {}, connections=connections)) as workshop:
        lines = summary(Cycle.begin(workshop))
    assert lines[-2:] == ["worklist: empty", told]


def test_every_run_of_a_cycle_is_a_line_in_reference_order(company: Company) -> None:
    environ = company.environ
    with closing(open_workshop(load_settings(Path(environ["ISTHMUS_SETTINGS"]), environ), environ)) as workshop:
        lines = summary(Cycle(workshop, 0))
        names = workshop.names()
    assert lines[0].split() == [
        "mapping", "direction", "read", "created", "updated", "withdrawn", "rebound", "unchanged", "superseded",
        "filtered", "worklisted", "adds", "up",
    ]  # fmt: skip
    told = [line.split()[0] for line in lines[1 : lines.index("")]]
    assert list(dict.fromkeys(told)) == names
    assert {line.split()[-1] for line in lines[1 : lines.index("")]} == {"yes"}


def test_a_tie_out_that_proves_nothing_does_not_speak_of_no_differences() -> None:
    past = Past("2026-11-23T08:00:00Z", agrees=False, differences=0, at_stake={})
    told = tie_out_line("totals", past, "UTC")
    assert told.startswith(
        "totals: both sides could not be shown to agree: `isthmus reconcile totals` as of 2026-11-23"
    )
