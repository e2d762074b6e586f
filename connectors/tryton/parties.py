"""Customers: parties with addresses, identifiers and contacts. ``code`` is the external key, unique and fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.tryton.lookups import Lookups
from connectors.tryton.rpc import Rpc
from connectors.tryton.streams import (
    ANY_ACTIVITY,
    STAMP,
    Stream,
    Watched,
    children,
    described,
    field,
    given,
    one,
    record_of,
    stamped,
)
from connectors.tryton.values import Row
from isthmus.connect.protocol import Change
from isthmus.kernel.records import Fields, Record

_CHILDREN = ("identifiers", "addresses", "contact_mechanisms")
_ADDRESS = ("street", "city", "postal_code", "country.code", "invoice", "delivery", "active", "sequence")
COLUMNS = (
    "code", "name", "active", "replaced_by", "customer_currency.code", "customer_payment_term.name", *STAMP,
    *stamped("identifiers", "type", "code"), *stamped("addresses", *_ADDRESS),
    *stamped("contact_mechanisms", "type", "value", "name"),
)  # fmt: skip
PLACE = ("street", "city", "postal_code", "country")
_MEANS = {"phone": "phone", "website": "website", "email": "email"}  # of the party itself: they carry no name
_PERSON = ("first_name", "last_name", "email", "phone")


def customers(tax_type: str | None) -> Stream:
    """The stream of customers. ``tax_type`` is the kind of identifier that holds the tax number."""
    return Stream(
        "customer", "party.party", COLUMNS, lambda rpc, rows: [_record(rpc, row, tax_type) for row in rows],
        described(
            field("name", required=True), field("tax_id"), field("currency", "reference"), field("terms", "reference"),
            *(field(name) for name in _MEANS), field("active", "boolean"), given("number", unique=True),
            *(field(f"{group}.{name}") for group in ("billing", "shipping") for name in PLACE),
            *(field(f"contact.{name}") for name in _PERSON),
        ),
        domain=(ANY_ACTIVITY,),
        live=(["replaced_by", "=", None],),
        watched=tuple(
            Watched(f"party.{name}", "party", (ANY_ACTIVITY,))
            for name in ("address", "identifier", "contact_mechanism")
        ),
    )  # fmt: skip


def _record(rpc: Rpc, row: Row, tax_type: str | None) -> Record:
    mechanisms = children(row, "contact_mechanisms")
    fields: Fields = {
        "name": row["name"],
        "number": row["code"],
        "active": row["active"],
        "currency": one(row, "customer_currency", "code"),
        "terms": one(row, "customer_payment_term", "name"),
        "tax_id": next((it["code"] for it in children(row, "identifiers") if it["type"] == tax_type), None),
        "billing": _place(_billing(row)),
        "shipping": _place(_shipping(row)),
        "contact": _person(mechanisms),
        **{name: _value(mechanisms, kind, named=False) for name, kind in _MEANS.items()},
    }
    record = record_of(rpc, row, fields, also=_CHILDREN)
    if row["replaced_by"]:
        record.merged_into, record.deleted = str(row["replaced_by"]), True
    return record


def _billing(row: Row) -> Row | None:
    return next((it for it in _addresses(row) if it["invoice"]), None)


def _shipping(row: Row) -> Row | None:
    return next((it for it in _addresses(row) if it["delivery"] and not it["invoice"]), None)


def _addresses(row: Row) -> list[Row]:
    return [it for it in children(row, "addresses") if it["active"]]


def _place(address: Row | None) -> Fields:
    if address is None:
        return dict.fromkeys(PLACE)
    found = {name: address[name] or None for name in PLACE if name != "country"}
    return {**found, "country": one(address, "country", "code")}


def _value(mechanisms: Sequence[Row], kind: str, *, named: bool) -> str | None:
    return next((it["value"] for it in mechanisms if it["type"] == kind and bool(it["name"]) is named), None)


def _person(mechanisms: Sequence[Row]) -> Fields:
    """The first person of whom something is known. Tryton keeps one name for each mechanism: ours is "Last, First"."""
    name: str = next((it["name"] for it in mechanisms if it["name"]), "")
    last, _, first = name.partition(", ")
    mine = [it for it in mechanisms if it["name"] == name]
    return {
        "first_name": first or None,
        "last_name": last or None,
        "email": _value(mine, "email", named=True) if name else None,
        "phone": _value(mine, "phone", named=True) if name else None,
    }


# --- writing ------------------------------------------------------------------------------------------------------


def new_party(change: Change, lookups: Lookups, code: str) -> Row:
    """A party as `create` takes it, whole: one call, one transaction."""
    values = party_values(change, lookups, None)
    # Without an address there would be nothing to invoice to: an empty one is what Tryton's own form makes.
    values.setdefault("addresses", [["create", [{"invoice": True, "delivery": True}]]])
    return {**values, "code": code}


def party_values(change: Change, lookups: Lookups, row: Row | None) -> Row:
    """The fields of a change as Tryton's values; ``row`` is the party as it is, None for a new one."""
    given_fields = change.fields
    values: Row = {name: given_fields[name] for name in ("name", "active") if name in given_fields}
    if "currency" in given_fields:
        values["customer_currency"] = lookups.currency(given_fields["currency"])
    if "terms" in given_fields:
        values["customer_payment_term"] = lookups.payment_term(given_fields["terms"])
    if "tax_id" in given_fields:
        _put(values, "identifiers", _identifier_actions(given_fields["tax_id"], lookups.config.tax_id_type, row))
    if "billing" in given_fields or "shipping" in given_fields:
        _put(values, "addresses", _address_actions(given_fields, lookups, row))
    if {"contact", *_MEANS} & given_fields.keys():
        _put(values, "contact_mechanisms", _mechanism_actions(given_fields, row))
    return values


