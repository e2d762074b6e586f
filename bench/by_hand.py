"""The yardstick: what a good programmer writes by hand, in an afternoon, for these very fields and this very table.

The same duties as one way of a mapping: read the same pages, parse, map, validate with a compiled validator against
the same schemas, hash, one state row a record, COPY and upsert, one transaction a page of 2,000 with the watermark in
it. What it does not do is what Isthmus is for: no match, merge, owners, worklist, audit, lease, credit gate, way back.
"""

from __future__ import annotations

import argparse
import gc
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import orjson
import psycopg
import requests  # noqa: TID251 - the script stands for somebody else's code
from psycopg import sql

Row = dict[str, Any]
SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
IDS = 400  # in one IN (…)
_exact = msgspec.json.Decoder(float_hook=Decimal).decode

ADDRESS = ("street", "city", "state", "postal_code", "country")
CUSTOMER = ("name", "tax_id", "currency", "terms", "phone", "website", "parent",
            *(f"billing_{part}" for part in ADDRESS), *(f"shipping_{part}" for part in ADDRESS),
            "first_name", "last_name", "email", "contact_phone")  # fmt: skip
ORDER = ("customer", "quote", "order_date", "currency", "po_number", "salesperson",
         *(f"bill_to_{part}" for part in ADDRESS), *(f"ship_to_{part}" for part in ADDRESS),
         "freight", "discount")  # fmt: skip
LINE = ("key", "product", "quantity", "unit_price", "description")

TABLES = f"""
CREATE TABLE product (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, crm_id TEXT UNIQUE, name TEXT);
CREATE TABLE customer (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, crm_id TEXT UNIQUE,
    {", ".join(f"{name} TEXT" for name in CUSTOMER)}, parent_id BIGINT REFERENCES customer);
CREATE TABLE sales_order (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, crm_id TEXT UNIQUE,
    {", ".join(f"{name} {'BIGINT' if name in ('freight', 'discount') else 'TEXT'}" for name in ORDER)},
    customer_id BIGINT NOT NULL REFERENCES customer);
CREATE TABLE sales_order_line (order_id BIGINT REFERENCES sales_order, key TEXT, product TEXT, quantity BIGINT,
    unit_price BIGINT, description TEXT, product_id BIGINT NOT NULL REFERENCES product, PRIMARY KEY (order_id, key));
CREATE TABLE state (entity TEXT, crm_id TEXT, erp_id BIGINT, version TEXT, hash BYTEA, PRIMARY KEY (entity, crm_id));
CREATE TABLE watermark (entity TEXT PRIMARY KEY, position TEXT);
"""


class Salesforce:
    """A session; pages as they come."""

    def __init__(self, extra: dict[str, str]) -> None:
        self._url = url = extra["instance_url"]
        self._session = requests.Session()
        asked = {"grant_type": "client_credentials", "client_id": extra["consumer_key"],
                 "client_secret": extra["consumer_secret"]}  # fmt: skip
        token = self._session.post(f"{url}/services/oauth2/token", data=asked, timeout=60).json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def pages(self, soql: str, parse: Callable[[bytes], Any] = orjson.loads) -> Iterator[list[Row]]:
        answer = self._get("/services/data/v66.0/query", parse, {"q": soql})
        yield answer["records"]
        while not answer["done"]:
            answer = self._get(answer["nextRecordsUrl"], parse)
            yield answer["records"]

    def _get(self, path: str, parse: Callable[[bytes], Any], params: dict[str, str] | None = None) -> Any:
        reply = self._session.get(self._url + path, params=params, timeout=60)
        reply.raise_for_status()
        return parse(reply.content)


# --- customers ----------------------------------------------------------------------------------------------------


def address(row: Row, kind: str) -> Row:
    country = row[f"{kind}CountryCode"] or row[f"{kind}Country"]
    return {
        "street": row[f"{kind}Street"], "city": row[f"{kind}City"], "state": row[f"{kind}State"],
        "postal_code": row[f"{kind}PostalCode"], "country": country and country.strip().upper(),
    }  # fmt: skip


def columns(kind: str) -> str:
    return ",".join(f"{kind}{part}" for part in ("Street", "City", "State", "PostalCode", "CountryCode", "Country"))


CUSTOMERS = (
    "SELECT Id,SystemModstamp,Name,Tax_Id__c,CurrencyIsoCode,Payment_Terms__c,Phone,Website,ParentId,Type,"
    f"{columns('Billing')},{columns('Shipping')},Primary_Contact__r.FirstName,Primary_Contact__r.LastName,"
    "Primary_Contact__r.Email,Primary_Contact__r.Phone FROM Account WHERE Type = 'Customer' ORDER BY SystemModstamp,Id"
)


def customer(row: Row) -> Row:
    contact = row["Primary_Contact__r"] or {}
    tax_id = row["Tax_Id__c"]
    return {
        "name": " ".join(row["Name"].split()), "tax_id": tax_id and tax_id.strip().upper(),
        "currency": row["CurrencyIsoCode"], "terms": row["Payment_Terms__c"], "phone": row["Phone"],
        "website": row["Website"], "parent": row["ParentId"],
        "billing": address(row, "Billing"), "shipping": address(row, "Shipping"),
        "contact": {"first_name": contact.get("FirstName"), "last_name": contact.get("LastName"),
                    "email": contact.get("Email"), "phone": contact.get("Phone")},
    }  # fmt: skip


