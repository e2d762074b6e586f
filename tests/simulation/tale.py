"""Directed stories of the simulated world: what happens to each write is said in advance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

from isthmus.connect.protocol import Change
from isthmus.erp.desk import Desk
from isthmus.erp.intake import write
from isthmus.testing.crashes import Stagehand
from isthmus.testing.world.line import Weather
from isthmus.testing.world.operators import OPERATOR
from isthmus.testing.world.story import Story, open_world
from isthmus.testing.world.workers import Worker
from isthmus.testing.world.world import LANDED, ErpKind, World


class Longest(Random):
    """Whatever may last, lasts as long as it can."""

    def choice(self, seq: Any) -> Any:
        return seq[-1]

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        return (start if stop is None else stop) - step


class Fated(Weather):
    """The weather of a directed story: what happens to the next reads and writes, in their order."""

    def __init__(self) -> None:
        super().__init__(Longest(1), frozenset(("books",)))
        self.next_writes: list[str] = []
        self.next_reads: list[str] = []

    def draw(self, possible: Sequence[str], share: float = 1) -> str:
        if "short_page" in possible and self.next_reads:
            return self.next_reads.pop(0)
        return self.next_writes.pop(0) if "twice" in possible and self.next_writes else ""


class Tale:
    """One world, told step by step."""

    def __init__(self, erp: ErpKind) -> None:
        self.weather = Fated()
        self.world: World = open_world(erp, self.weather)
        self.story = Story(self.world)
        self.hand = Stagehand(self.story)

    def run(self, name: str, *fates: str, worker: Worker | None = None) -> Any:
        self.world.pass_time(timedelta(minutes=15))
        self.weather.next_writes = list(fates)
        return self.world.run(name, worker)

    def calm(self, cycles: int = 4, names: Sequence[str] = ("customer", "quote", "order")) -> None:
        """Nothing goes wrong for so many cycles."""
        for _ in range(cycles):
            for name in names:
                self.run(name)

    def call_erp(self, crm_id: str, phone: str) -> None:
        """A clerk enters a telephone number, whether Isthmus knows the customer already or not."""
        key = f"org-crm/Account/{crm_id}"
        ((erp_id,),) = self.world.ask("SELECT record_id FROM erp_external_key WHERE key = ?", (key,))
        self.hand.people.clerks.at_desk(
            "calls",
            lambda desk: self.hand.people.clerks.take(desk, "customer", erp_id=str(erp_id), fields={"phone": phone}),
        )

    def land(self) -> None:
        """What is still under way arrives."""
        self.world.pass_time(timedelta(hours=30))
        assert LANDED in self.world.counted

    def rows(self, query: str) -> list[Any]:
        return [tuple(row) for row in self.world.ask(query)]

    def is_open(self, crm_id: str) -> bool:
        """Whether a customer is active in the ERP."""
        erp_id = self.hand.erp_id("customer", crm_id)
        if self.world.is_weak:
            return bool(self.world.weak.things["customer"][erp_id].fields["active"])
        return bool(self.rows(f"SELECT active FROM erp_customer WHERE id = {int(erp_id)}")[0][0])

    def listed(self) -> dict[str, str]:
        """What is on the worklist: the record's id → why."""
        return dict(self.rows("SELECT source_id, reason FROM state_worklist ORDER BY id"))

    def enter(self, stream: str, key: str, **fields: Any) -> str:
        """A clerk makes a record that Isthmus does not know, and may have ``lines``; answers its id."""
        found: list[str] = []

        def work(desk: Desk) -> None:
            (answer,) = write(desk, stream, [Change("create", key, fields, fields.pop("lines", None))])
            assert answer.id, answer.fault
            found.append(answer.id)

        self.hand.people.clerks.at_desk("enters", work)
        return found[0]

    def answer(self, take: str, of: str = "") -> None:
        """A person answers what is asked of a record, or the only question that there is."""
        asked = self.rows(
            f"SELECT id FROM state_worklist WHERE source_id = '{of}' OR '{of}' = '' AND detail IS NOT NULL"
        )
        ((number,),) = asked
        self.hand.people.operators.office.resolve(number, take, OPERATOR)

    def questions(self) -> list[Any]:
        return self.rows("SELECT source_id, what FROM state_worklist WHERE reason = 'conflict'")
