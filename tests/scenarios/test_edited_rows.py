"""A mapping file is edited between two runs: a row that means another field by now was never seen there by anybody."""

from __future__ import annotations

import pytest

from isthmus.kernel.errors import Misconfigured, Unavailable
from tests.scenarios.test_far_erp import far
from tests.scenarios.world import World

PHONE, NUMBER = "phone:    {crm: Phone, erp: phone}", "number: {crm: ERP_Customer_Number__c, erp: number, owner: erp}"
SITE, SHARED = "website:  {crm: Website, erp: website}", "website:  {crm: Website, erp: website, owner: both}"
TO_EMAIL = (PHONE, "phone:    {crm: Phone, erp: email}")


def customers(world: World) -> list[str]:
    return [row["Id"] for row in world.crm_rows("customer", "Type = 'Customer' AND Phone IS NOT NULL")]


def accepted(world: World, *edits: tuple[str, str]) -> None:
    world.mapping_file("customer", *edits)
    world.shop.office.accept("customer", "cli:ada", "it was read")
    world.run("customer")


def test_a_row_that_goes_to_another_field_of_the_erp_is_planned_accepted_and_written_at_once(world: World) -> None:
    before = world.erp_log()
    world.mapping_file("customer", TO_EMAIL)
    planned = [one for _, page in world.shop.plan("customer", full=False) for one in page if one.change]
    assert len(planned) == world.erp_count("customer")
    for _ in range(2):
        with pytest.raises(Misconfigured, match="would change"):
            world.run("customer")
    assert world.erp_log() == before
    accepted(world)
    assert all(world.erp("customer", key)["email"] == world.crm("customer", key)["Phone"] for key in customers(world))
    assert (world.run("customer").moved, world.run("customer").moved) == (0, 0)


@pytest.mark.parametrize("edit", [TO_EMAIL, (NUMBER, NUMBER.replace("ERP_Customer_Number__c", "AccountNumber"))])
def test_nobody_is_said_to_have_edited_what_a_row_means_now(world: World, edit: tuple[str, str]) -> None:
    one = customers(world)[0]
    world.edit("customer", one, Website="https://new.example")
    world.clerk("customer", one, active=True)
    world.run("customer")
    accepted(world, edit)
    world.run("customer")
    assert world.overruled("customer", one) == []


def test_a_shared_row_that_goes_to_an_empty_field_of_the_erp_clears_nothing_in_the_crm(both: World) -> None:
    accepted(both, (SITE, SHARED))
    sites = {row["Id"]: row["Website"] for row in both.crm_rows("customer", "Type = 'Customer' AND Website <> ''")}
    accepted(both, (SHARED, SHARED.replace("erp: website", "erp: email")))
    both.run("customer")
    assert {key: both.crm("customer", key)["Website"] for key in sites} == sites
    assert all(both.erp("customer", key)["email"] == site for key, site in sites.items())
    one = next(iter(sites))
    both.clerk("customer", one, email="https://by-hand.example")
    both.run("customer")
    assert (both.crm("customer", one)["Website"], both.items()) == ("https://by-hand.example", [])


def test_a_create_that_is_found_after_its_shared_row_went_to_another_field_clears_nothing(world: World) -> None:
    """What was announced of it was said of the field that the row named then."""
    accepted(world, (SITE, SHARED))
    account = world.account("Echoless Ltd", Website="https://echoless.example")
    far(world).fate = "lose"
    with pytest.raises(Unavailable):
        world.run("customer")
    world.mapping_file("customer", (SHARED, SHARED.replace("erp: website", "erp: email")))
    far(world)
    world.shop.office.accept("customer", "cli:ada", "it was read")
    for _ in range(3):
        world.run("customer")
    assert world.erp("customer", account)["website"] == "https://echoless.example", "it did arrive"
    assert world.crm("customer", account)["Website"] == "https://echoless.example"
    assert world.erp("customer", account)["email"] == "https://echoless.example"
    assert (world.items(), world.overruled("customer", account)) == ([], [])


def test_what_only_the_erp_has_fills_an_account_that_is_entered_anew_though_nothing_moves_there(world: World) -> None:
    """The mapping has no row that the ERP owns, and lets the customer stay when its account is deleted."""
    accepted(world, (SITE, SHARED), (f"  {NUMBER}\n", ""), ("gone: {crm: deactivate", "gone: {crm: keep"))
    former = world.account("Twice Ltd", Tax_Id__c="DE700000009", Website="https://twice.example")
    world.run("customer")
    world.delete("customer", former)
    world.run("customer")
    anew = world.account("Twice Ltd", Tax_Id__c="DE700000009")
    world.run("customer")
    assert world.pair("customer", former).crm.id == anew
    assert world.crm("customer", anew)["Website"] == "https://twice.example"
    assert (world.run("customer").moved, world.items()) == (0, [])


def test_what_was_listed_when_the_file_was_edited_gets_it_when_it_is_through(world: World) -> None:
    one = customers(world)[0]
    world.edit("customer", one, Name="N" * 201)
    accepted(world, TO_EMAIL)
    assert world.listed(one) == "invalid"
    world.edit("customer", one, Name="Aurora")
    world.run("customer")
    assert world.erp("customer", one)["email"] == world.crm("customer", one)["Phone"]


