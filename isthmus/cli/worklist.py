"""``isthmus worklist``: what is not through, why, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, get_args

import orjson
import typer

from isthmus.cli.call import Call, command, one_of
from isthmus.cli.deciding import decider, tell_decisions
from isthmus.cli.standing import local

if TYPE_CHECKING:
    from isthmus.reconcile.question import Question, Take
    from isthmus.state.worklist import Item

app = typer.Typer(
    help="What is not through: show it, retry it, resolve a conflict, dismiss it; who decided what.",
    no_args_is_help=True,
)

NUMBER = Annotated[int, typer.Argument(help="The item's number, as `isthmus worklist show` says.")]


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
            items = [workshop.office.item(int(what))]
            everything = True
        else:
            items = workshop.worklist(workshop.mapping(what).name if what else None)
        entities = {name: workshop.mapping(name).entity for name in workshop.names()}
        items = [
            item
            for item in items
            if (everything or not item.dismissed_by) and (reason is None or item.reason == reason)
        ]
        document = [_document(item, entities) for item in items]
        if what is not None and len(items) == 1 and items[0].mapping in entities:
            document[0] |= _document_of_question(workshop.office.question(items[0]))
            document[0]["decisions"] = [asdict(one) for one in workshop.office.decisions(items[0].id)]
    call.finish({"items": document}, lambda: _tell(call, document))


def _document(item: Item, entities: dict[str, str]) -> dict[str, Any]:
    return {
        "number": item.id, "mapping": item.mapping, "entity": entities.get(item.mapping, item.mapping),
        "side": item.side, "id": item.source_id, "reason": item.reason,
        "where": item.fault.where, "what": item.fault.what, "remedy": item.fault.remedy,
        "since": item.since, "seen": item.seen, "attempts": item.attempts, "waits_for": item.waits_for,
        "detail": orjson.loads(item.detail) if item.detail else None,
        "dismissed_by": item.dismissed_by, "dismissed_why": item.dismissed_why,
    }  # fmt: skip


def _document_of_question(question: Question) -> dict[str, Any]:
    """What a person needs to answer: empty for an item that is no choice."""
    return {
        "question": [asdict(one) for one in question.fields],
        "edits": {side: asdict(edit) for side, edit in question.edits.items()},
        "choices": [asdict(one) for one in question.choices],
        "request": asdict(question.request) if question.request else None,
    }


def _tell(call: Call, items: list[dict[str, Any]]) -> None:
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
        if "choices" in item:
            _tell_question(call, item)
            tell_decisions(call, item["decisions"])
    if not items:
        screen.line("nothing is on the worklist", style="green")


def _tell_question(call: Call, item: dict[str, Any]) -> None:
    """A conflict field by field, who changed what, and every possible answer with the command that gives it."""
    screen, zone = call.screen, call.settings.time_zone
    for one in item["question"]:
        screen.line(f"    {one['field']}:")
        for label, key in (("both last agreed on", "base"), ("the CRM says", "crm"), ("the ERP says", "erp")):
            screen.line(f"        {label}: {one[key]}")
    for side, edit in item["edits"].items():
        if told := ", ".join(filter(None, (edit["by"], edit["at"] and local(edit["at"], zone)))):
            screen.line(f"    changed in the {side.upper()} by {told}")
    for choice in item["choices"]:
        screen.line(f"    isthmus worklist resolve {item['number']} --take {choice['take']}    {choice['words']}")
    if len(item["question"]) > 1:
        each = " ".join(f"--take {one['field']}=crm|erp" for one in item["question"])
        screen.line(f"    isthmus worklist resolve {item['number']} {each}")
    if request := item["request"]:
        wanted = f"{request['who']} {request['why']}" if request["verb"] == "resolve" else f"{request['who']} hides it"
        screen.line(f"    asked for: {wanted}; {request['told']}: another person gives the same answer", style="yellow")


@command(app)
def decisions(
    call: Call,
    most: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = 100,
) -> None:
    """Tell what people decided, asked for and were refused.

    Example: isthmus worklist decisions --json
    """
    with call.workshop() as workshop:
        found = [asdict(one) for one in workshop.office.decisions(most=most)]
    call.finish({"decisions": found}, lambda: tell_decisions(call, found))


@command(app, audited=True)
def retry(
    call: Call,
    number: Annotated[int | None, typer.Argument(help="One item; else all that may have become possible.")] = None,
) -> None:
    """Make items due: the next run fetches and plans them again.

    Example: isthmus worklist retry 12
    """
    with call.workshop() as workshop:
        names = workshop.office.retry(call.who, number)
        running = [] if number else workshop.office.untried(names)
    _tell_due(call, names, running)


@command(app, audited=True)
def resolve(
    call: Call,
    number: NUMBER,
    *,
    take: Annotated[list[str], typer.Option(metavar="crm|erp|FIELD=crm|ID", help="Whose value holds; what stays.")],
) -> None:
    """Answer a question. If either side has moved by the next run, it is asked anew.

    Example: isthmus worklist resolve 12 --take erp --take po_number=crm
    """
    who = decider(call)
    with call.workshop() as workshop:
        found = workshop.office.item(number)
        name = workshop.office.resolve(number, _answer(take, workshop.office.question(found)), who)
    if name:
        _tell_due(call, [name])
    else:
        _tell_second(call, number)


def _answer(take: list[str], question: Question) -> Take:
    """``crm`` for all fields that are not named, ``po_number=erp`` for one; the id of what stays for a merge."""
    if not question.fields:
        return take[-1]
    answer: dict[str, str] = {}
    for one in sorted(take, key=lambda text: "=" in text):
        name, is_one, side = one.partition("=")
        answer |= {name: side} if is_one else dict.fromkeys((field.field for field in question.fields), one)
    return answer


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
    who = decider(call)
    with call.workshop() as workshop:
        hidden = workshop.office.dismiss(number, who, why)
    if not hidden:
        _tell_second(call, number)
        return
    document = {"number": number, "dismissed": True, "by": who, "why": why}
    call.finish(document, lambda: call.screen.line(f"{number} is hidden until its record changes"))


def _tell_second(call: Call, number: int) -> None:
    words_of = f"{number} takes two people: another one who may gives the same answer with the same command"
    call.finish({"number": number, "asked": True}, lambda: call.screen.line(words_of, style="yellow"))


def _tell_due(call: Call, names: list[str], running: Sequence[str] = ()) -> None:
    words_of = [f"due with the next run; now: isthmus sync {' '.join(names)}"] if names else []
    words_of += [f"left out, because it is running: {', '.join(running)}; say it again then"] if running else []
    told = "\n".join(words_of or ["nothing to retry"])
    call.finish({"due": names, "running": list(running)}, lambda: call.screen.lines(told))


def register(outer: typer.Typer) -> None:
    outer.add_typer(app, name="worklist")
