"""What each invoice and credit note had of its order's discounts, worked out for documents that did not keep it."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, text

from isthmus.erp.pricing import part_of

_LINES = """
SELECT i.id AS invoice_id, l.key, l.quantity_micros, i.credits_id, i.order_id,
    o.quantity_micros AS of_micros, o.discount_share_minor AS share_minor, o.discount_percent_micros AS percent_micros
FROM erp_invoice i JOIN erp_invoice_line l ON l.invoice_id = i.id
JOIN erp_order_line o ON o.order_id = i.order_id AND o.key = l.key
ORDER BY i.id
"""
_LINE = """
UPDATE erp_invoice_line SET discount_percent_micros = :percent, discount_share_minor = :share
WHERE invoice_id = :invoice_id AND key = :key
"""
_HEADER = "UPDATE erp_invoice SET discount_minor = :share WHERE id = :invoice_id"


def fill_discounts(connection: Connection) -> None:
    """Fills the discounts of documents that were posted before these were kept."""
    done: dict[tuple[int, int, str], int] = defaultdict(int)
    sold: dict[tuple[int, str], tuple[int, int]] = {}  # (invoice, key) → its quantity and share
    totals: dict[int, int] = defaultdict(int)
    for row in connection.execute(text(_LINES)).mappings().all():
        credited = row["credits_id"]
        whole = sold[credited, row["key"]] if credited else (row["of_micros"], row["share_minor"])
        place = (credited or 0, row["order_id"], row["key"])
        taken = {"done_micros": done[place], "more_micros": row["quantity_micros"], "of_micros": whole[0]}
        share = part_of(whole[1], **taken)
        done[place] += row["quantity_micros"]
        sold[row["invoice_id"], row["key"]] = (row["quantity_micros"], share)
        totals[row["invoice_id"]] += share
        line = {"invoice_id": row["invoice_id"], "key": row["key"], "share": share}
        connection.execute(text(_LINE), {**line, "percent": row["percent_micros"]})
    for invoice_id, share in totals.items():
        connection.execute(text(_HEADER), {"invoice_id": invoice_id, "share": share})
