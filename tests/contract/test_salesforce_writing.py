"""Does the connector find and write as the protocol says: one answer per change, and once?"""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

import pytest

from isthmus.connect.protocol import Change, Note
from isthmus.kernel.records import match_text
from isthmus.kernel.selection import Selection
from tests.contract.crm_world import ACCOUNTS, World, counting


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("O'Hara \\ % _ Sons", "o'hara \\ % _ sons"),
        ("Two  Blanks Ltd", "two blanks ltd"),
        ("Žižkov Straße s.r.o.", "žižkov strasse s.r.o."),
        ("Ｗｉｄｅ　ＫＫ", "wide kk"),
        ("O\ufb03ce \ufb06ar Ltd", "office star ltd"),
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
    fields = {"Phone": None, "AnnualRevenue": Decimal(1234567890123456), "Name": "After AG"}
    (answer,) = world.crm.write("Account", [Change("update", "k", fields, id=account[:15])])
    assert (answer.result, answer.id) == ("updated", account)
    after = world.crm.fetch(Selection("Account", ("Name", "Phone", "Website", "AnnualRevenue")), [account])[0]
    assert after.by_us
    assert {name: after.fields[name] for name in ("Name", "Phone", "Website", "AnnualRevenue")} == {
        "Name": "After AG",
        "Phone": None,
        "Website": "https://before.example",
        "AnnualRevenue": Decimal(1234567890123456),
    }


def test_a_number_that_salesforce_would_round_is_refused(world: World) -> None:
    whole, cut = world.create("Account", Name="Whole KK"), world.create("Account", Name="Cut KK")
    changes = [
        Change("update", "1", {"AnnualRevenue": Decimal("7.00")}, id=whole),
        Change("update", "2", {"AnnualRevenue": Decimal("7.50")}, id=cut),
    ]
    good, bad = world.crm.write("Account", changes)
    assert (good.result, bad.result) == ("updated", "refused")
    assert "AnnualRevenue: 7.50 has more decimals than the field holds (0)" in str(bad.fault)


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
    assert world.crm.find_keys("User", ["org/user/1"]) == {}


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
    assert world.crm.annotate("Account", [Note(account, "invalid", "\U0001f6a2" * 600)]) == [None], "an emoji is two"
    (missing,) = world.crm.annotate("Contact", [Note(account, "invalid", None)])
    assert "ERP_Sync_Status__c" in str(missing)
