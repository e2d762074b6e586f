"""A creation that was answered with a record which another pair has: what came of it then.

It was told of a merge once, and nobody stored that it had heard: the key stands for the loser's record since then. If
the CRM has forgotten meanwhile that there was a merge, only this answer tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import orjson

from isthmus.connect.protocol import Answer
from isthmus.kernel.errors import Fault
from isthmus.kernel.records import Fields, form_text
from isthmus.state import bindings
from isthmus.state.bindings import Binding
from isthmus.sync.crossing import listed
from isthmus.sync.decision import Decision, Direction
from isthmus.sync.ports import Stage

Answered = tuple[Decision, Answer | None]


def untangle(stage: Stage, answered: list[Answered]) -> list[Answered]:
    """Each decision with its answer; a creation whose record is another pair's takes that over, or is asked about."""
    given = [answer.id for decision, answer in answered if _is_new(decision, answer) and answer and answer.id]
    pairs = bindings.load(stage.connection, stage.stream(stage.direction.target), given)
    back = {one.binding.id for one, _ in answered if one.binding is not None and one.outcome == "updated"}
    return [_inherit(stage.direction, one, pairs, back=back) for one in answered] if pairs else answered


def _is_new(decision: Decision, answer: Answer | None) -> bool:
    fresh = decision.binding is not None and decision.binding.id is None
    return decision.outcome == "created" and fresh and answer is not None and answer.result == "created"


def _inherit(direction: Direction, one: Answered, pairs: Mapping[str, Binding], *, back: set[int | None]) -> Answered:
    decision, answer = one
    pair = pairs.get(answer.id or "") if answer is not None and _is_new(decision, answer) else None
    if pair is None or answer is None or decision.binding is None:
        return one
    if not pair.left(direction.source) or pair.id in back:  # its own record has come back in this page
        return _ask(direction, decision, pair), None
    loser = pair.seen(direction.source).id
    heir = Decision(decision.read, "rebound", decision.change, pair, alias=loser)
    pair.forget(direction.source, decision.read.id)  # whatever it shows next is news
    seen = pair.seen(direction.target)
    known: Fields = orjson.loads(seen.form)
    shown = {name: value for name, value in known.items() if name in direction.given_or_shared}
    seen.hash, seen.form = b"", form_text(shown).decode()  # what the target owns was told to the loser only
    pair.regardless = decision.binding.regardless
    return heir, replace(answer, result="updated")


def _ask(direction: Direction, decision: Decision, pair: Binding) -> Decision:
    entity, target = direction.mapping.entity, direction.target.upper()
    mine, theirs = decision.read.id, pair.seen(direction.source).id
    fault = Fault(
        f"{entity} {mine}",
        f"is {entity} {pair.seen(direction.target).id} in the {target}, which belongs to {theirs}",
        f"merge {mine} and {theirs} in the {direction.source.upper()}",
    )
    return listed(decision.read, "ambiguous", fault)
