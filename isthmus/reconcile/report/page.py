"""A tie-out as one HTML file without anything from outside: to be read, printed, signed and kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from isthmus.reconcile.findings import Difference, EntityResult, Line, at_stake
from isthmus.reconcile.report import charts, words
from isthmus.reconcile.report.style import STYLE
from isthmus.reconcile.report.table import currency_lines

if TYPE_CHECKING:
    from isthmus.reconcile.run import TieOut

LISTED_MOST = 2_000
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
Cells = Sequence[tuple[str, str]]  # text and class


def html(tie_out: TieOut) -> str:
    """The whole page."""
    title = f"Tie-out: {words.TITLES[tie_out.kind]}"
    parts = (
        _head(tie_out, title), _summary(tie_out), _charts(tie_out), _differences(tie_out), _balances(tie_out),
        _explained(tie_out), _months(tie_out), _own(tie_out), _signatures(),
    )  # fmt: skip
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)} — {_text(words.verdict(tie_out))}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _text(told: object) -> str:
    """Somebody's text as text: nothing of it is markup, turns the line round or hides."""
    return escape(_UNSEEN.sub("\ufffd", str(told)))


def _row(cells: Cells, tag: str = "td") -> str:
    return f"<tr>{''.join(_cell(text, kind, tag) for text, kind in cells)}</tr>"


def _cell(told: str, kind: str, tag: str) -> str:
    inside = f"<bdi>{_text(told)}</bdi>" if tag == "td" and kind != "n" else _text(told)
    return f'<{tag} class="{kind}">{inside}</{tag}>' if kind else f"<{tag}>{inside}</{tag}>"


def _table(head: Cells, rows: Iterable[str], foot: str = "") -> str:
    end = f"<tfoot>{foot}</tfoot>" if foot else ""
    return f"<table><thead>{_row(head, 'th')}</thead><tbody>{''.join(rows)}</tbody>{end}</table>"


def _section(title: str, inside: str, about: str = "") -> str:
    told = f"<p>{_text(about)}</p>" if about else ""
    return f"<section><h2>{_text(title)}</h2>{told}{inside}</section>"


# --- the parts ----------------------------------------------------------------------------------------------------


def _head(tie_out: TieOut, title: str) -> str:
    stake = at_stake(tie_out.differences)
    told = words.sums(stake) if stake else "nothing"
    oldest = max((one.age_days for one in tie_out.differences), default=0)
    facts = [("As of", words.instant(tie_out.as_of, tie_out.time_zone)), ("Made by", tie_out.who), ("At stake", told)]
    if tie_out.differences:
        facts.append(("Oldest difference", words.age(oldest)))
    listed = "".join(f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in facts)
    kind = "fine" if tie_out.agrees else "off"
    doubts = [doubt for entity in tie_out.entities for doubt in words.doubts(entity)]
    doubtful = f"<ul>{''.join(f'<li>{_text(doubt)}</li>' for doubt in doubts)}</ul>" if doubts else ""
    mark = "✓" if tie_out.agrees else "✗"
    return (
        f'<header><h1>{_text(title)}</h1><p class="verdict {kind}"><span>{mark}</span>'
        f"{_text(words.verdict(tie_out))}</p><dl>{listed}</dl>{doubtful}</header>"
    )


_AMOUNTS: Cells = (
    ("CRM records", "n"), ("ERP records", "n"), ("CRM total", "n"), ("ERP total", "n"), ("Explained", "n"),
    ("Listed below", "n"), ("Left", "n"),
)  # fmt: skip


def _amounts(line: Line) -> Cells:
    minors = (line.crm_minor, line.erp_minor, line.explained_minor, line.differing_minor, line.left_minor)
    counts = (line.crm_count, line.erp_count)
    return [
        *((f"{number:,}", "n") for number in counts),
        *((words.money(amount, line.currency), "n") for amount in minors),
    ]


def _summary(tie_out: TieOut) -> str:
    rows = []
    for entity in tie_out.entities:
        for number, line in enumerate(currency_lines(entity) or [Line(None, None)]):
            name = words.entity_name(entity.entity) if number == 0 else ""
            mark = ("✓ agrees" if entity.agrees else "✗ differs") if number == 0 else ""
            rows.append(_row([(name, "b"), (mark, ""), (line.currency or "", ""), *_amounts(line)]))
    head: Cells = [("Entity", ""), ("", ""), ("Currency", ""), *_AMOUNTS]
    return _section("Totals", _table(head, rows), "CRM total = ERP total + explained + listed below.")


def _charts(tie_out: TieOut) -> str:
    if not tie_out.differences and len(tie_out.past) < 2:
        return ""
    currency = charts.main_currency(tie_out.differences, tie_out.past)
    drawn = charts.ageing_chart(tie_out.differences, currency) if tie_out.differences else ""
    return f'<section class="charts">{drawn}{charts.drift_chart(tie_out.past, currency, tie_out.time_zone)}</section>'


