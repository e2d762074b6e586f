"""What does Airflow make of a run's end: success, skip, failure, or another try, and when?"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import isthmus_tasks
import pytest
from airflow.sdk import BaseNotifier
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from isthmus_tasks import RetryByError

from isthmus.app import Report
from isthmus.kernel.errors import Broken, Misconfigured, Moved, Refused, Unavailable
from isthmus.kernel.units import Side
from isthmus.reconcile.findings import Difference, EntityResult, Own
from isthmus.reconcile.run import TieOut
from isthmus.settings.alerts import Alerts
from isthmus.sync.report import LegReport


def decide(error: BaseException) -> tuple[RetryAction, timedelta | None]:
    decision = RetryByError().evaluate(exception=error, try_number=1, max_tries=4, context=None)
    return decision.action, decision.retry_delay


def test_what_may_succeed_later_is_tried_when_the_system_said_so() -> None:
    busy = Unavailable("crm", "is busy", "wait", retry_after_seconds=90)
    assert decide(busy) == (RetryAction.RETRY, timedelta(seconds=90))
    assert decide(Unavailable("crm", "is away")) == (RetryAction.RETRY, None)
    assert decide(Moved("order", "has moved")) == (RetryAction.RETRY, None)


def test_a_gateway_that_asks_for_days_keeps_no_mapping_from_being_run() -> None:
    days = Unavailable("crm", "is busy", "wait", retry_after_seconds=999_999_999)
    assert decide(days) == (RetryAction.RETRY, timedelta(hours=1))


@pytest.mark.parametrize("error", [Misconfigured("a", "b"), Refused("a", "b"), Broken("a", "b"), ValueError("x")])
def test_what_would_fail_again_fails_at_once(error: Exception) -> None:
    assert decide(error) == (RetryAction.FAIL, None)


LEGS = (
    LegReport("crm→erp", 3, {"created": 2, "filtered": 1}, {"created": 2}),
    LegReport("erp→crm", 2, {"updated": 2}, {"updated": 2}),
)


def test_a_run_ends_with_its_table_in_the_log_and_its_counts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "isthmus.dags")
    counts = isthmus_tasks._conclude(Report("order", 7, LEGS))
    assert counts == {"moved": 4, "created": 2, "filtered": 1, "updated": 2}
    assert caplog.messages[0].split()[:4] == ["mapping", "direction", "read", "created"]
    assert caplog.messages[-1] == "adds up"


def test_a_run_that_finds_the_lease_taken_is_skipped() -> None:
    with pytest.raises(AirflowSkipException, match="order: another run holds the lease"):
        isthmus_tasks._conclude(Report("order", skipped="another run holds the lease"))


def test_a_run_that_does_not_add_up_fails() -> None:
    lost = LegReport("crm→erp", 4, {"created": 2, "filtered": 1}, {"created": 2})
    with pytest.raises(Broken, match="does not add up: crm→erp: 4 read, but 3 outcomes stored"):
        isthmus_tasks._conclude(Report("order", 7, (lost,)))


@pytest.mark.parametrize(("person", "who"), [("vera", "airflow:vera"), (None, "airflow:scheduled")])
def test_a_run_knows_who_asked_for_it(monkeypatch: pytest.MonkeyPatch, person: str | None, who: str) -> None:
    run = SimpleNamespace(triggering_user_name=person, run_type="scheduled")
    monkeypatch.setattr(isthmus_tasks, "get_current_context", lambda: {"dag_run": run})
    assert isthmus_tasks._who() == who


# --- when people are called for a tie-out -------------------------------------------------------------------------


@pytest.fixture
def tie_out(monkeypatch: pytest.MonkeyPatch) -> TieOut:
    """What the next comparison comes to, where people are called for more than 20.00 EUR."""
    found = TieOut("totals", "airflow:scheduled", "2026-11-23T08:00:00Z", [EntityResult("invoice")])
    settings = SimpleNamespace(alerts=Alerts(1, {"EUR": 2_000}))
    shop = SimpleNamespace(reconcile=lambda *_, **__: found, settings=settings)
    monkeypatch.setattr(isthmus_tasks, "_workshop", lambda: nullcontext(shop))
    monkeypatch.setattr(isthmus_tasks, "_who", lambda: "airflow:scheduled")
    return found


@pytest.mark.parametrize("many", [1, 2])
def test_people_are_called_for_what_is_at_stake_and_a_record_counts_once(tie_out: TieOut, many: int) -> None:
    for number in range(many):
        for name in ("status", "currency"):  # each is worth the whole invoice
            ids: dict[Side, str] = {"erp": str(number)}
            one = Difference("invoice", ids, name, "status", "late", {}, 1_500, "EUR", "wait")
            tie_out.entities[0].differences.append(one)
    if many == 1:
        isthmus_tasks.reconcile("totals")
        return
    with pytest.raises(AirflowFailException, match=r"30\.00 EUR are at stake, more than 20\.00 EUR"):
        isthmus_tasks.reconcile("totals")


def test_people_are_called_when_nothing_differs_but_not_everything_was_read(tie_out: TieOut) -> None:
    tie_out.entities[0].own.append(Own("crm", "EUR", 14, 1_400, 13, 1_300))
    with pytest.raises(AirflowFailException, match=r"the CRM counts 14 with EUR 14\.00 by itself, but 13 .* were read"):
        isthmus_tasks.reconcile("totals")


# --- whom a failure calls -----------------------------------------------------------------------------------------

RUN = SimpleNamespace(dag_id="isthmus_order", run_id="manual__1")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Broken("order", "the run does not add up: crm→erp: 4 read, but 3 outcomes stored"),
         "isthmus_order, manual__1: order: the run does not add up: crm→erp: 4 read, but 3 outcomes stored"),
        (AirflowFailException("the two systems do not agree (totals): 99.01 EUR are at stake"),
         "isthmus_order, manual__1: the two systems do not agree (totals): 99.01 EUR are at stake"),
        (Refused("customer Ada Lovelace", "password is secret"), "isthmus_order, manual__1: Refused; see its log"),
        (None, "isthmus_order, manual__1: NoneType; see its log"),
    ],
)  # fmt: skip
def test_people_are_told_figures_but_no_value_of_a_record(error: Exception | None, told: str) -> None:
    assert isthmus_tasks.tell_failure({"dag_run": RUN, "exception": error}) == told


class Bell(BaseNotifier):  # type: ignore[misc]  # Airflow's types are not read
    """What somebody puts into isthmus.yaml."""

    template_fields = ("text",)
    rung: ClassVar[list[tuple[str, object]]] = []

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Any) -> None:
        self.rung.append((self.text, context.get("exception")))


def test_the_notifiers_of_the_house_are_rung_without_the_error_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "isthmus.yaml"
    path.write_text('alerts: {notifiers: {test_bell.Bell: {text: "look: {{ alert }}"}}}\n')
    monkeypatch.setenv("ISTHMUS_SETTINGS", str(path))
    monkeypatch.setitem(sys.modules, "test_bell", SimpleNamespace(Bell=Bell))
    monkeypatch.setattr(Bell, "rung", [])
    isthmus_tasks.Alert()({"dag_run": RUN, "exception": Refused("Ada Lovelace", "owes 7")})
    assert Bell.rung == [("look: isthmus_order, manual__1: Refused; see its log", None)]
