"""What those do who operate Isthmus: mapping files, pauses, the worklist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from isthmus.kernel.errors import Refused, Unavailable
from isthmus.mapping.compile import CompiledMapping, compile_mapping
from isthmus.mapping.load import load_mappings
from isthmus.mapping.spec import Call, MappingSpec, Row
from isthmus.reconcile import question
from isthmus.reconcile.resolve import Office
from isthmus.settings import Settings
from isthmus.testing.world.world import MAPPINGS, World, the_mappings

OPERATOR = "cli:olga"
#: The row of each mapping that its changed file trims: nothing that people enter here has blanks around it.
TRIMMED = {"customer": "name", "quote": "currency", "order": "currency"}


@cache
def changed_mappings() -> dict[str, CompiledMapping]:
    """The mappings as their files are after an edit: another hash, the same results."""
    specs = [spec for spec in load_mappings(MAPPINGS) if spec.entity in TRIMMED]
    given = {"crm_numbers": "decimal", "erp_numbers": "scaled", "time_zone": "UTC"}
    return {spec.entity: compile_mapping(_trimmed(spec), **given) for spec in specs}  # type: ignore[arg-type]


def _trimmed(spec: MappingSpec) -> MappingSpec:
    def trim(row: Row) -> Row:
        if row.name != TRIMMED[spec.entity] or row.crm is None:
            return row
        return replace(row, crm=replace(row.crm, via=(Call("trim", (), row.crm.place),)))

    return replace(spec, rows=tuple(trim(row) for row in spec.rows))


class Operators:
    """The operators of one world; they decide at Isthmus's own office."""

    def __init__(self, world: World) -> None:
        self.world, self.dice = world, world.dice
        systems = {"crm": world.crm, "erp": world.weak if world.is_weak else world.near}
        self.office = Office(
            Settings(file=Path("isthmus.yaml")), world.disk.engine, world.clock, systems, world.mappings  # type: ignore[arg-type]
        )  # fmt: skip

    def acts(self) -> list[tuple[int, str, Callable[[], str | None]]]:
        """Weight, kind of trouble, act."""
        return [
            (2, "mapping_edited", self.edit_mapping), (5 if self.world.paused else 2, "paused", self.pause),
            (3, "retries", self.retry),
            (4, "dismissals", self.dismiss), (6, "answers", self.answer),
        ]  # fmt: skip

    def calm(self) -> None:
        """Nothing rests, and what was changed is accepted."""
        for name in sorted(self.world.paused):
            self._resume(name)
        for name, mapping in self.world.mappings.items():
            if mapping is not the_mappings()[name] or len(self.world.hashes[name]) > 1:
                self._accept(name)

    def edit_mapping(self) -> str:
        """A file is changed, or changed back; or who reads what that would do accepts it."""
        name = self.dice.choice(sorted(TRIMMED))
        if self.dice.random() < 0.5 and len(self.world.hashes[name]) > 1:
            return self._accept(name)
        now = self.world.mappings[name]
        after = changed_mappings()[name] if now is the_mappings()[name] else the_mappings()[name]
        self.world.mappings[name] = after
        self.world.hashes[name].add(after.hash)
        return f"changes the mapping {name}"

    def _accept(self, name: str) -> str:
        return self._decide(f"accepts the mapping {name}", lambda: self.office.accept(name, OPERATOR, "it was read"))

    def pause(self) -> str:
        if self.world.paused and self.dice.random() < 0.6:
            return self._resume(self.dice.choice(sorted(self.world.paused)))
        name = self.dice.choice(sorted(self.world.mappings))
        if self.world.running:
            return f"may not pause {name}: a run is under way"
        self.world.paused.add(name)
        return self._decide(f"pauses {name}", lambda: self.office.pause(name, OPERATOR, "prices are reviewed"))

    def _resume(self, name: str) -> str:
        self.world.paused.discard(name)
        return self._decide(f"resumes {name}", lambda: self.office.resume(name, OPERATOR))

    def _decide(self, what: str, work: Callable[[], object]) -> str:
        try:
            with self.world.offstage():
                work()
        except (Refused, Unavailable) as error:
            return f"the operator may not: {what}: {error}"
        return f"the operator {what}"

    # --- the worklist ---------------------------------------------------------------------------------------------

    def _numbers(self, where: str = "true") -> list[int]:
        return [row["id"] for row in self.world.ask(f"SELECT id FROM state_worklist WHERE {where} ORDER BY id")]

    def retry(self) -> str | None:
        numbers = self._numbers()
        if not numbers:
            return None
        number = self.dice.choice(numbers) if self.dice.random() < 0.5 else None
        return self._decide(f"retries {number or 'everything'}", lambda: self.office.retry(OPERATOR, number))

    def dismiss(self) -> str | None:
        numbers = self._numbers("dismissed_by IS NULL")
        if not numbers:
            return None
        number = self.dice.choice(numbers)
        return self._decide(f"dismisses {number}", lambda: self.office.dismiss(number, OPERATOR, "it is known"))

    def answer(self) -> str | None:
        """Which value holds, or which customer stays. What was entered last counts no more: the answer does."""
        numbers = self._numbers("reason = 'conflict' OR detail LIKE '%winner%'")
        if not numbers:
            return None
        number = self.dice.choice(numbers)
        item = self.office.item(number)
        if not question.is_question(item):
            return None
        is_merge = question.is_merge(item)
        take = self.dice.choice(question.details(item)["candidates"] if is_merge else ("crm", "erp"))
        asked = {
            item.source_id,
            *(crm_id for crm_id, erp_id in self.world.pairs(item.mapping) if erp_id == item.source_id),
        }
        for place in self.world.last_said:
            if is_merge or (place[0] == item.mapping and place[1] in asked):
                self.world.last_said[place] = None
        return self._decide(f"answers {number}: {take}", lambda: self.office.resolve(number, take, OPERATOR))
