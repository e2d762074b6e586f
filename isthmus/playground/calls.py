"""One request as the playground's endpoints see it, and how their answers and refusals leave."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from isthmus.playground.cursors import Cursors
from isthmus.playground.refusals import Refusal
from isthmus.playground.sessions import user_of
from isthmus.playground.store import Store
from isthmus.playground.usage import Usage

log = logging.getLogger(__name__)
OLDEST, NEWEST = 31, 67
#: Salesforce refuses longer addresses before it reads them.
LONGEST_URI = 16_384


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request. ``path`` holds what the route names."""

    store: Store
    cursors: Cursors
    usage: Usage
    method: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    user: str = ""
    version: str = ""


Answerer = Callable[[Call], Response]
Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


def answer(value: Any, status: int = 200, **headers: str) -> Response:
    """A JSON answer; text and bytes are taken as finished JSON."""
    content = value if isinstance(value, bytes) else orjson.dumps(value, default=str)
    return Response(content, status, headers, media_type="application/json;charset=UTF-8")


def nothing() -> Response:
    """204: done, and nothing to say."""
    return Response(status_code=204)


def local_endpoint(work: Answerer) -> Endpoint:
    """An endpoint without a session that only this machine may use."""
    served = endpoint(work, open_to_all=True)

    async def serve(request: Request) -> Response:
        if request.client is None or request.client.host not in ("127.0.0.1", "::1"):
            refusal = Refusal("FORBIDDEN", "The playground's own doors open to this machine only", status=403)
            return sign(answer(refusal.body(), 403), request)
        return await served(request)

    return serve


def endpoint(work: Answerer, *, open_to_all: bool = False) -> Endpoint:
    """Makes an endpoint of a plain function: checks session, version and length, turns refusals into bodies."""

    async def serve(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_serve, request, body, _Endpoint(work, open_to_all))

    return serve


@dataclass(frozen=True, slots=True)
class _Endpoint:
    work: Answerer
    open_to_all: bool


def _serve(request: Request, body: bytes, asked: _Endpoint) -> Response:
    try:
        response = asked.work(_read_call(request, body, open_to_all=asked.open_to_all))
    except Refusal as refusal:
        response = answer(refusal.body(), refusal.status)
    except Exception:
        log.exception("the playground failed on %s %s", request.method, request.url.path)
        response = answer(Refusal("UNKNOWN_EXCEPTION", "An unexpected error occurred.").body(), 500)
    return sign(response, request)


def sign(response: Response, request: Request) -> Response:
    """Adds what every answer carries: the server's time, and the calls of the day."""
    response.headers["Date"] = format_datetime(request.app.state.store.now(), usegmt=True)
    if request.url.path.startswith("/services/data/v"):
        used, most = request.app.state.usage.spent()
        response.headers["Sforce-Limit-Info"] = f"api-usage={used}/{most}"
    return response


def _read_call(request: Request, body: bytes, *, open_to_all: bool) -> Call:
    store: Store = request.app.state.store
    raw = request.scope["raw_path"] + b"?" + request.scope["query_string"]
    if len(raw) > LONGEST_URI:
        raise Refusal("URI_TOO_LONG", "URI Too Long", status=414)
    version = request.path_params.get("version", "")
    user = "" if open_to_all else user_of(store, request.headers.get("authorization", ""))
    if version:
        _check_version(version)
    text = request.scope["query_string"].decode("latin-1")
    query = dict(parse_qsl(text, keep_blank_values=True))
    state = request.app.state
    if version:
        _count(state.usage)
    return Call(
        store,
        state.cursors,
        state.usage,
        request.method,
        request.path_params,
        query,
        request.headers,
        body,
        user,
        version,
    )


def _count(usage: Usage) -> None:
    usage.count()
    used, most = usage.spent()
    if used > most:
        raise Refusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)


def _check_version(version: str) -> None:
    whole, _, rest = version.partition(".")
    if not whole.isdigit() or rest != "0" or int(whole) > NEWEST:
        raise Refusal("NOT_FOUND", "The requested resource does not exist", status=404)
    if int(whole) < OLDEST:
        raise Refusal("UNSUPPORTED_API_VERSION", f"API version {version} is no longer supported", status=410)
