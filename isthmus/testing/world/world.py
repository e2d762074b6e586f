"""One simulated company: what a seed decides, and the stage on which it happens."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Literal

from sqlalchemy import text

from isthmus.connect.protocol import Change, Connector
from isthmus.connect.registry import connect
from isthmus.kernel.clock import Clock, SetClock
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import Broken, IsthmusError, Unavailable
from isthmus.mapping.compile import CompiledMapping, compile_mapping
from isthmus.mapping.load import load_mappings
from isthmus.sync.ports import Ports
from isthmus.sync.report import Report
from isthmus.sync.run import Order, run_mapping
from isthmus.testing.world.crm import Crm
from isthmus.testing.world.disk import MORNING, Kept, the_disk
from isthmus.testing.world.line import Line, Weather
from isthmus.testing.world.weak_erp import WeakErp
from isthmus.testing.world.workers import Crash, Worker

ErpKind = Literal["own", "far", "weak"]
MAPPINGS = Path(__file__).parents[1] / "mappings"
NAMES: dict[ErpKind, tuple[str, ...]] = {
    "own": ("customer", "product", "quote", "order", "invoice", "payment"),
    "far": ("customer", "product", "quote", "order", "invoice", "payment"),
    "weak": ("customer", "product", "quote", "order"),
}


LANDED = "late: a request landed"

#: What may go wrong with the database where, and how often.
_FAILING = {
    "begin": ("locked", 0.05), "statement": ("db_restart", 0.02), "commit": ("disk_full", 0.05),
    "committed": ("unheard", 0.1),
}  # fmt: skip

_LEFT_BY_THE_DEAD = text("UPDATE state_lease SET holder = :gone WHERE name = :name AND holder IS NOT NULL")

#: What a world knows beside what is durable.
_REMEMBERED = ("told", "counted", "said", "fell_behind", "edited", "meddled", "cancelled", "last_said", "sittings")


class Violation(AssertionError):
    """Something that is promised does not hold. The text says which promise, and what was seen."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise, self.what = promise, what


@cache
def the_mappings() -> dict[str, CompiledMapping]:
    """The world's own mapping files by entity, in reference order."""
    specs = load_mappings(MAPPINGS)
    return {
        spec.entity: compile_mapping(spec, crm_numbers="decimal", erp_numbers="scaled", time_zone="UTC")
        for spec in specs
    }


