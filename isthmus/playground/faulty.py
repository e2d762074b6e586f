"""Fault switches: what goes wrong between a client and Salesforce, on demand, for the next few requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Kind = Literal["status", "expired", "limit", "html", "truncated", "slow", "cut", "lost"]
KINDS = ("status", "expired", "limit", "html", "truncated", "slow", "cut", "lost")
_EXPIRED = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
_LIMIT = [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
_HTML = b"<html><head><title>Service Unavailable</title></head><body>We are down for maintenance.</body></html>"


@dataclass(slots=True)
class Fault:
    """One switch: ``count`` requests whose method and address match go wrong, after ``skip`` that do not.

    status: ``status`` and ``body`` instead of the work; expired: 401; limit: 403; html: 503 with a page; truncated:
    done, but half of the answer; slow: done after ``seconds``; cut: closed before the work; lost: closed after it.
    """

    kind: Kind
    count: int = 1
    skip: int = 0
    path: str = ""
    method: str = ""
    status: int = 500
    body: Any = None
    seconds: float = 1.0

    def takes(self, scope: Scope) -> bool:
        """Is this request the fault's? Counts it."""
        if self.count < 1 or self.path not in scope["path"] or self.method not in ("", scope["method"]):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.count -= 1
        return True

    def reply(self) -> tuple[int, bytes, str]:
        """Status, body and type of an answer that comes instead of the work."""
        plain = "application/json;charset=UTF-8"
        if self.kind == "html":
            return 503, _HTML, "text/html;charset=UTF-8"
        if self.kind == "expired":
            return 401, orjson.dumps(_EXPIRED), plain
        if self.kind == "limit":
            return 403, orjson.dumps(_LIMIT), plain
        text = isinstance(self.body, str)
        return self.status, self.body.encode() if text else orjson.dumps(self.body), "text/html" if text else plain


@dataclass(slots=True)
class Faults:
    """All switches that are on, asked in the order in which they were set."""

    on: list[Fault] = field(default_factory=list)

    def next(self, scope: Scope) -> Fault | None:
        """The fault that takes this request; admin calls are never taken."""
        if scope["path"].startswith("/playground"):
            return None
        return next((fault for fault in self.on if fault.takes(scope)), None)


class FaultyApp:
    """The application behind the switches: the outermost layer, next to the connection."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._faults.next(scope) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind in ("cut", "lost"):
            await self._close(fault, scope, receive, send=send)
        elif fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
        elif fault.kind == "truncated":
            await self._app(_uncompressed(scope), receive, _halving(send))
        else:
            await _reply(fault, send)

    async def _close(self, fault: Fault, scope: Scope, receive: Receive, *, send: Send) -> None:
        if fault.kind == "lost":
            await self._app(scope, receive, _swallow)
        # The server's own cycle is behind `send`; nothing in ASGI closes a connection without an answer.
        send.__self__.transport.abort()  # type: ignore[attr-defined]
        await asyncio.sleep(0)


async def _swallow(_: Message) -> None:
    """Drops an answer that nobody will get."""


def _uncompressed(scope: Scope) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
    return {**scope, "headers": headers}


def _halving(send: Send) -> Callable[[Message], Awaitable[None]]:
    """Sends the first half of a whole body as if it were all."""
    begun: list[Message] = []

    async def halve(message: Message) -> None:
        if message["type"] == "http.response.start":
            begun.append(message)
            return
        half = message.get("body", b"")[: len(message.get("body", b"")) // 2]
        start = begun[0]
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        await send({**start, "headers": [*headers, (b"content-length", str(len(half)).encode())]})
        await send({"type": "http.response.body", "body": half})

    return halve


async def _reply(fault: Fault, send: Send) -> None:
    status, body, kind = fault.reply()
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
