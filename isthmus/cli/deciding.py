"""``isthmus accept``, ``pause`` and ``resume``: what a person decides about a mapping, with name and reason."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from isthmus.cli.call import Call, account_name, command
from isthmus.cli.standing import local
from isthmus.kernel.errors import Refused

MAPPING = Annotated[str, typer.Argument(help="The mapping's name, such as order.")]
WHY = Annotated[str, typer.Option("--why", help="The reason; it is kept.")]


def decider(call: Call) -> str:
    """Who decides. Where isthmus.yaml gives roles, a name cannot be borrowed with ``--as``. Raises Refused."""
    account = f"cli:{account_name()}"
    if call.settings.people.roles and call.who != account:
        what = f"{account.removeprefix('cli:')} cannot decide for {call.who.removeprefix('cli:')}"
        raise Refused("--as", f"{what}: isthmus.yaml says who may", "decide under your own account")
    return call.who


def tell_decisions(call: Call, decided: list[dict[str, Any]]) -> None:
    """What people decided about it, newest first."""
    for one in decided:
        at, told = local(one["at"], call.settings.time_zone), f": {one['told']}" if one["told"] else ""
        what = f"{one['verb']} {one['mapping']}" + (f" {one['item']}" if one["item"] else "")
        call.screen.line(f"    {at}  {one['who']}  {what}  {one['outcome']}{told}  ({one['why']})")


def accept(call: Call, mapping: MAPPING, *, why: WHY) -> None:
    """Let a changed mapping change as much as it will. Read `isthmus plan MAPPING --full` first.

    Example: isthmus accept order --why "new price list, agreed with finance"
    """
    who = decider(call)
    with call.workshop() as workshop:
        digest = workshop.accept(mapping, who, why)
        told = "the next run reads everything"
        if digest is None:
            told = workshop.office.decisions(records=[f"mapping {mapping}"], most=1)[0].told
    document = {"mapping": mapping, "accepted_hash": digest, "by": who, "why": why, "told": told}
    done = f"{digest[:12]} is accepted" if digest else "not accepted yet: a second person has to say the same"
    call.finish(document, lambda: call.screen.line(f"{mapping}: {done}; {told}"))


def pause(call: Call, mapping: MAPPING, *, why: WHY) -> None:
    """Skip the runs of a mapping until `isthmus resume`. Nothing that waits is lost.

    Example: isthmus pause quote --why "prices are being reviewed"
    """
    who = decider(call)
    with call.workshop() as workshop:
        workshop.office.pause(mapping, who, why)
    document = {"mapping": mapping, "paused": True, "by": who, "why": why}
    call.finish(document, lambda: call.screen.line(f"{mapping} is paused; `isthmus resume {mapping}` goes on"))


def resume(call: Call, mapping: MAPPING) -> None:
    """Let a paused mapping run again.

    Example: isthmus resume quote
    """
    who = decider(call)
    with call.workshop() as workshop:
        workshop.office.resume(mapping, who)
    document = {"mapping": mapping, "paused": False, "by": who}
    call.finish(document, lambda: call.screen.line(f"{mapping} runs again"))


def register(app: typer.Typer) -> None:
    for work in (accept, pause, resume):
        command(app, audited=True)(work)
