"""A server that says exactly the bytes a test wants, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def json(self) -> Any:
        return json.loads(self.body)


#: What to send for a request; None closes the connection without a word.
Script = Callable[[Asked], "bytes | Iterator[bytes] | None"]


@dataclass
class RawServer:
    """Where it listens and what it was asked."""

    port: int
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        return [one.path for one in self.asked]


def reply(value: Any = None, status: int = 200, **headers: str) -> bytes:
    """An ordinary answer; underscores in header names become hyphens. Bytes go as they are, anything else as JSON."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    told = {"Content-Type": "application/json;charset=UTF-8", "Content-Length": str(len(body)), "Connection": "close"}
    told |= {name.replace("_", "-"): text for name, text in headers.items()}
    head = "".join(f"{name}: {text}\r\n" for name, text in told.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body


@contextmanager
def raw_server(script: Script) -> Iterator[RawServer]:
    """Serves one request per connection until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = RawServer(listener.getsockname()[1])
    thread = threading.Thread(target=_serve, args=(listener, server, script), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _serve(listener: socket.socket, server: RawServer, script: Script) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(connection, server, script), daemon=True).start()


def _answer(connection: socket.socket, server: RawServer, script: Script) -> None:
    with connection, connection.makefile("rb") as stream:
        try:
            asked = _read(stream)
            if asked is None:
                return
            server.asked.append(asked)
            told = script(asked)
            for part in (told,) if isinstance(told, bytes) else told or ():
                connection.sendall(part)
        except OSError:
            return


def _read(stream: Any) -> Asked | None:
    first = stream.readline().decode().split()
    if len(first) < 2:
        return None
    headers: dict[str, str] = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return Asked(first[0], first[1], headers, body)
