"""Does the connector read as the protocol says: all, once, in order, whole?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from isthmus.connect.protocol import Change
from isthmus.kernel.selection import MovedBy, Operator, Selection, Term
from isthmus.playground import deleting, writing
from tests.contract.crm_world import ACCOUNTS, NONE, ORDERS, TEN, World, counting


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
    world.clock.advance(timedelta(seconds=3))
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
        deleting.undelete(tx, account, bin_since="")
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
    "Name": ["Ada", "O'Neil \\ Söhne", "%", "case study ltd"],
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


@example(where=[Term("Name", "not_in", ("case study ltd",))])
@example(where=[Term("CreatedDate", "after", ("2026-11-21",))])
@given(where=st.lists(terms(), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_filter_never_lets_less_through_than_it_should(world: World, where: list[Term]) -> None:
    plain = Selection("Account", tuple(VALUES))
    if not hasattr(world, "all_accounts"):
        world.create("Account", Name="Case Study Ltd")
        world.all_accounts = [one for page in world.read(plain) for one in page.records]  # type: ignore[attr-defined]
    due = {
        one.id
        for one in world.all_accounts  # type: ignore[attr-defined]
        if all(passes(term, one.fields[term.field]) for term in where)
    }
    window = world.crm._reader.window(None, NONE)
    pages = world.crm._reader.read(replace(plain, where=tuple(where)), window)
    assert due <= {one.id for page in pages for one in page.records}
