"""Creates, changes and deletes records inside one transaction, with everything Salesforce checks on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from isthmus.playground import rules
from isthmus.playground.ids import whole_id
from isthmus.playground.refusals import Refusal, not_there, record_deleted, unknown_object
from isthmus.playground.rows import Row, read_row
from isthmus.playground.schema import SalesforceField, SalesforceObject
from isthmus.playground.store import Transaction
from isthmus.playground.values import to_stored


@contextmanager
def alone(tx: Transaction) -> Iterator[None]:
    """What is done inside happens whole or not at all; the transaction around it goes on."""
    tx.db.execute("SAVEPOINT one")
    try:
        yield
    except BaseException:
        tx.db.execute("ROLLBACK TO one")
        tx.db.execute("RELEASE one")
        raise
    tx.db.execute("RELEASE one")


def object_named(tx: Transaction, name: Any, *, status: int = 400) -> SalesforceObject:
    """The object of an API name. Raises Refusal INVALID_TYPE, or NOT_FOUND as an address."""
    found = tx.schema.find(name) if isinstance(name, str) else None
    if found is None:
        raise not_there() if status == 404 else unknown_object(str(name))
    return found


def create(
    tx: Transaction, entity: SalesforceObject, fields: Mapping[str, Any], *, record_id: str | None = None
) -> str:
    """Inserts one record, under an id reserved for it or a new one; answers the id. Raises Refusal."""
    if not entity.writable:
        raise Refusal("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be inserted: {entity.label}")
    row: Row = {one.column: one.default for one in entity.fields.values()}
    given = _stored_fields(tx, entity, fields, creating=True)
    row.update({one.column: value for one, value in given.items()})
    if "OwnerId" in row and row["OwnerId"] is None:
        row["OwnerId"] = tx.user
    for one in entity.fields.values():
        if one.auto:
            row[one.column] = one.auto.format(tx.next_number(f"{entity.name}.{one.name}"))
    _check_required(entity, row)
    check_unique(tx, entity, given, own_id=None)
    row["Id"] = record_id or tx.new_id(entity)
    row.update(
        CreatedDate=tx.stamp,
        CreatedById=tx.user,
        LastModifiedDate=tx.stamp,
        LastModifiedById=tx.user,
        SystemModstamp=tx.stamp,
        IsDeleted=0,
    )
    rules.before(tx, entity, old=None, row=row)
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join("?" * len(row))
    tx.db.execute(f'INSERT INTO "{entity.name}" ({names}) VALUES ({marks})', tuple(row.values()))
    rules.after(tx, entity, row)
    return str(row["Id"])


def update(tx: Transaction, entity: SalesforceObject, record_id: Any, *, fields: Mapping[str, Any]) -> str:
    """Changes one live record; answers its id. Raises Refusal."""
    old = live_row(tx, entity, record_id)
    if not entity.writable:
        raise Refusal("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be updated: {entity.label}")
    given = _stored_fields(tx, entity, fields, creating=False)
    row = old | {one.column: value for one, value in given.items()}
    _check_required(entity, row, {one.column for one in given})
    check_unique(tx, entity, given, own_id=str(old["Id"]))
    row.update(LastModifiedDate=tx.stamp, LastModifiedById=tx.user, SystemModstamp=tx.stamp)
    rules.before(tx, entity, old=old, row=row)
    write_changed(tx, entity, old=old, row=row)
    rules.after(tx, entity, row)
    return str(old["Id"])


def upsert(
    tx: Transaction, entity: SalesforceObject, key: tuple[str, Any], *, fields: Mapping[str, Any]
) -> tuple[str, bool]:
    """Creates or updates by ``key``, an external id field and its value; answers the id and whether it was created.

    Raises Refusal; MULTIPLE_CHOICES (300) with the addresses when several records carry the value.
    """
    one, value = external_field(entity, key[0]), key[1]
    if one.name == "Id":
        return update(tx, entity, value, fields=fields), False
    if any(name.lower() == one.name.lower() for name in fields):
        raise Refusal("INVALID_FIELD", f"The {one.name} field should not be specified in the sobject data.")
    stored = to_stored(one, value)
    if stored is None:
        raise Refusal("MISSING_ARGUMENT", f"{one.name} not specified")
    found = keyed_ids(tx, entity, (one, stored))
    if len(found) > 1:
        raise Refusal("MULTIPLE_CHOICES", "|".join(found), status=300)
    if found:
        return update(tx, entity, found[0], fields=fields), False
    return create(tx, entity, {**fields, one.name: value}), True


def external_field(entity: SalesforceObject, name: str) -> SalesforceField:
    """The external id field of that name. Raises Refusal NOT_FOUND."""
    one = entity.find(name)
    if one is None or not (one.external_id or one.id_lookup or one.name == "Id"):
        raise Refusal(
            "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {name}", status=404
        )
    return one


def keyed_ids(tx: Transaction, entity: SalesforceObject, key: tuple[SalesforceField, Any]) -> list[str]:
    """The live records that carry an external id: ``key`` is the field and its stored value."""
    where = f'"{key[0].column}" = ? COLLATE NOCASE AND "IsDeleted" = 0'
    sql = f'SELECT "Id" FROM "{entity.name}" WHERE {where} ORDER BY "Id"'
    return [str(found) for (found,) in tx.db.execute(sql, (key[1],))]


def live_row(tx: Transaction, entity: SalesforceObject, record_id: Any) -> Row:
    """A record that can be written. Raises Refusal: MALFORMED_ID, NOT_FOUND, ENTITY_IS_DELETED, UNABLE_TO_LOCK_ROW."""
    whole = whole_id(record_id) if isinstance(record_id, str) else None
    if whole is None or whole[:3] != entity.prefix:
        raise Refusal("MALFORMED_ID", f"{entity.name} ID: id value of incorrect type: {record_id}", fields=("Id",))
    row = read_row(tx.db, entity.name, whole)
    if row is None:
        raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", status=404)
    if row["IsDeleted"]:
        raise record_deleted()
    if tx.is_locked(whole):
        raise Refusal("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: " + whole)
    return row


def write_changed(tx: Transaction, entity: SalesforceObject, *, old: Row, row: Row) -> None:
    """Updates the columns that differ."""
    changed = {name: value for name, value in row.items() if old.get(name) != value}
    if not changed:
        return
    sets = ", ".join(f'"{name}" = ?' for name in changed)
    tx.db.execute(f'UPDATE "{entity.name}" SET {sets} WHERE "Id" = ?', (*changed.values(), row["Id"]))


def _stored_fields(
    tx: Transaction, entity: SalesforceObject, fields: Mapping[str, Any], *, creating: bool
) -> dict[SalesforceField, Any]:
    given: dict[SalesforceField, Any] = {}
    for name, value in fields.items():
        if name == "attributes":
            continue
        one, plain = _named(tx, entity, (name, value))
        if not (one.createable if creating else one.updateable):
            raise Refusal(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {one.name}. Please check"
                " the security settings of this field and verify that it is read/write for your profile or"
                " permission set.",
                fields=(one.name,),
            )
        given[one] = to_stored(one, plain)
    for one, value in given.items():
        if one.type == "reference" and value is not None:
            _check_reference(tx, one, value)
    return given


def _named(tx: Transaction, entity: SalesforceObject, pair: tuple[str, Any]) -> tuple[SalesforceField, Any]:
    """The field of a name and its value; a relationship with an external id is resolved to the lookup's id."""
    name, value = pair
    one = entity.find(name)
    if one is not None:
        return one, value
    related = entity.relation(name)
    if related is None or not isinstance(value, dict):
        raise Refusal("INVALID_FIELD", f"No such column '{name}' on sobject of type {entity.name}")
    return related, _by_external_id(tx, related, value)


