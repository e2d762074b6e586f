"""What an Airflow task knows and Isthmus does not: the connection, the user, and what its errors mean for a retry.

The rooms are imported when a task runs: a DAG file is read every few seconds and needs none of them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection as AirflowConnection
from airflow.sdk import RetryPolicy, get_current_context
from airflow.sdk.definitions.retry_policy import RetryDecision
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSkipException

from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import Broken, Misconfigured, Moved, Unavailable
from isthmus.settings import BUILTIN, environment, load_settings

if TYPE_CHECKING:
    from isthmus.app import Report, Workshop

log = logging.getLogger("isthmus.dags")


class RetryByError(RetryPolicy):
    """What may succeed later is tried later, when the system said so; everything else fails at once."""

    def evaluate(self, exception: BaseException, **_told: Any) -> RetryDecision:
        """Asked in the task's own process; how many tries there are stays Airflow's."""
        if isinstance(exception, Unavailable | Moved):
            seconds = getattr(exception, "retry_after_seconds", None)
            return RetryDecision.retry(timedelta(seconds=seconds) if seconds else None, reason=str(exception))
        return RetryDecision.fail(reason=f"{type(exception).__name__}: the same call would fail again")


def preflight(mapping: str) -> None:
    """Compares one mapping with both systems. Nothing is read or written."""
    with _workshop() as workshop:
        workshop.preflight(mapping)


def sync(mapping: str) -> dict[str, int]:
    """Runs one mapping in both directions. Returns outcome → records, and under ``moved`` what others wait for."""
    from isthmus.app import Order

    with _workshop() as workshop:
        return _conclude(workshop.sync(mapping, Order(who=_who())))


def retry_worklist() -> None:
    """Tries again what is on the worklist and may have become possible."""
    from isthmus.app import Order

    with _workshop() as workshop:
        for report in workshop.sync_all(workshop.retry(_who()), Order(who=_who())):
            if not report.skipped:  # its own run has the lease, and takes what is due with it
                _conclude(report)


def _conclude(report: Report) -> dict[str, int]:
    if report.skipped:
        raise AirflowSkipException(f"{report.mapping}: {report.skipped}")
    for line in report.table().splitlines():
        log.info("%s", line)
    if not report.adds_up:
        raise Broken(report.mapping, "the run does not add up: " + "; ".join(report.faults), "report it with this log")
    counts = {"moved": report.moved}
    for leg in report.legs:
        for outcome, count in leg.outcomes.items():
            counts[outcome] = counts.get(outcome, 0) + count
    return counts


@contextmanager
def _workshop() -> Iterator[Workshop]:
    from isthmus.app import open_workshop

    environ = environment()
    settings = load_settings(None, environ)
    names = [name for name in (settings.crm, settings.erp) if name != BUILTIN]
    workshop = open_workshop(settings, environ, connections={name: _plain(name) for name in names})
    try:
        yield workshop
    finally:
        workshop.close()


def _plain(name: str) -> Connection:
    """Airflow's connection as a plain value: from its secrets backends, its environment or its own database."""
    try:
        found = AirflowConnection.get(name)
    except AirflowNotFoundException:
        remedy = f"add it in Admin > Connections, or set AIRFLOW_CONN_{name.upper()}"
        raise Misconfigured(f"connection {name}", "Airflow does not know it", remedy) from None
    return Connection(
        name=name,
        type=found.conn_type,
        host=found.host or None,
        login=found.login or None,
        password=found.password or None,
        port=found.port,
        schema=found.schema or None,
        extra=found.extra_dejson,
    )


def _who() -> str:
    """Who asked for this run: a person by name, else Airflow's schedule."""
    run = get_current_context()["dag_run"]
    return f"airflow:{run.triggering_user_name or run.run_type}"
