"""The company of the matrix, as a fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from isthmus.db import reading
from isthmus.state import chain
from tests.matrix.flows import Desk
from tests.scenarios.conftest import Template


@pytest.fixture(scope="module")
def desk(synchronised: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One company for a module: each test finds it in step, and leaves it so."""
    with synchronised.copied(tmp_path_factory.mktemp("matrix") / "company") as world:
        desk = Desk(world)
        desk.open()
        yield desk
        with reading(world.shop.engine) as connection:
            assert [one for name in world.shop.names() if (one := chain.verify_chain(connection, name))] == []
