"""A process that runs cycles in children and has them killed, by SIGKILL, right before their k-th durable step.

Durable steps are commits of writing transactions, and calls to the CRM that write (before and after each). The switch
is here and not in the product: the child wraps its own engine and its own connector.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import event

from isthmus.app import Order, Workshop, open_workshop
from isthmus.kernel.clock import SetClock, parse_stamp
from isthmus.kernel.connection import Connection
from isthmus.settings import load_settings


class Fuse:
    """Counts durable steps and kills this process before one of them."""

    def __init__(self, blows_at: int) -> None:
        self.steps: list[str] = []
        self._blows_at = blows_at

    def step(self, name: str) -> None:
        self.steps.append(name)
        if len(self.steps) == self._blows_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def attach(self, shop: Workshop) -> None:
        def committing(connection: DatabaseConnection) -> None:
            if connection.get_execution_options().get("sqlite_begin") == "IMMEDIATE":
                self.step("commit")

        event.listen(shop.engine, "commit", committing)
        for name in ("write", "annotate"):
            setattr(shop.ports.crm, name, self._wrapped(getattr(shop.ports.crm, name), name))

    def _wrapped(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            self.step(f"before {name}")
            answer = call(*given, **named)
            self.step(f"after {name}")
            return answer

        return wrapped


def _run(order: dict[str, Any]) -> list[str]:
    settings = dataclasses.replace(load_settings(Path(order["settings"]), {}), database=order["database"])
    connection = Connection("salesforce_default", "salesforce", extra=order["extra"])
    clock = SetClock(parse_stamp(order["now"]))
    shop = open_workshop(settings, {}, connections={"salesforce_default": connection}, clock=clock)
    fuse = Fuse(order["kill_at"])
    fuse.attach(shop)
    for report in shop.sync_all(shop.names(), Order("cli:kennel")):
        assert report.skipped is None, report.skipped
        assert report.adds_up, report.table()
    return fuse.steps


def main() -> None:
    """One order a line on the standard input; one line back: how the child ended, and its steps if it lived."""
    for line in sys.stdin:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            os.write(writer, json.dumps(_run(json.loads(line))).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            steps = pipe.read()
        _, status = os.waitpid(child, 0)
        answer = {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, "exit": status, "steps": steps}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
