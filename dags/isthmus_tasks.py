"""What an Airflow task knows and Isthmus does not: the connection, the user, what an error means, who is to be called.

The rooms are imported when a task runs: a DAG file is read every few seconds and needs none of them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import (
    Asset,
    AssetAny,
    AssetOrTimeSchedule,
    BaseNotifier,
    CronTriggerTimetable,
    RetryPolicy,
    get_current_context,
)
from airflow.sdk import Connection as AirflowConnection
from airflow.sdk.definitions.retry_policy import RetryDecision
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException

from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import Broken, IsthmusError, Misconfigured, Moved, Refused, Unavailable
from isthmus.settings import BUILTIN, environment, load_settings

if TYPE_CHECKING:
    from isthmus.app import Report, Workshop

log = logging.getLogger("isthmus.dags")


#: A gateway may ask for days; no other run of its DAG begins while one waits to be tried again.
LONGEST_WAIT = timedelta(hours=1)


class RetryByError(RetryPolicy):
    """What may succeed later is tried later, when the system said so, or in an hour; everything else fails at once."""

    def evaluate(self, exception: BaseException, **_told: Any) -> RetryDecision:
        """Asked in the task's own process; how many tries there are stays Airflow's."""
        if isinstance(exception, Unavailable | Moved):
            seconds = getattr(exception, "retry_after_seconds", None)
            wait = min(timedelta(seconds=seconds), LONGEST_WAIT) if seconds else None
            return RetryDecision.retry(wait, reason=str(exception))
        return RetryDecision.fail(reason=f"{type(exception).__name__}: the same call would fail again")


class Alert(BaseNotifier):
    """Calls people when a task has failed for good: in its log, and by the notifiers that isthmus.yaml names.

    They are told what may leave the house: counts, amounts and ages; of any other error only its kind.
    """

    def notify(self, context: Mapping[str, Any]) -> None:
        alert = tell_failure(context)
        log.error("%s", alert)
        harmless = {name: value for name, value in context.items() if name != "exception"}
        for name, arguments in load_settings(None, environment()).alerts.notifiers.items():
            module, _, kind = name.rpartition(".")
            getattr(import_module(module), kind)(**arguments)({**harmless, "alert": alert})


def tell_failure(context: Mapping[str, Any]) -> str:
    """One line for people: which run, and why as far as it may be told."""
    error, run = context.get("exception"), context["dag_run"]
    why = str(error) if isinstance(error, Broken | AirflowFailException) else f"{type(error).__name__}; see its log"
    return f"{run.dag_id}, {run.run_id}: {why}"


# --- when a DAG runs ----------------------------------------------------------------------------------------------

#: What all DAGs have in common.
OPTIONS = {
    "catchup": False,
    "max_active_runs": 1,
    "tags": ["isthmus"],
    "default_args": {
        "retries": 4,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": RetryByError(),
        "on_failure_callback": [Alert()],
    },
}


def asset(mapping: str) -> Asset:
    """What a mapping reports an event of when it has created or updated records."""
    return Asset(f"isthmus_{mapping}", uri=f"x-isthmus://{mapping}")


def when(cron: str, time_zone: str, mappings: Iterable[str]) -> CronTriggerTimetable | AssetOrTimeSchedule:
    """At its own times, and earlier when one of these mappings has moved records."""
    times, assets = CronTriggerTimetable(cron, timezone=time_zone), [asset(name) for name in mappings]
    return AssetOrTimeSchedule(timetable=times, assets=AssetAny(*assets)) if assets else times


# --- tasks --------------------------------------------------------------------------------------------------------


def preflight(mapping: str) -> None:
    """Compares one mapping with both systems. Nothing is read or written."""
    with _workshop() as workshop:
        workshop.preflight(mapping)


def sync(mapping: str) -> dict[str, int]:
    """Runs one mapping in both directions. Returns outcome → records, and under ``moved`` what others wait for."""
    from isthmus.app import Order

    with _workshop() as workshop:
        return _conclude(workshop.sync(mapping, Order(who=_who())))


def announce(mapping: str, counts: dict[str, int], outlet_events: Any = None) -> None:
    """Reports an event of the mapping's asset with the counts, unless nothing moved."""
    if not counts["moved"]:
        raise AirflowSkipException("nothing was created or updated: nobody needs to hear of it")
    outlet_events[asset(mapping)].extra = counts