def _differences(tie_out: TieOut) -> str:
    found = sorted(tie_out.differences, key=lambda one: (-one.amount_minor, one.place))
    if not found:
        return ""
    head: Cells = [
        ("Class", ""), ("Entity", ""), ("Record", ""), ("Field", ""), ("CRM", "v"), ("ERP", "v"), ("At stake", "n"),
        ("Since", ""), ("Repair", ""),
    ]  # fmt: skip
    rows = [_difference(one, tie_out.time_zone) for one in found[:LISTED_MOST]]
    stakes = "<br>".join(_text(f"{currency} {words.money(amount, currency)}")
                         for currency, amount in sorted(at_stake(found).items()))  # fmt: skip
    all_told = '<td class="b" colspan="6">At stake in all, each record counted once</td>'
    foot = f'<tr>{all_told}<td class="n b">{stakes}</td><td colspan="2"></td></tr>' if stakes else ""
    more = len(found) - LISTED_MOST
    about = f"The {LISTED_MOST:,} greatest; {more:,} more are in the JSON report." if more > 0 else ""
    return _section("Differences", _table(head, rows, foot), about)


def _difference(one: Difference, time_zone: str) -> str:
    stake = f"{one.currency} {words.money(one.amount_minor, one.currency)}" if one.currency and one.amount_minor else ""
    repair = one.remedy if one.repair == "due" else f"{words.repair(one)}: {one.remedy}"
    since = f"{words.day(one.first_seen, time_zone)}, {words.age(one.age_days)}" if one.first_seen else ""
    return _row([
        (one.told, "b"), (words.entity_name(one.entity), ""), (one.name, ""), (words.field_name(one), ""),
        (words.value(one, "crm"), "v"), (words.value(one, "erp"), "v"), (stake, "n"), (since, "w"), (repair, "s"),
    ])  # fmt: skip


def _balances(tie_out: TieOut) -> str:
    if not tie_out.balances:
        return ""
    head: Cells = [
        ("Customer", ""), ("Currency", ""), ("CRM items", "n"), ("ERP items", "n"), ("Difference", "n"),
        ("CRM states", "n"), ("ERP states", "n"),
    ]  # fmt: skip
    rows = []
    for one in tie_out.balances:
        items, stated = one.items_minor, one.stated_minor
        amounts = (items["crm"], items["erp"], items["crm"] - items["erp"], stated["crm"], stated["erp"])
        told = [(words.money(amount, one.currency), "n") for amount in amounts]
        rows.append(_row([(one.name or one.party, ""), (one.currency, ""), *told]))
    return _section("Balances that do not agree", _table(head, rows), "Open items less what is not yet applied.")


def _explained(tie_out: TieOut) -> str:
    rows = [
        _row([(words.entity_name(entity.entity), "b"), (tally.reason, ""), (f"{tally.count:,}", "n"),
              (words.sums(tally.amounts), "n")])
        for entity in tie_out.entities for tally in entity.explained
    ]  # fmt: skip
    head: Cells = [("Entity", ""), ("Why", ""), ("Records", "n"), ("Amount", "n")]
    return _section("Explained", _table(head, rows)) if rows else ""


def _months(tie_out: TieOut) -> str:
    parts = []
    for entity in tie_out.entities:
        lines = [line for line in entity.lines if line.month is not None]
        rows = [_row([(line.month or "", ""), (line.currency or "", ""), *_amounts(line)]) for line in lines]
        if rows:
            head: Cells = [("Month", ""), ("Currency", ""), *_AMOUNTS]
            parts.append(_section(f"{words.entity_name(entity.entity)} by month", _table(head, rows)))
    return "".join(parts)


def _own(tie_out: TieOut) -> str:
    rows = [row for entity in tie_out.entities for row in _own_rows(entity)]
    head: Cells = [("Entity", ""), ("System", ""), ("Currency", ""), ("Its own count", "n"), ("Its own sum", "n"),
                   ("Read", "n"), ("Sum read", "n")]  # fmt: skip
    about = "Each system counted and added up by itself; everything was read."
    return _section("The systems' own figures", _table(head, rows), about) if rows else ""


def _own_rows(entity: EntityResult) -> list[str]:
    return [
        _row([
            (words.entity_name(entity.entity), "b"), (own.side.upper(), ""), (own.currency or "", ""),
            (f"{own.counted:,}", "n"), (words.money(own.added_minor, own.currency), "n"), (f"{own.read:,}", "n"),
            (words.money(own.read_minor, own.currency), "n"),
        ])
        for own in entity.own
    ]  # fmt: skip


def _signatures() -> str:
    fields = "".join(f"<div><span></span>{name}</div>" for name in ("Prepared by, date", "Reviewed by, date"))
    return f'<footer class="sign">{fields}</footer>'
