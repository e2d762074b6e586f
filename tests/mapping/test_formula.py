"""Do formulas compute exactly, cost little, and refuse everything that is not a formula?"""

from __future__ import annotations

import time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.kernel.records import ABSENT
from isthmus.mapping.formula import BadFormula, parse_formula
from isthmus.mapping.functions import Unfit

RECORD: dict[str, Any] = {
    "Quantity": Decimal("3.0"), "UnitPrice": Decimal("19.99"), "Discount": None, "Type": "Return", "Active": True,
    "Owner": {"Level": 2}, "Parent": None, "Text": "12.50",
}  # fmt: skip

VALUES = [
    ("Quantity * UnitPrice", Decimal("59.97")),
    ("0.1 + 0.2", Decimal("0.3")),
    ("1 - 2 - 3", Decimal(-4)),
    ("2 + 3 * 4", Decimal(14)),
    ("(2 + 3) * 4", Decimal(20)),
    ("-Quantity", Decimal(-3)),
    ("- - 2", Decimal(2)),
    ("7 / 2", Decimal("3.5")),
    ("Text + 0", Decimal("12.5")),
    ("Owner.Level + 1", Decimal(3)),
    ("Parent.Level + 1", None),
    ("Discount + 1", None),
    ("Missing + 1", ABSENT),
    ("Owner.Missing", ABSENT),
    ("if Discount = null then 0 else Discount", Decimal(0)),
    ("if Type = 'Return' then -1 else 1", Decimal(-1)),
    ("if Quantity > 2 and not Active = false then 'many' else 'few'", "many"),
    ("if Discount > 0 then 'some' else 'none'", "none"),
    ("if Discount < 0 or Quantity >= 3 then 'x' else 'y'", "x"),
    ("if 1 = 1.0 then 'same' else 'other'", "same"),
    ("if Type != 'Sale' then 'It''s back' else ''", "It's back"),
    ("if Active then 1 else 2", Decimal(1)),
    ("if Active = null then 1 else if Quantity <= 3 then 2 else 3", Decimal(2)),
    ("'EUR'", "EUR"),
    ("null", None),
    ("true", True),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_a_formula_gives_the_exact_value(text: str, value: Any) -> None:
    found = parse_formula(text).evaluate(RECORD)
    assert found == value
    assert type(found) is type(value)


UNFIT = [
    ("1 / 3", "a quotient in the formula does not come out even; multiply instead of dividing"),
    ("1 / 0", "the formula divides by zero; guard the division with 'if'"),
    ("0 / 0", "the formula divides by zero; guard the division with 'if'"),
    ("Type + 1", "the formula needs a number: 'Return' is not a decimal number; correct the record or the formula"),
    ("Active + 1", "the formula needs a number: True is not a number; correct the record or the formula"),
    ("if Active > false then 1 else 2", "the formula asks whether true is greater than false; compare it with = or !="),
    ("if Type = true then 1 else 2", "the formula compares a text with true or false; compare values of one kind"),
    (
        "Owner + 1",
        "the formula needs a number: {'Level': 2} is not a decimal number; correct the record or the formula",
    ),
    (" * ".join(["999999999999999999"] * 6), "a number in the formula is too great; correct the record"),
]


@pytest.mark.parametrize(("text", "fault"), UNFIT, ids=[text[:30] for text, _ in UNFIT])
def test_a_record_that_does_not_fit_is_a_fault_and_no_guess(text: str, fault: str) -> None:
    with pytest.raises(Unfit) as caught:
        parse_formula(text).evaluate(RECORD)
    assert f"{caught.value.what}; {caught.value.remedy}" == fault


ESCAPES = [
    "__import__('os').system('x')", "().__class__", "Name.upper()", "[x for x in y]", "lambda: 1",
    "{1: 2}", "9 ** 9 ** 9", "1 << 9", "f'x'", '"x"', "a; b", "a = b = c", "a := 1", "@x", "a if b else c", "x[0]",
    "1e9", "0x10", "1_000", "١٢", "٣ + 1", "a..b", ".a", "a.", "eval(1)", "import os", "#", "\\", "`x`",
    "1.", ".5", "'open", "a\x00b", "π", "a ! b", "then", "if a then b", "if a else b", "not", "(", ")", "()", "",
    "1 2", "a b", "not a b", "--", "1 +", "a = = b", "and a", "%", "a % b", "1 // 2", "a & b", "~a", "a ? b : c",
    "{{ a }}", "{% x %}", "${a}", "$a",
]  # fmt: skip


#: Words that only look dangerous are the names of fields, which a record does not have.
NAMES = {"exec", "None", "null.x", "true.x", "__class__", "Name.__class__"}


def attempt(text: str, record: dict[str, Any]) -> tuple[Any, BadFormula | Unfit | None]:
    try:
        return parse_formula(text).evaluate(record), None
    except (BadFormula, Unfit) as error:
        return None, error


@pytest.mark.parametrize("text", [*ESCAPES, *sorted(NAMES)])
def test_what_is_no_formula_is_refused_when_the_file_is_loaded(text: str) -> None:
    value, error = attempt(text, {"Name": "x"})
    if text in NAMES:
        assert value is ABSENT
        return
    assert isinstance(error, BadFormula)
    assert error.what
    assert error.remedy
    assert 1 <= error.column <= len(text) + 1


BOMBS = [
    "(" * 100_000,
    "(" * 900 + "1" + ")" * 900,
    "-" * 1_900 + "1",
    "not " * 480 + "a",
    "if a then " * 190 + "1",
    "1" + " + 1" * 480,
    "1" + " * 9" * 480,
    "a and " * 300 + "a",
    "1" * 1_999,
    "'" + "x" * 1_990 + "'",
    "1+" * 1_000_000,
]


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
def test_a_long_or_deep_formula_costs_next_to_nothing(text: str) -> None:
    start = time.process_time()
    attempt(text, {"a": True})
    assert time.process_time() - start < 10  # not a timing: what explodes takes years


def test_a_formula_does_not_touch_attributes() -> None:
    class Trap(dict[str, Any]):
        def __getattribute__(self, name: str) -> Any:
            if name in {"get", "__class__"}:
                return super().__getattribute__(name)
            raise AssertionError(name)

    assert parse_formula("keys + 1").evaluate(Trap({"keys": 1})) == 2
    assert parse_formula("a.keys").evaluate({"a": {"keys": "x"}}) == "x"


# --- against another evaluator ------------------------------------------------------------------------------------

numbers = st.decimals(min_value=-1000, max_value=1000, places=2, allow_nan=False, allow_infinity=False)


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> tuple[str, Fraction]:
    """A formula and its value, computed with fractions by nothing of ours."""
    if depth == 0 or draw(st.booleans()):
        name = draw(st.sampled_from(["a", "b", "2", "0.25"]))
        values = {"a": Fraction("7.5"), "b": Fraction(-3)}
        return name, values.get(name) or Fraction(name)
    left, one = draw(trees(depth - 1))
    right, two = draw(trees(depth - 1))
    operator = draw(st.sampled_from(["+", "-", "*", "choice"]))
    if operator == "choice":
        return f"(if {left} < {right} then {left} else {right})", min(one, two)
    result = {"+": one + two, "-": one - two, "*": one * two}[operator]
    return f"({left} {operator} {right})", result


@given(trees())
def test_formulas_agree_with_fractions(tree: tuple[str, Fraction]) -> None:
    text, value = tree
    found = parse_formula(text).evaluate({"a": Decimal("7.5"), "b": -3})
    assert Fraction(found) == value


@given(numbers, numbers)
def test_no_cent_is_lost(one: Decimal, two: Decimal) -> None:
    record = {"a": one, "b": two}
    assert parse_formula("a + b - b").evaluate(record) == one
    assert parse_formula("a * b").evaluate(record) == one * two


@given(st.text(max_size=40))
def test_any_text_is_a_formula_or_a_clear_fault(text: str) -> None:
    _, error = attempt(text, {})
    assert error is None or isinstance(error, Unfit) or 1 <= error.column <= len(text) + 1
