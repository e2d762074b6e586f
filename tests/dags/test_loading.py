"""Does every DAG load, without a database and without a network, and say when it runs?"""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

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


def test_every_mapping_has_a_dag(bag: DagBag) -> None:
    assert set(bag.dags) == {"isthmus_worklist", *(f"isthmus_{name}" for name in SPECS)}


@pytest.mark.parametrize("name", SPECS)
def test_a_mapping_runs_by_its_own_cron_one_run_at_a_time(bag: DagBag, name: str) -> None:
    dag = bag.dags[f"isthmus_{name}"]
    cron = getattr(dag.schedule, "timetable", dag.schedule)
    assert cron.expression == SPECS[name].schedule
    assert dag.max_active_runs == 1
    assert dag.catchup is False


@pytest.mark.parametrize("name", SPECS)
def test_a_mapping_also_runs_when_what_it_refers_to_has_moved(bag: DagBag, name: str) -> None:
    condition = getattr(bag.dags[f"isthmus_{name}"].schedule, "asset_condition", None)
    heard = {asset.uri for asset in condition.objects} if condition else set()
    referred = {row.refers_to for row in (*SPECS[name].rows, *SPECS[name].lines) if row.refers_to}
    assert heard == {f"x-isthmus://{entity}" for entity in referred - {SPECS[name].entity}}


@pytest.mark.parametrize("name", SPECS)
def test_nothing_is_announced_before_the_sync_nor_synced_before_the_preflight(bag: DagBag, name: str) -> None:
    dag = bag.dags[f"isthmus_{name}"]
    assert dag.get_task("preflight").downstream_task_ids == {"sync"}
    assert dag.get_task("sync").downstream_task_ids == {"announce"}
    assert [asset.uri for asset in dag.get_task("announce").outlets] == [f"x-isthmus://{name}"]
    assert not dag.get_task("sync").outlets
