"""All streams of a connection, by name."""

from __future__ import annotations

from connectors.tryton.books import invoices
from connectors.tryton.config import Config
from connectors.tryton.credit import credit_statuses
from connectors.tryton.parties import customers
from connectors.tryton.payments import payments
from connectors.tryton.products import products
from connectors.tryton.sales import orders, quotes
from connectors.tryton.streams import Stream
from connectors.tryton.warehouse import shipments


def catalogue(config: Config) -> dict[str, Stream]:
    """The streams of one connection."""
    found = (
        customers(config.tax_id_type),
        products(),
        quotes(config),
        orders(config),
        invoices(),
        payments(),
        shipments(),
        credit_statuses(config),
    )
    return {one.name: one for one in found}
