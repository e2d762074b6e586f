"""Is each word true that `explain` and `plan` tell of a record whose story is not a straight one?"""

from __future__ import annotations

from tests.scenarios.world import World


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
