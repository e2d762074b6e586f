"""Can the page be printed, kept and trusted: nothing from outside, no markup of a customer's, every figure there?"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from isthmus.reconcile.balances import Balance
from isthmus.reconcile.findings import Difference, EntityResult, Line, Own, Tally
from isthmus.reconcile.report import charts, words
from isthmus.reconcile.run import TieOut
from isthmus.state.tie_outs import Past
from tests.reconcile.lab import Lab

HOSTILE = "</td><script>alert('x')</script>\u202e\x07 & \"Sons\""
NOW = "2026-11-23T08:15:00.000000Z"


def _difference(number: int, days: int, minor: int, *, name: str = "O0000001") -> Difference:
    return Difference(
        "order", {"crm": f"801{number}", "erp": str(number)}, "total", "amount", "late", {"crm": minor, "erp": 0},
        minor, "EUR", "the next run of order writes the value of the ERP", lane="erp", repair="due", name=name,
        spelling="minor", first_seen="2026-11-01T08:15:00.000000Z", age_days=days,
    )  # fmt: skip


def _tie_out(*differences: Difference) -> TieOut:
    lines = [Line("EUR", "2026-11", 3, 2, 123_456, 100_000, 23_456, 1), Line("JPY", "2026-10", 1, 1, 500, 500)]
    order = EntityResult("order", 3, lines, [Tally("worklist: invalid", 1)], list(differences))
    order.own = [Own("crm", "EUR", 3, 123_456, 3, 123_456)]
    past = [Past(f"2026-11-{day:02d}T08:15:00.000000Z", day % 2 == 0, 1, {"EUR": day * 100}) for day in range(1, 24)]
    balances = [Balance("7", "EUR", {"crm": 500, "erp": 0}, {"crm": None, "erp": 0}, HOSTILE)]
    return TieOut("receivables", "cli:ada", NOW, [order], balances, past)


def test_the_page_needs_nothing_from_outside() -> None:
    page = _tie_out(_difference(1, 3, 1234)).html()
    assert not re.search(r"""(src|href|action|srcset)\s*=|url\(|@import|https?:|<script|<link|<iframe|<img""", page)
    assert "@page" in page
    assert "@media print" in page


def test_a_customer_s_name_is_text_and_nothing_else() -> None:
    page = _tie_out(_difference(1, 3, 1234, name=HOSTILE)).html()
    assert "<script" not in page
    assert "\u202e" not in page
    assert "\x07" not in page
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in page


def test_every_figure_is_on_the_page() -> None:
    page = _tie_out(_difference(1, 3, 1234), _difference(2, 40, 100)).html()
    for told in ("1,234.56", "1,000.00", "234.56", "2 records differ", "12.34", "3 days", "EUR 13.34", "Prepared by"):
        assert told in page, told
    assert page.count("<circle") == 23


def test_a_page_that_agrees_says_so() -> None:
    assert "Both sides agree as of 2026-11-23 08:15 UTC" in _tie_out().html()
    assert "Both sides agree as of 2026-11-23 08:15 UTC" in _tie_out().table()


def test_instants_and_days_are_those_of_the_books() -> None:
    late = _difference(1, 3, 1234)
    late.first_seen = "2026-11-01T23:30:00.000000Z"
    found = _tie_out(late)
    found.as_of, found.time_zone = "2026-11-23T23:30:00.000000Z", "Europe/Berlin"
    assert "1 record differs as of 2026-11-24 00:30 CET" in found.table()
    for told in ("<dd>2026-11-24 00:30 CET</dd>", "2026-11-02, 3 days"):
        assert told in found.html(), told


def test_bars_are_the_sums_of_their_ages() -> None:
    ages = charts.ages([_difference(n, days, 100 * n) for n, days in enumerate((0, 1, 7, 8, 30, 31, 90, 91), 1)], "EUR")
    assert ages == [("new", 1, 100), ("1–7 days", 2, 500), ("8–30 days", 2, 900), ("31–90 days", 2, 1300),
                    ("over 90 days", 1, 800)]  # fmt: skip


def test_what_does_not_add_up_is_said() -> None:
    lost = EntityResult("order", 1, [Line("EUR", "2026-11", 2, 1, 500, 300)], own=[Own("erp", "EUR", 9, 900, 8, 800)])
    lost.unseen = 3
    found = TieOut("totals", "cli:ada", NOW, [lost])
    assert not found.agrees
    assert "Both sides could not be shown to agree" in words.verdict(found)
    for told in ("2.00 and 1 records are neither explained nor listed", "the ERP counts 9 with EUR 9.00", "3 more"):
        assert told in found.table(), told
        assert told in found.html(), told


def test_a_browser_draws_it(lab: Lab, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here to open the page with")
    pair = lab.pairs("order")[0]
    lab.set("crm", "Order", f"\"Id\" = '{pair.crm.id}'", ERP_Total__c=1)
    page = tmp_path / "page.html"
    page.write_text(lab.world.shop.reconcile("totals", "cli:ada").html(), encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'browser'}")
    done = subprocess.run([browser, *flags, "--dump-dom", page.as_uri()], capture_output=True, timeout=120, check=True)
    drawn = done.stdout.decode()
    assert "1 record differs" in drawn
    assert drawn.count("<svg") == 2
    assert "At stake in all" in drawn
