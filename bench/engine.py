"""Isthmus itself in a fresh process: the mappings that are named, in their order, on a given database and playground.

Says how many records it read and wrote, as JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def run(names: list[str], *, database: str, connection: str, mappings: Path) -> list[dict[str, Any]]:
    """Synchronises these mappings once each; their reports."""
    from isthmus.app import Order, open_workshop
    from isthmus.settings import Settings

    settings = Settings(file=mappings, database=database, mappings=mappings, time_zone="Europe/Berlin")
    workshop = open_workshop(settings, {"AIRFLOW_CONN_SALESFORCE_DEFAULT": connection})
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
    given = parser.parse_args()
    reports = run(given.names, database=given.database, connection=given.connection, mappings=Path(given.mappings))
    print(json.dumps(summarise(reports)))  # noqa: T201


if __name__ == "__main__":
    main()
