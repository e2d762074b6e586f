"""Who are we there, and does a secret stay one?"""

from __future__ import annotations

import dataclasses

import pytest

from connectors.tryton import Connector
from isthmus.cli.tryton_server import PASSWORD, REFERENCE
from isthmus.kernel.errors import Misconfigured
from tests.tryton.erp import Erp


def test_a_wrong_password_says_so_without_telling_it(erp: Erp) -> None:
    wrong = dataclasses.replace(erp.server.connection(erp.database), password="open-sesame-17")
    connector = Connector(wrong)
    for _ in range(2):
        with pytest.raises(Misconfigured, match="Tryton refuses user or password") as told:
            connector.identity()
        assert "open-sesame-17" not in f"{told.value!r} {connector.config!r}"
    assert PASSWORD not in repr(erp.connector.config)
    connector.close()


def test_a_copy_of_the_database_is_another_organisation(erp: Erp, plain_erp: Erp) -> None:
    assert erp.connector.identity() == erp.connect().identity() != plain_erp.connector.identity()


def test_a_reference_that_the_database_does_not_have_is_told_at_once(either: Erp) -> None:
    connection = dataclasses.replace(
        either.server.connection(either.database), extra={"reference": "isthmus_reference"}
    )
    connector = Connector(connection)
    if either.template == REFERENCE:
        assert connector.describe("order").fields["number"].unique
    else:
        with pytest.raises(Misconfigured, match="sales have no field 'isthmus_reference'; activate the module"):
            connector.describe("order")
    connector.close()