def customer_values(form: Row) -> tuple[Any, ...]:
    contact = form["contact"]
    return (
        form["name"], form["tax_id"], form["currency"], form["terms"], form["phone"], form["website"], form["parent"],
        *form["billing"].values(), *form["shipping"].values(),
        contact["first_name"], contact["last_name"], contact["email"], contact["phone"],
    )  # fmt: skip


# --- orders -------------------------------------------------------------------------------------------------------

ORDERS = (
    "SELECT Id,SystemModstamp,AccountId,QuoteId,EffectiveDate,CurrencyIsoCode,PoNumber,Owner.Email,"
    f"{columns('Billing')},{columns('Shipping')},Freight__c,Header_Discount__c,TotalAmount,StatusCode,IsReductionOrder"
    " FROM Order WHERE StatusCode = 'Activated' AND IsReductionOrder = false ORDER BY SystemModstamp,Id"
)
LINES = "SELECT Id,OrderId,OrderItemNumber,Product2Id,Quantity,UnitPrice,Description,TotalPrice FROM OrderItem"
PLACES = {"EUR": 2, "USD": 2, "PLN": 2, "JPY": 0}


def scaled(value: Any, places: int) -> int | None:
    """An exact amount in units of 10^-places; nothing is rounded unseen."""
    if value is None:
        return None
    number = Decimal(value).scaleb(places)
    whole = int(number)
    if whole != number:
        raise ValueError(f"{value} has too many decimals")
    return whole


def line(row: Row, places: int) -> Row:
    return {
        "key": row["Id"], "product": row["Product2Id"], "quantity": scaled(row["Quantity"], 6),
        "unit_price": scaled(row["UnitPrice"], 6), "description": row["Description"],
        "amount": scaled(row["TotalPrice"], places),
    }  # fmt: skip


def order(row: Row) -> Row:
    places, po_number = PLACES[row["CurrencyIsoCode"]], row["PoNumber"]
    form = {
        "customer": row["AccountId"], "quote": row["QuoteId"], "order_date": row["EffectiveDate"],
        "currency": row["CurrencyIsoCode"], "po_number": po_number and po_number.strip(),
        "salesperson": row["Owner"] and row["Owner"]["Email"],
        "bill_to": address(row, "Billing"), "ship_to": address(row, "Shipping"),
        "freight": scaled(row["Freight__c"], places), "discount": scaled(row["Header_Discount__c"], places),
        "lines_total": scaled(row["TotalAmount"], places),
        "lines": [line(one, places) for one in row["lines"]],
    }  # fmt: skip
    if sum(one["amount"] for one in form["lines"]) != form["lines_total"]:
        raise ValueError("the lines do not add up to the total")
    return form


def order_values(form: Row) -> tuple[Any, ...]:
    return (
        form["customer"], form["quote"], form["order_date"], form["currency"], form["po_number"], form["salesperson"],
        *form["bill_to"].values(), *form["ship_to"].values(), form["freight"], form["discount"],
    )  # fmt: skip


def pages_of_orders(salesforce: Salesforce) -> Iterator[list[Row]]:
    for rows in salesforce.pages(ORDERS, _exact):
        lines: dict[str, list[Row]] = {row["Id"]: [] for row in rows}
        for one in lines_of(salesforce, list(lines)):
            lines[one["OrderId"]].append(one)
        for row in rows:
            row["lines"] = sorted(lines[row["Id"]], key=lambda one: one["OrderItemNumber"])
        yield rows


def lines_of(salesforce: Salesforce, ids: list[str]) -> Iterator[Row]:
    for start in range(0, len(ids), IDS):
        asked = ",".join(f"'{one}'" for one in ids[start : start + IDS])
        for some in salesforce.pages(f"{LINES} WHERE OrderId IN ({asked})", _exact):
            yield from some


# --- writing ------------------------------------------------------------------------------------------------------

Job = tuple[str, tuple[str, ...], Callable[[Row], Row], Callable[[Row], tuple[Any, ...]]]
JOBS: dict[str, Job] = {
    "customer": ("customer", CUSTOMER, customer, customer_values),
    "order": ("sales_order", ORDER, order, order_values),
}