class Watch:
    """The clock of the machine on which a worker runs: right, or wrong by its ``skew``."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.skew = clock, timedelta()

    def now(self) -> datetime:
        return self.clock.now() + self.skew


@dataclass(frozen=True)
class Remains:
    """What is durable at one moment: our database, both systems, and the time."""

    database: Kept
    crm: dict[str, Any]
    weak: dict[str, Any]
    at: datetime


@dataclass
class World:
    """A company of the simulation. Everything that is random comes from ``dice``."""

    kind: ErpKind
    dice: Random
    weather: Weather
    clock: SetClock = field(default_factory=lambda: SetClock(MORNING))
    told: list[str] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    stack: list[Worker] = field(default_factory=list)
    posted: list[tuple[datetime, int, Callable[[], object]]] = field(default_factory=list)
    said: int = 100  # the template's texts have lower numbers
    fell_behind: bool = False  # a transaction was seen later than any read looks back
    usurped: dict[str, set[str]] = field(default_factory=dict)  # mapping → workers that another one has succeeded
    running: dict[str, str] = field(default_factory=dict)  # worker → mapping, from its first durable step on
    edited: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)  # entity, CRM id, field → sides
    meddled: set[tuple[str, str]] = field(default_factory=set)  # entity, CRM id: somebody edited what is not theirs
    cancelled: set[str] = field(default_factory=set)  # ERP orders that a clerk cancelled
    last_said: dict[tuple[str, str, str], str | None] = field(default_factory=dict)  # …→ what was entered last
    paused: set[str] = field(default_factory=set)  # mappings that rest
    sittings: int = 0  # how often a clerk sat down at the ERP's desk
    excuses: set[str] = field(default_factory=set)  # what the present run may stop for
    meddle: Callable[[], None] | None = None  # what people do between two pages of a read

    def __post_init__(self) -> None:
        self.disk = the_disk()
        self.disk.clock, self.disk.boundary = self.clock, self._boundary
        self.crm = Crm(self.clock)
        self.weak = WeakErp()
        self.watch = Watch(self.clock)
        clock = self.watch if self.kind == "own" else self.clock
        self.near: Connector = connect(
            Connection("builtin", "builtin_erp"), engine=self.disk.engine, clock=clock, time_zone="UTC"
        )
        company = self.near.identity()  # never changes, and is asked for some hundred times
        self.near.identity = lambda: company  # type: ignore[method-assign]
        self.near.describe = cache(self.near.describe)  # type: ignore[method-assign]
        far: Connector = self.weak if self.kind == "weak" else self.near
        self.erp: Any = self.near if self.kind == "own" else Line(self, "erp", far)
        chosen = {name: one for name, one in the_mappings().items() if name in NAMES[self.kind]}
        crm: Any = Line(self, "crm", self.crm)
        # No thread does anything by itself: the order of events is the seed's alone.
        alone: dict[str, Any] = {"ahead": iter, "keep": lambda _engine, _lease: nullcontext()}
        self.ports = Ports(self.disk.engine, crm, self.erp, self.watch, chosen, program="simulation", **alone)
        self.mappings = chosen
        self.hashes = {name: {one.hash} for name, one in chosen.items()}  # of every mapping that ever was in force

    @property
    def is_weak(self) -> bool:
        return self.kind == "weak"

    def say(self, prefix: str) -> str:
        """A text that nobody has said before; later texts have greater numbers."""
        self.said += 1
        return f"{prefix}{self.said}"

    def remember_edit(self, place: tuple[str, str, str], side: str, value: str | None) -> None:
        """Who entered what both sides may edit: the auditor judges by it. None: nobody can say what came last."""
        self.edited.setdefault(place, set()).add(side)
        known = self.last_said.get(place, "")
        self.last_said[place] = None if known is None else value

    def pairs(self, entity: str) -> list[tuple[str, str]]:
        """Bound pairs: CRM id, ERP id."""
        rows = self.ask("SELECT crm_id, erp_id FROM state_binding WHERE entity = ? ORDER BY id", (entity,))
        return [(row["crm_id"], row["erp_id"]) for row in rows if row["erp_id"]]

    def ask(self, query: str, words: Sequence[Any] = ()) -> list[Any]:
        """What is durable in our database at this moment: rows by name and by place."""
        return self.disk.ask(query, words)

    def dues(self) -> list[Any]:
        """What the next runs are to look at, but for people's answers that wait until their record is put right."""
        waiting = "SELECT 1 FROM state_worklist AS w WHERE (w.mapping, w.side, w.source_id) = (d.mapping, d.side, d.id)"
        return self.ask(f"SELECT * FROM state_due AS d WHERE resolution IS NULL OR NOT EXISTS ({waiting})")

    def tell(self, what: str) -> None:
        self.told.append(f"{self.clock.now():%d %H:%M:%S} {what}")

    def count(self, what: str) -> None:
        self.counted[what] += 1
        self.told.append(f"        {what}")

    def note(self, kind: str) -> None:
        """A kind of trouble was met."""
        self.counted[kind] += 1

    # --- what outlives everybody --------------------------------------------------------------------------------

    def remains(self) -> Remains:
        """What a power cut at this moment would leave."""
        return Remains(self.disk.remains(), self.crm.copy_state(), self.weak.copy_state(), self.clock.now())

    def restore(self, remains: Remains) -> None:
        """Both systems and the time are as they were then; the database was put in place before the world was made."""
        self.crm.restore_state(remains.crm)
        self.weak.restore_state(remains.weak)
        self.clock.advance(remains.at - self.clock.now())

    def memory(self) -> dict[str, Any]:
        """What people know, and what was noted for the judgement."""
        return deepcopy({name: getattr(self, name) for name in _REMEMBERED})

    def remember(self, memory: Mapping[str, Any]) -> None:
        vars(self).update(deepcopy(dict(memory)))

    # --- time -----------------------------------------------------------------------------------------------------

    def pass_time(self, step: timedelta) -> None:
        """Time passes; on the way requests land and transactions commit, each at its moment."""
        until = self.clock.now() + step
        with self.offstage():
            while True:
                moments = [at for at, _, _ in self.posted] + [one.commits_at for one in self.crm.savings]
                due = [at for at in moments if at <= until]
                if not due:
                    break
                self.clock.advance(max(min(due) - self.clock.now(), timedelta(0)))
                self.crm.commit_due()
                self._land()
        self.clock.advance(until - self.clock.now())

    def _land(self) -> None:
        now = self.clock.now()
        landing = sorted((one for one in self.posted if one[0] <= now), key=lambda one: one[:2])
        self.posted = [one for one in self.posted if one[0] > now]
        for _, _, deliver in landing:
            self.count(LANDED)
            deliver()

    def post(self, delay: timedelta, deliver: Callable[[], object]) -> None:
        """A request stays on the way."""
        self.posted.append((self.clock.now() + delay, len(self.told), deliver))

    # --- workers --------------------------------------------------------------------------------------------------

    def _boundary(self, name: str) -> None:
        if not self.stack:
            return
        if name == "begin" or (name == "statement" and self.disk.interleaves):
            self.stack[-1].chance()
        elif name != "statement":
            self.durable(name)
        kind, share = _FAILING[name]
        if not self.weather.draw((kind,), share):
            return
        self.count(f"{kind} at a {name}")
        if name == "committed":
            raise Unavailable("database", "the connection was lost while committing", "run again")
        self.disk.fail(kind)

    def now(self) -> datetime:
        return self.clock.now()

    def chance(self) -> None:
        if self.stack:
            self.stack[-1].chance()

    def interlude(self) -> None:
        """Between two pages of a read."""
        if self.stack and self.meddle is not None:
            self.meddle()

    def excuse(self, why: str) -> None:
        """The present run was told nonsense: it may, or must, stop for it."""
        self.excuses.add(why)

    def durable(self, name: str) -> None:
        if self.stack:
            self.stack[-1].durable(name)
            self.running.setdefault(self.stack[-1].name, self.stack[-1].mapping)

    @contextmanager
    def offstage(self) -> Iterator[None]:
        """What happens by itself, or by people: no worker takes these steps."""
        stack, self.stack = self.stack, []
        try:
            yield
        finally:
            self.stack = stack

    def run(self, name: str, worker: Worker | None = None, *, full: bool = False) -> Report | None:
        """One run of one mapping; None when it did not come to its end."""
        worker = worker or Worker("worker")
        worker.mapping = name
        outer = self.excuses, self.watch.skew
        self.excuses, self.watch.skew = set(), worker.skew
        forbidden = self._forbids(name)
        self.stack.append(worker)
        try:
            report = run_mapping(self.ports, self.ports.mappings[name], Order(f"sim:{worker.name}", full=full))
            return self._receive(name, report, forbidden)
        except Crash:
            self.fall(name, worker.steps[-1] if worker.steps else "once")
        except Broken as error:
            if "mixed_answers" not in self.excuses:
                raise Violation("Closed", f"{name}: {error}") from error
        except IsthmusError as error:
            self.count(f"stopped: {type(error).__name__}")
        finally:
            self.stack.pop()
            self.running.pop(worker.name, None)
            self.usurped.get(name, set()).discard(worker.name)
            self.excuses, self.watch.skew = outer
        return None

    def _forbids(self, name: str) -> str:
        """Why a run of this mapping must not begin; empty when it may."""
        if name in self.paused:
            return "it is paused"
        if self.crm.organisation != "org-crm":
            return "the CRM is another organisation"
        selection = self.ports.mappings[name].selection("crm")
        hidden = [field for stream, field in self.crm.hidden if stream == selection.stream]
        return f"nobody may see {hidden[0]}" if set(hidden) & set(selection.fields) else ""

    def _receive(self, name: str, report: Report, forbidden: str) -> Report:
        """What a run says of itself, judged by what went on meanwhile."""
        if report.skipped:
            self.count("skipped")
            return report
        if forbidden and self._forbids(name):  # what was put right while the worker stood still forbids nothing
            raise Violation("Closed", f"{name} ran though {forbidden}")
        for other, what in self.running.items():
            if what == name and other != self.stack[-1].name:
                self.usurped.setdefault(name, set()).add(other)
        if report.adds_up is ("short_page" in self.excuses):
            what = "; ".join(report.faults) or "a page had fewer records than it said, and the run adds up"
            raise Violation("Accounted", what)
        return report

    def fall(self, name: str, step: str) -> None:
        """The holder of the lease died: on this machine, so that it is known; or elsewhere, so that it must expire."""
        self.count(f"crash at {step}")
        # Its connections are cut. Of a worker that stands still the pool must stay, or nobody closes its connection.
        self.disk.engine.pool.dispose()
        if self.dice.random() < 0.5:
            gone = f"{socket.gethostname()} {2**22 + os.getpid()} 1"
            with self.offstage(), self.disk.engine.begin() as connection:
                connection.execute(_LEFT_BY_THE_DEAD, {"gone": gone, "name": name})

    # --- witnesses ------------------------------------------------------------------------------------------------

    def witness(self, side: str, stream: str, changes: Sequence[Change]) -> None:
        """A write to a remote system: it was announced, and by nobody whom another has succeeded."""
        if not self.stack:
            return
        worker = self.stack[-1].name
        name = self.running.get(worker, "")
        if worker in self.usurped.get(name, ()):
            raise Violation("Alone", f"{worker} writes {stream} to the {side} though another run of {name} took over")
        announced = " ".join(row["body"] for row in self.ask("SELECT body FROM state_intent"))
        for change in changes:
            if f'"{change.key}"' not in announced:
                raise Violation("Whole", f"{change.verb} of {change.key} was sent to the {side} without an intent")

    def witness_note(self, side: str) -> None:
        if self.stack and self.stack[-1].name in self.usurped.get(self.running.get(self.stack[-1].name, ""), ()):
            raise Violation("Alone", f"{self.stack[-1].name} writes notes to the {side} though another run took over")
