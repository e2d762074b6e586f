"""``isthmus accept``, ``pause`` and ``resume``: what a person decides about a mapping, with name and reason."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus.cli.call import Call, command

MAPPING = Annotated[str, typer.Argument(help="The mapping's name, such as order.")]
WHY = Annotated[str, typer.Option("--why", help="The reason; it is kept.")]


def accept(call: Call, mapping: MAPPING, *, why: WHY) -> None:
    """Let a changed mapping change as much as it will. Read `isthmus plan MAPPING --full` first.

    Example: isthmus accept order --why "new price list, agreed with finance"
    """
    with call.workshop() as workshop:
        digest = workshop.accept(mapping, call.who, why)
    document = {"mapping": mapping, "accepted_hash": digest, "by": call.who, "why": why}
    call.finish(
        document, lambda: call.screen.line(f"{mapping}: {digest[:12]} is accepted; the next run reads everything")
    )


def pause(call: Call, mapping: MAPPING, *, why: WHY) -> None:
    """Skip the runs of a mapping until `isthmus resume`. Nothing that waits is lost.

    Example: isthmus pause quote --why "prices are being reviewed"
    """
    with call.workshop() as workshop:
        workshop.pause(mapping, call.who, why)
    document = {"mapping": mapping, "paused": True, "by": call.who, "why": why}
    call.finish(document, lambda: call.screen.line(f"{mapping} is paused; `isthmus resume {mapping}` goes on"))


def resume(call: Call, mapping: MAPPING) -> None:
    """Let a paused mapping run again.

    Example: isthmus resume quote
    """
    with call.workshop() as workshop:
        workshop.resume(mapping, call.who)
    document = {"mapping": mapping, "paused": False, "by": call.who}
    call.finish(document, lambda: call.screen.line(f"{mapping} runs again"))


def register(app: typer.Typer) -> None:
    for work in (accept, pause, resume):
        command(app, audited=True)(work)
