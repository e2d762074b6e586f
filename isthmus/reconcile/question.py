"""A question to a person, in words: what both sides last agreed on, what each says now, who changed it.

Pure: what the systems show is handed in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from isthmus.kernel.clock import local_time, parse_stamp
from isthmus.kernel.errors import Refused
from isthmus.kernel.money import from_micros
from isthmus.kernel.records import Fields
from isthmus.kernel.units import Side
from isthmus.mapping.compile import CompiledMapping
from isthmus.settings.people import money
from isthmus.state.bindings import Lane
from isthmus.state.decisions import Decided
from isthmus.state.worklist import Item

#: Whose value holds: one side's in every field (``crm``), or field by field; of a merge the id that stays.
Take = str | Mapping[str, str]

NOTHING = "(empty)"
LONGEST = 300  # characters of a value on a page
TOTALS = ("total", "amount", "lines_total")  # what a document comes to: the first that a form has


@dataclass(frozen=True, slots=True)
class Asked:
    """One field that both sides changed, in words. ``base`` is what both sides last agreed on."""

    field: str
    base: str
    crm: str
    erp: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Who changed a side and when, as far as the system says: empty where it does not."""

    by: str
    at: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One possible answer and what it means. ``take`` is what `resolve` is told."""

    take: str
    words: str


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that a person needs to answer. ``request`` is what somebody asked for and a second must confirm.

    ``name`` is what people call the record: its number, or its name.
    """

    number: int
    entity: str
    id: str
    name: str
    since: str
    what: str
    fields: tuple[Asked, ...]
    edits: Mapping[Side, Edit]
    choices: tuple[Choice, ...]
    request: Decided | None

    @property
    def title(self) -> str:
        """``12: po_number of order SO-7``."""
        names = ", ".join(one.field for one in self.fields)
        return f"{self.number}: {f'{names} of ' if names else ''}{self.entity} {self.name or self.id}"

    @property
    def answers(self) -> dict[str, str]:
        """Each answer and what it means, with the values where it is about one field."""
        if len(self.fields) != 1:
            return {choice.take: choice.words for choice in self.choices}
        (one,) = self.fields
        return {"crm": f"the CRM's value: {one.crm}", "erp": f"the ERP's value: {one.erp}"}

    def as_markdown(self, time_zone: str) -> str:
        """A page that shows everything of it; what people entered cannot be more than text there."""
        since = _local(self.since, time_zone)
        lines = [f"**{_plain(self.title)}** ({_plain(self.id)}), since {since}: {_plain(self.what)}", ""]
        if self.fields:
            lines += ["| field | both last agreed on | the CRM says | the ERP says |", "| --- | --- | --- | --- |"]
        for one in self.fields:
            lines.append("| " + " | ".join(map(_plain, (one.field, one.base, one.crm, one.erp))) + " |")
        lines += [""] if self.fields else []
        for side, edit in self.edits.items():
            if edit.by or edit.at:
                told = ", ".join(filter(None, (edit.by, edit.at and _local(edit.at, time_zone))))
                lines.append(f"- changed in the {side.upper()} by {_plain(told)}")
        lines += [] if self.fields else [f"- {_plain(choice.take)}: {_plain(choice.words)}" for choice in self.choices]
        if self.request:
            told = f"{self.request.who} {self.request.why}; {self.request.told}: another person gives the same answer"
            lines.append(f"- {_plain(told)}")
        return "\n".join(lines)


def _plain(text: str) -> str:
    """Text in Markdown: one line, not longer than a line of a table bears, and nothing in it is a mark."""
    line = " ".join(text.split())
    short = line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
    return re.sub(r"([^\w\s,;…]|_)", r"\\\1", short)


def _local(stamp: str, time_zone: str) -> str:
    return local_time(stamp, time_zone).strftime("%Y-%m-%d %H:%M:%S")


def details(item: Item) -> dict[str, Any]:
    """What an item says beyond its words."""
    found: dict[str, Any] = orjson.loads(item.detail) if item.detail else {}
    return found


def lane_of(item: Item) -> Lane:
    """The direction in which its record is read."""
    return Lane(item.mapping, "crm" if item.side == "crm" else "erp")


def is_merge(item: Item) -> bool:
    """Whether a person is to choose which of two records of the target stays."""
    return item.reason == "ambiguous" and "winner" in details(item)


def is_question(item: Item) -> bool:
    """Whether it has choices: two values, or two records."""
    return is_merge(item) or (item.reason == "conflict" and "values" in details(item))


def choose(item: Item, take: Take) -> dict[str, str]:
    """An answer as field → side, or ``{"stays": id}`` for a merge. Raises Refused when it answers another question."""
    where, asked = f"worklist {item.id}", details(item)
    if not is_question(item):
        raise Refused(where, f"{item.reason} is no choice between two values", item.fault.remedy)
    if is_merge(item):
        if take not in asked["candidates"]:
            raise Refused(where, f"{_spelt(take)} is not in question", f"take {' or '.join(asked['candidates'])}")
        return {"stays": str(take)}
    values: Mapping[str, object] = asked["values"]
    given = dict.fromkeys(values, take) if isinstance(take, str) else dict(take)
    for name, side in given.items():
        if name not in values:
            raise Refused(where, f"{name} is not in question", f"it asks about {', '.join(sorted(values))}")
        if side not in ("crm", "erp"):
            raise Refused(where, f"{_spelt(side)} is no side", "take crm or erp")
    if missing := sorted(values.keys() - given.keys()):
        raise Refused(where, f"{', '.join(missing)} is not answered", "say whose value holds there")
    return {name: str(side) for name, side in sorted(given.items())}


