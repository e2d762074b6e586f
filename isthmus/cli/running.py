"""``isthmus sync``: runs the mappings and says what became of every record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.cli.call import Call, command
from isthmus.kernel.errors import Broken, Misconfigured

if TYPE_CHECKING:
    from isthmus.app import Report, Workshop

NOT_THROUGH = 1  # the exit code of --strict


def sync(
    call: Call,
    mappings: Annotated[list[str] | None, typer.Argument(help="Which mappings; all if none is named.")] = None,
    *,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Only these CRM records, of one mapping.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything, not only what moved.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when something is on the worklist.")] = False,
) -> int:
    """Synchronise: CRM to ERP, then back, in the order in which records refer to each other.

    Example: isthmus sync order --id 801xx0000000001
    """
    from isthmus.app import Order

    if ids and len(mappings or ()) != 1:
        raise Misconfigured("--id", "belongs to one mapping", "name it: isthmus sync order --id 801…")
    with call.workshop() as workshop:
        names = chosen(workshop, mappings)
        with call.screen.progress() as on_page:
            order = Order(call.who, full=full, ids=tuple(ids or ()), on_page=on_page)
            reports = _keep(call, workshop.sync_all(names, order))
        left = {name: counts for name, counts in workshop.worklist_counts().items() if counts and name in names}
    call.finish({"worklist": left}, lambda: _tell(call, reports, left))
    if faults := [fault for report in reports for fault in report.faults]:
        raise Broken("sync", f"a run does not add up: {'; '.join(faults)}", "report this; the records are in the audit")
    return NOT_THROUGH if strict and any(reason != "held" for counts in left.values() for reason in counts) else 0


def chosen(workshop: Workshop, names: list[str] | None) -> list[str]:
    """The mappings that were named, or all. Raises Misconfigured for an unknown one."""
    return [workshop.mapping(name).name for name in names] if names else workshop.names()


def _keep(call: Call, coming: Iterable[Report]) -> list[Report]:
    """Reports as they come: what was done before an error is told as well."""
    reports: list[Report] = []
    call.told["runs"] = told = []
    for report in coming:
        reports.append(report)
        told.append(report.as_json())
    return reports


def _tell(call: Call, reports: list[Report], left: dict[str, dict[str, int]]) -> None:
    screen = call.screen
    tell_reports(call, reports)
    for mapping, counts in left.items():
        told = ", ".join(f"{number} {reason}" for reason, number in sorted(counts.items()))
        screen.line(f"worklist of {mapping}: {told}; see `isthmus worklist show {mapping}`", style="yellow")
    if not left:
        screen.line("the worklist is empty", style="green")


def tell_reports(call: Call, reports: list[Report]) -> None:
    """One row a direction, all passes of a mapping together; columns in which nothing happened are left out."""
    from isthmus.sync.report import OUTCOMES

    sums: dict[tuple[str, str], Counter[str]] = {}
    for report in reports:
        for leg in report.legs:
            count = sums.setdefault((report.mapping, leg.direction), Counter())
            count.update(leg.outcomes)
            count["read"] += leg.read
    used = [name for name in OUTCOMES if any(count[name] for count in sums.values())]
    wrong = {report.mapping for report in reports if report.faults}
    rows = [
        [*at, f"{count['read']:,}", *(f"{count[name]:,}" for name in used), "NO" if at[0] in wrong else "yes"]
        for at, count in sums.items()
    ]
    if rows:
        call.screen.table(("mapping", "direction", "read", *used, "adds up"), rows, right=("read", *used))
    for report in reports:
        if report.skipped:
            call.screen.line(f"{report.mapping}: skipped; {report.skipped}", style="yellow")


def register(app: typer.Typer) -> None:
    command(app, audited=True)(sync)
