"""What a cycle did, in words for people: every record read has one outcome, and what is not through has a reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from isthmus.app import Workshop
from isthmus.db import reading
from isthmus.kernel.columns import aligned
from isthmus.kernel.money import from_minor
from isthmus.state.runs import Run, recent_runs
from isthmus.sync.report import OUTCOMES, WRITTEN

_RUNS_MOST = 1000


@dataclass(frozen=True, slots=True)
class Cycle:
    """The runs since ``after``, the newest run at the time when the cycle began."""

    workshop: Workshop
    after: int

    @classmethod
    def begin(cls, workshop: Workshop) -> Cycle:
        """A cycle without runs yet."""
        return cls(workshop, max((run.id for run in _runs(workshop)), default=0))

    def runs(self, mapping: str | None = None) -> list[Run]:
        """The cycle's runs, oldest first."""
        return [run for run in reversed(_runs(self.workshop, mapping)) if run.id > self.after]

    def adds_up(self) -> bool:
        """Whether every run came to its end and accounts for all that it read."""
        return all(_report(run)["adds_up"] for run in self.runs())

    def moved(self) -> int:
        """How many records were written, on either side."""
        return sum(counts[name] for counts in _sums(self.runs()).values() for name in WRITTEN)


def _runs(workshop: Workshop, mapping: str | None = None) -> list[Run]:
    with reading(workshop.engine) as connection:
        return recent_runs(connection, mapping, _RUNS_MOST)


def run_lines(cycle: Cycle, mapping: str) -> list[str]:
    """What the mapping has done: a line a direction, with what happened to what was read."""
    return [
        f"{mapping} {direction}: {counts['read']:,} read{_outcomes(counts)}"
        for (_, direction), counts in _sums(cycle.runs(mapping)).items()
    ]


def _outcomes(counts: Counter[str]) -> str:
    told = [f"{counts[name]:,} {name}" for name in OUTCOMES if counts[name]]
    return f" = {' + '.join(told)}" if told else ""


def _sums(runs: Sequence[Run]) -> dict[tuple[str, str], Counter[str]]:
    """Mapping and direction → how many were read, and how many had each outcome."""
    sums: dict[tuple[str, str], Counter[str]] = {}
    for run in runs:
        for leg in _report(run)["directions"]:
            counts = sums.setdefault((run.mapping, leg["direction"]), Counter())
            counts.update({**leg["outcomes"], "read": leg["read"]})
    return sums


def _report(run: Run) -> dict[str, Any]:
    """A run without a report did not come to its end; one that a person's pairs were bound in read nothing."""
    report: dict[str, Any] = json.loads(run.report) if run.report else {"adds_up": False}
    return {"directions": [], "adds_up": True, **report}


def summary(cycle: Cycle) -> list[str]:
    """All runs of the cycle as a table, the worklist by reason, and whether the ledger balances, where it is ours."""
    runs = cycle.runs()
    wrong = {run.mapping for run in runs if not _report(run)["adds_up"]}
    rows: list[tuple[str, ...]] = [("mapping", "direction", "read", *OUTCOMES, "adds up")]
    order = cycle.workshop.names()
    for (mapping, direction), counts in sorted(_sums(runs).items(), key=lambda one: order.index(one[0][0])):
        cells = [f"{counts[name]:,}" if counts[name] or name == "read" else "·" for name in ("read", *OUTCOMES)]
        rows.append((mapping, direction, *cells, "NO" if mapping in wrong else "yes"))
    return [*aligned(rows, right=range(2, len(rows[0]))), "", *_worklist(cycle.workshop), *_ledger(cycle.workshop)]


def _worklist(workshop: Workshop) -> list[str]:
    lines = [
        f"worklist: {name}: {count} {reason}"
        for name, counts in workshop.worklist_counts().items()
        for reason, count in sorted(counts.items())
    ]
    return lines or ["worklist: empty"]


def _ledger(workshop: Workshop) -> list[str]:
    """Debits less credits of everything posted, per currency: zero, or the books are wrong. Ours only."""
    if workshop.ports.erp.capabilities.remote:
        return ["ledger: the books are the ERP's own; `isthmus reconcile` says whether both systems agree"]
    with reading(workshop.engine) as connection:
        rows = connection.execute(
            text("SELECT currency, COUNT(*), SUM(amount_minor) FROM erp_posting GROUP BY currency ORDER BY currency")
        ).all()
    if not rows:
        return ["ledger: nothing is posted yet, and so it balances"]
    return [f"ledger: {row[1]:,} postings in {row[0]} add up to {from_minor(int(row[2]), row[0])}" for row in rows]
