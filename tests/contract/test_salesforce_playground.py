"""Does the connector read, find and write as the protocol says, against a whole organisation?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.salesforce import Connector
from isthmus.connect.protocol import Change, Note
from isthmus.kernel.clock import SetClock
from isthmus.kernel.errors import Misconfigured, Refused, Unavailable
from isthmus.kernel.records import Page, Record, match_text
from isthmus.kernel.selection import Lines, MovedBy, Operator, Selection, Term
from isthmus.playground import Playground, SeedSizes, deleting, start, writing

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
TEN = timedelta(minutes=10)
NONE = timedelta(0)
SMALL = SeedSizes(accounts=40, products=8, quotes=12, orders=30, lines=3, dirty=False)
ACCOUNTS = Selection("Account", ("Name", "Type", "Tax_Id__c", "Owner.Email", "AnnualRevenue", "CurrencyIsoCode"))
ITEMS = Lines("OrderItem", "OrderId", "Id", "OrderItemNumber", ("Product2Id", "Quantity", "UnitPrice", "TotalPrice"))
ORDERS = Selection("Order", ("AccountId", "TotalAmount", "CurrencyIsoCode", "Account.Name"), ITEMS)


@dataclass
class World:
    """A playground whose time stands still, somebody who works in it, and us."""

    playground: Playground
    clock: SetClock
    crm: Connector

    @property
    def stranger(self) -> str:
        sql = 'SELECT "Id" FROM "User" WHERE "Id" != ? AND "IsActive" = 1 ORDER BY "Id" DESC'
        found = self.playground.store.connection().execute(sql, (self.crm.our_user(),)).fetchone()
        return str(found[0])

    def edit(self, stream: str, record_id: str, by: str | None = None, **fields: Any) -> None:
        """Somebody changes a record a minute later."""
        self.clock.advance(timedelta(minutes=1))
        with self.playground.store.writing(by or self.stranger) as tx:
            writing.update(tx, tx.schema.objects[stream], record_id, fields=fields)

    def create(self, stream: str, **fields: Any) -> str:
        self.clock.advance(timedelta(minutes=1))
        with self.playground.store.writing(self.stranger) as tx:
            return writing.create(tx, tx.schema.objects[stream], fields)

    def delete(self, stream: str, record_id: str) -> None:
        self.clock.advance(timedelta(minutes=1))
        with self.playground.store.writing(self.stranger) as tx:
            deleting.delete(tx, tx.schema.objects[stream], record_id)

    def merge(self, winner: str, *losers: str) -> None:
        self.clock.advance(timedelta(minutes=1))
        with self.playground.store.writing(self.stranger) as tx:
            deleting.merge(tx, winner, losers)

    def read(self, selection: Selection, since: str | None = None, overlap: timedelta = NONE) -> list[Page]:
        """All pages, a minute after whatever happened last."""
        self.clock.advance(timedelta(minutes=1))
        return list(self.crm.read(selection, since, overlap))

    def moved(self, selection: Selection, since: str | None) -> dict[str, Record]:
        return {one.id: one for page in self.read(selection, since) for one in page.records}

    def mark(self, selection: Selection) -> str:
        """The watermark after reading everything."""
        complete_to = self.read(selection)[-1].complete_to
        assert complete_to is not None
        return complete_to

    def some(self, stream: str, count: int = 1, where: str = "") -> list[str]:
        soql = f"SELECT Id FROM {stream} WHERE IsDeleted = false {where}"
        return [row["Id"] for row in self.crm.rest.query_all(soql)[:count]]


@contextmanager
def world_of(folder: Path, sizes: SeedSizes = SMALL, **extra: Any) -> Iterator[World]:
    clock = SetClock(START)
    with start(folder, sizes, clock=clock) as playground:
        connection = replace(playground.connection, extra={**playground.connection.extra, **extra})
        crm = Connector(connection, sleep=lambda _: None)
        yield World(playground, clock, crm)
        crm.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    keys = {"Account": "ERP_Customer_Number__c"}
    with world_of(tmp_path_factory.mktemp("playground"), external_ids=keys) as running:
        yield running


def counting(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Remembers every query."""
    asked: list[str] = []
    query = world.crm.rest.query
    monkeypatch.setattr(world.crm.rest, "query", lambda soql, *more: (asked.append(soql), query(soql, *more))[1])
    return asked


