"""``isthmus explain``: the whole story of one record, in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus.cli.call import Call, command
from isthmus.cli.deciding import tell_decisions
from isthmus.cli.figures import amount_json, differences, entity_types, plain, side_types, words
from isthmus.cli.standing import local
from isthmus.kernel.errors import Refused
from isthmus.kernel.records import Fields
from isthmus.kernel.units import Side

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
        told = _Reader(workshop.ports.mappings[entity], workshop.ports, _currency(story)).document(story)
        records = [f"{entity} {key}" for key in (story.crm_id, story.erp_id) if key]
        told["decisions"] = [asdict(one) for one in workshop.office.decisions(records=records)]
    call.finish(told, lambda: _tell(call, told))


# --- as plain values ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads stored steps as people read them: by this mapping, in this document's currency."""

    mapping: CompiledMapping
    ports: Ports
    currency: str | None

    def document(self, story: Story) -> dict[str, Any]:
        types = entity_types(self.mapping.spec)
        in_erp = types.flat(story.erp_form, self.currency)
        return {
            "entity": story.entity, "id": story.id, "verdict": story.verdict, "remedy": story.remedy,
            "crm_id": story.crm_id, "erp_id": story.erp_id,
            "rows": [
                {
                    "row": one.row, "crm_field": one.field, "crm_value": one.value,
                    "value": plain(types.header.get(one.row), one.entity_value, self.currency),
                    "erp_value": in_erp.get(one.row),
                }
                for one in story.trace
            ],
            "erp": in_erp,
            "steps": [self.step(one) for one in story.steps],
            "worklist": [
                {"number": one.id, "reason": one.reason, "since": one.since, "attempts": one.attempts,
                 **asdict(one.fault)}
                for one in story.items
            ],
            "due": [{"id": one.id, "why": one.why, "since": one.since} for one in story.dues],
            "next": story.next,
            "evidence": [
                {
                    "figures": list(one.figures), "document": one.document, "day": one.day, "currency": one.currency,
                    "amount": amount_json(one.amount_minor, one.currency),
                    "postings": [
                        {"account": account, "currency": currency, "amount": amount_json(amount, currency)}
                        for account, currency, amount in one.postings
                    ],
                }
                for one in story.evidence
            ],
        }  # fmt: skip

    def step(self, step: Step) -> dict[str, Any]:
        """What happened, with the target's own field names; amounts before and after in decimals."""
        payload: Fields = dict(step.payload)
        written, lines = payload.pop("written", None) or {}, payload.pop("lines", None)
        before = payload.pop("before", None)
        target: Side = "erp" if step.direction.endswith("erp") else "crm"
        return {
            "at": step.at, "direction": step.direction, "outcome": step.outcome, "version": step.version,
            "run": step.run_id, "who": step.who, "mapping_hash": step.mapping_hash,
            "before": self._before(target, before) if before else None,
            "written": self._flat(target, written, lines),
            **payload,
            "overruled": [edit for one in payload.get("overruled", ()) for edit in self._overruled(one)],
        }  # fmt: skip

    def _flat(self, side: Side, fields: Fields, lines: list[Fields] | None) -> dict[str, Any]:
        scaled = self.ports.system(side).capabilities.numbers == "scaled"
        whole = fields if lines is None else {**fields, "lines": lines}
        return side_types(self.mapping.spec, side, scaled=scaled).flat(whole, self.currency)

    def _before(self, side: Side, form: Fields) -> dict[str, Any] | None:
        """The units that were written as they stood there, in the target's own words; None when they have none now."""
        filled = {name: value for name, value in form.items() if value is not None}
        try:
            shown = self.mapping.to_fields(side, {"currency": self.currency, **filled}, frozenset(filled))
        except Refused:
            return None
        return self._flat(side, *shown)

    def _overruled(self, edit: Fields) -> list[dict[str, Any]]:
        """An edit that was undone, field by field."""
        types = entity_types(self.mapping.spec)
        old, new = (types.flat({edit["field"]: edit[name]}, self.currency) for name in ("old", "new"))
        return [
            {"field": one.field, "by": edit.get("by"), "old": one.old, "new": one.new} for one in differences(old, new)
        ]


def _currency(story: Story) -> str | None:
    found = story.erp_form.get("currency")
    return found or next((str(one.entity_value) for one in story.trace if one.row == "currency"), None)


# --- in words -----------------------------------------------------------------------------------------------------


def _tell(call: Call, told: dict[str, Any]) -> None:
    screen = call.screen
    screen.line(told["verdict"], style="bold")
    if told["remedy"]:
        screen.line(f"to do: {told['remedy']}", style="yellow")
    screen.line(f"CRM {told['crm_id'] or '-'}, ERP {told['erp_id'] or '-'}")
    _tell_rows(call, told)
    _tell_evidence(call, told["evidence"])
    _tell_steps(call, told["steps"])
    if told["decisions"]:
        screen.line("decided by people", style="bold")
        tell_decisions(call, told["decisions"])
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


def _tell_evidence(call: Call, evidence: list[dict[str, Any]]) -> None:
    """The documents behind the figures, each with its postings."""
    if not evidence:
        return
    call.screen.line("made of", style="bold")
    rows = []
    for one in evidence:
        postings = ", ".join(f"{post['account']} {post['amount']}" for post in one["postings"])
        rows.append([", ".join(one["figures"]), one["document"], one["day"], one["amount"], one["currency"], postings])
    call.screen.table(("figures", "document", "day", "amount", "", "postings"), rows)
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
    lines = [f"because {one['due']}"] if one.get("due") else []
    lines += _changes(one["before"], one["written"])
    lines += [
        f"undone: {edit['field']} was set to {words(edit['new'])} by {edit['by'] or 'somebody'}"
        for edit in one["overruled"]
    ]
    if listed := one.get("listed"):
        lines.append(f"{listed['reason']}: {'; '.join(part for part in listed['fault'][1:] if part)}")
    if one.get("merged_into"):
        lines.append(f"merged into {one['merged_into']}")
    if one.get("took_over"):
        lines.append(f"took over what {one['took_over']} had")
    if one.get("bound_by"):
        lines.append(f"bound to what was there already; confirmed by {one['bound_by']}")
    return lines


def _changes(before: dict[str, Any] | None, written: dict[str, Any]) -> list[str]:
    """What was written, with what stood there before where that is known; what stayed the same is left out."""
    if before is None:
        return [f"{name}: {words(value)}" for name, value in written.items() if value not in (None, "")]
    return [f"{one.field}: {words(one.old)} → {words(one.new)}" for one in differences(before, written)]


def register(app: typer.Typer) -> None:
    command(app)(explain)
