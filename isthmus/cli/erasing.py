"""``isthmus audit erase``: a person leaves our state and the built-in ERP, in one transaction, sealed in the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.cli.call import Call, command, one_of
from isthmus.cli.deciding import decider
from isthmus.settings import BUILTIN

if TYPE_CHECKING:
    from isthmus.state.erasing import Erased


def erase(
    call: Call,
    entity: Annotated[str, typer.Argument(help="customer: the entity that people are.")],
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Ids in either system, or numbers in the ERP.")],
    *,
    why: Annotated[str, typer.Option("--why", help="The reason, without personal words; it is kept.")],
) -> None:
    """Erase a person for good: from our state, the audit's values and the built-in ERP. Numbers and amounts stay.

    Example: isthmus audit erase customer 001xx0000000001 --why "request of 2026-11-20, Art. 17 GDPR"
    """
    from isthmus.app import open_eraser
    from isthmus.reconcile.erasing import PERSON

    one_of("ENTITY", entity, (PERSON,))
    who = decider(call)
    eraser = open_eraser(call.settings)
    erased: dict[str, Erased] = {}
    try:
        erased.update(eraser.erase(ids, who, why))  # one by one: what is done when it stops is told as well
    finally:
        shredded = bool(erased) and eraser.shred()
        eraser.close()
        call.told["erased"] = [
            {"id": one, "entries": what.entries, "records": what.records,
             "still_in_crm": [{"entity": entity, "id": key} for entity, key in what.listed]}
            for one, what in erased.items()
        ]  # fmt: skip
    call.finish({"shredded": shredded}, lambda: _tell(call, erased, shredded=shredded))


def _tell(call: Call, erased: dict[str, Erased], *, shredded: bool) -> None:
    line = call.screen.line
    for one, what in erased.items():
        line(f"{one}: {what.records} records are closed for good, {what.entries} audit entries emptied and sealed")
        if what.listed:
            named = ", ".join(f"{entity} {key}" for entity, key in what.listed[:5])
            more = f" and {len(what.listed) - 5} more" if len(what.listed) > 5 else ""
            line(f"    delete or anonymise {named}{more} in the CRM; the worklist asks for it", style="yellow")
    if call.settings.erp != BUILTIN:
        line(f"the ERP is {call.settings.erp}: erase there as well", style="yellow")
    left = "" if shredded else "what was overwritten leaves the files with VACUUM (PostgreSQL: VACUUM FULL); "
    line(f"{left}backups keep it until they expire")


def register(app: typer.Typer) -> None:
    command(app, audited=True)(erase)