def test_who_we_are_is_known_and_is_not_the_one_who_filled_the_organisation(world: World) -> None:
    assert world.crm.identity().startswith("00D")
    assert len(world.crm.identity()) == 18
    assert world.crm.our_user().startswith("005")
    assert not any(one.by_us for page in world.read(ACCOUNTS) for one in page.records)


def test_a_session_that_was_handed_to_us_knows_its_user_too(world: World) -> None:
    token = world.crm.rest.login.token()
    extra = {"session_id": token.session_id, "instance_url": token.instance}
    ready = Connector(replace(world.playground.connection, extra=extra))
    assert (ready.identity(), ready.our_user()) == (world.crm.identity(), world.crm.our_user())


def test_a_first_read_has_every_record_once_in_order_and_whole(world: World) -> None:
    pages = world.read(ACCOUNTS)
    records = [one for page in pages for one in page.records]
    assert sorted(one.id for one in records) == sorted(world.some("Account", 10_000))
    assert [(one.version, one.id) for one in records] == sorted((one.version, one.id) for one in records)
    assert sum(page.read for page in pages) == len(records)
    assert all("attributes" not in one.fields and "attributes" not in (one.fields["Owner"] or {}) for one in records)
    assert not any(isinstance(value, float) for one in records for value in one.fields.values())
    assert {type(one.fields["AnnualRevenue"]) for one in records} <= {Decimal, int, type(None)}


def test_a_document_has_all_its_lines_in_order(world: World) -> None:
    for page in world.read(ORDERS):
        for record in page.records:
            assert record.lines is not None
            assert all("attributes" not in line for line in record.lines)
            total = sum((line["TotalPrice"] for line in record.lines), Decimal(0))
            assert total == record.fields["TotalAmount"]
            numbers = [line["OrderItemNumber"] for line in record.lines]
            assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("selection", "queries"),
    [
        (ACCOUNTS, 1),
        (ORDERS, 2),
        (replace(ACCOUNTS, moved_by=(MovedBy("Contact", "AccountId"),)), 2),
    ],
    ids=["records", "documents", "moved by others"],
)
def test_what_did_not_change_costs_one_query_per_stream(
    world: World, monkeypatch: pytest.MonkeyPatch, selection: Selection, queries: int
) -> None:
    since = world.mark(selection)
    world.read(selection, since)
    asked = counting(world, monkeypatch)
    (page,) = world.read(selection, since)
    assert (page.records, page.read) == ([], 0)
    assert page.complete_to is not None
    assert page.complete_to > since
    assert len(asked) == queries


def test_a_moved_line_moves_its_document_and_only_that(world: World) -> None:
    since = world.mark(ORDERS)
    before = {one.id: one for page in world.read(ORDERS) for one in page.records}
    order = next(one for one in before.values() if one.lines)
    assert order.lines is not None
    world.edit("OrderItem", order.lines[0]["Id"], Description="invented note")
    moved = world.moved(ORDERS, since)
    assert list(moved) == [order.id]
    assert moved[order.id].version > order.version
    assert moved[order.id].lines is not None
    assert len(moved[order.id].lines or []) == len(order.lines)


def test_a_deleted_line_moves_its_document(world: World) -> None:
    draft = world.some("Order", where="AND StatusCode = 'Draft'")[0]
    (item,) = world.some("OrderItem", where=f"AND OrderId = '{draft}'")
    since = world.mark(ORDERS)
    before = world.crm.fetch(ORDERS, [draft])[0]
    world.delete("OrderItem", item)
    moved = world.moved(ORDERS, since)
    assert list(moved) == [draft]
    assert moved[draft].version > before.version
    assert item not in {line["Id"] for line in moved[draft].lines or []}


