"""Transactions that commit late: their rows bear the stamp of the saving but are seen only after the commit.

SQLite has one writer, so an open transaction is kept as what it will write; its records are locked meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from isthmus.playground import deleting, writing
from isthmus.playground.refusals import Refusal, not_there
from isthmus.playground.store import Store, Transaction


class _Rehearsed(Exception):
    """The writes would go through; nothing is kept of the try."""


def begin(store: Store, user: str, writes: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
    """Opens a transaction: ``writes`` are ``{verb: create|update|delete, object, id?, fields?}``.

    Answers its number and the ids of its records in their order. Raises Refusal when a write would be refused.
    """
    with store.writing(user) as tx:
        planned = [_with_id(tx, one) for one in writes]
        ids = [str(one["id"]) for one in planned]
        _rehearse(tx, planned)
        sql = 'INSERT INTO "_late" (user, stamp, writes) VALUES (?, ?, ?)'
        number = tx.db.execute(sql, (user, tx.stamp, json.dumps(planned, default=_spell))).lastrowid
        locks = [(each, number) for each in ids]
        tx.db.executemany('INSERT OR IGNORE INTO "_lock" VALUES (?, ?)', locks)
    return int(number or 0), ids


def commit(store: Store, number: int) -> list[str]:
    """Makes the writes visible, with the stamp of the opening; answers their ids. Raises Refusal NOT_FOUND."""
    user, stamp, writes = _find(store, number)
    with store.writing(user, stamp=stamp) as tx:
        _forget(tx, number)
        for one in writes:
            _write(tx, one)
    return [str(one["id"]) for one in writes]


def roll_back(store: Store, number: int) -> None:
    """Gives the transaction up. Raises Refusal NOT_FOUND."""
    user, _, _ = _find(store, number)
    with store.writing(user) as tx:
        _forget(tx, number)


def _find(store: Store, number: int) -> tuple[str, str, list[dict[str, Any]]]:
    found = store.connection().execute('SELECT user, stamp, writes FROM "_late" WHERE id = ?', (number,)).fetchone()
    if found is None:
        raise not_there()
    return found[0], found[1], json.loads(found[2], parse_float=Decimal)


def _forget(tx: Transaction, number: int) -> None:
    tx.db.execute('DELETE FROM "_late" WHERE id = ?', (number,))
    tx.db.execute('DELETE FROM "_lock" WHERE late = ?', (number,))


def _with_id(tx: Transaction, one: dict[str, Any]) -> dict[str, Any]:
    """A new record's id is given at once, as it is by Salesforce, so that it sorts before later ones."""
    entity = writing.object_named(tx, one.get("object"))
    if one.get("verb") not in ("create", "update", "delete"):
        raise Refusal("INVALID_INPUT", f"verb must be create, update or delete, not {one.get('verb')!r}")
    return one | {"id": tx.new_id(entity)} if one["verb"] == "create" else one


def _rehearse(tx: Transaction, planned: Sequence[dict[str, Any]]) -> None:
    try:
        with writing.alone(tx):
            for one in planned:
                _write(tx, one)
            raise _Rehearsed
    except _Rehearsed:
        return


def _write(tx: Transaction, one: dict[str, Any]) -> None:
    entity = writing.object_named(tx, one["object"])
    if one["verb"] == "create":
        writing.create(tx, entity, one.get("fields") or {}, record_id=one["id"])
    elif one["verb"] == "update":
        writing.update(tx, entity, one["id"], fields=one.get("fields") or {})
    else:
        deleting.delete(tx, entity, one["id"])


def _spell(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)
