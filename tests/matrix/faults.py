"""Faults that are put between Isthmus and the world for one run, and what that run may come to.

Each is armed around a run of one flow; afterwards the line is mended and the next run has to complete the work.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import event, text

from connectors.salesforce import Connector as Salesforce
from isthmus.app import Workshop
from isthmus.connect.http import Reply
from isthmus.db import writing
from isthmus.kernel.errors import Broken, IsthmusError, Misconfigured, Moved, Unavailable
from isthmus.state import leases
from tests.matrix.flows import FIELDS, Desk
from tests.scenarios.world import World

Arm = Callable[[Desk, str], AbstractContextManager[None]]


class Killed(BaseException):
    """The process is dead: nobody survives it, and nothing after it is stored."""


@dataclass(frozen=True)
class Fault:
    """``entries`` of the catalogue it stands for; ``ends`` are the errors that the run may stop with.

    Without ``ends`` the run must go through. ``many``: news that one page carries, so that answers can change places.
    """

    entries: tuple[str, ...]
    arm: Arm
    ends: tuple[type[BaseException], ...] = ()
    many: int = 1
    delivers: bool = False  # the run itself must have carried everything
    may_pass: bool = False  # what can look its write up carries it all the same

    @property
    def must_stop(self) -> bool:
        return bool(self.ends) and not self.may_pass


def new_line(world: World) -> None:
    """A connector that remembers nothing, as another process has."""
    world.shop.ports.crm.close()
    crm = Salesforce(world.connection, clock=world.clock, sleep=lambda _seconds: None)
    world.shop = Workshop(world.shop.settings, world.shop.engine, dataclasses.replace(world.shop.ports, crm=crm))


# --- the network and Salesforce -----------------------------------------------------------------------------------


def requests(kind: str, **how: Any) -> Arm:
    """The playground's own switch."""

    @contextmanager
    def arm(desk: Desk, flow: str) -> Iterator[None]:
        body: dict[str, Any] = {"kind": kind, "count": 1_000, **how}
        desk.world.door("faults", **body)
        try:
            yield
        finally:
            desk.world.door("faults", verb="DELETE")
            if kind == "expired":
                new_line(desk.world)  # a refused login is final for its process

    return arm


def organisation(**changed: Any) -> Arm:
    """A setting of the organisation, put back afterwards; seen by the next process."""

    @contextmanager
    def arm(desk: Desk, flow: str) -> Iterator[None]:
        before = {name: desk.world.playground.store.setting(name) for name in changed}
        desk.world.door("settings", **changed)
        new_line(desk.world)
        try:
            yield
        finally:
            restored: dict[str, Any] = {name: value or 0 for name, value in before.items()}
            desk.world.door("settings", **restored)
            new_line(desk.world)

    return arm


@contextmanager
def skewed_clock(desk: Desk, flow: str) -> Iterator[None]:
    """The CRM's clock is an hour ahead; it is set right when an hour has passed."""
    with organisation(clock_offset_seconds=3_600)(desk, flow):
        desk.news(flow)
        yield
        desk.world.pass_time(hours=1)


@contextmanager
def hidden_field(desk: Desk, flow: str) -> Iterator[None]:
    """An administrator hides a field that the flow maps."""
    stream, name = FIELDS[flow]
    desk.world.door("drift", changes=[{"action": "hide", "object": stream, "field": name}])
    new_line(desk.world)
    try:
        yield
    finally:
        desk.world.door("drift", verb="DELETE")
        new_line(desk.world)


@contextmanager
def fewer_rows(desk: Desk, flow: str) -> Iterator[None]:
    """Every query loses its last record on the way."""
    rest = desk.world.shop.ports.crm.rest  # type: ignore[attr-defined]
    honest = rest.query

    def query(soql: str, *more: Any) -> Any:
        answer = honest(soql, *more)
        return {**answer, "records": answer["records"][:-1]} if "COUNT" not in soql else answer

    rest.query = query
    yield
    rest.query = honest


