"""Does the connector know whose organisation it is in, and how that one is set up?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.salesforce import Connector
from isthmus.kernel.errors import Misconfigured, Refused, Unavailable
from tests.contract.crm_world import ACCOUNTS, ITEMS, NONE, ORDERS, SMALL, World, world_of


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
        assert described.updatable, "what is written is compared: see test_salesforce_invoices"


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
