"""Nothing changed since the watermark: what a run costs that finds nothing to do, as a whole process of the CLI."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bench.contenders import MAPPINGS
from bench.postgres import Server
from bench.server import Address, Size, copy_of, serving
from bench.timing import Timed, middle, time_module


def measure_idle(server: Server, size: Size, pairs: int) -> dict[str, Any]:
    """``isthmus sync customer`` when all is done.

    Our own writes of the first run are read back once by the second, and once more while they are younger than the
    overlap; so two hours pass on the playground's clock before the run that is measured.
    """
    database = server.make("idle")
    with tempfile.TemporaryDirectory() as settings, copy_of(size) as folder:
        file = _settings(Path(settings), database)
        for hour in range(2):
            with serving(size, folder=folder, ahead_hours=hour) as address:
                _sync(file, address)
        with serving(size, folder=folder, ahead_hours=2) as address:
            _sync(file, address)  # the last echo
            timed = [_sync(file, address) for _ in range(max(3, pairs))]
    server.drop("idle")
    read = [leg["read"] for one in timed for run in one.said["runs"] for leg in run["directions"]]
    if any(read):
        raise SystemExit(f"a run that should find nothing read {read}")
    return {"what": "customers, nothing changed", "records": 0, "isthmus": middle(timed).as_json()}


def _sync(file: Path, address: Address) -> Timed:
    environ = {"AIRFLOW_CONN_SALESFORCE_DEFAULT": address.connection(bulk=True)}
    return time_module("isthmus.cli.main", "sync", "customer", "--json", "--settings", str(file), environ=environ)


def _settings(folder: Path, database: str) -> Path:
    file = folder / "isthmus.yaml"
    file.write_text(f"database: {database}\nmappings: {MAPPINGS}\ntime_zone: Europe/Berlin\n", encoding="utf-8")
    return file
