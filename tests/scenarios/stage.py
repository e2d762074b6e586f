"""Playgrounds on servers that go on from company to company: to end one takes longer than many a test.

What is served is the same application with the same settings as `isthmus.playground.start` serves.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

from isthmus.kernel.clock import Clock
from isthmus.playground import Playground, SeedSizes, connection_to
from isthmus.playground.server import _prepare, _server, build

_IDLE: list[Stage] = []
_LOOKS = 3_000  # a hundredth of a second each


@dataclass
class Stage:
    """A server on a port of its own; ``app`` is whose turn it is, ``under_way`` how many of its requests are."""

    app: Any = None
    under_way: int = 0
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def __post_init__(self) -> None:
        server = _server(self, 0)  # type: ignore[arg-type]  # any application does
        Thread(target=server.run, kwargs={"sockets": [self.listener]}, daemon=True).start()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.under_way += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.under_way -= 1

    def free(self) -> None:
        """To be had by the next company once the last request is answered; else by nobody."""
        if any(not self.under_way or Event().wait(0.01) for _ in range(_LOOKS)):
            self.app = None
            _IDLE.append(self)


@contextmanager
def playground_in(folder: Path, seed: SeedSizes | None = None, *, clock: Clock) -> Iterator[Playground]:
    """As `isthmus.playground.start`."""
    store, manifest = _prepare(folder, clock, seed)
    stage = _IDLE.pop() if _IDLE else Stage()
    stage.app = build(store)
    url = f"http://127.0.0.1:{stage.listener.getsockname()[1]}"
    try:
        yield Playground(url, connection_to(url), manifest, store)
    finally:
        stage.free()
        store.close()
