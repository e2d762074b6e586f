"""Do the mapping files' own tests hold, and would they say so if they did not?"""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.mapping.load import load_mappings, read_mapping
from isthmus.mapping.spec import Case
from isthmus.sync.trial import run_tests

FOLDER = Path(__file__).parents[2] / "mappings" / "salesforce_erp"
SPECS = load_mappings(FOLDER)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_the_tests_of_each_mapping_hold(spec) -> None:  # type: ignore[no-untyped-def]
    results = run_tests(spec)
    assert len(results) >= 5
    assert [f"{one.where}: {one.message}" for one in results if not one.passed] == []


def test_mappings_come_in_the_order_of_their_references() -> None:
    names = [spec.name for spec in SPECS]
    for first, then in [("customer", "quote"), ("product", "quote"), ("quote", "order"), ("order", "invoice"),
                        ("invoice", "payment"), ("payment", "credit_status")]:  # fmt: skip
        assert names.index(first) < names.index(then)


def _sides(case: Case) -> set[str]:
    return set(case.given) or {"both"}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_each_mapping_shows_its_directions_its_filter_and_a_refusal(spec) -> None:  # type: ignore[no-untyped-def]
    giving = {row.owner for row in spec.all_rows() if row.two_sided}
    assert giving - {"both"} <= {side for case in spec.tests for side in _sides(case)}
    assert any(case.filtered for case in spec.tests) or not (spec.crm.where or spec.erp.where)
    assert any(case.refuses for case in spec.tests)


SMALL = """\
mapping: customer
entity: customer
owner: crm
creates: [erp]
crm: {stream: Account, where: {Type: {in: [Customer]}}}
erp: {stream: customer}
fields:
  name: {crm: {field: Name, via: [trim]}, erp: name, required: true}
  currency: {crm: CurrencyIsoCode, erp: currency}
  phone: {crm: Phone, erp: phone, owner: both}
  number: {crm: Nr, erp: number, owner: erp}
tests:
  - {name: t, TEST}
"""

FAILING = [
    ("crm: {Name: A}, expects: {erp: {name: B}}", "erp.name is 'A', not 'B'"),
    ("crm: {Name: A}, expects: {erp: {name: null}}", "erp.name is 'A', not null"),
    ("crm: {Name: A}, expects: {erp: {phone: B}}", "erp.phone is not written"),
    ("crm: {Name: A}, expects: {crm: {Name: A}}", "a record of the CRM is written to the ERP: expect erp"),
    ("crm: {Name: A}, refuses: x", "the record is not refused"),
    ("crm: {Name: null}, refuses: x", "refused with: name: is empty; fill Name in the CRM"),
    ("crm: {Name: null}, expects: {erp: {name: A}}", "refused with: name: is empty; fill Name in the CRM"),
    ("crm: {Type: Customer}, filtered: Type", "the record passes 'where'"),
    ("crm: {Type: Other}, filtered: Name", "the first term it fails is Type, not Name"),
    ("crm: {Nmae: A}, expects: {erp: {name: A}}", "crm: no row reads 'Nmae'; did you mean 'Name'?"),
    ("crm: {Name: A, lines: []}, expects: {erp: {name: A}}",
     "crm: 'lines' must be a list of records, and the mapping must have lines"),
    ("crm: {Name: A}", "says not what is to happen; say one of expects, refuses and filtered"),
    ("crm: {Name: A}, refuses: x, filtered: Type",
     "says not what is to happen; say one of expects, refuses and filtered"),
    ("expects: {erp: {name: A}}", "gives no record, or two; give crm or erp, or before and after with both"),
    ("before: {crm: {Name: A}}", "gives only one of before and after; give both"),
    ("before: {crm: {Name: A}, erp: {name: A}}, after: {crm: {Name: B}, erp: {name: A}}",
     "name is written to the ERP"),
    ("before: {crm: {Name: A}, erp: {name: A}}, after: {crm: {Name: A}, erp: {name: A}}, expects: {erp: {name: A}}",
     "nothing is written to the ERP"),
    ("before: {crm: {Phone: 1}, erp: {phone: 1}}, after: {crm: {Phone: 2}, erp: {phone: 3}}", "conflicts: phone"),
    ("before: {crm: {Phone: 1}, erp: {phone: 1}}, after: {crm: {Phone: 2}, erp: {phone: 2}}", "agreed: phone"),
    ("before: {crm: {Nr: 1}, erp: {number: 1}}, after: {crm: {Nr: 2}, erp: {number: 1}}, expects: {crm: {Nr: 1}}",
     "overruled: number"),
    ("before: {crm: {Name: null}, erp: {}}, after: {crm: {}, erp: {}}",
     "crm: refused with: name: is empty; fill Name in the CRM"),
]  # fmt: skip


@pytest.mark.parametrize(("test", "message"), FAILING, ids=range(len(FAILING)))
def test_a_test_that_does_not_hold_says_why(test: str, message: str) -> None:
    spec = read_mapping(SMALL.replace("TEST", test).encode(), "m.yaml")
    (result,) = run_tests(spec)
    assert (result.passed, result.message, result.where) == (False, message, "m.yaml:13:5")


def test_only_the_rows_that_a_test_names_are_evaluated() -> None:
    spec = read_mapping(SMALL.replace("TEST", "crm: {Phone: ' 1'}, expects: {erp: {phone: ' 1'}}").encode(), "m.yaml")
    assert run_tests(spec)[0].passed