def test_a_side_that_a_row_is_given_later_gets_the_owners_value(world: World) -> None:
    accepted(world, (SITE, "website:  {crm: Website}"))
    one = customers(world)[0]
    world.clerk("customer", one, website=None)
    world.run("customer")
    accepted(world, ("website:  {crm: Website}", SITE))
    assert world.erp("customer", one)["website"] == world.crm("customer", one)["Website"]


@pytest.mark.parametrize("edit", [TO_EMAIL, (PHONE, f"email:    {{crm: Website, erp: email}}\n  {PHONE}")])
def test_a_tie_out_before_the_edited_file_is_accepted_accuses_nobody(world: World, edit: tuple[str, str]) -> None:
    world.run("customer")
    world.mapping_file("customer", edit)
    causes = {one.cause for one in world.shop.reconcile("totals", "cli:ada").differences if one.entity == "customer"}
    assert causes == {"late"}


def test_a_tie_out_before_the_edited_file_is_accepted_asks_nobody_to_correct_what_the_next_run_fills(
    world: World,
) -> None:
    accepted(world, (SITE, SHARED))
    world.run("customer")
    edit = (SHARED, SHARED.replace("erp: website", "erp: email"))
    world.mapping_file("customer", edit)
    found = [one for one in world.shop.reconcile("totals", "cli:ada").differences if one.entity == "customer"]
    assert {(one.repair, one.remedy) for one in found} == {
        ("due", "the next run of customer writes the value of the CRM")
    }
    world.shop.office.accept("customer", "cli:ada", "it was read")
    world.run("customer")
    assert world.shop.reconcile("totals", "cli:ada").agrees


def test_plan_tells_what_a_run_does_that_reads_everything_though_the_file_is_as_it_was(world: World) -> None:
    """One record went through by an edited file, and the edit was taken back: the next run puts that record right."""
    world.run("customer")
    one, was = customers(world)[0], world.mappings
    world.mapping_file("customer", ("via: [collapse_blanks]", "via: [upper]"))
    world.shop.office.accept("customer", "cli:ada", "it was read")
    world.run("customer", ids=[one])
    world.mappings = was
    world.reopen()
    planned = [one.read.id for _, page in world.shop.plan("customer", full=False) for one in page if one.change]
    assert (planned, world.run("customer").moved) == ([one], 1)


def test_plan_tells_what_is_undone(world: World) -> None:
    world.run("customer")
    one, other = customers(world)[:2]
    world.edit("customer", one, ERP_Customer_Number__c="X-1")
    world.clerk("customer", other, name="By hand")
    told = [
        (way.source, one.outcome) for way, page in world.shop.plan("customer", full=False) for one in page if one.change
    ]
    assert told == [("erp", "updated"), ("crm", "updated")]
    assert world.cycle("customer").written == 2


def test_plan_tells_a_record_that_is_due_and_has_moved_once(world: World) -> None:
    one = customers(world)[0]
    world.edit("customer", one, Name="N" * 201)
    world.run("customer")
    world.shop.office.retry("cli:ada", world.item(one).id)
    world.edit("customer", one, Name="Aurora")
    assert told(world, "customer") == [("crm", one, "updated")]
    assert world.cycle("customer").written == 1


def test_plan_tells_a_record_that_is_due_and_was_deleted_once(world: World) -> None:
    one = world.account("Short Life Ltd")
    world.run("customer")
    world.edit("customer", one, Name="N" * 201)
    world.run("customer")
    world.shop.office.retry("cli:ada", world.item(one).id)
    world.delete("customer", one)
    assert told(world, "customer", full=True) == [("crm", one, "withdrawn")]


def test_plan_does_not_tell_that_an_edit_is_undone_by_what_is_written_anyway(world: World) -> None:
    order = world.crm_rows("order", "StatusCode = 'Activated'")[0]["Id"]
    world.cycle()
    world.edit("order", order, PoNumber="PO-9")
    world.clerk("order", order, salesperson="by-hand@example.com")
    assert told(world, "order") == [("crm", order, "updated")]
    assert world.cycle("order").written == 1


def told(world: World, name: str, *, full: bool = False) -> list[tuple[str, str, str]]:
    """What a plan tells, a quarter of an hour later, of what it would write."""
    world.pass_time()
    pages = list(world.shop.plan(name, full=full))
    return [(way.source, one.read.id, one.outcome) for way, page in pages for one in page if one.change]


def test_a_record_that_changes_on_both_sides_counts_once(world: World) -> None:
    number = world.erp_count("customer")
    world.mapping_file("customer", TO_EMAIL, (NUMBER, NUMBER.replace("ERP_Customer_Number__c", "AccountNumber")))
    with pytest.raises(Misconfigured, match=f"would change {number} of {number} records"):
        world.run("customer")


def test_a_mapping_that_is_called_otherwise_does_not_begin_anew(world: World) -> None:
    """What waits, what is owed, what is in doubt and who paused it are kept under its name."""
    world.shop.office.pause("customer", "cli:ada", "the price list is checked")
    log = world.erp_log()
    world.mapping_file(
        "customer", ("mapping: customer", "mapping: account"), ("via: [collapse_blanks]", "via: [upper]")
    )
    with pytest.raises(Misconfigured, match=r"mapping account: .* call it customer again"):
        world.run("account")
    assert world.erp_log() == log


def test_a_value_that_a_table_has_no_more_rewrites_nothing(world: World) -> None:
    world.cycle()
    world.mapping_file("order", ("        Draft: draft\n", ""))
    assert [one.read.id for _, page in world.shop.plan("order", full=False) for one in page if one.change] == []
