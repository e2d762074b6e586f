"""``isthmus status``: where each mapping stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from isthmus.cli.call import Call, command
from isthmus.kernel.clock import SystemClock, local_time, parse_stamp

if TYPE_CHECKING:
    from isthmus.app import Standing
    from isthmus.state.runs import Run
    from isthmus.state.tie_outs import Past

OPEN_TOO_LONG = timedelta(minutes=1)  # no page of ours takes that long
HELD_BACK = (
    "is not read yet: a transaction is open on the PostgreSQL server; docs/operations.md says how to find it"
    " (What holds a read back)"
)


def status(call: Call) -> None:
    """Watermarks, last runs, lag, the worklist by reason, what is due, who paused what, and whether both sides agree.

    On PostgreSQL it also says when a transaction that somebody left open keeps the ERP's news from being read.

    Example: isthmus status --json
    """
    from isthmus.app import held_back_since, last_tie_outs, open_database
    from isthmus.app import standings as load_standings
    from isthmus.mapping.load import load_mappings

    mappings = load_mappings(call.settings.mappings)
    engine = open_database(call.settings)
    try:
        standings, tied, held_back = load_standings(engine, mappings), last_tie_outs(engine), held_back_since(engine)
    finally:
        engine.dispose()
    now = SystemClock().now()
    document = {
        "mappings": [_document(one, now) for one in standings],
        "tie_out": {kind: asdict(past) for kind, past in tied.items()},
        "held_back_since": held_back,
    }

    def tell() -> None:
        _tell(call, standings, now)
        if held_back and now - parse_stamp(held_back) > OPEN_TOO_LONG:
            since = local(held_back, call.settings.time_zone)
            call.screen.line(f"ERP: what is done since {since} {HELD_BACK}", style="yellow")
        _tell_tie_outs(call, tied)

    call.finish(document, tell)


def local(stamp: str | None, time_zone: str) -> str:
    """A stored instant as the wall clock of the books showed it, to the second, with the name of its zone."""
    if not stamp:
        return "never"
    return local_time(stamp, time_zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def _document(one: Standing, now: datetime) -> dict[str, Any]:
    return {
        "mapping": one.mapping,
        "last_run": _run(one.last) if one.last else None,
        "read_at": dict(one.read_at),
        "lag_seconds": _lag_seconds(one, now),
        "worklist": dict(one.worklist),
        "due": one.due,
        "paused": one.paused,
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id, "kind": run.kind, "who": run.who, "status": run.status, "started_at": run.started_at,
        "ended_at": run.ended_at, "mapping_hash": run.mapping_hash, "error": run.error,
    }  # fmt: skip


def _lag_seconds(one: Standing, now: datetime) -> int | None:
    """How long ago the side that was read longest ago was read; None before the first run."""
    stamps = [parse_stamp(stamp) for stamp in one.read_at.values() if stamp]
    return max(0, (now - min(stamps)) // timedelta(seconds=1)) if stamps else None


def _tell(call: Call, standings: list[Standing], now: datetime) -> None:
    zone = call.settings.time_zone
    rows = [
        [
            one.mapping,
            _ended(one.last, zone),
            *(local(one.read_at.get(side), zone) for side in ("crm", "erp")),
            _ago(_lag_seconds(one, now)),
            f"{one.due:,}",
            ", ".join(f"{number:,} {reason}" for reason, number in sorted(one.worklist.items())) or "empty",
        ]
        for one in standings
    ]
    head = ("mapping", "last run", "CRM read", "ERP read", "lag", "due", "worklist")
    call.screen.table(head, rows, right=("lag", "due"))
    for one in standings:
        if one.paused:
            call.screen.line(f"{one.mapping} is paused {one.paused}", style="yellow")
        if one.last and one.last.error:
            call.screen.line(f"{one.mapping}: run {one.last.id} stopped: {one.last.error}", style="red")


def _tell_tie_outs(call: Call, tied: Mapping[str, Past]) -> None:
    for kind, past in tied.items():
        line = tie_out_line(kind, past, call.settings.time_zone)
        call.screen.line(line, style="green" if past.agrees else "red")


def tie_out_line(kind: str, past: Past, time_zone: str) -> str:
    """What a tie-out came to: ``totals: both sides agreed as of …``."""
    told = "both sides agreed"
    if not past.agrees:  # without any difference: not everything was read, say
        found = f"{past.differences:,} differences" if past.differences else "both sides could not be shown to agree"
        told = f"{found}: `isthmus reconcile {kind}`"
    return f"{kind}: {told} as of {local(past.as_of, time_zone)}"


def _ended(run: Run | None, zone: str) -> str:
    return f"{run.id} {run.status} {local(run.ended_at or run.started_at, zone)}" if run else "none yet"


def _ago(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def register(app: typer.Typer) -> None:
    command(app)(status)
