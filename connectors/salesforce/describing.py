"""Salesforce's describe → our description, and what every read needs to know about a stream."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from connectors.salesforce.rest import Rest
from isthmus.kernel.description import FieldDescription, FieldType, StreamDescription
from isthmus.kernel.errors import Misconfigured, Refused
from isthmus.kernel.records import Fields

CURRENCY = "CurrencyIsoCode"
_TYPES: dict[str, FieldType] = {
    **dict.fromkeys(("string", "textarea", "email", "phone", "url", "encryptedstring", "combobox"), "text"),
    **dict.fromkeys(("double", "currency", "percent", "int", "long"), "number"),
    **dict.fromkeys(("picklist", "multipicklist"), "picklist"),
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "reference": "reference",
    "id": "id",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What reading a stream goes by. ``stamp`` is what says when a record moved; ``currency`` is filled in if given."""

    stream: str
    description: StreamDescription
    stamp: str
    has_deleted: bool
    has_master: bool
    has_writer: bool
    own_currency: bool
    converted: frozenset[str]  # Currency fields: sums of them are in the organisation's currency


class Describer:
    """Asks once per stream and remembers."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._shapes: dict[str, Shape] = {}
        self._streams: tuple[str, ...] = ()
        self._currency: str | None = rest.config.currency

    def streams(self) -> tuple[str, ...]:
        """All objects that our user may query."""
        if not self._streams:
            found = self._rest.describe("sobjects")["sobjects"]
            self._streams = tuple(one["name"] for one in found if one.get("queryable", True))
        return self._streams

    def describe(self, stream: str) -> StreamDescription:
        """The stream with all fields that our user sees; CurrencyIsoCode is among them in every organisation."""
        shape = self.shape(stream)
        if shape.own_currency:
            return shape.description
        currency = self.currency()
        field = FieldDescription(CURRENCY, "picklist", 3, values=(currency,))  # writing it takes only this one
        return replace(shape.description, fields={**shape.description.fields, CURRENCY: field})

    def shape(self, stream: str) -> Shape:
        """The system fields of a stream; Misconfigured for one that is not there."""
        if stream not in self._shapes:
            self._shapes[stream] = self._ask(stream)
        return self._shapes[stream]

    def currency(self) -> str:
        """The organisation's only currency, where multi-currency is off."""
        if self._currency is None:
            self._currency = self._ask_currency()
        return self._currency

    def check_fields(self, stream: str, fields: tuple[str, ...]) -> None:
        """Raises Misconfigured for a field that is not described, by its first segment when it is a dotted path."""
        known = self.shape(stream).description.fields
        relations = {one.relationship for one in known.values() if one.relationship}
        for field in fields:
            head, dot, _ = field.partition(".")
            if head in (relations if dot else known) or field == CURRENCY:
                continue
            near = get_close_matches(head, relations if dot else known, n=1)
            hint = f"did you mean {near[0]!r}? Otherwise it" if near else "it"
            raise Misconfigured(
                f"{self._rest.where} {stream}", f"there is no field {field!r} that our user can see",
                f"{hint} was deleted or renamed, or field-level security hides it: assign the permission set "
                "'Isthmus integration'",
            )  # fmt: skip

    def refuse_rounding(self, stream: str, fields: Fields, where: str) -> None:
        """Raises Refused for a number that has more decimals than its field: Salesforce rounds it without a word."""
        described = self.shape(stream).description.fields
        for name, value in fields.items():
            places = described[name].decimals if name in described else None
            if isinstance(value, Decimal) and places is not None and value % Decimal(1).scaleb(-places):
                what = f"{name}: {value:f} has more decimals than the field holds ({places})"
                raise Refused(where, what, "give the field more decimals in Salesforce, or round in the mapping")

    def type_of(self, stream: str, path: str) -> FieldType:
        """The type of a field, also at the end of a dotted path; ``other`` when nobody knows."""
        head, dot, rest = path.partition(".")
        fields = self.shape(stream).description.fields
        if not dot:
            return fields[head].type if head in fields else "other"
        targets = next((one.refers_to for one in fields.values() if one.relationship == head), ())
        found = (self.type_of(target, rest) for target in targets if target)
        return next((one for one in found if one != "other"), "other")

    def _ask(self, stream: str) -> Shape:
        if not stream.replace("_", "").isalnum() or not stream.isascii():
            raise self._unknown(stream)
        try:
            told = self._rest.describe(f"sobjects/{stream}/describe")
        except Refused:
            raise self._unknown(stream) from None
        fields = {one["name"]: _field(one) for one in told["fields"]}
        stamp = next((name for name in ("SystemModstamp", "LastModifiedDate", "CreatedDate") if name in fields), None)
        if stamp is None:
            raise Misconfigured(
                f"{self._rest.where} {stream}", "nothing says when a record moved", "this object cannot be read"
            )
        return Shape(
            stream, StreamDescription(stream, fields, told.get("label", stream)), stamp,
            has_deleted="IsDeleted" in fields, has_master="MasterRecordId" in fields,
            has_writer="LastModifiedById" in fields, own_currency=CURRENCY in fields,
            converted=frozenset(one["name"] for one in told["fields"] if one["type"] == "currency"),
        )  # fmt: skip

    def _unknown(self, stream: str) -> Misconfigured:
        near = get_close_matches(stream, self.streams(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "check its API name, and that our user may read it"
        return Misconfigured(self._rest.where, f"there is no object {stream!r} that our user can see", hint)

    def _ask_currency(self) -> str:
        """Where multi-currency is off, the organisation itself has the currency of all its records."""
        fields = self.shape("Organization").description.fields
        name = next((one for one in ("DefaultCurrencyIsoCode", CURRENCY) if one in fields), None)
        rows = self._rest.query_all(f"SELECT Id, {name} FROM Organization") if name else []
        value = rows[0].get(name) if rows and name else None
        if not isinstance(value, str) or not value:
            raise Misconfigured(
                self._rest.where,
                "the organisation does not say its currency",
                "add 'currency' to the connection's extra",
            )
        return value


def _field(told: dict[str, Any]) -> FieldDescription:
    kind = _TYPES.get(told["type"], "other")
    creatable = bool(told.get("createable"))
    picklist = [one["value"] for one in told.get("picklistValues") or () if one.get("active", True)]
    return FieldDescription(
        told["name"], kind,
        length=told.get("length") or None,
        decimals=told.get("scale") if kind == "number" else None,
        required=creatable and not told.get("nillable", True) and not told.get("defaultedOnCreate", False),
        creatable=creatable, updatable=bool(told.get("updateable")),
        unique=bool(told.get("unique")), external_id=bool(told.get("externalId")),
        values=tuple(picklist), restricted=bool(told.get("restrictedPicklist")),
        refers_to=tuple(told.get("referenceTo") or ()), relationship=told.get("relationshipName"),
    )  # fmt: skip
