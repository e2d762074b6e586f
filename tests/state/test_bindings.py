"""Is a pair read back as it was stored, also where both sides show the same?"""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from isthmus.db import reading, writing
from isthmus.state import bindings
from isthmus.state.bindings import Binding, Sight, Stream
from isthmus.state.tables import binding

SHOWN, OTHER = '{"name":"Alder GmbH"}', '{"name":"Alder GmbH","parent":"7"}'
CRM = Stream("customer", "crm", "00D")


def _pair(erp_form: str) -> Binding:
    crm = Sight("00D", "001A", "2026-01-01", b"c" * 16, SHOWN)
    return Binding(None, "customer", crm, Sight("erp", "7", "v1", b"e" * 16, erp_form, "name"))


@pytest.mark.parametrize("form", [SHOWN, OTHER, "{}"])
def test_a_pair_comes_back_as_it_was(engine: Engine, form: str) -> None:
    with writing(engine) as connection:
        bindings.insert(connection, [_pair(form)])
    with reading(engine) as connection:
        found = bindings.load(connection, CRM, ["001A"])["001A"]
    assert (found.crm, found.erp) == (_pair(form).crm, _pair(form).erp)


def test_a_form_that_both_sides_show_is_stored_once_and_parts_again(engine: Engine) -> None:
    with writing(engine) as connection:
        bindings.insert(connection, [_pair(SHOWN)])
    with writing(engine) as connection:
        assert connection.execute(select(binding.c.erp_form)).scalar_one() == ""
        found = bindings.load(connection, CRM, ["001A"])["001A"]
        found.crm.form = OTHER  # the CRM moves on; the ERP still shows what it did
        bindings.update(connection, [found])
    with reading(engine) as connection:
        found = bindings.load(connection, CRM, ["001A"])["001A"]
    assert (found.crm.form, found.erp.form) == (OTHER, SHOWN)
