"""The unit of a merge: a row of the header, a whole group, or the whole set of lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["crm", "erp"]
Owner = Literal["crm", "erp", "both"]
IfBothChanged = Literal["ask", "crm", "erp"]

SIDES: tuple[Side, Side] = ("crm", "erp")


@dataclass(frozen=True, slots=True)
class Unit:
    """What is won or lost as one value.

    ``sides`` are the sides that have it: a unit of one side is read and compared, never merged. ``members`` are the
    rows of a group or of the lines that both sides have; None for a single row. ``volatile``: never a reason to write.
    """

    name: str
    owner: Owner
    if_both_changed: IfBothChanged = "ask"
    sides: frozenset[Side] = frozenset(("crm", "erp"))
    volatile: bool = False
    members: frozenset[str] | None = None


def other_side(side: Side) -> Side:
    """The side across."""
    return "erp" if side == "crm" else "crm"
