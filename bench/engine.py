"""Isthmus itself in a fresh process: the mappings that are named, in their order, on a given database and playground.

Says how many records it read and wrote, as JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from isthmus.connect.protocol import Connector
    from isthmus.kernel.records import Page
    from isthmus.kernel.selection import Selection


class WithoutNews:
    """An ERP in which nothing ever moves: the way back, which would watch for edits there, finds nothing to read."""

    def __init__(self, erp: Connector) -> None:
        self._erp = erp

    def __getattr__(self, name: str) -> Any:
        return getattr(self._erp, name)

    def read(self, _selection: Selection, _since: str | None, _overlap: timedelta) -> Iterator[Page]:
        yield from ()


def run(
    names: list[str], *, database: str, connection: str, mappings: Path, one_way: bool = False
) -> list[dict[str, Any]]:
    """Synchronises these mappings once each; their reports."""
    from isthmus.app import Order, open_workshop
    from isthmus.settings import Settings

    settings = Settings(file=mappings, database=database, mappings=mappings, time_zone="Europe/Berlin")
    workshop = open_workshop(settings, {"AIRFLOW_CONN_SALESFORCE_DEFAULT": connection})
    if one_way:
        workshop.ports = replace(workshop.ports, erp=cast("Connector", WithoutNews(workshop.ports.erp)))
    try:
        return [workshop.sync(name, Order("bench")).as_json() for name in names]
    finally:
        workshop.close()


def summarise(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Records read and written by the way from the CRM, and whether every run added up."""
    legs = [leg for report in reports for leg in report["directions"] if leg["direction"] == "crm→erp"]
    return {
        "read": sum(leg["read"] for leg in legs),
        "written": sum(leg["answered"].get("created", 0) for leg in legs),
        "adds_up": all(report["adds_up"] and not report["skipped"] for report in reports),
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", metavar="mapping")
    for name in ("--database", "--connection", "--mappings"):
        parser.add_argument(name, required=True)
    parser.add_argument("--one-way", action="store_true", help="from the CRM alone")
    given = parser.parse_args()
    reports = run(
        given.names, database=given.database, connection=given.connection, mappings=Path(given.mappings),
        one_way=given.one_way,
    )  # fmt: skip
    print(json.dumps(summarise(reports)))  # noqa: T201


if __name__ == "__main__":
    main()
