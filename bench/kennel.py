"""A process whose children run mappings and are killed or frozen right before an armed step.

The switch is here and not in the product: a child wraps its own engine and its own connector. One order comes in a
line, one answer goes out a line; a frozen child stays until it is woken.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import event

from isthmus.app import Order, Workshop, open_workshop
from isthmus.kernel.clock import parse_stamp
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import IsthmusError
from isthmus.settings import load_settings
from isthmus.state import leases
from tests.scenarios.kennel import Fuse

#: Before a commit, a writing transaction, and before and after each call to the CRM that writes.
KILLS = ("commit", "before write", "after write", "before annotate", "after annotate")
#: Where a process may stand still without locking the database for everybody.
FREEZES = ("begin", "before write", "after write", "before annotate", "after annotate")


class SharedClock:
    """The campaign's clock: whoever wakes after a long sleep sees that it was long."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        return parse_stamp(self._path.read_text(encoding="ascii"))


class Armed(Fuse):
    """Tells each step down a pipe before it is taken, and signals its own process at the armed one."""

    def __init__(self, order: dict[str, Any], told: int) -> None:
        super().__init__(order["place"])
        self._names = frozenset(order["names"])
        self._signal = order["signal"]
        self._told = told

    def step(self, name: str) -> None:
        if name not in self._names:
            return
        self.steps.append(name)
        os.write(self._told, f"{name}\n".encode())
        if len(self.steps) == self._blows_at:
            os.kill(os.getpid(), self._signal)

    def attach(self, shop: Workshop) -> None:
        super().attach(shop)

        def beginning(_connection: DatabaseConnection, options: dict[str, Any]) -> None:
            if options.get("sqlite_begin") == "IMMEDIATE":
                self.step("begin")

        event.listen(shop.engine, "set_connection_execution_options", beginning)  # before anything is locked


def open_shop(order: dict[str, Any]) -> Workshop:
    settings = replace(load_settings(Path(order["settings"]), {}), database=order["database"])
    connections = {"salesforce_default": Connection("salesforce_default", "salesforce", extra=order["extra"])}
    return open_workshop(settings, {}, connections=connections, clock=SharedClock(Path(order["clock"])))


def _run(shop: Workshop, mappings: Sequence[str]) -> str:
    """How the runs of these mappings ended: ``done``, ``skipped``, or the error's name and words."""
    end = "done"
    try:
        for report in shop.sync_all(mappings or shop.names(), Order("cli:kennel")):
            if report.skipped:
                return "skipped"
            if not report.adds_up:
                end = f"DoesNotAddUp {report.table()}"
    except IsthmusError as error:
        return f"{type(error).__name__} {error}"
    return end


class Kennel:
    """The children that stand still, and the pipe of each. What all of them need is got ready once, before they fork:
    a run of the kennel's own compiles statements and reads descriptions.
    """

    def __init__(self) -> None:
        self._frozen: dict[int, int] = {}
        self._shop: Workshop | None = None

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        if "wake" in order:
            pid = int(order["wake"])
            os.kill(pid, signal.SIGCONT)
            return self._watch(pid, self._frozen.pop(pid))
        if self._shop is None:
            self._shop = open_shop(order)
            _run(self._shop, ())
            self._shop.close()  # its connections; what it knows stays
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            try:
                end = self._live(self._shop, order, writer)
            except BaseException as error:  # noqa: BLE001 - told like any other end, and counted as a fault
                end = f"{type(error).__name__} unexpected {error}"
            os.write(writer, f"end {end}".replace("\n", " ").encode()[:3000])
            os._exit(0)
        os.close(writer)
        os.set_blocking(reader, False)
        return self._watch(pid, reader)

    def _live(self, shop: Workshop, order: dict[str, Any], told: int) -> str:
        leases.DURATION = timedelta(seconds=order["lease_seconds"])
        shop.engine.dispose(close=False)
        Armed(order, told).attach(shop)
        return _run(shop, order["mappings"])

    def _watch(self, pid: int, reader: int) -> dict[str, Any]:
        """Waits until the child ends or stands still; what it told meanwhile."""
        _, status = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            self._frozen[pid] = reader
            return {"pid": pid, "state": "frozen", "steps": _told(reader), "end": ""}
        lines = _told(reader)
        os.close(reader)
        end = next((line.removeprefix("end ") for line in lines if line.startswith("end ")), "")
        steps = [line for line in lines if not line.startswith("end ")]
        return {"pid": pid, "state": "killed" if os.WIFSIGNALED(status) else "ended", "steps": steps, "end": end}


def _told(reader: int) -> list[str]:
    parts = []
    try:
        while part := os.read(reader, 1 << 16):
            parts.append(part)
    except BlockingIOError:
        pass
    return b"".join(parts).decode().splitlines()


def main() -> None:
    kennel = Kennel()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(kennel.obey(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
