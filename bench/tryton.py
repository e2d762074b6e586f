"""Records a second into a real Tryton: our connector against the same calls by a bare client, in the same run.

``python -m bench.tryton [COUNT]``: COUNT customers and COUNT orders of three lines (1,000), batches of 100, one
connection. The bare client sends ready-made values: no looking up, no finding of doubles, no reading back.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any

from connectors.tryton import Connector
from connectors.tryton.config import STANDARD
from connectors.tryton.rpc import Rpc
from connectors.tryton.values import Float
from isthmus.cli import tryton_server
from isthmus.connect.protocol import Change
from isthmus.kernel.clock import SystemClock

BATCH = 100
ROOT = Path(__file__).parents[1]


@dataclass
class Bench:
    """One database, a connector, and the ids that orders refer to."""

    connector: Connector
    count: int
    parties: Sequence[str] = ()
    products: Sequence[str] = ()

    found: dict[str, Any] = field(default_factory=dict)

    @property
    def rpc(self) -> Rpc:
        return self.connector.rpc

    def known(self) -> dict[str, Any]:
        """What the bare client knows of customers and products without asking again."""
        if not self.found:
            parties = [int(one) for one in self.parties]
            rows = self.rpc.search_read("party.address", [["party", "in", parties]], ["party"])
            product = self.rpc.search_read(
                "product.product", [["id", "=", int(self.products[0])]],
                ["sale_uom", "account_category.customer_taxes_used"],
            )[0]  # fmt: skip
            self.found = {
                "addresses": {row["party"]: row["id"] for row in rows},
                "unit": product["sale_uom"],
                "taxes": product["account_category."]["customer_taxes_used"],
                "currency": self.rpc.call("model.currency.currency.search", [["code", "=", "EUR"]], 0, 1)[0],
            }
        return self.found


def main(arguments: Sequence[str]) -> None:
    count = int(arguments[0]) if arguments else 1_000
    kit = tryton_server.prepare(ROOT / "var" / "cache", print)
    folder = Path(tempfile.mkdtemp(prefix="isthmus-tryton-"))
    folder.chmod(0o755)
    with tryton_server.postgres(folder / "postgres", kit) as postgres:
        config = tryton_server.write_config(folder, postgres.url)
        with tryton_server.serving(kit, config, [tryton_server.REFERENCE]) as server:
            bench = Bench(Connector(tryton_server.connection_to(server)), count)
            bench.products = [str(one.id) for one in bench.connector.write("product", _products())]
            _report("customers", bench, bare=bare_customers, ours=our_customers)
            _report("orders, confirmed", bench, bare=bare_orders, ours=our_orders)
            bench.connector.close()
    shutil.rmtree(folder, ignore_errors=True)


Work = Callable[[Bench, int], None]


def _report(what: str, bench: Bench, *, bare: Work, ours: Work) -> None:
    """Both in turns, batch by batch, so that a busy machine is busy for both."""
    bare(bench, 0)  # the first call of a kind loads tables on the server
    spent = {"bare": 0.0, "ours": 0.0}
    calls = 0
    for start in range(BATCH, bench.count + BATCH, BATCH):
        began = perf_counter()
        bare(bench, start)
        middle, before = perf_counter(), bench.rpc.calls
        ours(bench, start)
        spent = {"bare": spent["bare"] + middle - began, "ours": spent["ours"] + perf_counter() - middle}
        calls += bench.rpc.calls - before
    rates = {name: bench.count / time for name, time in spent.items()}
    print(  # noqa: T201
        f"{what}: {bench.count} each; bare client {rates['bare']:.1f}/s, connector {rates['ours']:.1f}/s "
        f"({100 * rates['ours'] / rates['bare']:.0f} %), {calls / bench.count:.3f} calls a record",
        flush=True,
    )


# --- customers ----------------------------------------------------------------------------------------------------


def bare_customers(bench: Bench, start: int) -> None:
    country = bench.rpc.call("model.country.country.search", [["code", "=", "DE"]], 0, 1)[0]
    address = {"street": "Harbour Road 1", "city": "Kiel", "postal_code": "24103", "country": country}
    rows = [
        {
            "name": f"Bare {number} GmbH",
            "code": f"BARE{start + number:014d}",
            "identifiers": [["create", [{"code": f"DE{number:09d}"}]]],
            "addresses": [["create", [{**address, "invoice": True, "delivery": True}]]],
            "contact_mechanisms": [["create", [{"type": "email", "value": "a@bare.example", "name": "Alder, Ada"}]]],
        }
        for number in range(BATCH)
    ]
    ids = bench.rpc.call("model.party.party.create", rows)
    bench.parties = [str(one) for one in ids]


def our_customers(bench: Bench, start: int) -> None:
    place = {"street": "Harbour Road 1", "city": "Kiel", "postal_code": "24103", "country": "DE"}
    changes = [
        Change(
            "create",
            f"00D000000000001EAA/Account/001{start + number:012d}AAA",
            {"name": f"Ours {number} GmbH", "tax_id": f"DE{number:09d}", "billing": place,
             "contact": {"first_name": "Ada", "last_name": "Alder", "email": "a@ours.example", "phone": None}},
        )
        for number in range(BATCH)
    ]  # fmt: skip
    _made(bench.connector.write("customer", changes))


# --- orders -------------------------------------------------------------------------------------------------------


def bare_orders(bench: Bench, start: int) -> None:
    """Entered, quoted and confirmed with three calls; whatever a sale needs is known beforehand."""
    known = bench.known()
    lines = [
        {"type": "line", "product": int(product), "unit": known["unit"], "quantity": Float(Decimal(3)),
         "unit_price": Decimal("19.99"), "taxes": [["add", known["taxes"]]], "description": "Lamp"}
        for product in bench.products
    ]  # fmt: skip
    rows = [
        {"party": int(party), "invoice_address": address, "shipment_address": address, "lines": [["create", lines]],
         "currency": known["currency"], "reference": f"PO-{start}", "sale_date": SystemClock().now().date()}
        for party, address in known["addresses"].items()
    ]  # fmt: skip
    ids = bench.rpc.call("model.sale.sale.create", rows)
    bench.rpc.call("model.sale.sale.quote", ids)
    bench.rpc.call("model.sale.sale.confirm", ids)


def our_orders(bench: Bench, start: int) -> None:
    today = SystemClock().now().date().isoformat()
    changes = [
        Change(
            "create",
            f"00D000000000001EAA/Order/801{start + number:012d}AAA",
            {"customer_id": bench.parties[number], "order_date": today, "currency": "EUR",
             "customer_reference": f"PO-{number}"},
            [{"key": f"802{line}", "product_id": product, "quantity": Decimal(3), "unit_price": Decimal("19.99"),
              "description": "Lamp"} for line, product in enumerate(bench.products)],
        )
        for number in range(BATCH)
    ]  # fmt: skip
    _made(bench.connector.write("order", changes))


def _made(answers: Sequence[Any]) -> None:
    lacking = next((one for one in answers if one.result != "created"), None)
    if lacking:
        raise SystemExit(f"not everything was written: {lacking}")


def _products() -> list[Change]:
    price = {"key": "1", "price_list": STANDARD, "currency": "EUR", "unit_price": Decimal("19.99"), "active": True}
    return [
        Change("create", f"00D000000000001EAA/Product2/01t{number:012d}AAA",
               {"name": f"Lamp {number}", "sku": f"L-{number}", "tax_category": "Standard"}, [price])
        for number in range(3)
    ]  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
