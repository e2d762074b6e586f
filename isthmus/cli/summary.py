"""What a cycle did, in words for people: every record read has one outcome, and what is not through has a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import inspect, text

from isthmus.app import Workshop
from isthmus.db import reading
from isthmus.kernel.money import from_minor

_OUTCOMES = ("created", "updated", "withdrawn", "rebound", "unchanged", "superseded", "filtered", "worklisted")


def run_lines(workshop: Workshop, mapping: str) -> list[str]:
    """The last run of a mapping: a line a direction, with what happened to what was read."""
    report = _reports(workshop).get(mapping)
    if report is None:
        return [f"{mapping}: has not run to its end yet"]
    return [
        f"{mapping} {leg['direction']}: {_counted(leg)}" + ("" if report["adds_up"] else "  DOES NOT ADD UP")
        for leg in report["directions"]
    ]


def _counted(leg: Mapping[str, Any]) -> str:
    told = [f"{leg['outcomes'][name]:,} {name}" for name in _OUTCOMES if leg["outcomes"].get(name)]
    return f"{leg['read']:,} read" + (f" = {' + '.join(told)}" if told else "")


def summary(workshop: Workshop) -> list[str]:
    """The last run of every mapping as a table, the worklist by reason, and whether the ledger balances."""
    reports = _reports(workshop)
    rows = [("mapping", "direction", "read", *_OUTCOMES, "adds up")]
    for mapping, report in reports.items():
        for leg in report["directions"]:
            counts = (str(leg["outcomes"].get(name) or "·") for name in _OUTCOMES)
            rows.append((mapping, leg["direction"], str(leg["read"]), *counts, "yes" if report["adds_up"] else "NO"))
    return [*_table(rows), "", *_worklist(workshop), *_ledger(workshop)]


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    words = 2  # mapping and direction read from the left, numbers from the right
    return [
        "  ".join(
            cell.ljust(width) if column < words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _reports(workshop: Workshop) -> dict[str, dict[str, Any]]:
    last = {standing.mapping: standing.last for standing in workshop.status()}
    return {mapping: json.loads(run.report) for mapping, run in last.items() if run is not None and run.report}


def _worklist(workshop: Workshop) -> list[str]:
    lines = [
        f"worklist: {standing.mapping}: {count} {reason}"
        for standing in workshop.status()
        for reason, count in sorted(standing.worklist.items())
    ]
    return lines or ["worklist: empty"]


def _ledger(workshop: Workshop) -> list[str]:
    """Debits less credits of everything posted, per currency: zero, or the books are wrong."""
    if not inspect(workshop.engine).has_table("erp_posting"):
        return []
    with reading(workshop.engine) as connection:
        rows = connection.execute(
            text("SELECT currency, COUNT(*), SUM(amount_minor) FROM erp_posting GROUP BY currency ORDER BY currency")
        ).all()
    if not rows:
        return ["ledger: nothing is posted yet, and so it balances"]
    return [f"ledger: {row[1]:,} postings in {row[0]} add up to {from_minor(int(row[2]), row[0])}" for row in rows]