def _by_external_id(tx: Transaction, one: SalesforceField, value: Mapping[str, Any]) -> str:
    """``{"Account": {"ERP_Customer_Number__c": "C-1"}}``: a parent by its external id."""
    target = object_named(tx, one.refers_to[0])
    keys = [(name, each) for name, each in value.items() if name != "attributes"]
    if len(keys) != 1:
        raise Refusal("INVALID_FIELD", f"Exactly one external id is needed to name {one.relationship}")
    key = external_field(target, keys[0][0])
    found = keyed_ids(tx, target, (key, to_stored(key, keys[0][1])))
    if len(found) != 1:
        raise Refusal(
            "INVALID_FIELD",
            f"Foreign key external ID: {keys[0][1]} not found for field {key.name} in entity {target.name}",
        )
    return found[0]


def _check_reference(tx: Transaction, one: SalesforceField, value: str) -> None:
    target = tx.schema.of_id(value)
    if target is None or target.name not in one.refers_to:
        raise Refusal(
            "FIELD_INTEGRITY_EXCEPTION", f"{one.name}: id value of incorrect type: {value}", fields=(one.name,)
        )
    found = tx.db.execute(f'SELECT "IsDeleted" FROM "{target.name}" WHERE "Id" = ?', (value,)).fetchone()
    if found is None:
        raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=(one.name,))
    if found[0]:
        raise Refusal("ENTITY_IS_DELETED", "entity is deleted", fields=(one.name,))


def _check_required(entity: SalesforceObject, row: Row, only: set[str] | None = None) -> None:
    missing = tuple(
        one.name
        for one in entity.fields.values()
        if one.required and one.createable and row[one.column] is None and (only is None or one.column in only)
    )
    if missing:
        raise Refusal("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", fields=missing)


def check_unique(
    tx: Transaction, entity: SalesforceObject, given: Mapping[SalesforceField, Any], *, own_id: str | None
) -> None:
    """Raises Refusal DUPLICATE_VALUE when another live record has the value of a unique field."""
    for one, value in given.items():
        if not one.unique or value is None:
            continue
        others = [found for found in keyed_ids(tx, entity, (one, value)) if found != own_id]
        if others:
            raise Refusal(
                "DUPLICATE_VALUE",
                f"duplicate value found: {one.name} duplicates value on record with id: {others[0][:15]}",
            )
