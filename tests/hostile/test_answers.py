"""Salesforce answers nonsense: is it one of our errors, and never a record that was not there, or a traceback?"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.salesforce import Connector
from isthmus.connect.protocol import Answer, Change, Measure
from isthmus.kernel.errors import Fault, IsthmusError
from isthmus.kernel.records import Record
from tests.hostile.answers import CUSTOMERS, ORDERS, answering

HOUR = timedelta(hours=1)
SINCE = "2026-11-22T08:00:00.000Z"
NONSENSE: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**30, 1.5, "", "x", "NaN", "\ud800", "001", "2026-13-45T99:99:99Z", [], [None],
    [[]], {}, {"x": {}}, [1, 2], "http://127.0.0.1:9/", "' OR Id != '",
)  # fmt: skip

READS: dict[str, Callable[[Connector], Any]] = {
    "read all": lambda crm: [one for page in crm.read(CUSTOMERS, None, HOUR) for one in page.records],
    "read what moved": lambda crm: [one for page in crm.read(CUSTOMERS, SINCE, HOUR) for one in page.records],
    "read documents": lambda crm: [one for page in crm.read(ORDERS, SINCE, HOUR) for one in page.records],
    "fetch": lambda crm: crm.fetch(ORDERS, ["001000000000001AAA"]),
    "find": lambda crm: crm.find("Account", ("Name",), [("example 1",)]),
    "find keys": lambda crm: crm.find_keys("Account", ["key-1", "key-2"]),
    "measure": lambda crm: crm.measure("Account", Measure(currency="CurrencyIsoCode")),
    "describe": lambda crm: crm.describe("Account"),
    "who": lambda crm: crm.identity(),
}
CHANGES = [
    Change("update", "key-1", {"Name": "New"}, id="001000000000001AAA", expects=SINCE),
    Change("create", "key-9", {"Name": "Newer"}),
]
WRITES: dict[str, Callable[[Connector], Any]] = {
    "write records": lambda crm: crm.write("Account", CHANGES),
    "write documents": lambda crm: crm.write("Order", [Change("create", "key-8", {}, lines=[{"key": "1"}])]),
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, one in inner for place in places(one, (*path, name)))]


def changed(value: Any, path: tuple[Any, ...], by: Callable[[Any, Any], None]) -> Any:
    """A copy of the value with one place changed by ``by(holder, name)``."""
    holder = {"whole": json.loads(json.dumps(value))}
    inner: Any = holder
    for name in ("whole", *path)[:-1]:
        inner = inner[name]
    by(inner, ("whole", *path)[-1])
    return holder.get("whole")


def drop(holder: Any, name: Any) -> None:
    del holder[name]


def ends_well(crm: Connector, work: Callable[[Connector], Any]) -> None:
    """The call gives what it should, or one of our errors with its three parts."""
    got, fault = _attempt(crm, work)
    assert fault is None or (fault.where and fault.what)
    for one in got if isinstance(got, list) else []:
        if isinstance(one, Record):
            assert len(one.id) == 18
            assert one.version
        if isinstance(one, Answer):
            assert one.result in ("created", "updated", "refused", "moved", "in_doubt")


def _attempt(crm: Connector, work: Callable[[Connector], Any]) -> tuple[Any, Fault | None]:
    try:
        return work(crm), None
    except IsthmusError as error:
        return None, error.fault


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A change of one answer: a value exchanged, a part left out, the end cut off, or a byte flipped."""
    kind = draw(st.sampled_from(["value", "value", "value", "drop", "cut", "flip"]))
    place, junk = draw(st.integers(0, 10_000)), draw(st.sampled_from(NONSENSE))

    def mutate(body: bytes) -> bytes:
        if kind == "cut":
            return body[: place % len(body)]
        if kind == "flip":
            spot = place % len(body)
            return body[:spot] + bytes([body[spot] ^ (1 + place % 255)]) + body[spot + 1 :]
        value = json.loads(body)
        every = places(value)
        path = every[place % len(every)]
        if kind == "drop" and path:
            return json.dumps(changed(value, path, drop)).encode()
        return json.dumps(changed(value, path, lambda holder, name: holder.__setitem__(name, junk))).encode()

    return mutate


CALLS = {**READS, **WRITES}


@pytest.mark.parametrize("name", CALLS)
def test_a_good_answer_is_understood(name: str) -> None:
    """Or everything below would be right for the wrong reason."""
    with answering(lambda _path, body: body) as crm:
        assert CALLS[name](crm)


@settings(max_examples=60, deadline=None)
@given(mutations(), st.integers(0, 12), st.sampled_from(sorted(CALLS)))
def test_nonsense_in_one_answer_is_one_of_our_errors(mutate: Callable[[bytes], bytes], nth: int, name: str) -> None:
    asked = [0]

    def change(path: str, body: bytes) -> bytes:
        asked[0] += 1
        return mutate(body) if asked[0] == nth + 1 else body

    with answering(change) as crm:
        ends_well(crm, CALLS[name])


HOSTILE_BODIES = {
    "NaN": b'{"totalSize": NaN, "done": true, "records": []}',
    "infinity": b'{"totalSize": 1e999, "done": true, "records": []}',
    "a number of ten thousand digits": b'{"totalSize": ' + b"9" * 10_000 + b', "done": true, "records": []}',
    "half of a pair": b'{"totalSize": 0, "done": true, "records": [], "x": "\\ud800"}',
    "two keys of one name": b'{"totalSize": 0, "totalSize": 1, "done": true, "records": []}',
    "very deep": b"[" * 100_000 + b"]" * 100_000,
    "nothing": b"",
    "no UTF-8": b'{"totalSize": 0, "done": true, "records": ["\xff"]}',
    "a byte order mark": b'\xef\xbb\xbf{"totalSize": 0, "done": true, "records": []}',
    "never done": b'{"totalSize": 5, "done": false, "nextRecordsUrl": "/services/data/v66.0/query/x", "records": []}',
    "not done, no way on": b'{"totalSize": 5, "done": false, "records": []}',
    "fewer than announced": b'{"totalSize": 5, "done": true, "records": []}',
    "a negative number of records": b'{"totalSize": -1, "done": true, "records": []}',
    "true records": b'{"totalSize": true, "done": true, "records": []}',
}


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES)
@pytest.mark.parametrize("name", READS)
def test_a_hostile_query_answer_ends_well(name: str, body: bytes) -> None:
    def change(path: str, good: bytes) -> bytes:
        return body if "query" in path else good

    with answering(change) as crm:
        ends_well(crm, READS[name])
