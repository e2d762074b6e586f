"""What people decide: which value holds, what is tried again, what is hidden, which mapping may change or must rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from sqlalchemy import Engine

from isthmus.connect.protocol import Connector
from isthmus.db import reading, writing
from isthmus.kernel.clock import Clock, format_stamp
from isthmus.kernel.errors import Misconfigured, Refused
from isthmus.kernel.units import Side
from isthmus.mapping.compile import CompiledMapping
from isthmus.settings import Settings
from isthmus.state import mappings as remembered
from isthmus.state import progress, worklist
from isthmus.state.bindings import Lane
from isthmus.state.progress import Due
from isthmus.state.worklist import Item

#: Whose value holds: one side's in every field, or field by field.
Take = Side | Mapping[str, Side]

RETRIED = ("waiting", "refused", "in_doubt", "ambiguous")  # what may become possible without an edit in the CRM


@dataclass(frozen=True, slots=True)
class Office:
    """Where people decide: who may what (``settings``), the store, both systems and the mappings by entity."""

    settings: Settings
    engine: Engine
    clock: Clock
    systems: Mapping[Side, Connector]
    mappings: Mapping[str, CompiledMapping]

    def now(self) -> str:
        return format_stamp(self.clock.now())

    def mapping(self, name: str) -> CompiledMapping:
        """A mapping by its name. Raises Misconfigured for an unknown one."""
        for mapping in self.mappings.values():
            if mapping.name == name:
                return mapping
        known = ", ".join(mapping.name for mapping in self.mappings.values())
        raise Misconfigured(f"mapping {name}", "there is no such mapping", f"use one of {known}")

    # --- mappings -------------------------------------------------------------------------------------------------

    def accept(self, name: str, who: str, why: str) -> str:
        """Lets the mapping as it is now change as much as it will. Returns its hash."""
        mapping = self.mapping(name)
        _need(why, "a reason")
        now = self.now()
        with writing(self.engine) as connection:
            remembered.store(
                connection, mapping.name, mapping.entity, accepted_hash=mapping.hash, accepted_by=who,
                accepted_why=why, accepted_at=now, crm_print=None, erp_print=None,
            )  # fmt: skip
        return mapping.hash

    def pause(self, name: str, who: str, why: str) -> None:
        """Runs of the mapping are skipped until `resume`; nothing that waits is lost."""
        _need(why, "a reason")
        self._set_pause(name, paused_by=who, paused_why=why, paused_at=self.now())

    def resume(self, name: str, who: str) -> None:
        self._set_pause(name, paused_by=None, paused_why=f"resumed by {who}", paused_at=None)

    def _set_pause(self, name: str, **what: str | None) -> None:
        mapping = self.mapping(name)
        with writing(self.engine) as connection:
            remembered.store(connection, mapping.name, mapping.entity, **what)

    # --- items of the worklist ------------------------------------------------------------------------------------

    def item(self, number: int) -> Item:
        """One item of the worklist. Raises Refused for an unknown number."""
        with reading(self.engine) as connection:
            found = worklist.find(connection, number)
        if found is None:
            raise Refused(f"worklist {number}", "there is no such item", "see `isthmus worklist show`")
        return found

    def retry(self, who: str, number: int | None = None) -> list[str]:
        """Makes items due: one, or all that may have become possible. Returns the mappings to be run."""
        items = [self.item(number)] if number is not None else self._retriable()
        now = self.now()
        with writing(self.engine) as connection:
            for one in items:
                progress.add_due(connection, _lane(one), [Due(one.source_id, f"retried by {who}", now)])
        touched = {one.mapping for one in items}
        return [mapping.name for mapping in self.mappings.values() if mapping.name in touched]

    def _retriable(self) -> list[Item]:
        with reading(self.engine) as connection:
            return [one for one in worklist.load_all(connection) if one.reason in RETRIED]

    def resolve(self, number: int, take: Take, who: str) -> str | None:
        """Answers a conflict for both versions that were asked about. Returns the mapping to be run.

        If either side moves again before the next run, the question is asked anew.
        """
        found = self.item(number)
        asked = orjson.loads(found.detail) if found.detail else {}
        if found.reason != "conflict" or "values" not in asked:
            raise Refused(f"worklist {number}", f"{found.reason} is no choice between two values", found.fault.remedy)
        answer = {"take": _by_field(found, asked["values"], take), "versions": asked["versions"]}
        why = f"{who} took the value of {_told(answer['take'])}"
        due = Due(found.source_id, why, self.now(), resolution=orjson.dumps(answer).decode())
        with writing(self.engine) as connection:
            progress.add_due(connection, _lane(found), [due])
        return found.mapping

    def dismiss(self, number: int, who: str, why: str) -> bool:
        """Hides an item until its record changes. Returns whether it is hidden. Raises Refused without a reason."""
        _need(why, "a reason")
        self.item(number)
        with writing(self.engine) as connection:
            worklist.dismiss(connection, number, who=who, why=why)
        return True


def _by_field(found: Item, asked: Mapping[str, object], take: Take) -> dict[str, Side]:
    """The side of each field that was asked about. Raises Refused when the answer is to another question."""
    given: dict[str, Side] = dict.fromkeys(asked, take) if isinstance(take, str) else dict(take)
    if unknown := sorted(given.keys() - asked.keys()):
        known = f"it asks about {', '.join(sorted(asked))}"
        raise Refused(f"worklist {found.id}", f"{unknown[0]} is not in question", known)
    if missing := sorted(asked.keys() - given.keys()):
        raise Refused(
            f"worklist {found.id}", f"{', '.join(missing)} is not answered", "say whose value holds there too"
        )
    return given


def _told(take: Mapping[str, Side]) -> str:
    """``the CRM``, or ``po_number from the CRM, salesperson from the ERP``."""
    if len(set(take.values())) == 1:
        return f"the {next(iter(take.values())).upper()}"
    return ", ".join(f"{name} from the {side.upper()}" for name, side in sorted(take.items()))


def _need(text: str, what: str) -> None:
    if not text.strip():
        raise Refused(what, "is missing", "say why; it is kept in the audit")


def _lane(one: Item) -> Lane:
    return Lane(one.mapping, "crm" if one.side == "crm" else "erp")
