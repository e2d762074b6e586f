"""Salesforce's figures: what fits into one request, and what an answer says about the daily quota."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Records of one answer, and of one page of ours.
PAGE = 2000
#: Ids in one ``IN (…)``: 400 make about 11 KB of an address, which may have 16.
IDS = 400
#: Rows of one collection request.
ROWS = 200
#: Nodes of one composite graph.
NODES = 500
#: How often what somebody else had locked, or nobody answered, is sent.
TRIES = 5
#: Deleted records stay 15 days in the recycle bin, less if it is emptied; we count on one day less.
BIN_DAYS = 14

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)", re.ASCII)


def read_usage(headers: Mapping[str, str]) -> tuple[int, int] | None:
    """(used, total) from ``Sforce-Limit-Info: api-usage=18/5000; per-app-api-usage=17/250(appName=x)``.

    Of the organisation's and the app's own limit, the one that is nearer to its end.
    """
    pairs = [(int(used), int(total)) for used, total in _USAGE.findall(headers.get("Sforce-Limit-Info", ""))]
    known = [pair for pair in pairs if pair[1]]
    return max(known, key=lambda pair: pair[0] * 1_000_000 // pair[1]) if known else None