def test_a_record_moves_when_one_that_it_shows_does(world: World) -> None:
    shown = replace(ACCOUNTS, moved_by=(MovedBy("Contact", "AccountId"),))
    since = world.mark(shown)
    (contact,) = world.some("Contact", where="AND AccountId != null")
    world.edit("Contact", contact, Phone="+48 555 0100")
    moved = world.moved(shown, since)
    account = world.crm.rest.query_all(f"SELECT AccountId FROM Contact WHERE Id = '{contact}'")[0]["AccountId"]
    assert list(moved) == [account]


def test_a_stranger_behind_our_own_write_is_not_hidden_by_it(world: World) -> None:
    shown = replace(ACCOUNTS, moved_by=(MovedBy("Contact", "AccountId"),))
    (contact,) = world.some("Contact", where="AND AccountId != null")
    account = world.crm.rest.query_all(f"SELECT AccountId FROM Contact WHERE Id = '{contact}'")[0]["AccountId"]
    world.clock.advance(timedelta(minutes=1))
    assert world.crm.write("Account", [Change("update", "k", {"Phone": "1"}, id=account)])[0].result == "updated"
    assert world.crm.fetch(shown, [account])[0].by_us
    world.edit("Contact", contact, Phone="+48 555 0101")
    assert not world.crm.fetch(shown, [account])[0].by_us


def test_the_settle_time_holds_back_what_is_too_fresh_and_the_next_read_has_it(world: World) -> None:
    since = world.mark(ACCOUNTS)
    (account,) = world.some("Account")
    world.edit("Account", account, Phone="2")
    (held,) = world.crm.read(ACCOUNTS, since, NONE)
    assert held.records == []
    assert held.complete_to is not None
    assert list(world.moved(ACCOUNTS, held.complete_to)) == [account]


def test_the_overlap_reads_again_what_is_just_behind_the_watermark(world: World) -> None:
    (account,) = world.some("Account")
    world.edit("Account", account, Phone="3")
    since = world.mark(ACCOUNTS)
    assert world.read(ACCOUNTS, since, NONE)[0].records == []
    assert account in {one.id for page in world.read(ACCOUNTS, since, TEN) for one in page.records}


