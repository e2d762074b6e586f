"""The playground as a server: routes, start, stop."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus.kernel.clock import Clock, SystemClock
from isthmus.kernel.connection import Connection
from isthmus.playground import admin, bulk, composite, describe, graph, oauth, query, rest
from isthmus.playground.calls import Answerer, answer, endpoint, local_endpoint, sign
from isthmus.playground.cursors import Cursors
from isthmus.playground.faulty import Faults, FaultyApp
from isthmus.playground.refusals import Refusal, not_there
from isthmus.playground.seed import SeedSizes, ensure_seeded
from isthmus.playground.store import Store
from isthmus.playground.usage import Usage

LOOPBACK = "127.0.0.1"
_STOP_SECONDS = 30.0


def _both(path: str, work: Answerer, *methods: str, open_to_all: bool = False) -> list[Route]:
    """An address with and without a slash at its end."""
    served = endpoint(work, open_to_all=open_to_all)
    return [Route(each, served, methods=list(methods or ("GET",))) for each in (path, path + "/")]


def _admin_routes(faults: Faults) -> list[Route]:
    doors: list[tuple[str, Any, str]] = [
        ("manifest", admin.show_manifest, "GET"),
        ("seed", admin.seed, "POST"),
        ("edit", admin.edit, "POST"),
        ("merge", admin.merge, "POST"),
        ("undelete", admin.undelete, "POST"),
        ("purge", admin.purge, "POST"),
        ("late", admin.begin_late, "POST"),
        ("late/{number:int}/{end}", admin.end_late, "POST"),
        ("drift", admin.drift, "POST DELETE"),
        ("settings", admin.settings, "POST"),
        ("sessions/end", admin.end_sessions, "POST"),
        ("faults", admin.faults_door(faults), "GET POST DELETE"),
    ]
    return [
        Route(f"/playground/{path}", local_endpoint(admin.door(work)), methods=methods.split())
        for path, work, methods in doors
    ]


def _routes() -> list[Route]:
    data = "/services/data/v{version}"
    sobject = data + "/sobjects/{object}"
    records = data + "/composite/sobjects"
    return [
        *_both("/services/oauth2/token", oauth.token, "POST", open_to_all=True),
        *_both("/services/oauth2/userinfo", oauth.identity),
        *_both("/services/data", describe.versions, open_to_all=True),
        *_both(data, describe.resources),
        *_both(data + "/limits", rest.limits),
        *_both(data + "/query", query.query),
        *_both(data + "/queryAll", query.query_all),
        *_both(data + "/query/{locator}", query.query_more),
        *_both(records, composite.collection, "POST", "PATCH", "DELETE"),
        *_both(records + "/{object}", composite.retrieve, "GET", "POST"),
        *_both(records + "/{object}/{field}", composite.upsert_collection, "PATCH"),
        *_both(data + "/composite/graph", graph.graphs, "POST"),
        *_both(data + "/composite", graph.composite, "POST"),
        *_both(data + "/jobs/query", bulk.create, "POST"),
        *_both(data + "/jobs/query/{id}", bulk.job, "GET", "PATCH", "DELETE"),
        *_both(data + "/jobs/query/{id}/results", bulk.results),
        *_both(data + "/sobjects", describe.describe_all),
        *_both(sobject, describe.basic),
        *_both(sobject, rest.create, "POST"),
        *_both(sobject + "/describe", describe.describe),
        *_both(sobject + "/updated", rest.updated),
        *_both(sobject + "/deleted", rest.deleted),
        *_both(sobject + "/{id}", rest.record, "GET", "PATCH", "DELETE"),
        Route(sobject + "/{field}/{value:path}", endpoint(rest.keyed), methods=["GET", "PATCH", "DELETE"]),
    ]


async def _no_route(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        refusal = Refusal("METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed.", status=405)
        return sign(answer(refusal.body(), 405), request)
    return sign(answer(not_there().body(), 404), request)


def build(store: Store) -> FaultyApp:
    """The application on a store; its state is where the endpoints find store, cursors and usage."""
    handlers: dict[Any, Any] = {404: _no_route, 405: _no_route}
    faults = Faults()
    app = Starlette(routes=_routes() + _admin_routes(faults), exception_handlers=handlers)
    app.state.store = store
    app.state.usage = Usage(store)
    app.state.cursors = Cursors(store)
    return FaultyApp(GZipMiddleware(app, minimum_size=1000, compresslevel=1), faults)


def _prepare(folder: Path, clock: Clock, seed: SeedSizes | None) -> tuple[Store, dict[str, Any]]:
    store = Store(folder, clock)
    return store, ensure_seeded(store, seed)


def _server(app: FaultyApp, port: int) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        host=LOOPBACK,
        port=port,
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
    )
    return uvicorn.Server(config)


def serve(folder: Path, port: int, *, seed: SeedSizes | None = None, clock: Clock | None = None) -> None:
    """Serves until interrupted. The folder keeps the data: a second start goes on where the first ended."""
    store, _ = _prepare(folder, clock or SystemClock(), seed)
    _server(build(store), port).run()


@dataclass(frozen=True, slots=True)
class Playground:
    """A running playground: where it is, how to connect, and which record has which defect."""

    url: str
    connection: Connection
    manifest: dict[str, Any]
    store: Store


@contextmanager
def start(
    folder: Path, seed: SeedSizes | None = None, *, clock: Clock | None = None, port: int = 0
) -> Iterator[Playground]:
    """Runs a playground in a background thread, on a free port unless one is named, until the block ends."""
    store, manifest = _prepare(folder, clock or SystemClock(), seed)
    app = build(store)
    listener = socket.create_server((LOOPBACK, port))
    url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    server = _server(app, port)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield Playground(url, connection_to(url), manifest, store)
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        listener.close()
        store.close()


def connection_to(url: str) -> Connection:
    """How a client connects: the demo's consumer on this address."""
    return Connection(
        name="salesforce_default",
        type="salesforce",
        extra={"instance_url": url, "consumer_key": oauth.CONSUMER_KEY, "consumer_secret": oauth.CONSUMER_SECRET},
    )