def _spelt(take: object) -> str:
    return ", ".join(f"{key}={value}" for key, value in take.items()) if isinstance(take, Mapping) else str(take)


def tell_choice(answer: Mapping[str, str]) -> str:
    """``took the value of the CRM``; ``took po_number from the CRM, salesperson from the ERP``; ``lets 12 stay``."""
    if stays := answer.get("stays"):
        return f"lets {stays} stay"
    sides = set(answer.values())
    if len(sides) == 1:
        return f"took the value of the {sides.pop().upper()}"
    return "took " + ", ".join(f"{name} from the {side.upper()}" for name, side in answer.items())


# --- what it is about ---------------------------------------------------------------------------------------------


def worth(forms: Iterable[Fields]) -> list[tuple[int, str]]:
    """What the documents come to: (minor units, currency) of each form that has a total."""
    found = []
    for form in forms:
        amounts = [form[name] for name in TOTALS if isinstance(form.get(name), int)]
        if amounts and isinstance(form.get("currency"), str):
            found.append((amounts[0], form["currency"]))
    return found


def exposures(standings: Iterable[Fields]) -> list[tuple[int, str]]:
    """What customers owe and have ordered, by their credit standing; what they owe where only that is known."""
    return [
        (amounts[0], form["currency"])
        for form in standings
        if (amounts := [form[name] for name in ("exposure", "outstanding") if isinstance(form.get(name), int)])
        and isinstance(form.get("currency"), str)
    ]


def add_up(amounts: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """One sum for each currency."""
    sums: Counter[str] = Counter()
    for amount_minor, currency in amounts:
        sums[currency] += amount_minor
    return [(amount_minor, currency) for currency, amount_minor in sums.items()]


# --- in words -----------------------------------------------------------------------------------------------------


def fields_of(item: Item, mapping: CompiledMapping, currency: str | None) -> tuple[Asked, ...]:
    """The fields of a conflict, each with both values and what both last agreed on."""
    speak = _Speaker(mapping, currency)
    asked = []
    for name, one in details(item).get("values", {}).items():
        bases = list(dict.fromkeys(speak.tell(name, one[key]) for key in ("base_crm", "base_erp")))
        base = " in the CRM, ".join(bases) + (" in the ERP" if len(bases) > 1 else "")
        asked.append(Asked(name, base, speak.tell(name, one["crm"]), speak.tell(name, one["erp"])))
    return tuple(asked)


def edits_of(item: Item) -> dict[Side, Edit]:
    """Who changed each side, and when: a version that is an instant tells."""
    found: dict[Side, Edit] = {}
    sides: tuple[Side, Side] = ("crm", "erp")
    for side in sides:
        by, version = details(item).get("edits", {}).get(side) or (None, "")
        found[side] = Edit(by or "", version if _is_instant(version) else "")
    return found


def _is_instant(version: str) -> bool:
    try:
        parse_stamp(version)
    except ValueError:
        return False
    return True


def choices_of(item: Item, shown: Mapping[str, Fields], standings: Mapping[str, Fields]) -> tuple[Choice, ...]:
    """The possible answers. For a merge each record with its name, number and, where it is known, what it owes."""
    if not is_question(item):
        return ()
    if not is_merge(item):
        return (Choice("crm", "the CRM's value holds"), Choice("erp", "the ERP's value holds"))
    return tuple(Choice(key, _tell_candidate(shown.get(key, {}), standings.get(key, {}))) for key in _candidates(item))


def _candidates(item: Item) -> Sequence[str]:
    candidates: list[str] = details(item)["candidates"]
    return candidates


def _tell_candidate(form: Fields, standing: Fields) -> str:
    words = [str(form[name]) for name in ("number", "name") if form.get(name)]
    told = " ".join(words) + " stays"
    known = {name: value for name, value in standing.items() if isinstance(value, int)}
    currency = standing.get("currency")
    if "outstanding" not in known or not currency:
        return told
    told += f", owes {money(known['outstanding'], currency)}"
    told += f", {money(known['overdue'], currency)} of it overdue" if known.get("overdue") else ""
    exposure = known.get("exposure", known["outstanding"])
    told += f", {money(exposure, currency)} with open orders" if exposure != known["outstanding"] else ""
    return told + (f", limit {money(known['limit'], currency)}" if "limit" in known else "")


class _Speaker:
    """Tells values of a mapping's entity as people write them, in one currency."""

    def __init__(self, mapping: CompiledMapping, currency: str | None) -> None:
        spec = mapping.spec
        self._types = {row.path: row.type for row in spec.rows}
        self._types.update({f"lines.{row.name}": row.type for row in spec.lines})
        self._currency = currency

    def tell(self, name: str, value: Any) -> str:
        if value is None or value in ("", [], {}):
            return NOTHING
        if isinstance(value, dict):
            return ", ".join(f"{key} {self.tell(f'{name}.{key}', one)}" for key, one in value.items() if key != "key")
        if isinstance(value, list):
            return "; ".join(self.tell(name, one) for one in value)
        if isinstance(value, bool):
            return "yes" if value else "no"
        return self._tell_number(self._types.get(name), value) if isinstance(value, int) else str(value)

    def _tell_number(self, kind: str | None, value: int) -> str:
        if kind == "money":
            return money(value, self._currency) if self._currency else f"{value} minor units"
        number = from_micros(value) if kind in ("price", "decimal") else Decimal(value)
        return f"{number:f}"
