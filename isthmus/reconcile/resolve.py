"""What people decide: which value holds, what is tried again, what is hidden, which mapping may change or must rest.

A decision is checked (may this person? does it take two?), carried out under the mapping's lease, and kept with its
name and reason, also when it was refused. An answer only says what is to hold: the mapping's next run writes it, if
both sides still show what was asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import orjson
from sqlalchemy import Connection, Engine

from isthmus.connect.protocol import Connector
from isthmus.db import reading, writing
from isthmus.kernel.clock import Clock, format_stamp
from isthmus.kernel.errors import Refused, Unavailable
from isthmus.kernel.records import Fields, text_hash
from isthmus.kernel.units import SIDES, Side, other_side
from isthmus.mapping.compile import CompiledMapping, named
from isthmus.reconcile import question
from isthmus.reconcile.question import Question, Take
from isthmus.reconcile.uniting import Merger, unite
from isthmus.settings import Settings, require
from isthmus.settings.people import People, as_written, money, same_person
from isthmus.state import bindings, decisions, leases, progress, worklist
from isthmus.state import mappings as remembered
from isthmus.state.bindings import Stream
from isthmus.state.decisions import Decided
from isthmus.state.leases import Lease, Taken
from isthmus.state.progress import Due
from isthmus.state.worklist import Item

__all__ = ["Office", "Question", "Take"]

RETRIED = ("waiting", "refused", "in_doubt", "ambiguous")  # what may become possible without an edit in the CRM

Work = Callable[[Connection, str], None]  # carries a decision out; the text says whose it is
Worth = Callable[[], list[tuple[int, str]]]  # what a decision is about: minor units and currency


@dataclass(frozen=True, slots=True)
class Office:
    """Where people decide: who may what (``settings``), the store, both systems and the mappings by entity."""

    settings: Settings
    engine: Engine
    clock: Clock
    systems: Mapping[Side, Connector]
    mappings: Mapping[str, CompiledMapping]

    def now(self) -> str:
        return format_stamp(self.clock.now())

    def mapping(self, name: str) -> CompiledMapping:
        """A mapping by its name. Raises Misconfigured for an unknown one."""
        return named(self.mappings.values(), name)

    # --- mappings -------------------------------------------------------------------------------------------------

    def accept(self, name: str, who: str, why: str, *, worth: Worth = list) -> str | None:
        """Lets the mapping as it is now change as much as it will. Returns its hash; None: it takes a second person.

        ``worth`` tells what the documents come to that it would change; it is asked only where a limit is set.
        """
        mapping, at = self.mapping(name), self.now()
        act = Decided(
            at, who, "accept", name, record=f"mapping {name}", version=mapping.hash, answer=mapping.hash, why=why
        )
        unprinted = {"crm_print": None, "erp_print": None}

        def accept_it(connection: Connection, by: str) -> None:
            what = {"accepted_hash": mapping.hash, "accepted_by": by, "accepted_why": why, "accepted_at": at}
            remembered.store(connection, name, mapping.entity, **what, **unprinted)

        return mapping.hash if self._decide(act, accept_it, worth=worth) else None

    def pause(self, name: str, who: str, why: str) -> None:
        """Runs of the mapping are skipped until `resume`; nothing that waits is lost."""
        act = Decided(self.now(), who, "pause", name, answer="rests", why=why)
        self._decide_on(act, paused_by=who, paused_why=why, paused_at=act.at)

    def resume(self, name: str, who: str) -> None:
        act = Decided(self.now(), who, "pause", name, answer="runs", why=f"resumed by {who}")
        self._decide_on(act, paused_by=None, paused_why=act.why, paused_at=None)

    def _decide_on(self, act: Decided, **what: str | None) -> None:
        mapping = self.mapping(act.mapping)
        self._decide(act, lambda connection, _: remembered.store(connection, mapping.name, mapping.entity, **what))

    # --- items of the worklist ------------------------------------------------------------------------------------

    def item(self, number: int) -> Item:
        """One item of the worklist. Raises Refused for an unknown number."""
        with reading(self.engine) as connection:
            found = worklist.find(connection, number)
        if found is None:
            remedy = "it is through, or asked anew under another number: see `isthmus worklist show`"
            raise Refused(f"worklist {number}", "there is no such item", remedy)
        return found

    def retry(self, who: str, number: int | None = None) -> list[str]:
        """Makes items due: one, or all that may have become possible. Returns the mappings to be run.

        Of all, what belongs to a mapping that is running now is left to the next time. Raises Unavailable for one.
        """
        items = [self.item(number)] if number is not None else self._retriable()
        touched = []
        for mapping in self.mappings.values():
            mine = [one for one in items if one.mapping == mapping.name]
            held = leases.take(self.engine, mapping.name) if mine else None
            if isinstance(held, Taken) and number is not None:
                raise _busy(held)
            if isinstance(held, Lease):
                self._retry(mine, who, held)
                touched.append(mapping.name)
        return touched

    def _retry(self, items: Sequence[Item], who: str, held: Lease) -> None:
        with self._commit(held) as connection:
            for one in items:
                due = Due(one.source_id, f"retried by {who}", self.now())
                progress.add_due(connection, question.lane_of(one), [due])

    def untried(self, names: Sequence[str]) -> list[str]:
        """The other mappings with items that may have become possible: they were running."""
        waiting = {one.mapping for one in self._retriable()}
        return [one.name for one in self.mappings.values() if one.name in waiting.difference(names)]

    def _retriable(self) -> list[Item]:
        with reading(self.engine) as connection:
            return [one for one in worklist.load_all(connection) if one.reason in RETRIED or _is_kept_back(one)]

    def resolve(self, number: int, take: Take, who: str) -> str | None:
        """Answers a question for what both sides showed when it was asked. Returns the mapping to be run.

        None: a second person has to give the same answer. If either side moves again before the next run, the
        question is asked anew. Raises Refused, and Unavailable while the mapping is running.
        """
        found = self.item(number)
        answer = question.choose(found, take)
        text = orjson.dumps(answer).decode()
        act = replace(self._act(found, "resolve", who), answer=text, why=question.tell_choice(answer))

        def answer_it(connection: Connection, by: str) -> None:
            why = f"{by} {act.why}"
            if question.is_merge(found):
                unite(connection, self._merger(found), Due(answer["stays"], why, act.at, force=True))
                return
            bound = {"take": answer, "versions": question.details(found)["versions"]}
            resolution = orjson.dumps(bound).decode()
            _answer(connection, found, Due(found.source_id, why, act.at, resolution=resolution))

        return found.mapping if self._decide(act, answer_it, found) else None

    def has_asked(self, number: int, take: Take, who: str) -> bool:
        """Whether this person has asked for this answer, and a second one has not given it yet."""
        found = self.item(number)
        with reading(self.engine) as connection:
            request = decisions.open_request(connection, number, _shown(found))
        answer = orjson.dumps(question.choose(found, take)).decode()
        if request is None or (request.verb, request.answer) != ("resolve", answer):
            return False
        return same_person(request.who, who)

    def dismiss(self, number: int, who: str, why: str) -> bool:
        """Hides an item until its record changes. Returns whether it is hidden: else a second person has to say so.

        Raises Refused, also without a reason, and Unavailable while the mapping is running.
        """
        found = self.item(number)
        act = replace(self._act(found, "dismiss", who), answer="hide", why=why)
        return self._decide(act, lambda connection, by: worklist.dismiss(connection, number, who=by, why=why), found)

    # --- questions ------------------------------------------------------------------------------------------------

    def questions(self, numbers: Collection[int] | None = None) -> list[Question]:
        """What `asked` names, with all that a person needs to decide; only these numbers if some are given."""
        return [self.question(one) for one in self._asked() if numbers is None or one.id in numbers]

    def asked(self) -> list[int]:
        """The number of everything that a person has to choose and nobody has answered, oldest first."""
        return [one.id or 0 for one in self._asked()]

    def _asked(self) -> list[Item]:
        with reading(self.engine) as connection:
            items = [one for one in worklist.load_all(connection) if question.is_question(one) and not one.dismissed_by]
            items = [one for one in items if self._carries(one)]
            answered = {
                (lane, due.id)
                for lane in {question.lane_of(one) for one in items}
                for due in progress.load_due(connection, lane)
                if due.resolution is not None
            }
        return [one for one in items if (question.lane_of(one), one.source_id) not in answered]

    def question(self, found: Item) -> Question:
        """An item with everything that a person needs to decide; only a merge asks the systems."""
        mapping = self.mapping(found.mapping)
        shown, standings = self._candidates(found) if question.is_merge(found) else ({}, {})
        with reading(self.engine) as connection:
            request = decisions.open_request(connection, found.id or 0, _shown(found))
            pair = bindings.load(connection, self._stream(found), [found.source_id]).get(found.source_id)
        forms = [orjson.loads(seen.form) for seen in ((pair.crm, pair.erp) if pair else ())]
        known = {name: value for form in forms for name, value in form.items() if value}
        return Question(
            found.id or 0, mapping.entity, found.source_id, known.get("number") or known.get("name") or "",
            found.since, found.fault.what, question.fields_of(found, mapping, known.get("currency")),
            question.edits_of(found), question.choices_of(found, shown, standings), request,
        )  # fmt: skip

    def decisions(
        self, number: int | None = None, *, records: Sequence[str] | None = None, most: int = 100
    ) -> list[Decided]:
        """What was decided, asked for and refused, newest first; of one item, or of records (``order 801…``)."""
        with reading(self.engine) as connection:
            return decisions.history(connection, item=number, records=records, most=most)

    # --- how a decision goes --------------------------------------------------------------------------------------

    def _act(self, found: Item, verb: str, who: str) -> Decided:
        entity = self.mapping(found.mapping).entity if self._carries(found) else found.mapping
        record = f"{entity} {found.source_id}"
        return Decided(self.now(), who, verb, found.mapping, found.id, record, _shown(found))

    def _carries(self, found: Item) -> bool:
        """Whether the mapping of an item is still there: a file that is taken away leaves what it had listed."""
        return any(one.name == found.mapping for one in self.mappings.values())

    def _decide(self, act: Decided, carry_out: Work, found: Item | None = None, *, worth: Worth | None = None) -> bool:
        """Whether it is done: False when a second person has to say the same. A refusal is kept as well."""
        if found:
            worth = partial(self._worth, found)
        try:
            if not act.why.strip():
                raise Refused("a reason", "is missing", "say why; it is kept in the audit")
            require(self.settings, act.who, act.verb)
            first = self._first_of_two(act, worth) if worth else None
            if first is not act:
                self._carry_out(act, carry_out, found, by=f"{first.who} and {act.who}" if first else act.who)
        except Refused as error:
            self._keep(replace(act, outcome="refused", told=str(error)))
            raise
        return first is not act

    def _carry_out(self, act: Decided, work: Work, found: Item | None, *, by: str) -> None:
        """What concerns a record is done under the lease of its mapping, and only to what was decided about."""
        with self._commit(self._take(act.mapping) if found else None) as connection:
            if found and worklist.find(connection, found.id or 0) != found:
                remedy = f"see `isthmus worklist show {found.id}`"
                raise Refused(f"worklist {found.id}", "has changed while it was being decided", remedy)
            work(connection, by)
            decisions.add(connection, act)

    def _first_of_two(self, act: Decided, worth: Worth) -> Decided | None:
        """None: one is enough. Else who asked first: ``act`` itself, then it is kept and a second person must come."""
        people = self.settings.people
        amount = people.takes_two(worth()) if people.two_above is not None else None
        if amount is None:
            return None
        with reading(self.engine) as connection:
            request = decisions.open_request(connection, act.item, str(act.version), record=str(act.record))
        first = first_of_two(people, act, request, amount=amount)
        if first is not request:
            self._keep(first)
            return act
        return request

    def _keep(self, decided: Decided) -> None:
        with writing(self.engine) as connection:
            decisions.add(connection, decided)

    def _take(self, mapping: str) -> Lease:
        held = leases.take(self.engine, mapping)
        if isinstance(held, Taken):
            raise _busy(held)
        return held

    @contextmanager
    def _commit(self, held: Lease | None) -> Iterator[Connection]:
        """One writing transaction, under the lease where there is one; then the lease is given back."""
        try:
            with writing(self.engine) as connection:
                if held is not None:
                    leases.confirm(connection, held)
                yield connection
        finally:
            if held is not None:
                leases.release(self.engine, held)

    # --- what the systems say -------------------------------------------------------------------------------------

    def _worth(self, found: Item) -> list[tuple[int, str]]:
        """What the record behind an item comes to, on both sides; a customer, what it owes and has ordered."""
        if not self._carries(found):
            return []  # nothing is written of it any more, whatever is decided
        if question.is_merge(found):
            return question.add_up(question.exposures(self._candidates(found)[1].values()))
        mapping = self.mapping(found.mapping)
        ids: dict[Side, str] = {question.lane_of(found).side: found.source_id}
        with reading(self.engine) as connection:
            pair = bindings.load(connection, self._stream(found), [found.source_id]).get(found.source_id)
        ids |= {side: pair.seen(side).id for side in SIDES} if pair else {}
        if "customer" in (mapping.entity, mapping.spec.same_as):
            return question.exposures(self._standings([ids["erp"]] if "erp" in ids else []).values())
        return question.worth(form for side, key in ids.items() for form in self._fetch(mapping, side, [key]).values())

    def _candidates(self, found: Item) -> tuple[dict[str, Fields], dict[str, Fields]]:
        """The two records between which a merge leaves the choice, and how they stand if the ERP tells."""
        side, ids = other_side(question.lane_of(found).side), question.details(found)["candidates"]
        return self._fetch(self.mapping(found.mapping), side, ids), self._standings(ids) if side == "erp" else {}

    def _standings(self, ids: Sequence[str]) -> dict[str, Fields]:
        """How these customers of the ERP stand, as far as a mapping asks it."""
        credit = self.mappings.get("credit_status")
        return self._fetch(credit, "erp", ids) if credit and ids else {}

    def _fetch(self, mapping: CompiledMapping, side: Side, ids: Sequence[str]) -> dict[str, Fields]:
        records = self.systems[side].fetch(mapping.selection(side), ids)
        return {record.id: mapping.to_entity(side, record).form for record in records if not record.deleted}

    def _stream(self, found: Item) -> Stream:
        side = question.lane_of(found).side
        return Stream(self.mapping(found.mapping).entity, side, self.systems[side].identity())

    def _merger(self, found: Item) -> Merger:
        across = self.systems[other_side(question.lane_of(found).side)]
        return Merger(found, self._stream(found), across, self.mappings)


def first_of_two(people: People, act: Decided, request: Decided | None, *, amount: tuple[int, str]) -> Decided:
    """Who asked for the same before: ``request``. Or ``act`` as a request of its own, about ``amount`` in minor units.

    Raises Refused when one person would be both.
    """
    if request is None or (request.verb, request.answer) != (act.verb, act.answer):
        return replace(act, outcome="asked", told=f"it is about {money(*amount)}, which takes two people")
    if same_person(request.who, act.who):
        others = [as_written(one) for one in people.holders(act.verb) if not same_person(one, act.who)]
        remedy = f"ask {' or '.join(others)}" if others else "ask somebody else"
        where = f"worklist {act.item}" if act.item else str(act.record)
        raise Refused(where, f"{act.who} asked for this and cannot confirm it as well", remedy)
    return request


def _answer(connection: Connection, found: Item, due: Due) -> None:
    """Makes a record due with its answer. The person's name takes the place of an older reason."""
    lane = question.lane_of(found)
    before = progress.load_due(connection, lane, [due.id])
    progress.drop_due(connection, lane, before)
    for one in before:
        due = replace(due, regardless=due.regardless or one.regardless, force=due.force or one.force)
    progress.add_due(connection, lane, [due])


def _shown(found: Item) -> str:
    """What a decision is about: what the record showed, and what is wrong with it."""
    return text_hash(f"{found.version} {found.fault}".encode()).hex()


def _is_kept_back(item: Item) -> bool:
    """An order that we do not hand to an ERP that checks no credit itself; what an ERP holds is through."""
    return item.reason == "held" and item.side == "crm"


def _busy(taken: Taken) -> Unavailable:
    what = f"another run holds the lease ({taken.holder}, until {taken.expires_at})"
    return Unavailable(f"mapping {taken.name}", what, "decide when it has ended; nothing was changed")
