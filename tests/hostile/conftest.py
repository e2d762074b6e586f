"""A company that hostile things happen to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import connectors.salesforce
from isthmus.connect.http import Ports
from tests.dags import conftest as _airflow  # sets Airflow's environment before anything imports it
from tests.scenarios.conftest import Template, seeded, synchronised
from tests.scenarios.mishaps import Site, site_from

__all__ = ["_airflow", "seeded", "synchronised"]


@pytest.fixture
def site(synchronised: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A company in step. Nobody waits between two tries."""
    monkeypatch.setattr(connectors.salesforce, "Ports", partial(Ports, sleep=lambda _seconds: None))
    with site_from(synchronised, tmp_path / "company") as site:
        yield site