def write_page(db: psycopg.Connection, entity: str, forms: list[tuple[str, str, Row, bytes]]) -> None:
    """COPY into a temporary table, then one upsert each for records, lines and state."""
    table, names, _, values = JOBS[entity]
    copy_in(db, f"{table}_in", ("crm_id", "version", "hash", *names), rows=[
        (key, version, digest, *values(form)) for key, version, form, digest in forms
    ])  # fmt: skip
    joined = {
        "customer": ("parent_id, p.id", "LEFT JOIN customer p ON p.crm_id = i.parent"),
        "order": ("customer_id, p.id", "JOIN customer p ON p.crm_id = i.customer"),
    }[entity]
    (reference, found), join = joined[0].split(", "), joined[1]
    listed = ", ".join(names)
    db.execute(sql.SQL(
        f"INSERT INTO {table} (crm_id, {listed}, {reference}) SELECT i.crm_id, {', '.join(f'i.{n}' for n in names)},"
        f" {found} FROM {table}_in i {join} ON CONFLICT (crm_id) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in (*names, reference))
    ))  # fmt: skip
    if entity == "order":
        write_lines(db, forms)
    db.execute(sql.SQL(
        f"INSERT INTO state SELECT '{entity}', i.crm_id, t.id, i.version, i.hash FROM {table}_in i"
        f" JOIN {table} t USING (crm_id) ON CONFLICT (entity, crm_id) DO UPDATE SET erp_id = excluded.erp_id,"
        " version = excluded.version, hash = excluded.hash"
    ))  # fmt: skip


def write_lines(db: psycopg.Connection, forms: list[tuple[str, str, Row, bytes]]) -> None:
    copy_in(db, "sales_order_line_in", ("crm_id", *LINE), rows=[
        (key, one["key"], one["product"], one["quantity"], one["unit_price"], one["description"])
        for key, _, form, _ in forms for one in form["lines"]
    ])  # fmt: skip
    db.execute(
        "DELETE FROM sales_order_line l USING sales_order o JOIN sales_order_in i USING (crm_id)"
        " WHERE l.order_id = o.id AND l.key NOT IN (SELECT key FROM sales_order_line_in)"
    )
    db.execute(
        "INSERT INTO sales_order_line SELECT o.id, i.key, i.product, i.quantity, i.unit_price, i.description, p.id"
        " FROM sales_order_line_in i JOIN sales_order o USING (crm_id) JOIN product p ON p.crm_id = i.product"
        " ON CONFLICT (order_id, key) DO UPDATE SET product = excluded.product, quantity = excluded.quantity,"
        " unit_price = excluded.unit_price, description = excluded.description, product_id = excluded.product_id"
    )


def copy_in(db: psycopg.Connection, name: str, names: tuple[str, ...], *, rows: list[tuple[Any, ...]]) -> None:
    kinds = {"hash": "BYTEA", **dict.fromkeys(("quantity", "unit_price", "freight", "discount"), "BIGINT")}
    listed = ", ".join(f"{one} {kinds.get(one, 'TEXT')}" for one in names)
    db.execute(sql.SQL(f"CREATE TEMP TABLE IF NOT EXISTS {name} ({listed}) ON COMMIT DELETE ROWS"))
    with db.cursor().copy(sql.SQL(f"COPY {name} ({', '.join(names)}) FROM STDIN")) as copy:
        for row in rows:
            copy.write_row(row)


def run(entity: str, salesforce: Salesforce, db: psycopg.Connection) -> dict[str, int]:
    """Everything there is, page by page; one transaction each."""
    _, _, translate, _ = JOBS[entity]
    is_valid = jsonschema_rs.validator_for(json.loads((SCHEMAS / f"{entity}.json").read_text())).is_valid
    read = written = 0
    pages = salesforce.pages(CUSTOMERS) if entity == "customer" else pages_of_orders(salesforce)
    for rows in pages:
        forms = []
        for row in rows:
            form = translate(row)
            if is_valid(form):
                digest = blake2b(orjson.dumps(form, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
                forms.append((row["Id"], row["SystemModstamp"], form, digest))
        with db.transaction():
            write_page(db, entity, forms)
            mark = (
                "INSERT INTO watermark VALUES (%s, %s) ON CONFLICT (entity) DO UPDATE SET position = excluded.position"
            )
            db.execute(mark, (entity, rows[-1]["SystemModstamp"]))
        read, written = read + len(rows), written + len(forms)
    if entity == "customer":  # parents that came after their children
        db.execute("UPDATE customer c SET parent_id = p.id FROM customer p WHERE c.parent_id IS NULL"
                   " AND c.parent IS NOT NULL AND p.crm_id = c.parent")  # fmt: skip
    return {"read": read, "written": written}


def prepare(salesforce: Salesforce, db: psycopg.Connection) -> None:
    """Tables, and the products that orders refer to."""
    db.execute(TABLES)
    for rows in salesforce.pages("SELECT Id,Name FROM Product2"):
        with db.transaction(), db.cursor() as cursor:
            cursor.executemany("INSERT INTO product (crm_id, name) VALUES (%(Id)s, %(Name)s)", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("prepare", *JOBS))
    parser.add_argument("--database", required=True)
    parser.add_argument("--connection", required=True, help="the playground as an Airflow connection in JSON")
    given = parser.parse_args()
    gc.disable()  # records make no cycles
    salesforce = Salesforce(json.loads(given.connection)["extra"])
    with psycopg.connect(given.database, autocommit=True) as db:
        if given.what == "prepare":
            prepare(salesforce, db)
        done = run(given.what, salesforce, db) if given.what in JOBS else {}
    print(json.dumps(done))  # noqa: T201


if __name__ == "__main__":
    main()
