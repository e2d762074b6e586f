"""Does every error say what happens next, and arrive whole where it is caught?"""

from __future__ import annotations

import pickle

import pytest

from isthmus.kernel import errors
from isthmus.kernel.errors import Broken, Fault, IsthmusError, Misconfigured, Moved, Refused, Unavailable

FIVE = (Misconfigured, Refused, Unavailable, Moved, Broken)


def test_there_are_five_and_all_have_one_root() -> None:
    raised = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert {kind for kind in raised if kind is not IsthmusError} == set(FIVE)
    assert set(IsthmusError.__subclasses__()) >= set(FIVE)


@pytest.mark.parametrize(
    ("kind", "code"), [(Misconfigured, 2), (Refused, 1), (Unavailable, 75), (Moved, 75), (Broken, 70)]
)
def test_the_exit_code_says_what_happens_next(kind: type[IsthmusError], code: int) -> None:
    assert kind("order 1042", "is wrong", "correct it").exit_code == code


@pytest.mark.parametrize("kind", FIVE)
def test_an_error_reads_where_what_remedy(kind: type[IsthmusError]) -> None:
    assert str(kind("order 1042", "is wrong", "correct it")) == "order 1042: is wrong; correct it"
    assert str(kind("order 1042", "is wrong")) == "order 1042: is wrong"


@pytest.mark.parametrize("kind", FIVE)
def test_an_error_survives_the_way_between_two_processes(kind: type[IsthmusError]) -> None:
    """Airflow runs a task in a process of its own and pickles what it raises."""
    error = pickle.loads(pickle.dumps(kind("order 1042", "is wrong", "correct it")))
    assert type(error) is kind
    assert str(error) == "order 1042: is wrong; correct it"
    assert error.fault == Fault("order 1042", "is wrong", "correct it")


def test_what_else_an_error_knows_survives_too() -> None:
    faults = (Fault("a:1", "x", "y"), Fault("a:2", "x", "y"))
    later = pickle.loads(pickle.dumps(Unavailable("crm", "is busy", "wait", retry_after_seconds=30.0)))
    wrong = pickle.loads(pickle.dumps(Misconfigured("a:1", "x", "y", faults=faults)))
    assert later.retry_after_seconds == 30.0
    assert wrong.faults == faults


def test_a_single_fault_is_the_list_of_faults() -> None:
    assert Misconfigured("a:1", "x", "y").faults == (Fault("a:1", "x", "y"),)