def answers(change: Callable[[list[Any]], list[Any]], times: int = 1_000) -> Arm:
    """What Salesforce answers to writes is changed: the list of rows, or of graphs."""

    @contextmanager
    def arm(desk: Desk, flow: str) -> Iterator[None]:
        rest = desk.world.shop.ports.crm.rest  # type: ignore[attr-defined]
        honest, left = rest.send, [times]

        def send(method: str, path: str, *given: Any, **more: Any) -> Reply:
            reply: Reply = honest(method, path, *given, **more)
            if method in ("PATCH", "POST") and path.startswith("composite") and left[0]:
                left[0] -= 1
                graphs = isinstance(reply.value, dict)
                told = change(reply.value["graphs"] if graphs else reply.value)
                reply.value = {"graphs": told} if graphs else told
            return reply

        rest.send = send
        yield
        rest.send = honest

    return arm


REFUSED = [{"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "message": "not today"}]  # fmt: skip


@contextmanager
def one_refused(desk: Desk, flow: str) -> Iterator[None]:
    """Salesforce takes the first write without its first record, which a rule refuses."""
    rest = desk.world.shop.ports.crm.rest  # type: ignore[attr-defined]
    honest, left = rest.send, [1]

    def send(method: str, path: str, value: Any = None, **more: Any) -> Reply:
        if method not in ("PATCH", "POST") or not path.startswith("composite") or not left[0]:
            reply: Reply = honest(method, path, value, **more)
            return reply
        left[0] -= 1
        name = "graphs" if "graphs" in value else "records"
        first, rest_of_it = value[name][0], value[name][1:]
        told: Any = honest(method, path, {**value, name: rest_of_it}, **more).value if rest_of_it else []
        if name == "graphs":
            others = told["graphs"] if rest_of_it else []
            return Reply(200, {}, b"", {"graphs": [_refused_graph(first["graphId"], REFUSED), *others]})
        return Reply(200, {}, b"", [{"success": False, "errors": REFUSED}, *told])

    rest.send = send
    yield
    rest.send = honest


def _refused_graph(name: str, errors: list[Any]) -> dict[str, Any]:
    part = {"referenceId": "header", "httpStatusCode": 400, "body": errors}
    return {"graphId": name, "isSuccessful": False, "graphResponse": {"compositeResponse": [part]}}


LOCKED = [{"statusCode": "UNABLE_TO_LOCK_ROW", "errorCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain"}]


def locked(told: list[Any]) -> list[Any]:
    """The first one is told to be locked by somebody else."""
    first = told[0]
    if "graphId" in first:
        return [_refused_graph(first["graphId"], LOCKED), *told[1:]]
    return [{"success": False, "errors": LOCKED}, *told[1:]]


# --- our own database ---------------------------------------------------------------------------------------------


def database(code: int, words: str) -> Arm:
    """SQLite fails at the statement that stores the page."""

    @contextmanager
    def arm(desk: Desk, flow: str) -> Iterator[None]:
        def fail(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.startswith("INSERT INTO state_page"):
                error = sqlite3.OperationalError(words)
                error.sqlite_errorcode = code
                raise error

        engine = desk.world.shop.engine
        event.listen(engine, "before_cursor_execute", fail)
        yield
        event.remove(engine, "before_cursor_execute", fail)

    return arm


# --- processes ----------------------------------------------------------------------------------------------------


@contextmanager
def taken_lease(desk: Desk, flow: str) -> Iterator[None]:
    """Another run is at work."""
    held = leases.take(desk.world.shop.engine, flow)
    assert isinstance(held, leases.Lease)
    yield
    leases.release(desk.world.shop.engine, held)


@contextmanager
def zombie(desk: Desk, flow: str) -> Iterator[None]:
    """The run stands still before it stores anything; meanwhile another one takes over and ends."""
    engine, begun = desk.world.shop.engine, [0]

    def beginning(_connection: DatabaseConnection, options: dict[str, Any]) -> None:
        begun[0] += options.get("sqlite_begin") == "IMMEDIATE"
        if begun[0] == 3:  # the first takes the lease, the second begins the run
            begun[0] += 1
            _over(desk.world)
            later = leases.take(engine, flow)
            assert isinstance(later, leases.Lease)
            leases.release(engine, later)

    event.listen(engine, "set_connection_execution_options", beginning)
    yield
    event.remove(engine, "set_connection_execution_options", beginning)


def _over(world: World) -> None:
    """The lease of whoever is no more, is over."""
    with writing(world.shop.engine) as connection:
        connection.execute(text("UPDATE state_lease SET expires_at = '2020-01-01T00:00:00.000000Z'"))


def killed(step: str, number: int = 1) -> Arm:
    """The process dies at a step: ``before write``, ``after write`` (to the CRM), or before its n-th ``commit``."""

    @contextmanager
    def arm(desk: Desk, flow: str) -> Iterator[None]:
        shop, left, dead = desk.world.shop, [number], [False]

        def pass_step(name: str) -> None:
            left[0] -= name == step
            if dead[0] or not left[0]:
                dead[0] = True
                raise Killed

        def committing(connection: DatabaseConnection) -> None:
            if connection.get_execution_options().get("sqlite_begin") == "IMMEDIATE":
                pass_step("commit")

        honest = shop.ports.crm.write

        def write(*given: Any, **more: Any) -> Any:
            pass_step("before write")
            told = honest(*given, **more)
            pass_step("after write")
            return told

        event.listen(shop.engine, "commit", committing)
        shop.ports.crm.write = write  # type: ignore[method-assign]
        yield
        event.remove(shop.engine, "commit", committing)
        shop.ports.crm.write = honest  # type: ignore[method-assign]
        new_line(desk.world)
        _over(desk.world)

    return arm


# --- the table ----------------------------------------------------------------------------------------------------

STOPS = (Unavailable,)
ANY: tuple[type[IsthmusError], ...] = (Unavailable, Misconfigured, Broken)
FAULTS: dict[str, Fault] = {
    "killed before the CRM is called": Fault(("A2",), killed("before write"), (Killed,)),
    "killed after the CRM has answered": Fault(("A1",), killed("after write"), (Killed,)),
    "killed before its page is stored": Fault(("A3", "D5"), killed("commit", 3), (Killed,)),
    "frozen beyond its lease": Fault(("A5",), zombie, (Moved,)),
    "another run is at work": Fault(("A6",), taken_lease),
    "database locked": Fault(("A9",), database(5, "database is locked"), STOPS),
    "disk full": Fault(("A13",), database(13, "database or disk is full"), STOPS),
    "disk broken": Fault(("A14",), database(10, "disk I/O error"), STOPS),
    "session ends in mid-read": Fault(
        ("B5",), requests("expired", path="query", count=1, skip=1), delivers=True),
    "every session is refused": Fault(("B6",), requests("expired", path="/services/data/v"), (Misconfigured,)),
    "quota used up": Fault(("B7",), requests("limit", path="/services/data/v"), STOPS),
    "too many requests": Fault(("B7",), requests("status", status=429, path="query"), STOPS),
    "away for maintenance": Fault(("B8",), requests("html", path="query"), STOPS),
    "half of an answer": Fault(("B8",), requests("truncated", path="query"), STOPS),
    "connection cut": Fault(("B8",), requests("cut", path="query"), STOPS),
    "fewer records than announced": Fault(("B9",), fewer_rows, STOPS),
    "redirected": Fault(("B10",), requests("status", status=308, path="query"), STOPS),
    "a field is hidden": Fault(("B18",), hidden_field, (Misconfigured,)),
    "the CRM's clock an hour ahead": Fault(("B20",), skewed_clock),
    "another organisation": Fault(("B22",), organisation(org_id="00D0000000000ZZ"), (Misconfigured,)),
    "a write's answer is lost": Fault(("C1", "A10"), requests("lost", path="composite"), STOPS, may_pass=True),
    "one lost answer, then repeated": Fault(("C1",), requests("lost", path="composite", count=1), delivers=True),
    "a write is cut before it is read": Fault(("C1",), requests("cut", path="composite"), STOPS),
    "one of two is refused": Fault(("C5", "C13"), one_refused, many=2),
    "answers in another order": Fault(("C6",), answers(lambda told: told[::-1]), many=2),
    "an answer is missing": Fault(("C6",), answers(lambda told: told[:-1]), many=2),
    "no answer at all": Fault(("C6",), answers(lambda told: [])),
    "locked by somebody else": Fault(("C7",), answers(locked, times=1), delivers=True),
}  # fmt: skip
