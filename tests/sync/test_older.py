"""A record under an older stamp than is known: an old look, a clock that was set back, or a person who was erased?"""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.kernel.records import Fields, Record
from isthmus.mapping.compile import compile_mapping
from isthmus.mapping.load import load_mapping
from isthmus.state.bindings import LAST, Sight
from isthmus.state.progress import Due
from isthmus.sync.decision import Direction, Sights, translate
from isthmus.sync.plan import plan_page

FILE = Path(__file__).parents[2] / "mappings" / "salesforce_erp" / "customer.yaml"
CUSTOMERS = compile_mapping(load_mapping(FILE), crm_numbers="decimal", erp_numbers="scaled", time_zone="UTC")
WAY = Direction(CUSTOMERS, "crm", "erp", "org-crm", "org-erp")


@pytest.mark.parametrize(
    ("known", "due", "outcome"),
    [
        ("2026-11-23", None, "superseded"),
        ("2026-11-23", Due("001A", "it shows something else", "t"), "updated"),
        (f"{LAST}2026-11-23", Due("001A", "asked for", "t", force=True), "superseded"),
    ],
)
def test_only_what_is_fetched_by_id_counts_under_an_older_stamp(known: str, due: Due | None, outcome: str) -> None:
    fields: Fields = {name: None for name in CUSTOMERS.selection("crm").fields if "." not in name}
    fields |= {"Name": "Alder Example", "CurrencyIsoCode": "EUR", "Type": "Customer", "Parent": None}
    read = translate(WAY, Record("001A", "2026-11-22", fields), due)
    pair = WAY.new_binding(Sight("org-crm", "001A", known, b"another", "{}"), "7")
    pair.id = 1
    (decision,) = plan_page(WAY, [read], Sights(bindings={"001A": pair}))
    assert decision.outcome == outcome, decision.item
