"""The playground's own doors, for demos and tests: everything that happens to an organisation from outside."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from starlette.responses import Response

from isthmus.playground import deleting, late, sessions, writing
from isthmus.playground.calls import Call, answer, nothing
from isthmus.playground.drift import Alteration, altered
from isthmus.playground.faulty import KINDS, Fault, Faults
from isthmus.playground.ids import whole_id
from isthmus.playground.objects import OBJECTS
from isthmus.playground.refusals import Refusal, not_there
from isthmus.playground.seed import SeedSizes, replant
from isthmus.playground.store import Store
from isthmus.playground.values import read_object

_EDITED_FIELD = {"Account": "Phone", "Contact": "Phone", "Order": "PoNumber"}
_Work = Callable[[Call, dict[str, Any]], Any]


def door(work: _Work) -> Callable[[Call], Response]:
    """An admin endpoint of a function of the body's fields; None is answered with 204."""

    def serve(call: Call) -> Response:
        result = work(call, read_object(call.body) if call.body else {})
        return nothing() if result is None else answer(result)

    return serve


def show_manifest(call: Call, _: dict[str, Any]) -> Any:
    """GET /playground/manifest: which record has which defect."""
    return call.store.setting("manifest")


def seed(call: Call, asked: dict[str, Any]) -> Any:
    """POST /playground/seed {accounts, products, …}: empties the organisation and plants it anew."""
    known = {one.name for one in fields(SeedSizes)}
    unknown = set(asked) - known
    if unknown:
        raise Refusal("INVALID_INPUT", f"unknown sizes: {', '.join(sorted(unknown))}")
    return replant(call.store, SeedSizes(**asked))


