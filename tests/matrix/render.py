"""``python -m tests.matrix.render`` writes docs/fault-matrix.md."""

from __future__ import annotations

from tests.matrix.catalogue import rendered
from tests.tidy.rules import ROOT

PAGE = ROOT / "docs" / "fault-matrix.md"

if __name__ == "__main__":
    PAGE.write_text(rendered(), "utf-8")
