"""How each contender is started: the script by hand, and Isthmus one way or both."""

from __future__ import annotations

from pathlib import Path

import yaml

from bench.server import CACHE, Address
from bench.timing import Timed, time_module

MAPPINGS = Path(__file__).resolve().parent.parent / "mappings" / "salesforce_erp"


def by_hand(what: str, address: Address, database: str) -> Timed:
    """The script: ``prepare``, ``customer`` or ``order``."""
    return time_module("bench.by_hand", what, "--database", database, "--connection", address.connection())


def isthmus(names: list[str], address: Address, database: str) -> Timed:
    """The way from the CRM alone, which is what the script does; both read the same pages of the REST API."""
    return _isthmus(names, address.connection(), database, "--one-way", "--mappings", str(one_way()))


def isthmus_both_ways(names: list[str], address: Address, database: str) -> Timed:
    """As people run it: the first read through the Bulk API if that pays, and the way back."""
    return _isthmus(names, address.connection(bulk=True), database, "--mappings", str(MAPPINGS))


def _isthmus(names: list[str], connection: str, database: str, *options: str) -> Timed:
    return time_module("bench.engine", *names, "--database", database, "--connection", connection, *options)


def one_way() -> Path:
    """A folder with the mappings that make ERP records, without their tests and without what the ERP gives back."""
    folder = CACHE / "one_way"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.yaml"):
        old.unlink()
    for source in MAPPINGS.glob("*.yaml"):
        mapping = yaml.safe_load(source.read_text(encoding="utf-8"))
        if "erp" not in mapping.get("creates", ()):
            continue
        mapping.pop("tests", None)
        mapping["fields"] = {name: row for name, row in mapping["fields"].items() if row.get("owner") != "erp"}
        for row in mapping["fields"].values():
            if row.get("owner") == "both":
                del row["owner"]
        (folder / source.name).write_text(yaml.safe_dump(mapping, sort_keys=False), encoding="utf-8")
    return folder
