"""Are two forms the same, and would two names match?"""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.kernel.records import ABSENT, Fields, form_text, match_text, text_hash

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
forms = st.dictionaries(st.text(max_size=6), values, max_size=5)


def form_hash(form: Fields) -> bytes:
    return text_hash(form_text(form))


@given(forms)
def test_the_order_of_keys_is_no_difference(form: Fields) -> None:
    turned = dict(reversed(form.items()))
    assert form_hash(turned) == form_hash(form)


@given(forms, forms)
def test_two_forms_have_one_hash_only_if_they_are_one(one: Fields, other: Fields) -> None:
    assert (form_hash(one) == form_hash(other)) == (form_text(one) == form_text(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": None}, {}),
        ({"a": ""}, {"a": None}),
        ({"a": 0}, {"a": False}),
        ({"a": "1"}, {"a": 1}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
    ],
)
def test_absent_null_empty_and_kinds_are_told_apart(one: Fields, other: Fields) -> None:
    assert form_hash(one) != form_hash(other)


def test_a_hash_has_sixteen_bytes() -> None:
    assert len(form_hash({})) == 16


def test_absent_is_one_thing_and_false() -> None:
    assert not ABSENT
    assert repr(ABSENT) == "ABSENT"
    assert copy.deepcopy(ABSENT) is ABSENT
    assert pickle.loads(pickle.dumps(ABSENT)) is ABSENT


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("  Quarry   Works ", "quarry works"),
        ("STRASSE", "straße"),
        ("Café", "CAFE\u0301"),
        ("ＡＢＣ", "abc"),
        ("a\u00a0b", "a b"),
    ],
)
def test_names_that_people_take_for_one_match(one: str, other: str) -> None:
    assert match_text(one) == match_text(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Quarry Works", "Quarry Work"), ("Cafe", "Café"), ("a b", "ab"), ("1", "l")]
)
def test_nothing_is_matched_by_being_like(one: str, other: str) -> None:
    assert match_text(one) != match_text(other)


@given(st.text())
def test_matching_twice_is_matching_once(text: str) -> None:
    assert match_text(match_text(text)) == match_text(text)
