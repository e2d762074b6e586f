"""How far a read has come: the watermark after each page, and whether the source's clock was set back. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from isthmus.kernel.clock import format_stamp, parse_stamp
from isthmus.kernel.records import Page
from isthmus.state.progress import Watermark


def next_mark(before: Watermark | None, page: Page, *, began: str, is_told: bool) -> Watermark | None:
    """Where the watermark is to stand once this page is stored; None where the page moves nothing.

    ``is_told``: the page tells what the source's clock showed when the read began, which was at ``began`` by ours. The
    position of a page in the middle, or of a resumed read, is older, and so is its moment.
    """
    if page.complete_to is not None:
        moved_at = began if is_told else _moment_of(page.complete_to, before, began)
        return Watermark(page.complete_to, None, moved_at)
    if page.resume is not None:
        return replace(before, resume=page.resume) if before else Watermark(None, page.resume, began)
    return None


def _moment_of(position: str, before: Watermark | None, began: str) -> str:
    """When the source's clock showed this, if it goes as it went; never later than what is sure."""
    if before is None:
        return began
    lead = _lead(before)
    return before.moved_at if lead is None else min(format_stamp(parse_stamp(position) - lead), began)


def fell_back(before: Watermark | None, now: Watermark, overlap: timedelta) -> bool:
    """Whether the source's clock lost more against ours, since the last read, than a read looks back.

    What was changed between the two has stamps that the last read had passed already.
    """
    earlier, later = _lead(before) if before else None, _lead(now)
    return earlier is not None and later is not None and later < earlier - overlap


def _lead(mark: Watermark) -> timedelta | None:
    """How far the source's clock is ahead of ours. Positions that are no instants say nothing of a clock."""
    try:
        return parse_stamp(mark.position or "") - parse_stamp(mark.moved_at)
    except ValueError:
        return None
