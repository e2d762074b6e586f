"""Two Salesforces: one of a few lines for nasty answers, and a whole organisation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.crm_stub import Stub, stub_server
from tests.contract.crm_world import World, world_of


@pytest.fixture
def stub() -> Iterator[Stub]:
    with stub_server() as running:
        yield running


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    keys = {"Account": "ERP_Customer_Number__c"}
    with world_of(tmp_path_factory.mktemp("playground"), external_ids=keys) as running:
        yield running
