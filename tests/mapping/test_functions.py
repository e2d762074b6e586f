"""Do the functions do what their own examples say, and does the way back lead back?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.mapping.countries import country_code
from isthmus.mapping.functions import FUNCTIONS, Example, Function, Unfit, documentation, function_table

EXAMPLES = [(function, example) for function in FUNCTIONS for example in function.examples]
ARGUMENTS = {"length": st.integers(0, 50), "prefix": st.text(max_size=5)}


@pytest.mark.parametrize(("function", "example"), EXAMPLES, ids=lambda one: getattr(one, "name", None) or one.given)
def test_every_example_of_the_documentation_holds(function: Function, example: Example) -> None:
    step = function.forward(**dict(example.arguments))
    if example.refuses is None:
        assert step(example.given) == example.gives
        return
    with pytest.raises(Unfit) as caught:
        step(example.given)
    assert f"{caught.value.what}; {caught.value.remedy}" == example.refuses


def test_each_function_has_an_example_with_all_its_arguments() -> None:
    assert len(function_table()) == len(FUNCTIONS)
    for function in FUNCTIONS:
        assert any(example.refuses is None for example in function.examples)
        for example in function.examples:
            assert [name for name, _ in example.arguments] == [one.name for one in function.parameters]


@pytest.mark.parametrize("function", [one for one in FUNCTIONS if one.backward], ids=lambda one: one.name)
@given(data=st.data())
def test_what_is_written_back_reads_again_as_the_same(function: Function, data: st.DataObject) -> None:
    """Else every write would come back as a change: an echo without end."""
    arguments = {one.name: data.draw(ARGUMENTS[one.name]) for one in function.parameters}
    forward = function.forward(**arguments)
    assert function.backward
    backward = function.backward(**arguments)
    text = data.draw(st.sampled_from(["Germany", "us", "FRA", "ﬁji"]) if function.name == "country_code" else st.text())
    if function.name == "strip_prefix":
        text = f"{arguments['prefix']}{text}"
    try:
        value = forward(text)
    except Unfit:
        return
    assert forward(backward(value)) == value


@given(st.text())
def test_a_normaliser_done_twice_is_done_once(text: str) -> None:
    for name in ("trim", "collapse_blanks"):
        step = function_table()[name].forward()
        assert step(step(text)) == step(text)


def test_the_documentation_shows_every_function_parameter_and_example() -> None:
    text = documentation()
    for function in FUNCTIONS:
        assert f"## {function.name}\n\n{function.about}" in text
        assert all(f"- `{one.name}`" in text for one in function.parameters)
    assert "'  PO 7 '  via trim  →  'PO 7'" in text
    assert "'abcdef'  via {truncate: 3}  →  'abc'" in text
    assert "'Narnia'  via country_code  →  refused: 'Narnia' is not a country we know" in text


def test_countries_are_known_by_code_and_by_the_names_people_type() -> None:
    names = {
        "DE": "Germany",
        "GB": "UK",
        "US": "U.S.A.",
        "CI": "Côte d'Ivoire",
        "KR": "Korea",
        "NL": "the  Netherlands",
    }
    assert {country_code(name) for name in names.values()} == set(names)
    assert country_code("NO") == "NO"
    assert country_code("nor") == "NO"
    assert [country_code(text) for text in ("", " ", "ZZ", "Germany1", "D")] == [None] * 5
