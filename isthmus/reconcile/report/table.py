"""A tie-out on a terminal: the verdict, one row an entity and currency, what is explained, what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus.reconcile.findings import EntityResult, Line, at_stake
from isthmus.reconcile.report import words

if TYPE_CHECKING:
    from isthmus.reconcile.run import TieOut

TOLD_MOST = 50


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; columns named in ``right`` hold numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[str] = ()
    title: str = ""


def currency_lines(entity: EntityResult) -> list[Line]:
    """The totals by currency alone."""
    found: dict[str | None, Line] = {}
    names = ("crm_count", "erp_count", "crm_minor", "erp_minor", "explained_minor", "explained_count",
             "differing_minor", "differing_count")  # fmt: skip
    for line in entity.lines:
        total = found.setdefault(line.currency, Line(line.currency, None))
        for name in names:
            setattr(total, name, getattr(total, name) + getattr(line, name))
    return list(found.values())


def tables(tie_out: TieOut) -> list[Table]:
    """Everything but the verdict."""
    found = [_totals(tie_out), _explained(tie_out), _differences(tie_out)]
    return [table for table in found if table.rows]


def _totals(tie_out: TieOut) -> Table:
    head = ("entity", "currency", "CRM", "ERP", "CRM total", "ERP total", "explained", "listed")
    rows = [
        (
            words.entity_name(entity.entity), line.currency or "", f"{line.crm_count:,}", f"{line.erp_count:,}",
            *(words.money(amount, line.currency) for amount in (line.crm_minor, line.erp_minor, line.explained_minor,
                                                                line.differing_minor)),
        )
        for entity in tie_out.entities for line in currency_lines(entity) or [Line(None, None)]
    ]  # fmt: skip
    return Table(head, rows, head[2:], "Totals: CRM total = ERP total + explained + listed")


def _explained(tie_out: TieOut) -> Table:
    rows = [
        (words.entity_name(entity.entity), tally.reason, f"{tally.count:,}", words.sums(tally.amounts))
        for entity in tie_out.entities
        for tally in entity.explained
    ]
    return Table(("entity", "why", "records", "amount"), rows, ("records", "amount"), "Explained")


def _differences(tie_out: TieOut) -> Table:
    head = ("class", "entity", "record", "field", "CRM", "ERP", "at stake", "age", "repair")
    rows = [
        (
            one.told, words.entity_name(one.entity), one.name, words.field_name(one), words.value(one, "crm"),
            words.value(one, "erp"), f"{one.currency or ''} {words.money(one.amount_minor, one.currency)}".strip(),
            words.age(one.age_days), words.repair(one),
        )
        for one in sorted(tie_out.differences, key=lambda one: -one.amount_minor)[:TOLD_MOST]
    ]  # fmt: skip
    return Table(head, rows, ("CRM", "ERP", "at stake"), "Differences")


def lines_after(tie_out: TieOut) -> list[str]:
    """What is said below the tables."""
    told = [doubt for entity in tie_out.entities for doubt in words.doubts(entity)]
    differences = tie_out.differences
    if len(differences) > TOLD_MOST:
        told.append(f"and {len(differences) - TOLD_MOST:,} more differences; --json and --html have all of them")
    if differences:
        due = sum(one.repair == "due" for one in differences)
        stake = words.sums(at_stake(differences)) or "no money"
        told.append(f"at stake: {stake}; {due:,} of {len(differences):,} are repaired by the next run")
    told.extend(dict.fromkeys(f"{one.name}: {one.remedy}" for one in differences[:TOLD_MOST] if one.repair != "due"))
    return told


def plain(tie_out: TieOut) -> str:
    """The whole as text: for logs."""
    parts = [words.verdict(tie_out)]
    for table in tables(tie_out):
        parts += ["", table.title, *_plain_rows(table)]
    return "\n".join([*parts, *lines_after(tie_out)])


def _plain_rows(table: Table) -> list[str]:
    widths = [max(map(len, column)) for column in zip(table.head, *table.rows, strict=True)]
    padded = (
        [
            cell.rjust(width) if name in table.right else cell.ljust(width)
            for name, cell, width in zip(table.head, row, widths, strict=True)
        ]
        for row in (table.head, *table.rows)
    )
    return ["  ".join(row).rstrip() for row in padded]
