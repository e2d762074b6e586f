"""What moves behind a reader's back: merges, recycle bin, late commits, deleted and updated lists."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from isthmus.kernel.clock import SetClock
from tests.playground.conftest import Client

DAY = {"start": "2026-11-20T11:00:00Z", "end": "2026-11-20T13:00:00Z"}


def _changed(client: Client, kind: str) -> dict[str, Any]:
    told: dict[str, Any] = client.send("GET", f"sobjects/Account/{kind}", params=DAY).json()
    return told


def test_merge_leaves_a_forwarding_address_and_moves_the_children(fresh: Client, clock: SetClock) -> None:
    master, first, second = (fresh.create("Account", Name=name) for name in ("M", "L1", "L2"))
    contact = fresh.create("Contact", LastName="Child", AccountId=first)
    clock.advance(timedelta(minutes=5))
    fresh.admin("merge", master=master, losers=[first, second], user="ada.mirk@playground.example")
    rows = fresh.query(f"SELECT IsDeleted, MasterRecordId, LastModifiedBy.Name FROM Account WHERE Id IN ('{first}','"
                       f"{second}')", deleted=True)  # fmt: skip
    assert [(row["IsDeleted"], row["MasterRecordId"]) for row in rows] == [(True, master)] * 2
    assert rows[0]["LastModifiedBy"]["Name"] == "Ada Mirk"
    (child,) = fresh.query(f"SELECT AccountId, SystemModstamp FROM Contact WHERE Id = '{contact}'")
    assert child["AccountId"] == master
    assert child["SystemModstamp"] == "2026-11-20T12:05:00.000+0000"
    assert fresh.error("GET", f"sobjects/Account/{first}") == (404, "ENTITY_IS_DELETED")
    assert {one["id"] for one in _changed(fresh, "deleted")["deletedRecords"]} >= {first, second}


def test_undelete_brings_back_the_record_and_what_went_with_it(fresh: Client, clock: SetClock) -> None:
    account = fresh.create("Account", Name="Phoenix")
    contact = fresh.create("Contact", LastName="Ash", AccountId=account)
    fresh.send("DELETE", f"sobjects/Account/{account}")
    clock.advance(timedelta(minutes=1))
    assert fresh.admin("undelete", id=account)["ids"] == [account, contact]
    (row,) = fresh.query(f"SELECT IsDeleted, SystemModstamp FROM Account WHERE Id = '{account}'")
    assert row["SystemModstamp"] == "2026-11-20T12:01:00.000+0000"
    assert account not in {one["id"] for one in _changed(fresh, "deleted")["deletedRecords"]}


def test_recycle_bin_forgets_after_fifteen_days(fresh: Client, clock: SetClock) -> None:
    account = fresh.create("Account", Name="Forgotten")
    fresh.send("DELETE", f"sobjects/Account/{account}")
    soql = f"SELECT Id FROM Account WHERE Id = '{account}'"
    clock.advance(timedelta(days=14))
    assert len(fresh.login().query(soql, deleted=True)) == 1
    clock.advance(timedelta(days=2))
    assert fresh.login().query(soql, deleted=True) == []
    told = fresh.session.post(f"{fresh.playground.url}/playground/undelete", json={"id": account}, timeout=30)
    assert told.json()[0]["errorCode"] == "UNDELETE_FAILED"


def test_hard_delete_leaves_no_trace(fresh: Client) -> None:
    account = fresh.create("Account", Name="Ghost")
    contact = fresh.create("Contact", LastName="Ash", AccountId=account)
    assert set(fresh.admin("purge", id=account)["ids"]) == {account, contact}
    assert fresh.query(f"SELECT Id FROM Account WHERE Id = '{account}'", deleted=True) == []
    assert fresh.error("GET", f"sobjects/Account/{account}") == (404, "NOT_FOUND")
    assert account not in {one["id"] for one in _changed(fresh, "deleted")["deletedRecords"]}


def test_late_commit_shows_up_with_an_old_stamp(fresh: Client, clock: SetClock) -> None:
    known = fresh.create("Account", Name="Known")
    writes = [{"verb": "create", "object": "Account", "fields": {"Name": "Late"}},
              {"verb": "update", "object": "Account", "id": known, "fields": {"Phone": "1"}}]  # fmt: skip
    opened = fresh.admin("late", writes=writes)
    clock.advance(timedelta(minutes=10))
    newer = fresh.create("Account", Name="Newer")
    assert fresh.query("SELECT Id FROM Account WHERE Name = 'Late'") == []
    assert fresh.error("PATCH", f"sobjects/Account/{known}", json={"Phone": "2"}) == (400, "UNABLE_TO_LOCK_ROW")
    assert _changed(fresh, "updated")["latestDateCovered"] == "2026-11-20T12:00:00.000+0000"
    ids = fresh.admin(f"late/{opened['late']}/commit")["ids"]
    assert ids == opened["ids"]
    (row,) = fresh.query("SELECT Id, SystemModstamp FROM Account WHERE Name = 'Late'")
    assert row["SystemModstamp"] == "2026-11-20T12:00:00.000+0000"
    assert row["Id"] < newer, "the id was given at the saving"
    assert fresh.send("PATCH", f"sobjects/Account/{known}", json={"Phone": "2"}).status_code == 204
    assert _changed(fresh, "updated")["latestDateCovered"] == "2026-11-20T12:10:00.000+0000"


def test_late_transaction_can_roll_back_and_refuses_like_any_other(fresh: Client) -> None:
    opened = fresh.admin("late", writes=[{"verb": "create", "object": "Account", "fields": {"Name": "Never"}}])
    fresh.admin(f"late/{opened['late']}/rollback")
    assert fresh.query("SELECT Id FROM Account WHERE Name = 'Never'") == []
    url = f"{fresh.playground.url}/playground/late"
    told = fresh.session.post(url, json={"writes": [{"verb": "create", "object": "Account", "fields": {}}]}, timeout=30)
    assert told.json()[0]["errorCode"] == "REQUIRED_FIELD_MISSING"


def test_updated_and_deleted_lists(fresh: Client) -> None:
    made = fresh.create("Account", Name="Seen")
    gone = fresh.create("Account", Name="Gone")
    fresh.send("DELETE", f"sobjects/Account/{gone}")
    assert _changed(fresh, "updated")["ids"] == [made]
    told = _changed(fresh, "deleted")
    assert told["deletedRecords"] == [{"id": gone, "deletedDate": "2026-11-20T12:00:00.000+0000"}]
    assert told["earliestDateAvailable"].startswith("2026-11-05")
    for kind, start in (("deleted", "2026-11-01T00:00:00Z"), ("updated", "2026-10-01T00:00:00Z")):
        params = DAY | {"start": start}
        assert fresh.error("GET", f"sobjects/Account/{kind}", params=params) == (400, "INVALID_REPLICATION_DATE")
    short = DAY | {"end": "2026-11-20T11:00:30Z"}
    assert fresh.error("GET", "sobjects/Account/updated", params=short) == (400, "INVALID_REPLICATION_DATE")


def test_named_user_edits_a_share_of_the_records(fresh: Client, clock: SetClock) -> None:
    clock.advance(timedelta(minutes=1))
    ids = fresh.admin("edit", object="Order", percent=50, user="emi.hoshino@playground.example")["ids"]
    soql = "SELECT Id FROM Order WHERE LastModifiedBy.FirstName = 'Emi' AND SystemModstamp >= 2026-11-20T12:01:00Z"
    assert ids == [row["Id"] for row in fresh.query(soql + " ORDER BY Id")]
    every = len(fresh.query("SELECT Id FROM Order"))
    assert len(ids) == every // 2
