"""Two small charts as SVG that stands inside the page: how old the differences are, and how the drift went. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from isthmus.kernel.money import divide_half_up
from isthmus.reconcile.findings import Difference, at_stake
from isthmus.reconcile.report.words import day, money
from isthmus.state.tie_outs import Past

if TYPE_CHECKING:
    from pandas import DataFrame

AGES = ("new", "1–7 days", "8–30 days", "31–90 days", "over 90 days")
_EDGES = (-1, 0, 7, 30, 90, 10**6)
WIDTH, HEIGHT, BAR, LEFT = 520, 150, 22, 110


def ages(differences: Sequence[Difference], currency: str | None) -> list[tuple[str, int, int]]:
    """(age, records, minor units of the currency) from new to old."""
    import pandas as pd

    rows = [(one.place[:3], one.age_days, one.amount_minor if one.currency == currency else 0) for one in differences]
    frame = pd.DataFrame(rows, columns=["record", "days", "minor"])
    records: DataFrame = frame.groupby("record", sort=False).max()
    records["age"] = pd.cut(records["days"], list(_EDGES), labels=list(AGES))
    found = records.groupby("age", observed=False)["minor"].agg(["count", "sum"])
    return [(age, int(found["count"][age]), int(found["sum"][age])) for age in AGES]


def main_currency(differences: Sequence[Difference], past: Sequence[Past]) -> str | None:
    """The currency in which most is at stake, now or lately."""
    stakes = at_stake(differences) or next((one.at_stake for one in reversed(past) if one.at_stake), {})
    return max(stakes, key=lambda currency: stakes[currency]) if stakes else None


def ageing_chart(differences: Sequence[Difference], currency: str | None) -> str:
    """Bars: what is at stake by how long it has been there; records where there is no money."""
    bars = ages(differences, currency)
    greatest = max((minor if currency else number for _, number, minor in bars), default=0) or 1
    parts = []
    for row, (age, number, minor) in enumerate(bars):
        y = 8 + row * (BAR + 6)
        length = divide_half_up((minor if currency else number) * (WIDTH - LEFT - 150), greatest)
        told = f"{money(minor, currency)} ({number:,})" if currency else f"{number:,}"
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(age)}</text>'
            f'<rect class="bar" x="{LEFT}" y="{y}" width="{max(length, 1)}" height="{BAR}"/>'
            f'<text x="{LEFT + max(length, 1) + 6}" y="{y + 15}">{escape(told)}</text>'
        )
    return _svg("".join(parts), f"At stake by age{_in(currency)}; records in brackets")


def drift_chart(past: Sequence[Past], currency: str | None, time_zone: str) -> str:
    """A line of the latest tie-outs: what was at stake; differences where there is no money."""
    amounts = [one.at_stake.get(currency, 0) if currency else one.differences for one in past]
    greatest, right, floor = max(amounts, default=0) or 1, WIDTH - 12, HEIGHT - 24
    step = max(len(amounts) - 1, 1)
    points = [
        (LEFT + divide_half_up(number * (right - LEFT), step), floor - divide_half_up(amount * (floor - 14), greatest))
        for number, amount in enumerate(amounts)
    ]
    line = " ".join(f"{x},{y}" for x, y in points)
    dots = "".join(
        f'<circle class="{"fine" if one.agrees else "off"}" cx="{x}" cy="{y}" r="3"/>'
        for (x, y), one in zip(points, past, strict=True)
    )
    top = money(greatest, currency) if currency else f"{greatest:,}"
    first, last = (day(one.as_of, time_zone) for one in (past[0], past[-1])) if past else ("", "")
    axes = (
        f'<line class="axis" x1="{LEFT}" y1="{floor}" x2="{right}" y2="{floor}"/>'
        f'<text x="{LEFT - 8}" y="18" text-anchor="end">{escape(top)}</text>'
        f'<text x="{LEFT - 8}" y="{floor + 4}" text-anchor="end">0</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 6}">{first}</text>'
        f'<text x="{right}" y="{HEIGHT - 6}" text-anchor="end">{last}</text>'
    )
    drawn = f'{axes}<polyline class="drift" points="{line}"/>{dots}'
    return _svg(drawn, f"At stake in the latest {len(past)} tie-outs{_in(currency)}")


def _in(currency: str | None) -> str:
    return f" ({escape(currency)})" if currency else ""


def _svg(inside: str, title: str) -> str:
    return (
        f'<figure><figcaption>{title}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' height="{HEIGHT}" role="img" aria-label="{title}">{inside}</svg></figure>'
    )
