"""A seed's story: which faults there are, what people do, which runs crash or stand still; then calm, then judgement.

Nothing is told twice: the dice decide all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from hashlib import blake2b
from random import Random

from isthmus.testing.world.auditor import Auditor
from isthmus.testing.world.disk import Disk, Kept, the_disk
from isthmus.testing.world.kinds import KINDS
from isthmus.testing.world.line import Weather
from isthmus.testing.world.people import SALES, People
from isthmus.testing.world.workers import Worker
from isthmus.testing.world.world import ErpKind, Remains, Violation, World

#: What may happen while a worker stands still.
STANDING = frozenset(("pause", "usurp", "busy", "beside"))
CALM_CYCLES = 7  # levels of reference (customer, quote, order, invoice, payment) and two more
BOOKED = frozenset(("books", "part_invoiced", "credits", "reversals", "refunds"))  # kinds that make documents
ERPS: tuple[ErpKind, ...] = ("own", "own", "far", "weak")


@dataclass
class Outcome:
    """What came of a seed. ``fault`` is empty when everything that is promised held."""

    seed: int
    erp: ErpKind
    kinds: tuple[str, ...]
    fault: str = ""
    told: list[str] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    cycles: int = 0
    face: str = ""  # a hash of everything that is left at the end
    database: str = "sqlite"

    @property
    def replay(self) -> str:
        where = "" if self.database == "sqlite" else f" --database {self.database}"
        return f"python -m isthmus.testing.replay {self.seed}{where}"


def play(
    seed: int,
    *,
    steps: int = 24,
    kinds: frozenset[str] | None = None,
    erp: ErpKind | None = None,
    badness: float = 0.12,
) -> Outcome:
    """Plays one seed to its end. Same seed, same story, whatever the machine.

    ``kinds`` and ``erp`` are the dice's choice if they are not given; ``badness`` is the share of calls that go wrong.
    """
    dice = Random(seed)  # noqa: S311 - a story, not a secret
    chosen_erp: ErpKind = dice.choice(ERPS)
    chosen = kinds_of(seed) if kinds is None else kinds
    outcome = Outcome(seed, erp or chosen_erp, tuple(kind for kind in KINDS if kind in chosen))
    world = open_world(outcome.erp, Weather(dice, chosen, badness))
    try:
        Story(world).play(steps)
    except Violation as violation:
        outcome.fault = str(violation)
    outcome.told, outcome.counted, outcome.face = world.told, world.counted, face_of(world)
    outcome.database = world.disk.engine.dialect.name
    return outcome


def kinds_of(seed: int) -> frozenset[str]:
    """A random third of all kinds of trouble; new kinds change nothing of what else the seed decides."""
    dice = Random(f"kinds of {seed}")  # noqa: S311
    return frozenset(kind for kind in KINDS if dice.random() < 1 / 3)


def open_world(erp: ErpKind, weather: Weather) -> World:
    """A fresh copy of the template."""
    world = reopen(erp, template(erp), weather)
    if weather.kinds & {"small_pages", "moving_pages"}:
        world.crm.page_size = world.weak.page_size = weather.dice.randrange(1, 4)
    world.crm.moves = "moving_pages" in weather.kinds
    for kind in weather.kinds & {"small_pages", "equal_stamps"}:
        world.note(kind)
    return world


def reopen(erp: ErpKind, remains: Remains, weather: Weather) -> World:
    """A world that goes on from what was durable."""
    the_disk().put(remains.database)
    world = World(erp, weather.dice, weather)
    world.restore(remains)
    return world


def template(erp: ErpKind) -> Remains:
    """Two customers and two products, synchronised."""
    return _template(erp, the_disk())


@cache
def _template(erp: ErpKind, disk: Disk) -> Remains:
    dice = Random(0)  # noqa: S311
    disk.clock = None
    disk.boundary = lambda _name: None
    disk.put(_tables(disk))
    with disk.engine.begin() as connection:  # drawn by lot where it is real, and part of every key
        connection.exec_driver_sql("UPDATE erp_company SET identity = 'org-erp'")
    world = World(erp, dice, Weather(dice, frozenset()), said=0)
    for number in (1, 2):
        world.crm.enter("Product", SALES, {"Name": f"Lamp {number}", "Sku": f"LAMP-{number}"})
        fields = {"Name": world.say("N"), "Currency": "EUR", "Type": "Customer", "Tax": f"TAX-{number}"}
        world.crm.enter("Account", SALES, fields)
    for _ in range(3):
        world.pass_time(timedelta(minutes=15))
        for name in world.ports.mappings:
            world.run(name)
    world.pass_time(timedelta(minutes=15))
    disk.fold()
    return world.remains()


@cache
def _tables(disk: Disk) -> Kept:
    return disk.migrated()


class Story:
    """One world from its first step to its judgement."""

    def __init__(self, world: World) -> None:
        self.world, self.dice = world, world.dice
        self.people = People(world)
        self.auditor = Auditor(world)
        self.names = [name for name in world.mappings if self._moves(name)]
        if world.crm.moves:
            world.meddle = self._meddle

    def _moves(self, name: str) -> bool:
        """Products are there from the start; without clerks who bill there are no documents to show."""
        kinds = self.world.weather.kinds
        if name == "quote":
            return bool(kinds & {"quotes", "twice_ordered"})
        return name in ("customer", "order") or (bool(kinds & BOOKED) and name != "product")

    def _meddle(self) -> None:
        """Between two pages somebody edits."""
        if self.dice.random() < 0.4:
            self.world.count("moving_pages: people act between two of them")
            with self.world.offstage():
                self.people.act()

    def play(self, steps: int) -> None:
        for _ in range(steps):
            self._step()
            self.auditor.look()
        self.settle()

    def _step(self) -> None:
        world, kinds = self.world, self.world.weather.kinds
        still = (0, 0, 0, 1) if "equal_stamps" in kinds else (1, 20, 90)
        world.pass_time(timedelta(seconds=self.dice.choice(still)))
        act = self.dice.random()
        if act < 0.6:
            for _ in range(self.dice.choice((1, 2, 3))):
                self.people.act()
        elif act < 0.9:
            self._run(self.dice.choice(self.names))
        elif act < 0.96 or "outage" not in kinds:
            world.pass_time(timedelta(minutes=self.dice.choice((1, 6, 15, 240))))
        else:
            self.people.act()
            world.count("outage: nobody works for weeks")
            world.pass_time(timedelta(days=self.dice.choice((1, 13, 14, 16, 20))))

    def _run(self, name: str) -> None:
        """A run; where the seed says so it crashes, or stands still while the world goes on."""
        world, kinds = self.world, self.world.weather.kinds
        worker = Worker("first")
        if "worker_clock" in kinds and self.dice.random() < 0.4:
            worker.skew = timedelta(hours=self.dice.choice((-1, 1)))
            world.count("worker_clock: it is an hour wrong")
        if "crash" in kinds and self.dice.random() < 0.3:
            worker.crashes_at = self.dice.randrange(1, 14)
        elif STANDING & kinds and self.dice.random() < 0.4:
            worker.pauses_at = self.dice.randrange(1, 120 if world.disk.interleaves else 12)
            worker.meanwhile = self._meanwhile(name)
        world.tell(f"runs {name}" + (f", to crash at {worker.crashes_at}" if worker.crashes_at else ""))
        if world.run(name, worker) is None and worker.dead and "crash_again" in kinds and self.dice.random() < 0.5:
            again = Worker("again", crashes_at=self.dice.randrange(1, 10))
            world.count(f"crash_again: runs {name} again, to crash at {again.crashes_at}")
            world.pass_time(timedelta(minutes=6))
            world.run(name, again)

    def _meanwhile(self, name: str) -> Callable[[], None]:
        kinds = sorted(STANDING & self.world.weather.kinds)
        kind, seconds = self.dice.choice(kinds), self.dice.choice((10, 400, 4000))

        def go_on() -> None:
            world = self.world
            world.count(f"{kind}: stands still")
            with world.offstage():
                if kind != "busy":
                    world.pass_time(timedelta(seconds=seconds))
                for _ in range(self._acts(kind)):
                    self.people.act()
                if kind == "beside":
                    self._run_others(name)
                if kind == "usurp":
                    world.pass_time(timedelta(seconds=400))
                    world.tell(f"another worker runs {name}")
                    falls = self.dice.randrange(1, 12) if "crash" in self.world.weather.kinds else 0
                    world.run(name, Worker("second", crashes_at=falls))
                world.tell("the first goes on")

        return go_on

    def _run_others(self, name: str) -> None:
        """One or two other mappings, which are not held back by the lease of this one."""
        others = [one for one in self.names if one != name]
        for other in self.dice.sample(others, min(self.dice.randrange(1, 3), len(others))):
            self.world.tell(f"another worker runs {other}")
            self.world.run(other, Worker("beside"))

    def _acts(self, kind: str) -> int:
        """What people do meanwhile: more of it where they need not wait until a transaction has ended."""
        return (1 if kind == "usurp" else 2) * (4 if self.world.disk.interleaves else 1)

    # --- the end --------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Faults stop: what is under way lands; after a bounded number of cycles everything must be right.

        It is at rest when each mapping has run once more since the last write, and nothing is due.
        """
        world = self.world
        world.weather.calm, world.meddle = True, None
        world.tell("calm")
        self.people.operators.calm()
        self.people.administrators.calm()
        world.pass_time(timedelta(hours=30))
        quiet = 0
        for cycle in range(CALM_CYCLES):
            world.pass_time(timedelta(minutes=15))
            for name in self.names:
                quiet = quiet + 1 if self._rests(name, full=cycle == 0 and world.fell_behind) else 0
                if cycle and quiet >= len(self.names):
                    break
            self.auditor.look()
            if cycle and quiet >= len(self.names):
                break
        else:
            raise Violation("Converges", f"still writing after {CALM_CYCLES} calm cycles")
        self.auditor.judge()

    def _rests(self, name: str, *, full: bool) -> bool:
        """Whether a calm run of a mapping writes nothing, and leaves nothing to be done."""
        before = self._written()
        if self.world.run(name, full=full) is None:
            told = self.world.told[-1]
            raise Violation("Converges", f"{name} does not come to its end though all is calm: {told}")
        return self._written() == before and not self._pending()

    def _pending(self) -> int:
        ((number,),) = self.world.ask("SELECT count(*) FROM state_mapping WHERE full_wanted IS NOT NULL")
        return int(number) + len(self.world.dues())

    def _written(self) -> tuple[int, int, int]:
        ((changes,),) = self.world.ask("SELECT count(*) FROM erp_change")
        return changes, self.world.crm.written, self.world.weak.written


def face_of(world: World) -> str:
    """A hash of what is left: both systems and our state, without salts and what follows from them."""
    body = blake2b(digest_size=12)
    for table in world.disk.tables():
        rows = world.ask(f'SELECT * FROM "{table}"')
        shown = sorted(repr([row[name] for name in row.keys() if name not in _SALTED]) for row in rows)  # noqa: SIM118
        body.update("\n".join(shown).encode())
    for shelf in (world.crm, world.weak):
        for stream, things in shelf.things.items():
            body.update(repr((stream, [vars(one) for one in things.values()])).encode())
    return body.hexdigest()


_SALTED = frozenset(("salt", "digest", "link", "previous", "report", "holder"))
