"""``isthmus worklist``: what is not through, why, and what a person can do about it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, get_args

import orjson
import typer

from isthmus.cli.call import Call, command, one_of
from isthmus.cli.figures import words
from isthmus.cli.standing import local

if TYPE_CHECKING:
    from isthmus.state.worklist import Item

app = typer.Typer(help="What is not through: show it, retry it, resolve a conflict, dismiss it.", no_args_is_help=True)

NUMBER = Annotated[int, typer.Argument(help="The item's number, as `isthmus worklist show` says.")]


class Side(StrEnum):
    """Whose value holds."""

    crm = "crm"
    erp = "erp"


@command(app)
def show(
    call: Call,
    what: Annotated[str | None, typer.Argument(metavar="[MAPPING|NUMBER]", help="One mapping's, or one item.")] = None,
    *,
    reason: Annotated[str | None, typer.Option(help="Only this reason, such as conflict.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what was dismissed.")] = False,
) -> None:
    """List what is not through, oldest first, each with its reason and remedy.

    Example: isthmus worklist show order --reason waiting
    """
    from isthmus.state.worklist import Reason

    one_of("--reason", reason, get_args(Reason))
    with call.workshop() as workshop:
        if what is not None and what.isascii() and what.isdigit():
            items = [workshop.item(int(what))]
            everything = True
        else:
            items = workshop.worklist(workshop.mapping(what).name if what else None)
        entities = {name: workshop.mapping(name).entity for name in workshop.names()}
    items = [
        item for item in items if (everything or not item.dismissed_by) and (reason is None or item.reason == reason)
    ]
    document = [_document(item, entities) for item in items]
    call.finish({"items": document}, lambda: _tell(call, document, in_detail=what is not None and len(items) == 1))


def _document(item: Item, entities: dict[str, str]) -> dict[str, Any]:
    return {
        "number": item.id, "mapping": item.mapping, "entity": entities.get(item.mapping, item.mapping),
        "side": item.side, "id": item.source_id, "reason": item.reason,
        "where": item.fault.where, "what": item.fault.what, "remedy": item.fault.remedy,
        "since": item.since, "seen": item.seen, "attempts": item.attempts, "waits_for": item.waits_for,
        "detail": orjson.loads(item.detail) if item.detail else None,
        "dismissed_by": item.dismissed_by, "dismissed_why": item.dismissed_why,
    }  # fmt: skip


def _tell(call: Call, items: list[dict[str, Any]], *, in_detail: bool) -> None:
    screen, zone = call.screen, call.settings.time_zone
    for item in items:
        since = f"since {local(item['since'], zone)}, tried {item['attempts']}×"
        head = (
            f"{item['number']}  {item['reason']}  {item['entity']} {item['id']} in the {item['side'].upper()}, {since}"
        )
        screen.line(head, style="bold")
        screen.line(f"    {item['where']}: {item['what']}")
        screen.line(f"    to do: {item['remedy']}" if item["remedy"] else "    to do: nothing")
        if item["dismissed_by"]:
            screen.line(f"    dismissed by {item['dismissed_by']}: {item['dismissed_why']}")
        if in_detail:
            _tell_detail(call, item["detail"] or {})
    if not items:
        screen.line("nothing is on the worklist", style="green")


def _tell_detail(call: Call, detail: dict[str, Any]) -> None:
    for field, values in detail.get("values", {}).items():
        call.screen.line(f"    {field}:")
        told = (("both last agreed on", "base_crm"), ("the CRM says", "crm"), ("the ERP says", "erp"))
        for label, key in told:
            call.screen.line(f"        {label}: {words(values.get(key))}")
    if candidates := detail.get("candidates"):
        call.screen.line(f"    candidates: {', '.join(map(str, candidates))}")


@command(app, audited=True)
def retry(
    call: Call,
    number: Annotated[int | None, typer.Argument(help="One item; else all that may have become possible.")] = None,
) -> None:
    """Make items due: the next run fetches and plans them again.

    Example: isthmus worklist retry 12
    """
    with call.workshop() as workshop:
        names = workshop.retry(call.who, number)
    _tell_due(call, names)


@command(app, audited=True)
def resolve(
    call: Call,
    number: NUMBER,
    *,
    take: Annotated[Side, typer.Option(help="Whose value holds.")],
) -> None:
    """Answer a conflict. If either side has moved by the next run, the question is asked anew.

    Example: isthmus worklist resolve 12 --take erp
    """
    with call.workshop() as workshop:
        name = workshop.resolve(number, "crm" if take is Side.crm else "erp", call.who)
    _tell_due(call, [name] if name else [])


@command(app, audited=True)
def dismiss(
    call: Call,
    number: NUMBER,
    *,
    why: Annotated[str, typer.Option("--why", help="The reason; it is kept.")],
) -> None:
    """Hide an item until its record changes.

    Example: isthmus worklist dismiss 12 --why "a test account"
    """
    with call.workshop() as workshop:
        workshop.dismiss(number, call.who, why)
    document = {"number": number, "dismissed": True, "by": call.who, "why": why}
    call.finish(document, lambda: call.screen.line(f"{number} is hidden until its record changes"))


def _tell_due(call: Call, names: list[str]) -> None:
    words_of = f"due with the next run; now: isthmus sync {' '.join(names)}" if names else "nothing to retry"
    call.finish({"due": names}, lambda: call.screen.line(words_of))
