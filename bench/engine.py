"""Isthmus itself in a fresh process: the mappings that are named, in their order, on a given database and playground.

``--one-way`` takes a copy of the mapping files without what the ERP gives back: the CRM→ERP way alone, which is what
the script by hand does. Says how many records it read and wrote, as JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import yaml

MAPPINGS = Path(__file__).resolve().parent.parent / "mappings" / "salesforce_erp"
ALWAYS_PAGES = 1_000_000_000  # records above which a first read goes through the Bulk API


def connection_of(url: str, *, bulk: bool) -> str:
    """The playground as an Airflow connection in JSON. Both contenders read by pages unless ``bulk``."""
    from isthmus.playground.server import connection_to

    connection = connection_to(url)
    extra = {**connection.extra, **({} if bulk else {"bulk_above": ALWAYS_PAGES})}
    return json.dumps({"conn_type": connection.type, "extra": extra})


def one_way(folder: Path) -> Path:
    """Writes the mapping files without their tests and without what the ERP gives; answers the folder."""
    for source in MAPPINGS.glob("*.yaml"):
        mapping = yaml.safe_load(source.read_text(encoding="utf-8"))
        mapping.pop("tests", None)
        mapping["fields"] = {name: row for name, row in mapping["fields"].items() if row.get("owner") != "erp"}
        for row in mapping["fields"].values():
            if row.get("owner") == "both":
                del row["owner"]
        (folder / source.name).write_text(yaml.safe_dump(mapping, sort_keys=False), encoding="utf-8")
    return folder


def run(names: list[str], *, database: str, connection: str, mappings: Path) -> list[dict[str, Any]]:
    """Synchronises these mappings once each; their reports. What waited for a later record is passed with the rest."""
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mappings", nargs="+")
    parser.add_argument("--database", required=True)
    parser.add_argument("--url", required=True, help="of the playground")
    parser.add_argument("--one-way", action="store_true")
    parser.add_argument("--bulk", action="store_true", help="first reads may go through the Bulk API")
    given = parser.parse_args()
    connection = connection_of(given.url, bulk=given.bulk)
    with tempfile.TemporaryDirectory() as folder:
        mappings = one_way(Path(folder)) if given.one_way else MAPPINGS
        reports = run(given.mappings, database=given.database, connection=connection, mappings=mappings)
    print(json.dumps(summarise(reports)))  # noqa: T201


if __name__ == "__main__":
    main()
