"""Real kills: workers shot at armed steps, workers frozen beyond their lease, PostgreSQL itself shot.

``python -m bench.kills`` shoots 1,000 workers on SQLite; ``--database postgresql``, ``--kills``, ``--frozen`` and
``--servers`` say otherwise; a ``--folder`` in memory (on Linux: /dev/shm) makes it faster, as a shot is no power cut. A
kill is effective when the process was shot at an armed durable step of a cycle that had work to do. After each round a
whole cycle runs and everything is counted: answers 1 when a record was lost or doubled, an entry is not balanced, or a
run ended as it should not.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event
from time import perf_counter
from typing import Any

import psutil
from sqlalchemy import text

from bench.kennel import FREEZES, KILLS
from isthmus.db import engine_for, reading, upgrade
from isthmus.erp.allocating import pay
from isthmus.erp.invoicing import invoice
from isthmus.kernel.clock import format_stamp
from isthmus.state import chain
from isthmus.testing.world.server import start
from tests.scenarios.world import ROOT, World, company

DAYS = 4  # of business before a cycle is let live
SHOTS = 3  # at one mapping, before it is let live
PLACES = 10  # durable steps of one run that may be armed; most runs have fewer
#: What has news every day.
MAPPINGS = ("customer", "order", "invoice", "payment", "credit_status", "customer_figures")
SHORT_LEASE_SECONDS = 1.0
LOOK_SECONDS = 0.1


def main(words: Sequence[str] | None = None) -> int:
    """Runs what is asked for and tells the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.kills", description="Real kills, and what is left of them.")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--kills", type=int, default=1_000, metavar="N", help="workers shot at an armed step")
    parser.add_argument("--frozen", type=int, default=0, metavar="N", help="workers frozen longer than their lease")
    parser.add_argument("--servers", type=int, default=0, metavar="N", help="PostgreSQL shot in mid-cycle")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the database is; left to itself, among temporary files")
    given = parser.parse_args(words)
    if given.servers and given.database != "postgresql":
        parser.error("--servers needs --database postgresql")
    began = perf_counter()
    dice = Random(given.seed)  # noqa: S311 - which step, not a secret
    with campaign(given.database, dice, given.folder) as range_:
        range_.shoot(given.kills)
        range_.freeze(given.frozen)
        range_.shoot_servers(given.servers)
        _say(range_.tally.table(given.database, perf_counter() - began))
        return int(bool(range_.tally.faults))


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


# --- figures ------------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What happened, and everything that should not have."""

    steps: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def table(self, database: str, seconds: float) -> str:
        lines = [f"{database}: {sum(self.steps.values())} effective shots at workers in {seconds:.0f} s"]
        lines += [f"  {number:5} before step '{name}'" for name, number in self.steps.most_common()]
        lines += [f"  {number:5} {name}" for name, number in sorted(self.happened.items())]
        kinds = Counter(fault.partition(":")[0] for fault in self.faults)
        lines.append("  " + ", ".join(f"{kinds[kind]} {kind}" for kind in ("lost", "doubled", "unbalanced", "ended")))
        return "\n".join(lines)


# --- a day's business ---------------------------------------------------------------------------------------------