def _put(values: Row, name: str, actions: list[Any]) -> None:
    if actions:
        values[name] = actions


def _identifier_actions(tax_id: str | None, tax_type: str | None, row: Row | None) -> list[Any]:
    known = next((it for it in children(row or {}, "identifiers") if it["type"] == tax_type), None)
    if known is None:
        return [["create", [{"type": tax_type, "code": tax_id}]]] if tax_id else []
    if not tax_id:
        return [["delete", [known["id"]]]]
    return [["write", [known["id"]], {"code": tax_id}]] if known["code"] != tax_id else []


def _address_actions(fields: Fields, lookups: Lookups, row: Row | None) -> list[Any]:
    """Billing is where invoices go. Goods go there as well, unless there is a shipping address."""
    known = {"billing": _billing(row) if row else None, "shipping": _shipping(row) if row else None}
    wanted = {name: fields[name] for name in known if name in fields}
    ships = any((wanted.get("shipping") or {}).values()) if "shipping" in wanted else known["shipping"] is not None
    flags = {"billing": {"invoice": True, "delivery": not ships}, "shipping": {"invoice": False, "delivery": True}}
    actions: list[Any] = []
    for name, place in wanted.items():
        values = {**lookups.place(place), **flags[name]}
        address = known[name]
        if name == "shipping" and not ships:
            actions += [["write", [address["id"]], {"active": False}]] if address else []
        elif address:
            actions.append(["write", [address["id"]], values])
        else:
            actions.append(["create", [values]])
    if "billing" not in wanted and (billing := known["billing"]):
        actions.append(["write", [billing["id"]], {"delivery": not ships}])
    return actions


def _mechanism_actions(fields: Fields, row: Row | None) -> list[Any]:
    known = children(row or {}, "contact_mechanisms")
    actions: list[Any] = []
    for name, kind in _MEANS.items():
        if name in fields:
            mine = [it for it in known if it["type"] == kind and not it["name"]]
            actions += _mechanism(kind, None, fields[name], known=mine)
    return [*actions, *(_person_actions(fields["contact"], known) if "contact" in fields else ())]


def _person_actions(contact: Fields, known: list[Row]) -> list[Any]:
    """The first person's mechanisms, under the name as it is to be."""
    person = {**_person(known), **contact}
    label = f"{person['last_name'] or ''}, {person['first_name'] or ''}" if any(person.values()) else None
    named = [it for it in known if it["name"]]
    actions: list[Any] = []
    for kind in ("email", "phone"):
        mine = [it for it in named if it["type"] == kind and it["name"] == named[0]["name"]]
        actions += _mechanism(kind, label, person[kind], known=mine)
    return actions


def _mechanism(kind: str, name: str | None, value: str | None, *, known: list[Row]) -> list[Any]:
    if not known:
        return [["create", [{"type": kind, "name": name, "value": value}]]] if value else []
    if not value:
        return [["delete", [known[0]["id"]]]]
    if (known[0]["value"], known[0]["name"]) == (value, name):
        return []
    return [["write", [known[0]["id"]], {"value": value, "name": name}]]
