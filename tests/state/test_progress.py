"""Is what is due, open or on the worklist kept until it is done, whoever comes in between?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import orjson
from sqlalchemy import Engine

from isthmus.db import reading, writing
from isthmus.kernel.errors import Fault
from isthmus.state import bindings, graves, progress, worklist
from isthmus.state.bindings import Binding, Lane, Sight, Stream
from isthmus.state.progress import Announced, Due
from isthmus.state.worklist import Item

LANE = Lane("order", "crm")


def _due(engine: Engine) -> list[Due]:
    with reading(engine) as connection:
        return progress.load_due(connection, LANE)


def _add(engine: Engine, *items: Due) -> None:
    with writing(engine) as connection:
        progress.add_due(connection, LANE, items)


def _drop(engine: Engine, *items: Due) -> None:
    with writing(engine) as connection:
        progress.drop_due(connection, LANE, items)


def test_what_is_due_twice_is_due_once_and_gains_what_is_new(engine: Engine) -> None:
    _add(engine, Due("801A", "waits", "t1"))
    _add(engine, Due("801A", "asked for", "t2", force=True))
    (one,) = _due(engine)
    assert (one.since, one.why, one.force) == ("t2", "waits", True)


def test_who_is_woken_while_it_is_being_planned_is_planned_once_more(engine: Engine) -> None:
    _add(engine, Due("801A", "waits", "t1"))
    planned = _due(engine)
    _add(engine, Due("801A", "the customer is open", "t2"))
    _drop(engine, *planned)
    assert [one.since for one in _due(engine)] == ["t2"]


def test_an_answer_given_while_its_record_is_being_planned_is_not_lost(engine: Engine) -> None:
    _add(engine, Due("801A", "waits", "t1"))
    planned = _due(engine)
    _add(engine, Due("801A", "resolved", "t2", resolution='{"take": {}}'))
    _drop(engine, *planned)
    (one,) = _due(engine)
    assert one.resolution == '{"take": {}}'
    _drop(engine, one)
    assert _due(engine) == []


def test_what_became_due_anew_is_not_dropped_with_the_old(engine: Engine) -> None:
    old = Due("801A", "waits", "t1")
    _add(engine, Due("801A", "waits again", "t2"))
    _drop(engine, old)
    assert [one.since for one in _due(engine)] == ["t2"]


def test_an_intent_keeps_what_nobody_answered_until_it_is_planned_anew_and_cannot_land(engine: Engine) -> None:
    scope = {"run_id": 1, "mapping": "order", "side": "crm", "opened_at": "t1"}
    kept = Announced("801B", "org/801B", "update", "7", "phone", {"phone": (None, "P1", "P1")}, regardless=True)
    with writing(engine) as connection:
        number = progress.open_intent(connection, scope, [Announced("801A", "org/801A", "create", None), kept])
        progress.narrow_intent(connection, number, {"org/801B"})
        (left,) = progress.load_intents(connection, LANE.mapping)[LANE.side]
        assert (left.opened_at, left.settled) == ("t1", False)
        (entry,) = left.entries
        assert (entry.source_id, entry.units, entry.values["phone"]) == ("801B", "phone", [None, "P1", "P1"])
        assert entry.regardless
        for names, values in (({"801A"}, entry.values), ({"7"}, {})):
            progress.forget_values(connection, "order", names)
            assert progress.load_intents(connection, LANE.mapping)[LANE.side][0].entries[0].values == values
        progress.settle_intent(connection, number, [entry], now="t2")
        assert [one.settled for one in progress.load_intents(connection, LANE.mapping)[LANE.side]] == [True]
        progress.settle_intent(connection, number, [], now="t3")
        assert progress.load_intents(connection, LANE.mapping)[LANE.side] == []


def test_an_intent_of_which_everything_was_answered_is_gone(engine: Engine) -> None:
    scope = {"run_id": 1, "mapping": "order", "side": "crm", "opened_at": "t1"}
    with writing(engine) as connection:
        number = progress.open_intent(connection, scope, [Announced("801A", "org/801A", "create", None)])
        progress.narrow_intent(connection, number, set())
        assert progress.load_intents(connection, LANE.mapping)[LANE.side] == []


def test_graves_are_counted(engine: Engine) -> None:
    stream = Stream("order", "crm", "o")
    with writing(engine) as connection:
        graves.add(connection, stream, ["801A", "801B"])
        graves.add(connection, stream, ["801A"])
        graves.add(connection, stream, [])
        assert graves.load(connection, stream, ["801A", "801B", "801C"]) == {"801A": 2, "801B": 1}
        assert graves.load(connection, Stream("order", "crm", "another"), ["801A"]) == {}


def test_a_dismissed_item_comes_back_when_its_record_or_its_fault_changes(engine: Engine) -> None:
    def put(shown: str, what: str) -> Item:
        with writing(engine) as connection:
            item = Item("801A", "invalid", Fault("order 801A", what, "correct it"), shown)
            worklist.put(connection, LANE, [item], now="t")
            return worklist.load(connection, LANE, ["801A"])["801A"]

    number = put("face 1", "is empty").id or 0
    with writing(engine) as connection:
        worklist.dismiss(connection, number, who="ada", why="never")
    assert put("face 1", "is empty").dismissed_by == "ada"
    with reading(engine) as connection:
        assert worklist.count(connection) == {}
    assert put("face 1", "is too long").dismissed_by is None
    with writing(engine) as connection:
        worklist.dismiss(connection, number, who="ada", why="never")
    assert put("face 2", "is too long").dismissed_by is None


def test_who_waits_for_one_record_less_stays_dismissed_under_its_number(engine: Engine) -> None:
    def put(*also: str) -> Item:
        with writing(engine) as connection:
            item = Item("801A", "waiting", Fault("quote Q1", "was not read yet", "nothing to do"), "face", "quote Q1")
            item.detail = orjson.dumps({"also": also}).decode() if also else None
            worklist.put(connection, LANE, [item], now="t")
            return worklist.load(connection, LANE, ["801A"])["801A"]

    number = put("contract C1", "campaign D1").id or 0
    with writing(engine) as connection:
        worklist.dismiss(connection, number, who="ada", why="the quote is lost")
    for also in (("campaign D1",), ()):
        left = put(*also)
        assert (left.id, left.dismissed_by) == (number, "ada")
        with reading(engine) as connection:
            waits_for = [f"{entity} {key}" for _, entity, key in worklist.waiting(connection, LANE)]
        assert waits_for == ["quote Q1", *also]


def test_two_mappings_bind_at_the_same_time(engine: Engine) -> None:
    def bind(entity: str) -> None:
        for start in range(0, 60, 20):
            pairs = [
                Binding(None, entity, Sight("o", f"{entity}{start + n}", "", b"", "{}"),
                        Sight("e", f"{start + n}", "", b"", "{}"))
                for n in range(20)
            ]  # fmt: skip
            with writing(engine) as connection:
                bindings.insert(connection, pairs)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(bind, ("customer", "product")))
    with reading(engine) as connection:
        for entity in ("customer", "product"):
            found = bindings.load(connection, Stream(entity, "crm", "o"), [f"{entity}{n}" for n in range(60)])
            assert len(found) == 60
            assert bindings.count(connection, entity) == 60


def test_an_alias_leads_to_the_pair_and_to_the_other_sides_id(engine: Engine) -> None:
    stream = Stream("customer", "crm", "o")
    pair = Binding(None, "customer", Sight("o", "001B", "", b"", "{}"), Sight("e", "7", "", b"", "{}"))
    with writing(engine) as connection:
        bindings.insert(connection, [pair])
        bindings.add_aliases(connection, stream, [("001A", pair), ("001A", pair)])
        assert bindings.load(connection, stream, ["001A", "001B", "001C"]).keys() == {"001A", "001B"}
        assert bindings.translate_ids(connection, stream, ["001A", "001B", "001C"]) == {"001A": "7", "001B": "7"}
        assert bindings.translate_ids(connection, Stream("customer", "crm", "another"), ["001A", "001B"]) == {}
