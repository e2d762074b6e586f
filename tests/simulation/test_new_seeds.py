"""Seeds that nobody has played before: the same program plays the same ones, and each change of it plays others.

What one of them finds is kept as a test of its own (`test_found.py`): the next change plays other seeds.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import pytest

from isthmus.testing.world.story import play

ROOT = Path(__file__).parents[2]
PROGRAM = ("isthmus", "connectors")
BLOCK, BLOCKS = 40, 23  # with the 80 that every change plays: a thousand
POOLS = 9_999  # each of a thousand seeds, of which none is below 1,000


def seeds_of(root: Path) -> range:
    """The seeds that belong to a program, by its files."""
    body = blake2b(digest_size=8)
    for path in sorted(one for folder in PROGRAM for one in (root / folder).rglob("*.py")):
        body.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    first = (1 + int.from_bytes(body.digest()) % POOLS) * 1_000
    return range(first, first + BLOCK * BLOCKS)


@pytest.fixture(scope="module")
def seeds() -> range:
    return seeds_of(ROOT)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_promise_holds_in_seeds_that_are_new(seeds: range, block: int) -> None:
    outcomes = [play(seed) for seed in seeds[block * BLOCK : (block + 1) * BLOCK]]
    broken = [f"{one.replay}: {one.fault}" for one in outcomes if one.fault]
    assert not broken, "\n".join(broken)


def test_another_program_plays_other_seeds(tmp_path: Path) -> None:
    for folder in PROGRAM:
        (tmp_path / folder).mkdir()
    (tmp_path / "isthmus" / "one.py").write_text("answer = 42\n")
    before = seeds_of(tmp_path)
    assert seeds_of(tmp_path) == before
    (tmp_path / "isthmus" / "one.py").write_text("answer = 43\n")
    assert seeds_of(tmp_path) != before
    assert min(before) >= 1_000