def edit(call: Call, asked: dict[str, Any]) -> Any:
    """POST /playground/edit {object, percent, user?, fields?, seed?}: a user edits some of the live records."""
    store = call.store
    user = named_user(store, asked.get("user"))
    entity = store.schema.find(str(asked.get("object")))
    if entity is None:
        raise not_there()
    sql = f'SELECT "Id" FROM "{entity.name}" WHERE "IsDeleted" = 0 ORDER BY "Id"'
    ids = [each for (each,) in store.connection().execute(sql)]
    dice = random.Random(asked.get("seed", 1))  # noqa: S311  # which records, not a secret
    chosen = sorted(dice.sample(ids, len(ids) * int(asked.get("percent", 1)) // 100))
    name = _EDITED_FIELD.get(entity.name, "Description")
    with store.writing(user) as tx:
        for number, each in enumerate(chosen):
            given = asked.get("fields") or {name: f"edited {tx.stamp} {number}"[:40]}
            writing.update(tx, entity, each, fields=given)
    return {"ids": chosen}


def named_user(store: Store, username: Any) -> str:
    """The id of a user by name; the administrator when none is named. Raises Refusal NOT_FOUND."""
    sql = 'SELECT "Id" FROM "User" WHERE "Username" = ? COLLATE NOCASE'
    if username is None:
        sql, username = 'SELECT "Id" FROM "User" WHERE "Title" = ?', "Administrator"
    found = store.connection().execute(sql, (username,)).fetchone()
    if found is None:
        raise not_there()
    return str(found[0])


def merge(call: Call, asked: dict[str, Any]) -> Any:
    """POST /playground/merge {master, losers, user?}."""
    with call.store.writing(named_user(call.store, asked.get("user"))) as tx:
        deleting.merge(tx, _id(asked.get("master")), [_id(each) for each in asked.get("losers") or []])


def undelete(call: Call, asked: dict[str, Any]) -> Any:
    """POST /playground/undelete {id, user?}."""
    with call.store.writing(named_user(call.store, asked.get("user"))) as tx:
        return {"ids": deleting.undelete(tx, _id(asked.get("id")), bin_since=call.store.bin_since())}


def purge(call: Call, asked: dict[str, Any]) -> Any:
    """POST /playground/purge {id}: a hard delete."""
    with call.store.writing(named_user(call.store, None)) as tx:
        return {"ids": deleting.purge(tx, _id(asked.get("id")))}


def _id(value: Any) -> str:
    whole = whole_id(value) if isinstance(value, str) else None
    if whole is None:
        raise Refusal("MALFORMED_ID", f"not an id: {value}")
    return whole


def begin_late(call: Call, asked: dict[str, Any]) -> Any:
    """POST /playground/late {writes, user?}: opens a transaction that commits late."""
    number, ids = late.begin(call.store, named_user(call.store, asked.get("user")), asked.get("writes") or [])
    return {"late": number, "ids": ids}


def end_late(call: Call, _: dict[str, Any]) -> Any:
    """POST /playground/late/<number>/commit and …/rollback."""
    number = int(call.path["number"])
    if call.path["end"] == "rollback":
        return late.roll_back(call.store, number)
    return {"ids": late.commit(call.store, number)}


def drift(call: Call, asked: dict[str, Any]) -> Any:
    """POST /playground/drift {changes: [{action, object, field, value?, new_value?}]}; DELETE takes all back."""
    store = call.store
    if call.method == "DELETE":
        return store.change_setting("drift", [])
    changes = [Alteration(**one) for one in asked.get("changes") or []]
    every = [Alteration(**one) for one in store.setting("drift", [])] + changes
    altered(OBJECTS, every, multi_currency=store.setting("multi_currency", True))  # refuses what makes no sense
    store.change_setting("drift", [asdict(one) for one in every])
    for one in changes:
        if one.action == "rename_value":
            _rename_everywhere(store, one)
    return {"changes": len(every)}


def _rename_everywhere(store: Store, change: Alteration) -> None:
    """A renamed picklist value is renamed on the records too, which moves SystemModstamp alone."""
    column = store.schema.objects[change.object].fields[change.field].column
    sql = f'UPDATE "{change.object}" SET "{column}" = ?, "SystemModstamp" = ? WHERE "{column}" = ?'
    with store.writing("") as tx:
        tx.db.execute(sql, (change.new_value, tx.stamp, change.value))


def settings(call: Call, asked: dict[str, Any]) -> Any:
    """POST /playground/settings {clock_offset_seconds?, org_id?, multi_currency?, daily_calls?, jwt_public_key?}."""
    known = ("clock_offset_seconds", "org_id", "multi_currency", "daily_calls", "jwt_public_key")
    unknown = set(asked) - set(known)
    if unknown:
        raise Refusal("INVALID_INPUT", f"unknown settings: {', '.join(sorted(unknown))}")
    if "org_id" in asked:
        asked["org_id"] = _id(asked["org_id"])
        _change_organization(call.store, asked["org_id"])
    for name, value in asked.items():
        call.store.change_setting(name, value)
    return {name: call.store.setting(name) for name in known if name != "jwt_public_key"}


def _change_organization(store: Store, org_id: str) -> None:
    """As after a sandbox refresh: the same data in another organisation."""
    with store.writing("") as tx:
        tx.db.execute('UPDATE "Organization" SET "Id" = ?', (org_id,))


def end_sessions(call: Call, _: dict[str, Any]) -> Any:
    """POST /playground/sessions/end: every access token dies."""
    return {"ended": sessions.end_sessions(call.store)}


def faults_door(faults: Faults) -> _Work:
    """POST /playground/faults {kind, count?, skip?, path?, method?, …} adds one, GET shows, DELETE clears."""

    def work(call: Call, asked: dict[str, Any]) -> Any:
        if call.method == "DELETE":
            return faults.on.clear()
        if call.method == "POST":
            if asked.get("kind") not in KINDS or set(asked) - {one.name for one in fields(Fault)}:
                raise Refusal("INVALID_INPUT", f"a fault is one of {', '.join(KINDS)} with count, skip, path, method")
            faults.on.append(Fault(**asked))
        return [asdict(fault) for fault in faults.on if fault.count]

    return work