def test_a_record_committed_late_is_found_within_the_overlap(world: World) -> None:
    since = world.mark(ACCOUNTS)
    early = (world.clock.now() - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S")
    with world.playground.store.writing(world.stranger, stamp=early) as tx:
        late = writing.create(tx, tx.schema.objects["Account"], {"Name": "Latecomer Ltd"})
    assert late not in world.moved(ACCOUNTS, since)
    assert late in {one.id for page in world.read(ACCOUNTS, since, TEN) for one in page.records}


def test_deletions_and_chains_of_merges_are_told(world: World) -> None:
    first, second, third, gone = (world.create("Account", Name=f"Merge {n} GmbH") for n in range(4))
    since = world.mark(ACCOUNTS)
    world.merge(second, first)
    world.merge(third, second)
    world.delete("Account", gone)
    moved = world.moved(ACCOUNTS, since)
    assert (moved[first].deleted, moved[first].merged_into) == (True, third)
    assert (moved[second].deleted, moved[second].merged_into) == (True, third)
    assert (moved[third].deleted, moved[third].merged_into) == (False, None)
    assert (moved[gone].deleted, moved[gone].merged_into) == (True, None)
    fetched = world.crm.fetch(ACCOUNTS, [first[:15], gone])
    assert {(one.id, one.merged_into) for one in fetched} == {(first, third), (gone, None)}


def test_an_undeleted_record_is_back_with_a_newer_version(world: World) -> None:
    account = world.create("Account", Name="Phoenix SA")
    world.delete("Account", account)
    dead = world.crm.fetch(ACCOUNTS, [account])[0]
    world.clock.advance(timedelta(minutes=1))
    with world.playground.store.writing(world.stranger) as tx:
        deleting.undelete(tx, account)
    back = world.crm.fetch(ACCOUNTS, [account])[0]
    assert (dead.deleted, back.deleted) == (True, False)
    assert back.version > dead.version


def test_a_full_read_has_deletions_outside_the_filter_too(world: World) -> None:
    account = world.create("Account", Name="Forgotten BV", Type="Prospect")
    world.delete("Account", account)
    customers = replace(ACCOUNTS, where=(Term("Type", "in", ("Customer",)),))
    records = world.moved(customers, None)
    assert records[account].deleted
    assert {one.fields["Type"] for one in records.values() if not one.deleted} == {"Customer"}
    since = world.mark(customers)
    prospect = world.create("Account", Name="Not yet BV", Type="Prospect")
    assert prospect in world.moved(customers, since)


VALUES: dict[str, list[Any]] = {
    "Type": ["Customer", "Prospect", "customer", "none such"],
    "Name": ["Ada", "O'Neil \\ Söhne", "%", "Zephyrpoint Furniture Inc."],
    "IsDeleted": [True, False],
    "NumberOfEmployees": [0, 10, 500],
    "CreatedDate": ["2026-06-01", "2026-06-01T12:00:00Z"],
}
_BY_KIND: dict[str, list[Operator]] = {
    "Type": ["in", "not_in", "equals", "is_empty"],
    "Name": ["in", "not_in", "equals", "is_empty", "before"],
    "IsDeleted": ["in", "not_in", "equals"],
    "NumberOfEmployees": ["in", "not_in", "equals", "before", "after", "is_empty"],
    "CreatedDate": ["before", "after", "is_empty"],
}


@st.composite
def terms(draw: st.DrawFn) -> Term:
    field = draw(st.sampled_from(sorted(VALUES)))
    operator = draw(st.sampled_from(_BY_KIND[field]))
    if operator == "is_empty":
        return Term(field, operator, (draw(st.booleans()),))
    many = operator in ("in", "not_in")
    values = draw(st.lists(st.sampled_from(VALUES[field]), min_size=1, max_size=3 if many else 1, unique=True))
    return Term(field, operator, tuple(values))


def passes(term: Term, value: Any) -> bool:
    """A term as the protocol words it."""
    if term.operator == "is_empty":
        return (value is None) == term.values[0]
    if value is None:
        return term.operator == "not_in"
    if term.operator in ("in", "equals"):
        return value in term.values
    if term.operator == "not_in":
        return value not in term.values
    wanted: Any = term.values[0]
    if isinstance(value, str) and value[:2] == "20":
        wanted, value = wanted[:10], value[:10]
    return bool(value < wanted if term.operator == "before" else value > wanted)


@given(where=st.lists(terms(), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_filter_never_lets_less_through_than_it_should(world: World, where: list[Term]) -> None:
    plain = Selection("Account", tuple(VALUES))
    if not hasattr(world, "all_accounts"):
        world.all_accounts = [one for page in world.read(plain) for one in page.records]  # type: ignore[attr-defined]
    due = {
        one.id
        for one in world.all_accounts  # type: ignore[attr-defined]
        if all(passes(term, one.fields[term.field]) for term in where)
    }
    window = world.crm._reader.window(None, NONE)
    pages = world.crm._reader.read(replace(plain, where=tuple(where)), window)
    assert due <= {one.id for page in pages for one in page.records}


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("O'Hara \\ % _ Sons", "o'hara \\ % _ sons"),
        ("Two  Blanks Ltd", "two blanks ltd"),
        ("Žižkov Straße s.r.o.", "žižkov strasse s.r.o."),
        ("Ｗｉｄｅ　ＫＫ", "wide kk"),
    ],
)
def test_find_returns_all_that_might_be_equal(world: World, name: str, asked: str) -> None:
    account = world.create("Account", Name=name, Tax_Id__c="XX-1")
    found = world.crm.find("Account", ("Name",), [(asked,), ("somebody else",)])
    assert account in {one.id for one in found if match_text(str(one.values[0])) == match_text(asked)}
    pair = world.crm.find("Account", ("Tax_Id__c", "Name"), [("xx-1", asked)])
    assert account in {one.id for one in pair}
    world.delete("Account", account)
    assert account not in {one.id for one in world.crm.find("Account", ("Name",), [(asked,)])}


def test_many_values_are_found_in_several_queries(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [record.fields["Name"] for page in world.read(ACCOUNTS) for record in page.records if not record.deleted]
    asked = counting(world, monkeypatch)
    found = world.crm.find("Account", ("Name",), [(name,) for name in names])
    assert {one.values[0] for one in found} == set(names)
    assert len(asked) > 1
    assert max(len(quote(soql)) for soql in asked) < 16_000


def test_an_update_writes_clears_and_leaves(world: World) -> None:
    account = world.create("Account", Name="Before AG", Phone="1", Website="https://before.example", AnnualRevenue=5)
    fields = {"Phone": None, "AnnualRevenue": Decimal("1234567890123456"), "Name": "After AG"}
    (answer,) = world.crm.write("Account", [Change("update", "k", fields, id=account[:15])])
    assert (answer.result, answer.id) == ("updated", account)
    after = world.crm.fetch(Selection("Account", ("Name", "Phone", "Website", "AnnualRevenue")), [account])[0]
    assert after.by_us
    assert {name: after.fields[name] for name in ("Name", "Phone", "Website", "AnnualRevenue")} == {
        "Name": "After AG",
        "Phone": None,
        "Website": "https://before.example",
        "AnnualRevenue": Decimal("1234567890123456"),
    }


def test_a_refusal_stops_no_neighbour_and_says_what_to_do(world: World) -> None:
    good, bad = world.create("Account", Name="Good Ltd"), world.create("Account", Name="Bad Ltd")
    gone = world.create("Account", Name="Gone Ltd")
    world.delete("Account", gone)
    answers = world.crm.write(
        "Account",
        [
            Change("update", "1", {"Payment_Terms__c": "SOMEDAY"}, id=bad),
            Change("update", "2", {"Phone": "7"}, id=good),
            Change("update", "3", {"Phone": "7"}, id=gone),
            Change("update", "4", {"Phone": "7"}, id="not an id"),
            Change("update", "5", {"Phone": "7"}, id=gone, expects="2026-01-01T00:00:00.000Z"),
            Change("withdraw", "6", {}, id=good, how="cancel"),
        ],
    )
    assert [one.result for one in answers] == ["refused", "updated", "refused", "refused", "refused", "refused"]
    assert [one.key for one in answers] == list("123456")
    assert all(one.fault and one.fault.remedy for one in answers if one.result == "refused")
    assert "RESTRICTED_PICKLIST" in str(answers[0].fault)
    assert "deleted" in str(answers[2].fault)


def test_a_record_that_moved_meanwhile_is_not_written(world: World) -> None:
    account = world.create("Account", Name="Contested SpA", Phone="1")
    seen = world.crm.fetch(ACCOUNTS, [account])[0].version
    world.edit("Account", account, Phone="theirs")
    (answer,) = world.crm.write("Account", [Change("update", "k", {"Phone": "ours"}, id=account, expects=seen)])
    assert answer.result == "moved"
    now = world.crm.fetch(Selection("Account", ("Phone",)), [account])[0]
    assert (now.fields["Phone"], now.version) == ("theirs", answer.version)
    (again,) = world.crm.write("Account", [Change("update", "k", {"Phone": "ours"}, id=account, expects=now.version)])
    assert again.result == "updated"


def test_creating_twice_is_creating_once(world: World) -> None:
    change = Change("create", "org/customer/4711", {"Name": "Once Only Oy"})
    first, second = (world.crm.write("Account", [change])[0] for _ in range(2))
    assert (first.result, second.result) == ("created", "created")
    assert first.id == second.id
    assert world.crm.find_keys("Account", ["org/customer/4711", "nobody"]) == {"org/customer/4711": first.id}
    assert world.crm.find_keys("Product2", ["org/product/1"]) == {}


def test_a_product_is_deactivated_and_reopened(world: World) -> None:
    (product,) = world.some("Product2", where="AND IsActive = true")
    flags = Selection("Product2", ("IsActive",))
    for verb, active in (("withdraw", False), ("reopen", True)):
        (answer,) = world.crm.write("Product2", [Change(verb, "k", {}, id=product, how="deactivate")])  # type: ignore[arg-type]
        assert answer.result == ("withdrawn" if verb == "withdraw" else "updated")
        assert world.crm.fetch(flags, [product])[0].fields["IsActive"] is active


def test_the_owner_reads_on_the_record_why_it_is_not_through(world: World) -> None:
    account = world.create("Account", Name="Waiting Room Ltd")
    notes = [Note(account, "invalid", "x" * 1500), Note("001000000000000AAA", "invalid", "no such record")]
    good, bad = world.crm.annotate("Account", notes)
    assert good is None
    assert bad is not None
    shown = world.crm.fetch(Selection("Account", ("ERP_Sync_Status__c", "ERP_Sync_Message__c")), [account])[0]
    assert shown.fields["ERP_Sync_Status__c"] == "invalid"
    assert len(shown.fields["ERP_Sync_Message__c"]) == 1000
    (missing,) = world.crm.annotate("Contact", [Note(account, "invalid", None)])
    assert "ERP_Sync_Status__c" in str(missing)


def test_a_hidden_field_is_named_with_the_likely_causes(tmp_path: Path) -> None:
    with world_of(tmp_path) as world:
        assert "Tax_Id__c" in world.crm.describe("Account").fields
        world.playground.store.change_setting("drift", [{"action": "hide", "object": "Account", "field": "Tax_Id__c"}])
        with pytest.raises(Misconfigured, match="Tax_Id__c") as known_before:
            world.read(ACCOUNTS)
        fresh = Connector(world.playground.connection)
        assert "Tax_Id__c" not in fresh.describe("Account").fields
        with pytest.raises(Misconfigured, match="Tax_Id__c") as caught:
            list(fresh.read(ACCOUNTS, None, NONE))
        assert "field-level security" in str(caught.value)
        assert "field-level security" in str(known_before.value)
        fresh.close()


def test_without_multi_currency_everything_is_in_the_organisations_currency(tmp_path: Path) -> None:
    with world_of(tmp_path, replace(SMALL, multi_currency=False)) as world:
        described = world.crm.describe("Order").fields["CurrencyIsoCode"]
        (currency,) = described.values
        items = replace(ITEMS, fields=(*ITEMS.fields, "CurrencyIsoCode"))
        records = [one for page in world.read(replace(ORDERS, lines=items)) for one in page.records]
        assert {one.fields["CurrencyIsoCode"] for one in records} == {currency}
        assert {line["CurrencyIsoCode"] for one in records for line in one.lines or []} == {currency}
        assert not described.updatable


def test_a_session_ended_by_somebody_else_is_renewed_unseen(world: World) -> None:
    from isthmus.playground.sessions import end_sessions

    world.crm.fetch(ACCOUNTS, world.some("Account"))
    assert end_sessions(world.playground.store) > 0
    assert world.crm.fetch(ACCOUNTS, world.some("Account"))


def test_streams_are_described_as_the_organisation_shows_them(world: World) -> None:
    assert {"Account", "Order", "OrderItem", "Quote"} <= set(world.crm.streams())
    fields = world.crm.describe("Account").fields
    terms_field, number = fields["Payment_Terms__c"], fields["ERP_Customer_Number__c"]
    assert (terms_field.type, terms_field.restricted) == ("picklist", True)
    assert set(terms_field.values) == {"NET14", "NET30", "NET60", "PREPAID"}
    assert (number.unique, number.external_id, number.length) == (True, True, 40)
    assert (fields["OwnerId"].relationship, fields["OwnerId"].refers_to) == ("Owner", ("User",))
    assert fields["Name"].required
    assert not fields["SystemModstamp"].updatable
    assert (fields["AnnualRevenue"].type, fields["AnnualRevenue"].decimals) == ("number", 0)


@pytest.mark.parametrize("since", ["yesterday", "2026-11-22T10:00:00", ""])
def test_a_watermark_of_somebody_else_is_refused(world: World, since: str) -> None:
    with pytest.raises(Misconfigured, match="watermark"):
        world.read(ACCOUNTS, since)


def test_a_version_that_the_organisation_does_not_have_is_refused(world: World) -> None:
    connection = world.playground.connection
    crm = Connector(replace(connection, extra={**connection.extra, "version": "99.0"}))
    with pytest.raises((Misconfigured, Refused, Unavailable), match=r"99\.0"):
        list(crm.read(ACCOUNTS, None, NONE))
