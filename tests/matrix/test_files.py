"""A mapping file is cut off, or edited while its run goes on: in each flow."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from isthmus.db import reading
from isthmus.kernel.errors import Fault, Misconfigured
from isthmus.mapping.entities import load_entity, schemas_folder
from isthmus.mapping.load import read_mapping
from isthmus.state import runs
from tests.matrix.flows import FLOWS, Desk
from tests.matrix.lab import desk
from tests.scenarios.world import ROOT

__all__ = ["desk"]
FOLDER = ROOT / "mappings" / "salesforce_erp"
PARTS = 60  # of a file: everywhere would take minutes


@pytest.mark.parametrize("flow", FLOWS)
def test_a_file_that_is_cut_off_anywhere_says_so(flow: str) -> None:
    """At each of many bytes: all that is needed is still there, or a fault says where it broke off."""
    content = (FOLDER / f"{flow}.yaml").read_bytes()
    whole = read_mapping(content, "m.yaml")
    needed = set(load_entity(whole.entity, schemas_folder()).schema.get("required", ()))
    refused = 0
    for end in range(0, len(content), max(1, len(content) // PARTS)):
        rows, faults = _read(content[:end])
        refused += bool(faults)
        assert all(one.where.startswith("m.yaml:") and one.what and one.remedy for one in faults)
        assert faults or needed <= rows
    assert refused > PARTS / 3


def _read(content: bytes) -> tuple[set[str], tuple[Fault, ...]]:
    """The rows of a file, or what is wrong with it."""
    try:
        spec = read_mapping(content, "m.yaml")
    except Misconfigured as error:
        return set(), error.faults
    return {row.path for row in spec.rows} | ({"lines"} if spec.lines else set()), ()


@pytest.mark.parametrize("flow", FLOWS)
def test_a_run_goes_on_with_the_file_it_began_with(desk: Desk, flow: str, tmp_path: Path) -> None:
    """The file is broken while the workshop is open: the run carries the news, under the hash it began with."""
    world = desk.world
    if world.mappings == FOLDER:
        world.mappings = Path(shutil.copytree(FOLDER, world.root / "mappings"))
        world.reopen()
    path = world.mappings / f"{flow}.yaml"
    good, news = path.read_bytes(), desk.news(flow)
    path.write_bytes(good[: len(good) // 2] + b"\n  - [")
    try:
        report = world.run(flow)
        assert report.adds_up
        assert desk.arrived(flow, news)
        with pytest.raises(Misconfigured):
            world.another_shop()
    finally:
        path.write_bytes(good)
    with reading(world.shop.engine) as connection:
        (last,) = runs.recent_runs(connection, flow)
    assert last.mapping_hash == world.shop.mapping(flow).hash
