"""Is each word true that `explain` and `plan` tell of a record whose story is not a straight one?"""

from __future__ import annotations

from tests.scenarios.test_edited_rows import NUMBER, accepted, customers
from tests.scenarios.world import World, detail

TAX = "DE700000001"


def test_what_is_listed_because_others_wait_for_it_is_not_foretold_to_be_left_out(world: World) -> None:
    prospect = world.account("N" * 201, Type="Prospect")
    world.order(prospect)
    world.cycle()
    assert world.listed(prospect) == "invalid"
    assert world.shop.explain("customer", prospect).next.startswith("worklisted: name: has 201 characters")
    world.edit("customer", prospect, Phone="+49 1")
    world.pass_time()
    planned = [one.outcome for _, page in world.shop.plan("customer", full=False) for one in page]
    assert planned == ["worklisted"]
    assert world.run("customer").legs[0].outcomes == {"worklisted": 1}


def test_the_reason_why_a_record_is_told_its_number_is_true_after_the_file_was_edited(world: World) -> None:
    accepted(world, (NUMBER, NUMBER.replace("ERP_Customer_Number__c", "AccountNumber")))
    one = customers(world)[0]
    why = world.shop.explain("customer", one).steps[-1].payload["due"]
    assert why == f"customer {one} was told nothing yet of what the ERP owns"


def test_a_loser_that_lives_again_is_explained_by_what_it_says_itself(world: World) -> None:
    winner = world.account("Winner Ltd")
    world.cycle()
    loser = world.account("Loser Ltd")
    world.merge(winner, loser)
    world.cycle()
    assert world.shop.explain("customer", loser).crm_id == winner
    world.undelete(loser)
    world.cycle()
    story = world.shop.explain("customer", loser)
    assert (story.crm_id, story.erp_id, story.trace[0].value) == (loser, None, "Loser Ltd")
    assert story.verdict.startswith(f"customer {loser} is not in the ERP: it is on the worklist (ambiguous).")
    assert story.next.startswith("worklisted: ")
    assert world.shop.explain("customer", winner).items == []


def test_who_took_over_what_a_deleted_account_had_is_told(world: World) -> None:
    former = world.account("Former Ltd", Tax_Id__c=TAX)
    world.cycle()
    world.delete("customer", former)
    world.cycle()
    anew = world.account("Anew Ltd", Tax_Id__c=TAX)
    world.cycle()
    for key in (former, anew):
        (step,) = [one for one in world.shop.explain("customer", key).steps if one.outcome == "rebound"]
        assert (step.payload["took_over"], step.payload.get("merged_into")) == (former, None)


def test_the_winner_of_a_merge_that_is_asked_for_by_its_id_gets_the_customer_of_the_loser(world: World) -> None:
    """As `explain` advises: it is not entered a second time, and nobody is asked which of two stays."""
    loser = world.account("Loser Ltd")
    world.cycle()
    customer, number = world.erp("customer", loser)["id"], world.erp_count("customer")
    winner = world.account("Winner Ltd")
    world.merge(winner, loser)
    world.pass_time()
    story = world.shop.explain("customer", winner)
    assert (f"--id {winner}" in story.remedy, story.next) == (True, "updated")
    plan = world.shop.plan("customer", full=False, ids=(winner,))
    planned = [(one.read.id, one.outcome) for way, page in plan for one in page if way.source == "crm"]
    assert planned == [(loser, "rebound"), (winner, "updated")]
    world.run("customer", ids=[winner])
    assert (world.erp("customer", winner)["id"], world.erp_count("customer")) == (customer, number)
    assert (world.erp("customer", winner)["name"], world.items()) == ("Winner Ltd", [])
    world.cycle()
    assert world.items() == []


def test_a_customer_of_the_erp_that_was_merged_away_there_leads_to_the_one_that_stays(world: World) -> None:
    winner, loser = world.account("Winner Ltd"), world.account("Loser Ltd")
    world.cycle()
    world.merge(winner, loser)
    world.cycle()
    goes, stays = detail(world.item(loser))["candidates"]
    world.shop.office.resolve(world.item(loser).id or 0, stays, "cli:ada")
    world.cycle()
    for key in (goes, loser):
        verdict = world.shop.explain("customer", key).verdict
        where = f"which is in both systems: CRM {winner}, ERP {stays}."
        assert verdict == f"customer {key} went over to another one, {where}"
