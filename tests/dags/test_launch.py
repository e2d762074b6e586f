"""Does `make run` carry a company's day through a real Airflow, and leave nothing running, whatever ends it?"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import text

from isthmus.cli.launch import waves
from isthmus.cli.processes import Crew
from isthmus.db import engine_for, reading
from isthmus.mapping.load import load_mappings
from isthmus.playground import SeedSizes, start
from tests.tidy.rules import ROOT

SMALL = SeedSizes(accounts=12, products=6, quotes=5, orders=8, dirty=False)
pytestmark = pytest.mark.airflow


@dataclass
class House:
    """A folder of its own with the DAGs and a small company in its playground."""

    folder: Path
    port: int
    launched: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def crew(self) -> Crew:
        return Crew(self.folder / "var")

    def launch(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "isthmus.cli.launch", "--port", str(self.port), *arguments]
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "ISTHMUS"))}
        settings = {"ISTHMUS_SETTINGS": str(self.folder / "isthmus.yaml"), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env={**environ, **settings},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.launched.append(process)
        return process

    def rows(self, query: str) -> list[tuple[object, ...]]:
        engine = engine_for(f"sqlite:///{self.folder}/var/isthmus.db")
        with reading(engine) as connection:
            rows = [tuple(row) for row in connection.execute(text(query))]
        engine.dispose()
        return rows


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    shutil.copytree(ROOT / "dags", tmp_path / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "isthmus.yaml", tmp_path)
    (tmp_path / "mappings").symlink_to(ROOT / "mappings")
    (tmp_path / "var").mkdir()
    house = House(tmp_path, four_free_ports())
    yield house
    for process in house.launched:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    house.crew.end()


def four_free_ports() -> int:
    return next(port for port in range(18700, 28700, 4) if all(is_free(number) for number in range(port, port + 4)))


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def wait_until(ready: Callable[[], bool], seconds: float) -> None:
    for _ in range(int(seconds * 10)):
        if ready():
            return
        Event().wait(0.1)
    raise AssertionError(f"not within {seconds} s")


def test_a_killed_start_is_cleared_away_and_the_next_one_carries_everything_across(house: House) -> None:
    with start(house.folder / "var" / "playground", SMALL):
        pass
    killed = house.launch()
    wait_until(lambda: len(house.crew.members()) >= 2, 60)  # the playground and Airflow
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert house.crew.members(), "a killed launcher cannot end what it started"

    second = house.launch("--once")
    said, _ = second.communicate(timeout=1200)
    assert second.returncode == 0, said
    assert "that an earlier start had left behind" in said
    assert "totals: both sides agreed as of" in said
    assert "stopped; nothing is left running" in said
    assert house.crew.members() == []

    runs = house.rows("SELECT mapping, status, who FROM state_run ORDER BY id")
    assert {run[1] for run in runs} == {"done"}
    assert {run[0] for run in runs} == {spec.name for spec in load_mappings(ROOT / "mappings" / "salesforce_erp")}
    assert "airflow:admin" in {run[2] for run in runs}
    assert house.rows("SELECT COUNT(*) FROM erp_order")[0][0] != 0


def test_a_taken_port_is_told_in_one_line(house: House) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", house.port + 1))
        taken.listen()
        launch = house.launch()
        said, _ = launch.communicate(timeout=60)
    assert launch.returncode == 2
    assert f"port {house.port + 1}: cannot be used: Address already in use; end what uses it, or choose" in said
    assert "Traceback" not in said


def test_a_folder_that_cannot_be_written_to_is_told_in_one_line(house: House) -> None:
    (house.folder / "var").rmdir()
    (house.folder / "var").write_text("a file where the folder should be", encoding="utf-8")
    launch = house.launch()
    said, _ = launch.communicate(timeout=60)
    assert launch.returncode == 2
    assert said.startswith(f"{house.folder / 'var'}: cannot be written to: ")
    assert "Traceback" not in said


def test_what_refers_to_nothing_of_its_wave_runs_with_it() -> None:
    assert waves(load_mappings(ROOT / "mappings" / "salesforce_erp")) == [
        ["customer", "product"],
        ["quote"],
        ["order"],
        ["invoice"],
        ["payment", "credit_status", "customer_figures"],
    ]
