"""What a run says of itself, counted again from stored rows, and whether it adds up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isthmus.kernel.columns import aligned
from isthmus.kernel.units import Side
from isthmus.state.runs import Run, Sums

OUTCOMES = ("created", "updated", "withdrawn", "rebound", "unchanged", "superseded", "filtered", "worklisted")
WRITTEN = ("created", "updated", "withdrawn")


@dataclass(frozen=True, slots=True)
class LegReport:
    """One direction: the source's own count, outcomes counted from stored rows, the target's own answers."""

    direction: str
    read: int
    outcomes: Mapping[str, int]
    answered: Mapping[str, int]

    @property
    def faults(self) -> list[str]:
        """Why it does not add up; empty when it does."""
        found = []
        if self.read != sum(self.outcomes.values()):
            found.append(f"{self.direction}: {self.read} read, but {sum(self.outcomes.values())} outcomes stored")
        for name in WRITTEN:
            stored, told = self.outcomes.get(name, 0), self.answered.get(name, 0)
            if stored != told:
                found.append(f"{self.direction}: {stored} {name} stored, but the target answered {told}")
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "direction": self.direction,
            "read": self.read,
            "outcomes": dict(self.outcomes),
            "answered": dict(self.answered),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """One run. ``skipped`` says why nothing ran."""

    mapping: str
    run_id: int | None = None
    legs: tuple[LegReport, ...] = ()
    skipped: str | None = None

    @property
    def faults(self) -> list[str]:
        return [fault for leg in self.legs for fault in leg.faults]

    @property
    def adds_up(self) -> bool:
        return not self.faults

    @property
    def moved(self) -> int:
        """How many records changed on the other side: what other mappings wait to hear."""
        return sum(leg.outcomes.get(name, 0) for leg in self.legs for name in (*WRITTEN, "rebound"))

    def as_json(self) -> dict[str, Any]:
        return {
            "mapping": self.mapping,
            "run": self.run_id,
            "adds_up": self.adds_up,
            "skipped": self.skipped,
            "faults": self.faults,
            "directions": [
                leg.as_json() for leg in self.legs
            ],
        }  # fmt: skip

    def table(self) -> str:
        """A plain table for logs: one line a direction."""
        if self.skipped:
            return f"{self.mapping}: skipped; {self.skipped}"
        head = ("mapping", "direction", "read", *OUTCOMES)
        rows = [
            (self.mapping, leg.direction, str(leg.read), *(str(leg.outcomes.get(name, 0)) for name in OUTCOMES))
            for leg in self.legs
        ]
        lines = aligned((head, *rows), right=range(2, len(head)))
        return "\n".join([*lines, "adds up" if self.adds_up else "DOES NOT ADD UP: " + "; ".join(self.faults)])


def report_of(run: Run, sums: Mapping[Side, Sums]) -> Report:
    """The report of a run from what is stored of it."""
    names = {"crm": "crm→erp", "erp": "erp→crm"}
    legs = [LegReport(names[side], one.read, one.outcomes, one.answered) for side, one in sorted(sums.items())]
    return Report(run.mapping, run.id, tuple(legs))
