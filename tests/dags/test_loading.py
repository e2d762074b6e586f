"""Does every DAG load, without a database and without a network, and say when it runs?"""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from isthmus_tasks import Alert, RetryByError

from isthmus.mapping.load import load_mappings
from tests.tidy.rules import ROOT

SPECS = {spec.name: spec for spec in load_mappings(ROOT / "mappings" / "salesforce_erp")}


def refuse(*_: object, **__: object) -> Any:
    raise AssertionError("a DAG file opened a connection while it was read")


@pytest.fixture(scope="module")
def bag() -> Iterator[DagBag]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISTHMUS_SETTINGS", str(ROOT / "isthmus.yaml"))
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(sqlite3, "connect", refuse)
        before = perf_counter()
        bag = DagBag(str(ROOT / "dags"))
        print(f"\n{len(bag.dags)} DAGs load in {perf_counter() - before:.2f} s")  # noqa: T201 - a figure for people
        yield bag


def test_no_file_fails_to_load(bag: DagBag) -> None:
    assert bag.import_errors == {}


def test_every_mapping_has_a_dag_and_so_have_people_and_proof(bag: DagBag) -> None:
    others = {"worklist", "reconcile_credit", "reconcile_receivables", "tie_out"}
    assert set(bag.dags) == {f"isthmus_{name}" for name in {*others, *SPECS}}


def test_every_dag_runs_alone_tries_again_and_calls_people_when_it_fails(bag: DagBag) -> None:
    for dag in bag.dags.values():
        assert (dag.max_active_runs, dag.catchup) == (1, False)
        for task in dag.tasks:
            assert isinstance(task.retry_policy, RetryByError), task
            assert [type(one) for one in task.on_failure_callback] == [Alert], task


@pytest.mark.parametrize("name", SPECS)
def test_a_mapping_runs_by_its_own_cron(bag: DagBag, name: str) -> None:
    dag = bag.dags[f"isthmus_{name}"]
    cron = getattr(dag.schedule, "timetable", dag.schedule)
    assert cron.expression == SPECS[name].schedule


def heard(bag: DagBag, name: str) -> set[str]:
    """The mappings whose news start a DAG."""
    condition = getattr(bag.dags[f"isthmus_{name}"].schedule, "asset_condition", None)
    return {asset.uri.removeprefix("x-isthmus://") for asset in condition.objects} if condition else set()


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if not spec.same_as])
def test_a_mapping_also_runs_when_what_it_refers_to_has_moved(bag: DagBag, name: str) -> None:
    entities = {spec.entity: other for other, spec in SPECS.items()}
    assert heard(bag, name) == {entities[one] for one in SPECS[name].references() if one in entities}


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.same_as])
def test_what_adds_up_a_customers_documents_runs_when_one_of_them_has_moved(bag: DagBag, name: str) -> None:
    same_as = SPECS[name].same_as
    about = {other for other, spec in SPECS.items() if same_as in spec.references() and spec.same_as is None}
    assert heard(bag, name) >= about
    assert {"order", "invoice", "payment"} <= heard(bag, name)


def test_nothing_waits_for_its_own_news(bag: DagBag) -> None:
    """Else one payment would keep both systems busy for ever."""
    hears = {name: heard(bag, name) for name in SPECS}
    for _ in hears:
        hears = {
            name: {further for one in ones for further in {one, *hears.get(one, ())}} for name, ones in hears.items()
        }
    assert [name for name, ones in hears.items() if name in ones] == []


def test_credit_is_compared_whenever_an_order_an_invoice_or_a_payment_has_moved(bag: DagBag) -> None:
    assert heard(bag, "reconcile_credit") == {"order", "invoice", "payment"} & SPECS.keys()


@pytest.mark.parametrize("name", SPECS)
def test_nothing_is_announced_before_the_sync_nor_synced_before_the_preflight(bag: DagBag, name: str) -> None:
    dag = bag.dags[f"isthmus_{name}"]
    assert dag.get_task("preflight").downstream_task_ids == {"sync"}
    assert dag.get_task("sync").downstream_task_ids == {"announce"}
    assert [asset.uri for asset in dag.get_task("announce").outlets] == [f"x-isthmus://{name}"]
    assert not dag.get_task("sync").outlets


def test_each_page_of_questions_goes_its_own_way(bag: DagBag) -> None:
    """Else an answer waits until the last page is answered, and is lost when one page cannot be shown."""
    dag = bag.dags["isthmus_worklist"]
    ask, carry_out = (dag.get_task(one).get_closest_mapped_task_group() for one in ("ask", "apply_answers"))
    assert ask is carry_out is not None
