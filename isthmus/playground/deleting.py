"""Deletes, undeletes, purges and merges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.playground import rules
from isthmus.playground.ids import whole_id
from isthmus.playground.refusals import Refusal, not_there
from isthmus.playground.rows import Row, read_row, read_rows
from isthmus.playground.schema import SalesforceField, SalesforceObject
from isthmus.playground.store import Transaction
from isthmus.playground.writing import check_unique, live_row

_MOST_LOSERS = 2


def delete(tx: Transaction, entity: SalesforceObject, record_id: Any) -> str:
    """Puts a record and what belongs to it into the recycle bin; answers its id. Raises Refusal."""
    row = live_row(tx, entity, record_id)
    if not entity.writable:
        raise Refusal("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be deleted: {entity.label}")
    rules.before_delete(tx, entity, row)
    _bury(tx, entity, row, root=str(row["Id"]))
    rules.after(tx, entity, row)
    return str(row["Id"])


def _bury(tx: Transaction, entity: SalesforceObject, row: Row, *, root: str) -> None:
    _stamp(tx, entity, row["Id"], IsDeleted=1)
    tx.db.execute('INSERT OR REPLACE INTO "_deleted" VALUES (?, ?, ?, ?)', (entity.name, row["Id"], tx.stamp, root))
    for child, one in tx.schema.children(entity.name):
        sql = f'SELECT * FROM "{child.name}" WHERE "{one.column}" = ? AND "IsDeleted" = 0'
        for each in read_rows(tx.db, sql, (row["Id"],)):
            _let_go(tx, (child, one), each, root=root)


def _let_go(tx: Transaction, link: tuple[SalesforceObject, SalesforceField], row: Row, *, root: str) -> None:
    """What becomes of a record whose parent is deleted."""
    child, one = link
    if one.on_delete == "cascade":
        _bury(tx, child, row, root=root)
    elif one.required or one.on_delete == "restrict":
        raise Refusal(
            "DELETE_FAILED",
            "Your attempt to delete the record could not be completed because it is"
            f" associated with the following {child.label}: {row['Id']}",
        )
    else:
        sets = f'"{one.column}" = NULL, "SystemModstamp" = ?'
        tx.db.execute(f'UPDATE "{child.name}" SET {sets} WHERE "Id" = ?', (tx.stamp, row["Id"]))


def _stamp(tx: Transaction, entity: SalesforceObject, record_id: str, **columns: Any) -> None:
    columns |= {"SystemModstamp": tx.stamp, "LastModifiedDate": tx.stamp, "LastModifiedById": tx.user}
    sets = ", ".join(f'"{name}" = ?' for name in columns)
    tx.db.execute(f'UPDATE "{entity.name}" SET {sets} WHERE "Id" = ?', (*columns.values(), record_id))


def undelete(tx: Transaction, record_id: str, *, bin_since: str) -> list[str]:
    """Brings a record back with what was deleted with it; answers all their ids. Raises Refusal.

    ``bin_since``: what was deleted before that stamp is no longer in the recycle bin.
    """
    entity, row = _any_row(tx, record_id)
    if not row["IsDeleted"] or row["SystemModstamp"] < bin_since:
        raise Refusal("UNDELETE_FAILED", "Entity is not in the recycle bin")
    sql = 'SELECT object, id FROM "_deleted" WHERE root = ? ORDER BY object, id'
    found = tx.db.execute(sql, (row["Id"],)).fetchall()
    if not found:
        raise Refusal("UNDELETE_FAILED", "The record was deleted with its parent: undelete the parent")
    for name, each in found:
        _check_free(tx, tx.schema.objects[name], each)
        back: Row = {"IsDeleted": 0} | ({"MasterRecordId": None} if tx.schema.objects[name].mergeable else {})
        _stamp(tx, tx.schema.objects[name], each, **back)
    tx.db.execute('DELETE FROM "_deleted" WHERE root = ?', (row["Id"],))
    rules.after(tx, entity, row)
    return [each for _, each in found]


def _check_free(tx: Transaction, entity: SalesforceObject, record_id: str) -> None:
    """A key that was given to another record meanwhile keeps the old one in the bin."""
    row = read_row(tx.db, entity.name, record_id) or {}
    given = {one: row.get(one.column) for one in entity.fields.values() if one.unique}
    check_unique(tx, entity, given, own_id=record_id)


def purge(tx: Transaction, record_id: str) -> list[str]:
    """Removes a record and what belongs to it without a trace, whether or not it was in the recycle bin."""
    entity, row = _any_row(tx, record_id)
    gone = [str(row["Id"])]
    for child, one in tx.schema.children(entity.name):
        sql = f'SELECT "Id" FROM "{child.name}" WHERE "{one.column}" = ?'
        ids = [each for (each,) in tx.db.execute(sql, (row["Id"],))] if one.on_delete == "cascade" else []
        gone += [each for child_id in ids for each in purge(tx, child_id)]
    tx.db.execute(f'DELETE FROM "{entity.name}" WHERE "Id" = ?', (row["Id"],))
    tx.db.execute('DELETE FROM "_deleted" WHERE id = ?', (row["Id"],))
    return gone


def merge(tx: Transaction, master_id: str, loser_ids: Sequence[str]) -> None:
    """Merges one or two records into a master: they go, their children become the master's. Raises Refusal."""
    entity, _ = _any_row(tx, master_id)
    if not entity.mergeable:
        raise Refusal("INVALID_TYPE", f"{entity.name} cannot be merged")
    if not 1 <= len(loser_ids) <= _MOST_LOSERS or master_id in loser_ids:
        raise Refusal("INVALID_OPERATION", f"Merge one to {_MOST_LOSERS} other records into a master")
    master = live_row(tx, entity, master_id)
    for loser_id in loser_ids:
        loser = live_row(tx, entity, loser_id)
        for child, one in tx.schema.children(entity.name):
            if one.name != "MasterRecordId":
                _move_children(tx, (child, one), loser=loser, master=master)
        _stamp(tx, entity, loser["Id"], IsDeleted=1, MasterRecordId=master["Id"])
        values = (entity.name, loser["Id"], tx.stamp, loser["Id"])
        tx.db.execute('INSERT OR REPLACE INTO "_deleted" VALUES (?, ?, ?, ?)', values)
    _stamp(tx, entity, master["Id"], IsDeleted=0)


def _move_children(tx: Transaction, link: tuple[SalesforceObject, SalesforceField], *, loser: Row, master: Row) -> None:
    child, one = link
    found = tx.db.execute(f'SELECT "Id" FROM "{child.name}" WHERE "{one.column}" = ?', (loser["Id"],)).fetchall()
    for (child_id,) in found:
        _stamp(tx, child, child_id, **{one.column: master["Id"]})


def _any_row(tx: Transaction, record_id: str) -> tuple[SalesforceObject, Row]:
    whole = whole_id(record_id)
    entity = tx.schema.of_id(whole) if whole else None
    row = read_row(tx.db, entity.name, whole) if entity and whole else None
    if entity is None or row is None:
        raise not_there()
    return entity, row
