"""What every new ERP begins with. Tax rates are invented: enter the true ones before the first real order."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from isthmus.erp.ledger import BANK, FREIGHT, RECEIVABLE, REVENUE, TAX
from isthmus.erp.sequences import STREAMS

_RATES = {  # country: standard and reduced, in per cent; `*` is every other country
    "*": (0, 0),
    "AT": (20, 10),
    "CH": (8, 3),
    "DE": (19, 7),
    "ES": (21, 10),
    "FR": (20, 6),
    "GB": (20, 5),
    "IT": (22, 10),
    "NL": (21, 9),
    "PL": (23, 8),
}
_TERMS = (("PREPAID", "In advance", 0), ("NET14", "14 days", 14), ("NET30", "30 days", 30), ("NET60", "60 days", 60))
_ACCOUNTS = (
    (BANK, "Bank", "asset"),
    (RECEIVABLE, "Accounts receivable", "asset"),
    (TAX, "Tax payable", "liability"),
    (REVENUE, "Revenue", "income"),
    (FREIGHT, "Freight charged", "income"),
)
_TRANSITIONS = (
    ("draft", "confirmed"),
    ("draft", "held"),
    ("draft", "cancelled"),
    ("held", "confirmed"),
    ("held", "cancelled"),
    ("confirmed", "held"),
    ("confirmed", "partly_invoiced"),
    ("confirmed", "invoiced"),
    ("confirmed", "cancelled"),
    ("partly_invoiced", "invoiced"),
    ("partly_invoiced", "closed"),
    ("invoiced", "closed"),
    ("cancelled", "confirmed"),
    ("cancelled", "held"),
)


def _tax_codes() -> list[dict[str, Any]]:
    rows = []
    for country, (standard, reduced) in _RATES.items():
        for category, percent in (("standard", standard), ("reduced", reduced), ("zero", 0)):
            code = f"{'XX' if country == '*' else country}-{category}"
            row = {"code": code, "country": country, "category": category, "valid_from": "2000-01-01"}
            rows.append({**row, "rate_micros": percent * 1_000_000})
    return rows


def first_rows() -> dict[str, list[dict[str, Any]]]:
    """Rows by table. The identity of the company is drawn here, once."""
    company = {"code": "main", "identity": uuid4().hex, "name": "Our company", "currency": "EUR", "grace_days": 14}
    return {
        "erp_company": [company],
        "erp_term": [{"code": code, "name": name, "days": days} for code, name, days in _TERMS],
        "erp_tax_code": _tax_codes(),
        "erp_account": [{"code": code, "name": name, "kind": kind} for code, name, kind in _ACCOUNTS],
        "erp_order_transition": [{"before": before, "after": after} for before, after in _TRANSITIONS],
        "erp_sequence": [{"name": name, "last": 0} for name in STREAMS],
    }
