"""What must stay as it is between two runs: is a change of a mapped field noticed, wherever its path ends?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from isthmus.kernel.description import FieldDescription, StreamDescription
from isthmus.mapping.compile import compile_mapping
from isthmus.mapping.load import load_mapping
from isthmus.sync.preflight import compare_prints, fingerprint

FILE = Path(__file__).parents[2] / "mappings" / "salesforce_erp" / "order.yaml"
ORDERS = compile_mapping(load_mapping(FILE), crm_numbers="decimal", erp_numbers="scaled", time_zone="UTC")
OWNER = FieldDescription("OwnerId", "reference", refers_to=("User",), relationship="Owner")
EMAIL = FieldDescription("Email", "text")


def _print(email: FieldDescription) -> dict[str, dict[str, object]]:
    streams = {"Order": {"OwnerId": OWNER, "PoNumber": FieldDescription("PoNumber", "text")}, "User": {"Email": email}}
    return fingerprint(lambda stream: StreamDescription(stream, streams.get(stream, {})), ORDERS, "crm")


def test_a_field_of_another_record_is_watched_too() -> None:
    before = _print(EMAIL)
    assert set(before) == {"Order.PoNumber", "User.Email"}
    assert list(compare_prints(before, _print(EMAIL), "crm")) == []
    (fault,) = compare_prints(before, _print(replace(EMAIL, type="reference")), "crm")
    assert (fault.where, fault.what) == ("CRM User.Email", "was text and is now reference")