@dataclass
class Business:
    """Some of everything, each time anew: enter, correct, edit, recall, activate again, clerk's edit, bill, pay."""

    world: World
    dice: Random
    day: int = 0
    recalled: str | None = None
    wrong: str | None = None

    def go_on(self) -> None:
        world, self.day = self.world, self.day + 1
        account = world.account(f"Newcomer {self.day} Ltd", Tax_Id__c=f"DE6{self.day:08d}")
        world.order(account, PoNumber=f"PO-K{self.day}")
        if self.wrong:
            world.edit("customer", self.wrong, Name=f"Shortened {self.day} Ltd")
        self.wrong = world.account(f"{self.day} " + "N" * 240)
        if self.recalled:
            world.edit("order", self.recalled, Status="Activated")
        open_ones = self._open_orders()
        edited, recalled = self.dice.sample(sorted(open_ones)[-30:], 2)
        world.edit("order", open_ones[edited], PoNumber=f"PO-E{self.day}")
        world.edit("order", open_ones[recalled], Status="Draft")
        self.recalled = open_ones[recalled]
        self._clerk(account, bill=self.dice.choice(sorted(open_ones.keys() - {recalled})))

    def _open_orders(self) -> dict[str, str]:
        """Orders that are active in the CRM and not yet billed in the ERP: number there → id in the CRM."""
        active = self.world.crm_rows("order", "StatusCode = 'Activated' AND IsReductionOrder = 0")
        confirmed = {str(row[0]) for row in rows(self.world, _BILLABLE)}
        numbered = {str(row["ERP_Order_Number__c"]): row["Id"] for row in active}
        return {number: numbered[number] for number in confirmed & numbered.keys()}

    def _clerk(self, newcomer: str, *, bill: str) -> None:
        """Edits a customer; bills an order; a customer pays half of what is open."""
        known = [row["Id"] for row in self.world.crm_rows("customer", "Type = 'Customer'") if row["Id"] != newcomer]
        bound = [key for key in known[-12:] if self.world.is_bound("customer", key)]
        self.world.clerk("customer", self.dice.choice(bound), phone=f"+0 {self.day}")
        self.world.at_desk(lambda desk: invoice(desk, bill))
        customer, currency, amount = rows(self.world, _OPEN)[0]
        half = {"amount_minor": max(1, amount // 2), "currency": currency}
        self.world.at_desk(lambda desk: pay(desk, customer, **half))


_BILLABLE = "SELECT number FROM erp_order WHERE status = 'confirmed'"
_OPEN = (
    "SELECT number, currency, outstanding_minor FROM erp_receivable WHERE outstanding_minor > 0 ORDER BY number DESC"
)


def rows(world: World, sql: str) -> list[tuple[Any, ...]]:
    with reading(world.shop.engine) as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


# --- what may not be ----------------------------------------------------------------------------------------------

_ORDERS = (
    "SELECT k.key, o.number, o.customer_reference, o.status FROM erp_external_key k JOIN erp_order o"
    " ON o.id = k.record_id WHERE k.stream = 'order' AND k.status = 'live'"
)
_CUSTOMERS = (
    "SELECT k.key, c.name, c.phone, c.number FROM erp_external_key k JOIN erp_customer c ON c.id = k.record_id"
    " WHERE k.stream = 'customer' AND k.status = 'live'"
)
_KEYS = "SELECT stream, record_id FROM erp_external_key WHERE status = 'live' GROUP BY stream, record_id"
_POSTINGS = "SELECT entry_id, currency FROM erp_posting GROUP BY entry_id, currency HAVING sum(amount_minor) <> 0"
_OWED = "SELECT coalesce(sum(amount_minor), 0) FROM erp_posting WHERE account = '1100'"
_STATED = "SELECT coalesce(sum(outstanding_minor), 0) FROM erp_receivable"
_SHOWN = {"invoice": "ERP_Invoice__c", "payment": "ERP_Payment__c"}


def find_faults(world: World) -> list[str]:
    """Everything that is lost, doubled or unbalanced now that a cycle has run to its end."""
    faults = [*_lost_orders(world), *_lost_customers(world), *_copies(world)]
    live = {stream: len([row for row in rows(world, _KEYS) if row[0] == stream]) for stream in ("order", "customer")}
    for stream, number in live.items():
        if number != world.erp_count(stream):
            faults.append(f"doubled: {world.erp_count(stream)} {stream} records, {number} live keys")
    faults += [f"unbalanced: entry {row[0]} in {row[1]}" for row in rows(world, _POSTINGS)]
    if rows(world, _OWED) != rows(world, _STATED):
        faults.append(f"unbalanced: {rows(world, _OWED)} posted, {rows(world, _STATED)} owed")
    if rows(world, "SELECT id FROM state_intent WHERE settled_at IS NULL"):
        faults.append("lost: an intent is still open")
    with reading(world.shop.engine) as connection:
        broken = [one for name in world.shop.names() if (one := chain.verify_chain(connection, name))]
    return faults + [f"lost: {one}" for one in broken]


def _lost_orders(world: World) -> Iterator[str]:
    ours = {row[0].rpartition("/")[2]: row[1:] for row in rows(world, _ORDERS)}
    for row in world.crm_rows("order", "IsReductionOrder = 0"):
        number, reference, status = ours.get(row["Id"], (None, None, "cancelled"))
        if (row["StatusCode"] == "Activated") is (status == "cancelled"):
            yield f"lost: order {row['Id']} is {row['StatusCode']}, and {status} in the ERP"
        elif status != "cancelled" and (number, reference) != (row["ERP_Order_Number__c"], row["PoNumber"]):
            yield f"lost: order {row['Id']} is {number} {reference}, shown {row['ERP_Order_Number__c']}"


def _lost_customers(world: World) -> Iterator[str]:
    ours = {row[0].rpartition("/")[2]: row[1:] for row in rows(world, _CUSTOMERS)}
    listed = {item.source_id: item.reason for item in world.shop.worklist("customer")}
    for row in world.crm_rows("customer", "Type = 'Customer'"):
        shown = (row["Name"], row["Phone"], row["ERP_Customer_Number__c"])
        if len(row["Name"]) > 200:
            if listed.get(row["Id"]) != "invalid":
                yield f"lost: customer {row['Id']} is not on the worklist"
        elif ours.get(row["Id"]) != shown:
            yield f"lost: customer {row['Id']} {ours.get(row['Id'])}, shown {shown}"


def _copies(world: World) -> Iterator[str]:
    """The CRM's copies of documents: each once, none missing."""
    for entity, stream in _SHOWN.items():
        shown = Counter(row["Name"] for row in world.crm_rows(stream))
        known = {str(row[0]) for row in rows(world, f"SELECT number FROM erp_{entity}")}
        yield from (f"doubled: {stream} {name} {number} times" for name, number in shown.items() if number > 1)
        yield from (f"lost: {entity} {name} is not shown" for name in sorted(known - set(shown)))
        yield from (f"doubled: {stream} {name} is no {entity}" for name in sorted(set(shown) - known))


# --- shooting -----------------------------------------------------------------------------------------------------


@dataclass
class Range:
    """A company, the process whose children are shot, and what is counted."""

    world: World
    dice: Random
    process: subprocess.Popen[str]
    server: Any = None
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.business = Business(self.world, self.dice)
        self._clock = self.world.root / "now"

    def shoot(self, kills: int) -> None:
        """Until so many workers were shot: days of business with shots at each mapping, then one cycle that lives."""
        rounds = 0
        while sum(self.tally.steps.values()) < kills:
            for _ in range(DAYS):
                self.business.go_on()
                for mapping in self.dice.sample(MAPPINGS, len(MAPPINGS)):
                    self._shoot_at(mapping)
            self.let_live()
            rounds += 1
            _say(f"  … {sum(self.tally.steps.values())} shots, {len(self.tally.faults)} faults")

    def _shoot_at(self, mapping: str) -> None:
        """Some shots in a row at a mapping that has news, until it had fewer steps to take than it was shot at."""
        for _ in range(SHOTS):
            told = self.run(self.dice.randint(1, PLACES), mapping)
            if told["state"] != "killed":
                self._expect(told, "done")
                return
            self.tally.steps[told["steps"][-1]] += 1

    def freeze(self, number: int) -> None:
        """A worker stands still, its lease ends, another one works, people go on, the first one wakes."""
        for _ in range(number):
            self.business.go_on()
            mapping = self.dice.choice(MAPPINGS)
            told = self.run(self.dice.randint(1, PLACES), mapping, freezes=FREEZES, lease_seconds=SHORT_LEASE_SECONDS)
            if told["state"] == "frozen":
                self._outlive(told, mapping)
            self.let_live()

    def _outlive(self, told: dict[str, Any], mapping: str) -> None:
        while (second := self.run(0, mapping, lease_seconds=SHORT_LEASE_SECONDS))["end"] == "skipped":
            self.tally.happened["runs that waited for a frozen worker's lease"] += 1
            Event().wait(LOOK_SECONDS)
        self._expect(second, "done")
        self.business.go_on()
        woken = self._send({"wake": told["pid"]})
        self._expect(woken, "Moved", "done", "skipped")
        fenced = woken["end"].startswith("Moved")
        self.tally.happened[f"frozen workers that woke and {'were fenced' if fenced else 'had no lease'}"] += 1

    def shoot_servers(self, number: int) -> None:
        """PostgreSQL is shot while a worker stands before a step; then the worker goes on without it."""
        for _ in range(number):
            self.business.go_on()
            told = self.run(self.dice.randint(1, PLACES), self.dice.choice(MAPPINGS), freezes=(*KILLS, "begin"))
            if told["state"] == "frozen":
                self.world.shop.engine.dispose()
                _kill_server(self.server)
                woken = self._send({"wake": told["pid"]})
                self._expect(woken, "Unavailable")
                self.tally.happened["PostgreSQL shot in mid-run"] += 1
                self.server.ensure_postgres_running()
            self.let_live()

    def let_live(self) -> None:
        """A cycle that is not shot; then everything is counted."""
        told = self.run(0)
        self._expect(told, "done")
        self.tally.happened["cycles that lived, everything counted after each"] += 1
        for fault in find_faults(self.world):
            self._note(fault)

    def run(
        self, place: int, *mappings: str, freezes: Sequence[str] = (), lease_seconds: float = 300
    ) -> dict[str, Any]:
        """These mappings (or all) a quarter of an hour later, in a process of its own; place 0 lets it live.

        It is shot at the step of this number, or frozen where ``freezes`` names the steps that count.
        """
        self.world.pass_time()
        return self._send({
            "place": place, "signal": int(signal.SIGSTOP if freezes else signal.SIGKILL),
            "names": freezes or KILLS, "mappings": mappings, "lease_seconds": lease_seconds,
            "settings": str(ROOT / "isthmus.yaml"), "database": self.world.database,
            "extra": dict(self.world.connection.extra), "clock": str(self._clock),
        })  # fmt: skip

    def _send(self, order: dict[str, Any]) -> dict[str, Any]:
        self._clock.write_text(format_stamp(self.world.clock.now()), encoding="ascii")
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the kennel has no pipes")
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def _expect(self, told: dict[str, Any], *ends: str) -> None:
        if told["state"] != "ended" or told["end"].partition(" ")[0] not in ends:
            self._note(f"ended: {told['state']} {told['end']}")

    def _note(self, fault: str) -> None:
        self.tally.faults.append(fault)
        _say(f"  {fault}")


def _kill_server(server: Any) -> None:
    postmaster = psutil.Process(server.get_pid())
    children = postmaster.children()
    postmaster.kill()
    psutil.wait_procs([postmaster, *children], timeout=30)
    (Path(server.pgdata) / "postmaster.pid").unlink(missing_ok=True)


@contextmanager
def campaign(kind: str, dice: Random, place: Path | None = None) -> Iterator[Range]:
    """A company on a database of its own, in a new folder of that place, and a kennel beside it."""
    folder = Path(tempfile.mkdtemp(prefix="isthmus-kills-", dir=place))
    server = start(str(folder / "postgresql")) if kind == "postgresql" else None
    database = server.get_uri() if server else f"sqlite:///{folder / 'isthmus.db'}"
    engine = engine_for(database)
    upgrade(engine)
    engine.dispose()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.kennel"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        with company(folder, database) as world:
            world.cycle()
            yield Range(world, dice, process, server)
    finally:
        process.communicate(timeout=60)
        if server:
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
