"""What an object and a field are, and the schema that a client sees: declarations changed by drift and switches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

FieldType = Literal[
    "id", "string", "textarea", "picklist", "reference", "boolean", "double", "currency", "percent", "int",
    "date", "datetime", "email", "phone", "url",
]  # fmt: skip
NUMBERS = frozenset({"double", "currency", "percent", "int"})
TEXTS = frozenset({"string", "textarea", "picklist", "email", "phone", "url"})
#: Text fields longer than this are "long": neither filtered nor sorted by.
LONG = 255


@dataclass(frozen=True, slots=True)
class SalesforceField:
    """One field. Numbers are stored as integers scaled by ``scale``; ``column`` is where, also after a rename."""

    name: str
    type: FieldType
    column: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    required: bool = False
    createable: bool = True
    updateable: bool = True
    unique: bool = False
    external_id: bool = False
    id_lookup: bool = False  # upsert goes by it although it is no external id: a contact's e-mail
    values: tuple[str, ...] = ()
    restricted: bool = False
    refers_to: tuple[str, ...] = ()
    relationship: str | None = None
    default: str | int | None = None
    filterable: bool = True
    stored: FieldType | None = None  # how the column is kept when drift shows it as another type
    on_delete: Literal["clear", "cascade", "restrict"] = "clear"  # what becomes of this record with its parent
    auto: str = ""  # an auto number's form, as ``IL-{:08d}``

    @property
    def kept(self) -> FieldType:
        """The type that decides how the column is stored."""
        return self.stored or self.type

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")


@dataclass(frozen=True, slots=True)
class SalesforceObject:
    """One object; ``fields`` by API name in the order of describe."""

    name: str
    prefix: str
    label: str
    fields: Mapping[str, SalesforceField]
    writable: bool = True
    mergeable: bool = False
    recycled: bool = True  # has IsDeleted and a recycle bin
    _lower: Mapping[str, str] = field(default_factory=dict)
    _relations: Mapping[str, str] = field(default_factory=dict)

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    def find(self, name: str) -> SalesforceField | None:
        """The field of that name in any case, as SOQL reads names."""
        known = self._lower.get(name.lower())
        return self.fields[known] if known else None

    def relation(self, name: str) -> SalesforceField | None:
        """The lookup whose relationship has that name: ``Owner`` → OwnerId."""
        known = self._relations.get(name.lower())
        return self.fields[known] if known else None

    def with_fields(self, fields: Iterable[SalesforceField]) -> SalesforceObject:
        """The same object with another set of fields."""
        kept = {one.name: one for one in fields}
        lower = {name.lower(): name for name in kept}
        relations = {one.relationship.lower(): one.name for one in kept.values() if one.relationship}
        return replace(self, fields=kept, _lower=lower, _relations=relations)


class Schema:
    """All objects as the client sees them now."""

    def __init__(self, objects: Iterable[SalesforceObject]) -> None:
        self.objects = {one.name: one for one in objects}
        self._lower = {name.lower(): one for name, one in self.objects.items()}
        self._prefixes = {one.prefix: one for one in self.objects.values()}

    def find(self, name: str) -> SalesforceObject | None:
        return self._lower.get(name.lower())

    def of_id(self, record_id: str) -> SalesforceObject | None:
        return self._prefixes.get(record_id[:3])

    def children(self, parent: str) -> list[tuple[SalesforceObject, SalesforceField]]:
        """Every lookup that points to an object."""
        return [
            (one, each) for one in self.objects.values() for each in one.fields.values() if parent in each.refers_to
        ]


def text(name: str, length: int = 255, **more: Any) -> SalesforceField:
    """A text field; ``kind`` may be email, phone, url or textarea."""
    kind: FieldType = more.pop("kind", "string")
    return SalesforceField(name, kind, name, length=length, filterable=length <= LONG, **more)


def number(
    name: str, kind: FieldType = "currency", digits: int = 18, *, scale: int = 2, **more: Any
) -> SalesforceField:
    """A number of ``digits`` in all, ``scale`` of them after the point."""
    return SalesforceField(name, kind, name, precision=digits, scale=scale, **more)


def choice(name: str, values: str, **more: Any) -> SalesforceField:
    """A picklist; ``values`` parted by ``|``."""
    return SalesforceField(
        name, "picklist", name, length=more.pop("length", 255), values=tuple(values.split("|")), **more
    )


def flag(name: str, **more: Any) -> SalesforceField:
    """A checkbox: never null, false unless said."""
    return SalesforceField(name, "boolean", name, default=more.pop("default", 0), **more)


def day(name: str, **more: Any) -> SalesforceField:
    return SalesforceField(name, "date", name, **more)


def moment(name: str, **more: Any) -> SalesforceField:
    return SalesforceField(name, "datetime", name, **more)


def lookup(name: str, target: str, relationship: str | None = None, **more: Any) -> SalesforceField:
    """A reference; its relationship is called as the field without ``Id``, or with ``__r``, unless said."""
    related = name.removesuffix("__c") + "__r" if name.endswith("__c") else name.removesuffix("Id")
    return SalesforceField(
        name,
        "reference",
        name,
        length=18,
        refers_to=(target,),
        relationship=relationship or related,
        **more,
    )


def master(name: str, target: str) -> SalesforceField:
    """The master of a detail record: always there, never another one, and its end is the detail's end."""
    return lookup(name, target, required=True, updateable=False, on_delete="cascade")


def auto_number(name: str, form: str) -> SalesforceField:
    """A running number that the server gives; ``form`` as ``IL-{:08d}``."""
    return text(name, 80, auto=form, **SERVERS)


SERVERS: dict[str, Any] = {"createable": False, "updateable": False}


def sobject(name: str, prefix: str, fields: list[SalesforceField], **more: Any) -> SalesforceObject:
    """An object with the system fields around its own."""
    before = [SalesforceField("Id", "id", "Id", length=18, required=True, **SERVERS)]
    if more.get("recycled", True):
        before.append(flag("IsDeleted", **SERVERS))
    after = [
        moment("CreatedDate", required=True, **SERVERS),
        lookup("CreatedById", "User", "CreatedBy", required=True, **SERVERS),
        moment("LastModifiedDate", required=True, **SERVERS),
        lookup("LastModifiedById", "User", "LastModifiedBy", required=True, **SERVERS),
        moment("SystemModstamp", required=True, **SERVERS),
    ]
    label = more.pop("label", name)
    return SalesforceObject(name, prefix, label, {}, **more).with_fields([*before, *fields, *after])
