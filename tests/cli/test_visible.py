"""Can what somebody typed into the CRM steer a terminal, or forge a line of ours?"""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.cli.matching import _cell
from isthmus.cli.screen import Screen
from isthmus.cli.visible import visible, visible_json
from tests.cli.conftest import Company

HOSTILE = "Evil\x1b[2J\x9b31m\nworklist is empty\r\u202eRTL\u2066\u2028\x00End"
SHOWN = "Evil\\x1b[2J\\x9b31m\\nworklist is empty\\r\\u202eRTL\\u2066\\u2028\\x00End"


def test_control_and_direction_characters_are_spelled_out() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible("Zoë Ümläut 東京 🙂 שלום\u00a0x") == "Zoë Ümläut 東京 🙂 שלום\u00a0x"
    assert visible("tag \U000e0041 end") == "tag \\U000e0041 end"


@given(st.text())
def test_nothing_passes_but_letters_signs_and_blanks(text: str) -> None:
    assert all(one.isprintable() or category(one) == "Zs" for one in visible(text))


@given(st.recursive(st.none() | st.text(st.characters(exclude_categories=["Cs"])), st.lists))
def test_json_keeps_its_meaning_and_is_as_harmless(value: Any) -> None:
    text = visible_json(json.dumps(value, ensure_ascii=False, indent=1))
    assert json.loads(text) == value
    assert all(one == "\n" or one.isprintable() or category(one) == "Zs" for one in text)


class _Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_too_no_escape_but_our_own_colours_gets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    out, err = _Terminal(), _Terminal()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    screen = Screen()
    screen.line(HOSTILE, style="bold")
    screen.line("[red]not markup[/red] :smile:", style="green")
    screen.table(("name", "[b]"), [[HOSTILE, "[blink]x[/blink]"]])
    screen.hint(HOSTILE)
    plain = out.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\x1b[32m", "")
    assert "\x1b[2J" not in plain
    assert "\u202e" not in plain
    assert "\nworklist is empty" not in plain
    assert plain.count(SHOWN) == 2
    assert "[red]not markup[/red] :smile:" in plain
    assert "[blink]x[/blink]" in plain
    assert SHOWN in err.getvalue()


def test_a_hostile_customer_is_harmless_in_every_command(company: Company) -> None:
    name = "Evil\x1b[2J\u202egro\u2028Example"
    account = company.account(name)
    for words in (
        ("plan", "customer", "--id", account),
        ("plan", "customer", "--id", account, "--json"),
        ("sync", "customer", "--id", account),
        ("explain", "customer", account),
        ("explain", "customer", account, "--json"),
        ("worklist", "show"),
        ("erp", "customers"),
        ("erp", "customers", "--json"),
    ):
        said = company.say(*words)
        assert said.code in (0, 1), said
        shown = said.out + said.err
        assert all(one == "\n" or one.isprintable() or category(one) == "Zs" for one in shown), words
        if words[0] == "explain" and "--json" in words:
            assert any(one["crm_value"] == name for one in said.json["rows"])


def test_a_name_is_no_formula_to_a_spreadsheet() -> None:
    for name in ("=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1)"):
        assert _cell(name) == f"'{name}"
    row = next(csv.reader(io.StringIO(_cell("a\nb,c"))))
    assert row[0] == "a\\nb"
    assert _cell("\t=1") == "\\t=1"


def test_progress_is_lines_in_a_pipe_and_silence_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json, expected in ((False, "order crm→erp: 2000 records\n"), (True, "")):
        with Screen(as_json=as_json).progress() as on_page:
            on_page("order", "crm→erp", 2000)
        said = capsys.readouterr()
        assert (said.out, said.err) == ("", expected)


def test_progress_on_a_terminal_draws_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    err = _Terminal()
    monkeypatch.setattr("sys.stderr", err)
    monkeypatch.setenv("TERM", "xterm")
    with Screen().progress() as on_page:
        on_page("order", "crm→erp", 2000)
        on_page("order", "erp→crm", 7)
    assert "2,000 records" in err.getvalue()
    assert "order erp→crm" in err.getvalue()


def test_a_terminal_of_another_alphabet_still_gets_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    Screen().line("crm→erp ü")
    assert raw.getvalue() == b"crm\\u2192erp \\xfc\n"
