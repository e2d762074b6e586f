"""The company of the matrix, as a fixture."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from isthmus.db import reading
from isthmus.state import chain
from tests.matrix.flows import Desk
from tests.scenarios.conftest import Template
from tests.scenarios.world import company

MEMORY = Path("/dev/shm")


@pytest.fixture(scope="module")
def desk(synchronised: Template) -> Iterator[Desk]:
    """One company for a module, in memory where it can be: each test finds it in step, and leaves it so."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        root = Path(folder) / "company"
        shutil.copytree(synchronised.folder, root)
        with company(root, f"sqlite:///{root / 'isthmus.db'}", at=synchronised.at) as world:
            desk = Desk(world)
            desk.open()
            yield desk
            with reading(world.shop.engine) as connection:
                assert [one for name in world.shop.names() if (one := chain.verify_chain(connection, name))] == []
