"""A company in step, to be put into trouble."""

from __future__ import annotations

from tests.scenarios.conftest import seeded, synchronised

__all__ = ["seeded", "synchronised"]
