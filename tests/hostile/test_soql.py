"""Can a value, a name or an id break out of the query that it stands in? A parser that knows no builder judges."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.salesforce.query import after_key, candidates, like_pattern, select, term_text, text_literal
from connectors.salesforce.values import whole_id
from isthmus.kernel.description import FieldType
from isthmus.kernel.errors import IsthmusError
from isthmus.kernel.selection import Selection, Term
from isthmus.playground.refusals import Refusal
from isthmus.playground.soql import Comparison, Literal, Query, parse, plain_text
from tests.hostile.answers import answering, recording

INJECTIONS = [
    "' OR Id != '", "\\' OR Id != null --", "\\", "\\\\", "'", "''", "x' LIMIT 1 --", "%", "_", "\\%", "x\\", "x\\\\'",
    "' UNION SELECT Id FROM User --", "x'/*", "*/ OR 1=1", "\n' OR Name != '", "\r\n", "\x00", "\u2019 OR Id != \u2019",
    "\uff07 OR Id != \uff07", "\u02bc", "%27 OR Id != %27", "' AND Name IN (SELECT Name FROM Account) AND Name != '",
    "null", "true", "2026-11-22", "') OR (Id != '", "\\u0027 OR Id != \\u0027", "\"", "`", ";", "--", "' ALL ROWS",
    "\ud800", "\U0001f600", "{0}", "%s", ":name", "?", "\t", "\b\f", "' FOR UPDATE",
    "x' ORDER BY Id LIMIT 1 OFFSET 0 --",
]  # fmt: skip
KINDS: tuple[FieldType, ...] = ("text", "picklist", "reference", "id", "number", "date", "datetime", "boolean", "other")
NAMES = [
    "Name FROM User", "Name, Id", "COUNT()", "(SELECT Id FROM Contacts)", "Name--", "Name'", "Nàme", "Name\n", "", ".",
    "Name.", ".Name", "1Name", "Name Id", "TYPEOF What WHEN Account THEN Phone END", "FIELDS(ALL)", "a.b.c.d.e.f.g",
    "Name/**/", "toLabel(Status)", "Name;", "_Name", "Id\x00", "Ｎame",
]  # fmt: skip


def condition(where: str) -> Any:
    return parse(f"SELECT Id FROM Account WHERE {where}").where


def literals(node: Any) -> list[Literal]:
    """Every value in a parsed condition."""
    if isinstance(node, Literal):
        return [node]
    if isinstance(node, tuple):
        return [found for one in node for found in literals(one)]
    return [found for one in fields(node) for found in literals(getattr(node, one.name))] if is_dataclass(node) else []


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_value_stays_one_value(text: str) -> None:
    found = condition(f"Name = {text_literal(text)}")
    assert isinstance(found, Comparison)
    assert isinstance(found.value, Literal)
    assert plain_text(found.value.text) == text


@given(st.text())
def test_any_value_stays_one_value(text: str) -> None:
    found = condition(f"Name IN ({text_literal(text)},{text_literal(text + 'x')})")
    assert [plain_text(one.text) for one in literals(found)] == [text, text + "x"]


@given(st.text(), st.text())
def test_a_pattern_stays_one_pattern(one: str, two: str) -> None:
    found = condition(f"Name LIKE {like_pattern(one)}")
    assert isinstance(found, Comparison)
    assert isinstance(found.value, Literal)
    rows = condition(candidates(("Name", "Phone"), [(one, two)]))
    assert len(literals(rows)) == 4, "two fields, each in its own width and in full width"


@given(st.sampled_from(KINDS), st.sampled_from(["in", "not_in", "equals", "before", "after"]), st.data())
def test_a_term_of_a_filter_is_one_comparison_or_none(kind: FieldType, operator: Any, data: st.DataObject) -> None:
    value = data.draw(st.sampled_from(INJECTIONS) | st.text() | st.integers() | st.booleans())
    try:
        said = term_text(Term("Name", operator, (value,)), kind)
    except ValueError:
        return
    if said:
        found = condition(said)
        assert isinstance(found, Comparison)
        assert found.path in ("Name", "Id")
        assert len(literals(found)) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_name_is_not_selected(name: str) -> None:
    for fields_, stream in (([name], "Account"), (["Id"], name)):
        with pytest.raises(ValueError, match="is not a field's name"):
            select(fields_, stream)


@pytest.mark.parametrize("text", [*INJECTIONS, "001000000000001AA'", "001' OR Id != '", "00100000000000１AAA"])
def test_what_is_no_id_is_asked_for_nowhere(text: str) -> None:
    """`isthmus sync --id …` hands over what a person typed."""
    assert whole_id(text) is None
    asked: list[str] = []
    with answering(recording(asked)) as crm:
        assert crm.fetch(Selection("Account", ("Name",)), [text]) == []
    assert not [path for path in asked if "query" in path]


@pytest.mark.parametrize("since", [one for one in INJECTIONS if one != "2026-11-22"])
def test_what_is_no_watermark_is_refused(since: str) -> None:
    with answering(lambda _path, body: body) as crm, pytest.raises(IsthmusError, match="watermark"):
        list(crm.read(Selection("Account", ("Name",)), since, timedelta(hours=1)))


def test_the_parser_is_strict_enough_to_notice() -> None:
    """A query with a value that did break out is another tree, or none."""
    broken = condition(f"Name = '{INJECTIONS[0]}'")
    assert not isinstance(broken, Comparison)
    for text in ("'", "x' LIMIT 1 --"):
        with pytest.raises(Refusal):
            parse(f"SELECT Id FROM Account WHERE Name = '{text}'")
    assert isinstance(
        parse(f"SELECT Id FROM Account WHERE {after_key('SystemModstamp', ('2026-11-22T10:00:00Z', '0'))}"), Query
    )
