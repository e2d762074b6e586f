"""``isthmus explain``: the whole story of one record, in words."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus.cli.call import Call, command
from isthmus.cli.figures import Types, entity_types, plain, side_types, words
from isthmus.cli.standing import local
from isthmus.kernel.records import Fields

if TYPE_CHECKING:
    from isthmus.mapping.compile import CompiledMapping
    from isthmus.sync.explain import Step, Story
    from isthmus.sync.ports import Ports


def explain(
    call: Call,
    entity: Annotated[str, typer.Argument(help="customer, product, quote, order …")],
    record_id: Annotated[str, typer.Argument(metavar="ID", help="Its id in either system.")],
) -> None:
    """Tell the life of one record: what it is, rule by rule, what was done to it, or why it is not through.

    Example: isthmus explain order 801xx0000000001
    """
    with call.workshop() as workshop:
        story = workshop.explain(entity, record_id)
        told = _document(story, workshop.ports.mappings[entity], workshop.ports)
    call.finish(told, lambda: _tell(call, told))


def _document(story: Story, mapping: CompiledMapping, ports: Ports) -> dict[str, Any]:
    types = entity_types(mapping.spec)
    currency = story.erp_form.get("currency") or next(
        (str(one.entity_value) for one in story.trace if one.row == "currency"), None
    )
    in_erp = types.flat(story.erp_form, currency)
    kinds = {
        "crm→erp": side_types(mapping.spec, "erp", scaled=ports.erp.capabilities.numbers == "scaled"),
        "erp→crm": side_types(mapping.spec, "crm", scaled=ports.crm.capabilities.numbers == "scaled"),
    }
    return {
        "entity": story.entity, "id": story.id, "verdict": story.verdict, "remedy": story.remedy,
        "crm_id": story.crm_id, "erp_id": story.erp_id,
        "rows": [
            {
                "row": one.row, "crm_field": one.field, "crm_value": one.value,
                "value": plain(types.header.get(one.row), one.entity_value, currency), "erp_value": in_erp.get(one.row),
            }
            for one in story.trace
        ],
        "erp": in_erp,
        "steps": [_step(one, kinds[one.direction], currency) for one in story.steps],
        "worklist": [
            {"number": one.id, "reason": one.reason, "since": one.since, "attempts": one.attempts, **asdict(one.fault)}
            for one in story.items
        ],
        "due": [{"id": one.id, "why": one.why, "since": one.since} for one in story.dues],
        "next": story.next,
    }  # fmt: skip


def _step(step: Step, types: Types, currency: str | None) -> dict[str, Any]:
    """What happened, with the target's own field names; before and written as people read figures."""
    payload: Fields = dict(step.payload)
    written = dict(payload.pop("written", None) or {})
    if payload.get("lines") is not None:
        written["lines"] = payload.pop("lines")
    before = payload.pop("before", None)
    return {
        "at": step.at, "direction": step.direction, "outcome": step.outcome, "version": step.version,
        "run": step.run_id, "who": step.who, "mapping_hash": step.mapping_hash,
        "before": types.flat(before, currency) if isinstance(before, dict) else None,
        "written": types.flat(written, currency), **payload,
    }  # fmt: skip


# --- in words -----------------------------------------------------------------------------------------------------


def _tell(call: Call, told: dict[str, Any]) -> None:
    screen = call.screen
    screen.line(told["verdict"], style="bold")
    if told["remedy"]:
        screen.line(f"to do: {told['remedy']}", style="yellow")
    screen.line(f"CRM {told['crm_id'] or '-'}, ERP {told['erp_id'] or '-'}")
    _tell_rows(call, told)
    _tell_steps(call, told["steps"])
    for item in told["worklist"]:
        since = local(item["since"], call.settings.time_zone)
        screen.line(f"worklist {item['number']}: {item['reason']} since {since}, tried {item['attempts']}×")
        screen.line(f"    {item['where']}: {item['what']}; {item['remedy']}")
    for due in told["due"]:
        screen.line(f"due since {local(due['since'], call.settings.time_zone)}: {due['why']}")
    if told["next"]:
        screen.line(f"the next run would leave it {told['next']}")


def _tell_rows(call: Call, told: dict[str, Any]) -> None:
    if not told["rows"]:
        return
    call.screen.line()
    call.screen.line("rule by rule", style="bold")
    rows = [
        [one["row"], one["crm_field"], words(one["crm_value"]), words(one["value"]), words(one["erp_value"])]
        for one in told["rows"]
    ]
    call.screen.table(("row", "CRM field", "CRM says", "means", "ERP showed"), rows)
    call.screen.line()


def _tell_steps(call: Call, steps: list[dict[str, Any]]) -> None:
    screen, zone = call.screen, call.settings.time_zone
    if steps:
        screen.line("history", style="bold")
    for one in steps:
        head = f"{local(one['at'], zone)}  {one['direction']} {one['outcome']}, run {one['run']} by {one['who']}"
        screen.line(f"{head}, mapping {one['mapping_hash'][:12]}, source version {one['version'] or '-'}")
        for line in _details(one):
            screen.line(f"    {line}")
    if steps:
        screen.line()


def _details(one: dict[str, Any]) -> list[str]:
    before = one["before"] or {}
    lines = [f"because {one['due']}"] if one.get("due") else []
    for name, value in one["written"].items():
        if name in before and before[name] == value:
            continue
        old = f"{words(before[name])} → " if name in before else ""
        lines.append(f"{name}: {old}{words(value)}")
    lines += [
        f"undone: {edit['field']} was set to {words(edit['new'])} by {edit['by'] or 'somebody'}"
        for edit in one.get("overruled") or ()
    ]
    if listed := one.get("listed"):
        lines.append(f"{listed['reason']}: {'; '.join(part for part in listed['fault'][1:] if part)}")
    if one.get("merged_into"):
        lines.append(f"merged into {one['merged_into']}")
    if one.get("bound_by"):
        lines.append(f"bound to what was there already; confirmed by {one['bound_by']}")
    return lines


def register(app: typer.Typer) -> None:
    command(app)(explain)
