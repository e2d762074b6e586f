"""A process that runs one cycle and is killed, by SIGKILL, right before or after its k-th writing call to Tryton.

The switch is here and not in the product: the process wraps its own connector. It reads its order as JSON on standard
input, and prints the writing calls if it is let live.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from typing import Any

from isthmus.app import Order, open_workshop
from isthmus.kernel.clock import SetClock, parse_stamp
from isthmus.kernel.connection import Connection
from isthmus.settings import load_settings
from tests.scenarios.world import ROOT
from tests.tryton.world import MAPPINGS

READING = ("read", "search", "search_read", "search_count", "get_preferences", "fields_get")


def main() -> None:
    order = json.load(sys.stdin)
    settings = dataclasses.replace(
        load_settings(ROOT / "isthmus.yaml", {}), database=order["database"], mappings=MAPPINGS, erp="tryton_default"
    )
    connections = {name: Connection(**told) for name, told in order["connections"].items()}
    shop = open_workshop(settings, {}, connections=connections, clock=SetClock(parse_stamp(order["now"])))
    calls = _tap(shop.ports.erp, order["kill_at"], order["after"])
    reports = list(shop.sync_all(shop.names(), Order("cli:kennel")))
    shop.close()
    sys.stdout.write(json.dumps({"calls": calls, "adds_up": all(report.adds_up for report in reports)}))


def _tap(connector: Any, kill_at: int, after: bool) -> list[str]:
    send, calls = connector.rpc._send, []

    def tapped(method: str, parameters: list[Any]) -> Any:
        if method.rpartition(".")[2] in READING:
            return send(method, parameters)
        calls.append(method)
        if len(calls) == kill_at and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        told = send(method, parameters)
        if len(calls) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return told

    connector.rpc._send = tapped
    return calls


if __name__ == "__main__":
    main()