def reconcile(kind: Literal["credit", "receivables", "totals"]) -> None:
    """Compares both systems; what differs becomes due. Fails when a limit of isthmus.yaml is passed, and when the
    comparison itself does not add up.
    """
    with _workshop() as workshop:
        found = workshop.reconcile(kind, _who(), repair=True)
        alerts = workshop.settings.alerts
    for line in found.table().splitlines():
        log.info("%s", line)
    if drift := [*found.doubts(), *alerts.beyond(found.weighed())]:
        raise AirflowFailException(f"the two systems do not agree ({kind}): {'; '.join(drift)}")


# --- people -------------------------------------------------------------------------------------------------------

BATCH = 10  # questions on one page
LATER = "later"


def retry_worklist() -> None:
    """Tries again what is on the worklist and may have become possible."""
    with _workshop() as workshop:
        _carry_on(workshop, workshop.office.retry(_who()))


def open_questions() -> list[list[int]]:
    """The numbers of what only a person can decide, in batches. Their values stay in our own database."""
    with _workshop() as workshop:
        numbers = workshop.office.asked()
    return [numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH)]


def describe(numbers: Iterable[int]) -> tuple[str, dict[str, dict[str, Any]]]:
    """The questions as a page, and for each that is still open its possible answers. Skips when none is."""
    with _workshop() as workshop:
        found = workshop.office.questions(set(numbers))
        time_zone = workshop.settings.time_zone
    if not found:
        raise AirflowSkipException("all of it was answered meanwhile")
    page = "\n\n".join(one.as_markdown(time_zone) for one in found)
    return page, {str(one.number): {"title": one.title, "choices": one.answers} for one in found}


def apply_answers(answer: dict[str, Any]) -> None:
    """Carries out what a person chose, if that person may, and runs the mappings. What is void is asked again.

    What cannot be carried out now is tried again with the whole task, and hinders nothing else.
    """
    person = answer.get("responded_by_user")
    chosen = {int(number): take for number, take in answer["params_input"].items() if take != LATER}
    if not person or not chosen:
        raise AirflowSkipException("nobody has decided: it is asked again")
    with _workshop() as workshop:
        asked = set(workshop.office.asked())
        for number in sorted(chosen.keys() - asked):
            log.warning("%s: answered meanwhile, or a side moved and it is asked anew", number)
        who = f"airflow:{person['name']}"
        ends = [_answer(workshop, number, chosen[number], who=who) for number in sorted(chosen.keys() & asked)]
        _carry_on(workshop, [name for name in workshop.names() if name in ends])
    undone = [end for end in ends if isinstance(end, IsthmusError)]
    if undone:  # what may succeed later comes first: a refusal is told when nothing is left to be tried
        raise min(undone, key=lambda error: isinstance(error, Refused))


def _answer(workshop: Workshop, number: int, take: str, *, who: str) -> str | IsthmusError | None:
    """The mapping to be run; None when a second person has to say the same.

    A task that is tried again hands in what it has handed in before: that is no second answer.
    """
    try:
        has_asked = workshop.office.has_asked(number, take, who)
        mapping = None if has_asked else workshop.office.resolve(number, take, who)
    except (Refused, Unavailable) as error:
        log.warning("%s", error)
        return error
    told = f"{mapping} is run now" if mapping else "takes two people: another one gives the same answer when asked"
    log.info("%s: %s takes %s; %s", number, who, take, told)
    return mapping


def _carry_on(workshop: Workshop, names: list[str]) -> None:
    from isthmus.app import Order

    for report in workshop.sync_all(names, Order(who=_who())):
        if not report.skipped:  # its own run has the lease, and takes what is due with it
            _conclude(report)


# --- the room behind ----------------------------------------------------------------------------------------------


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
