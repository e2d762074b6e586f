"""One direction of a run: each page is planned, written and stored as one unit of work.

With the built-in ERP the writes and our own rows are one transaction. For a remote target the intent is committed
before the call and settled with the page.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from isthmus.connect.protocol import Answer, Change
from isthmus.db import reading, writing
from isthmus.kernel.errors import Broken, Misconfigured, Unavailable
from isthmus.kernel.records import Page, Record
from isthmus.settings import Limits
from isthmus.state import bindings, leases, progress, worklist
from isthmus.state.progress import Due, Watermark
from isthmus.state.runs import Run
from isthmus.state.worklist import Item
from isthmus.sync.awaited import want_awaited
from isthmus.sync.commit import Work, store_page
from isthmus.sync.conclude import Conclusion, conclude
from isthmus.sync.decision import Decision, Direction, Read, translate
from isthmus.sync.inherit import untangle
from isthmus.sync.look import look, look_at_doubted, look_at_refused
from isthmus.sync.plan import plan_page
from isthmus.sync.ports import Ports, Stage
from isthmus.sync.succession import hold_heirs
from isthmus.sync.unheard import Unheard, announce

COLLECTED_EVERY = 10  # pages


@dataclass(slots=True)
class Leg:
    """A direction under way. ``gone`` are the records that left in this run, ``later`` those for the next one."""

    ports: Ports
    direction: Direction
    run: Run
    held: leases.Lease
    gone: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    unheard: Unheard = field(default_factory=dict)  # what earlier runs wrote, perhaps, to either side
    pages: int = 0
    unknown: frozenset[str] = frozenset()  # units that a trial is to take for never seen
    anew: str | None = None  # why the next run is to read everything

    def translate(self, page: Page, dues: Sequence[Due] = ()) -> list[Read]:
        """The page's records as entities; ``dues`` say why they are looked at, where no change does."""
        due_by_id = {due.id: due for due in dues}
        return [translate(self.direction, record, due_by_id.get(record.id)) for record in page.records]

    def pass_page(
        self, page: Page, reads: Sequence[Read], dues: Sequence[Due] = (), *, mark: Watermark | None = None
    ) -> list[Conclusion]:
        """Takes one translated page through to the end. On an error nothing of it is stored.

        ``dues`` are given for a page of due records, ``mark`` for one that moves the watermark there.
        """
        work = Work(page, [], [], dues, mark)
        if self.ports.system(self.direction.target).capabilities.remote:
            self._pass_remote(reads, work)
        else:
            self._pass_own(reads, work)
        self.outcomes.update(one.outcome for one in work.conclusions)
        self.pages += 1
        if self.pages % COLLECTED_EVERY == 0:
            gc.collect(0)  # what little there is; the collector rests for the length of the run
        self.later.update(work.later)
        return work.conclusions

    def fetch(self, dues: Sequence[Due]) -> Page:
        """The due records as they are now. One that is not there any more is passed as deleted."""
        source, ids = self.ports.system(self.direction.source), [due.id for due in dues]
        selection = self.direction.mapping.selection(self.direction.source)
        records = {record.id: record for record in source.fetch(selection, ids)}
        return Page([records.get(key) or Record(key, "", {}, deleted=True) for key in ids], len(ids))

    def plan(self, page: Page, dues: Sequence[Due], connection: Connection) -> list[Decision]:
        """What would happen to the page's records; nothing is written."""
        stage, reads = self._stage(connection), self.translate(page, dues)
        want_awaited(stage, reads)
        return plan_page(self.direction, reads, look(stage, reads))

    def foresee(self, dues: Sequence[Due]) -> None:
        """Stops the run if too many of these records, and of those before them, are gone. Nothing is written."""
        page = self.fetch(dues)
        with reading(self.ports.engine) as connection:
            self._refuse_exodus(self.plan(page, dues, connection), connection)

    def _pass_own(self, reads: Sequence[Read], work: Work) -> None:
        """The look may ask a remote system: it is over before the one transaction begins that locks others out."""
        with reading(self.ports.engine) as connection:
            decisions = self._decide(self._stage(connection), reads)
        with writing(self.ports.engine) as connection:
            leases.confirm(connection, self.held)
            stage = self._stage(connection)
            self._write(stage, decisions, work)
            if flood := self._find_flood(work.conclusions, len(reads), connection):
                raise flood
            store_page(stage, self.run, work)

    def _pass_remote(self, reads: Sequence[Read], work: Work) -> None:
        with reading(self.ports.engine) as connection:
            decisions = self._decide(self._stage(connection), reads)
        intent = self._declare(decisions)
        with reading(self.ports.engine) as connection:
            self._write(self._stage(connection), decisions, work)
        with writing(self.ports.engine) as connection:
            leases.confirm(connection, self.held)
            flood = self._find_flood(work.conclusions, len(reads), connection)
            store_page(self._stage(connection), self.run, work.without_listed() if flood else work)
            self._settle(connection, intent, work.answers)
        if flood:
            raise flood

    def _settle(self, connection: Connection, intent: int | None, answers: Sequence[Answer]) -> None:
        """What nobody answered stays open: the next run looks it up by its key."""
        if intent is None:
            return
        doubtful = {answer.key for answer in answers if answer.result == "in_doubt"}
        progress.narrow_intent(connection, intent, doubtful)

    def bury(self, keys: Sequence[str]) -> set[str]:
        """Sees to it that what was to be created under these keys is refused if it comes yet. Answers which are buried.

        They stand in intents of earlier runs, and nothing comes of them: no page of this run counts them.
        """
        buried: set[str] = set()
        target = self.ports.system(self.direction.target)
        size = target.capabilities.batch_size
        for start in range(0, len(keys), size):
            self._hold_on()
            changes = [Change("bury", key, {}) for key in keys[start : start + size]]
            answers = target.write(self.direction.target_stream, changes)
            buried.update(answer.key for answer in answers if answer.result == "withdrawn")
        return buried

    def _stage(self, connection: Connection) -> Stage:
        return Stage(self.ports, self.direction, connection, self.unheard, self.unknown)

    def _decide(self, stage: Stage, reads: Sequence[Read]) -> list[Decision]:
        want_awaited(stage, reads)
        planned = plan_page(self.direction, reads, look(stage, reads))
        decisions = hold_heirs(self.direction, planned, look_at_doubted(stage, planned))
        self._refuse_exodus(decisions, stage.connection)
        listed = [Conclusion(one, "worklisted", one.item) for one in decisions if one.outcome == "worklisted"]
        if flood := self._find_flood(listed, len(reads), stage.connection):
            raise flood
        return decisions

    def _declare(self, decisions: Sequence[Decision]) -> int | None:
        """Commits what the page is about to write, before the first call."""
        entries = [announce(self.direction, one) for one in decisions if one.change is not None]
        if not entries:
            return None
        with writing(self.ports.engine) as connection:
            leases.confirm(connection, self.held)
            scope: dict[str, object] = {
                "run_id": self.run.id,
                "mapping": self.direction.mapping.name,
                "side": self.direction.source,
                "opened_at": self.ports.now(),
            }
            return progress.open_intent(connection, scope, entries)

    def _write(self, stage: Stage, decisions: Sequence[Decision], work: Work) -> None:
        """Hands the changes to the target; what moved meanwhile is planned and written once more."""
        answered = self._ask(stage, decisions)
        moved = [one.read for one, answer in answered if answer is not None and answer.result == "moved"]
        if moved:
            again = plan_page(self.direction, moved, look(stage, moved))
            stay = [(one, answer) for one, answer in answered if answer is None or answer.result != "moved"]
            answered = [*stay, *self._ask(stage, again)]
        if self.direction.target == "crm":
            look_at_refused(stage, [one for one, answer in answered if answer and answer.result == "refused"])
        if stage.target.capabilities.remote:
            answered = untangle(stage, answered)
        work.answers = [answer for _, answer in answered if answer is not None]
        work.conclusions = [conclude(self.direction, one, answer) for one, answer in answered]

    def _ask(self, stage: Stage, decisions: Sequence[Decision]) -> list[tuple[Decision, Answer | None]]:
        """Each decision with the target's answer; None where there was nothing to write."""
        target = stage.target
        within = None if target.capabilities.remote else stage.connection
        changes = [one.change for one in decisions if one.change is not None]
        answers: list[Answer] = []
        size = target.capabilities.batch_size
        for start in range(0, len(changes), size):
            if within is None:
                self._hold_on()
            answers.extend(target.write(self.direction.target_stream, changes[start : start + size], within))
        if [answer.key for answer in answers] != [change.key for change in changes]:
            what = f"its {len(answers)} answers are not those to {len(changes)} changes"
            raise Broken(f"connector of the {self.direction.target}", what, "report this; nothing was stored")
        queue = iter(answers)
        return [(one, next(queue) if one.change is not None else None) for one in decisions]

    def _hold_on(self) -> None:
        """A remote write is begun only while the lease outlives it: a zombie stops here."""
        with writing(self.ports.engine) as connection:
            leases.confirm(connection, self.held)

    # --- circuit breakers -----------------------------------------------------------------------------------------

    def _find_flood(
        self, conclusions: Sequence[Conclusion], passed: int, connection: Connection
    ) -> Misconfigured | Unavailable | None:
        """Half of a page refused for one cause is one mistake, not a thousand items, or a target that is busy with
        something else. Known items do not count.
        """
        limits = self.ports.limits
        causes: dict[tuple[str, str, bool], list[Item]] = {}
        for one in conclusions:
            if one.outcome == "worklisted" and one.item is not None and one.item.reason in ("invalid", "refused"):
                causes.setdefault((one.item.reason, one.item.fault.remedy, bool(one.again)), []).append(one.item)
        for (reason, _, is_busy), items in causes.items():
            if not _is_flood(limits, len(items), passed):
                continue
            known = worklist.load(connection, self.direction.lane, [item.source_id for item in items])
            number = sum(item.source_id not in known for item in items)
            if _is_flood(limits, number, passed):
                what = f"{number} of {passed} records of one page are {reason} for one cause, e.g. {items[0].fault}"
                where = f"mapping {self.direction.mapping.name}"
                if is_busy:
                    return Unavailable(where, what, "nothing is to be corrected; run again later")
                return Misconfigured(where, what, "correct the cause, then run again")
        return None

    def _refuse_exodus(self, decisions: Sequence[Decision], connection: Connection) -> None:
        """Very many records gone at once are a wrong filter or an accident in the source, not business."""
        self.gone.update(one.read.id for one in decisions if one.left and one.outcome != "unchanged")
        limits = self.ports.limits
        if len(self.gone) <= limits.gone_count:
            return
        known = worklist.load(connection, self.direction.lane, sorted(self.gone))
        gone = sum(key not in known for key in self.gone)
        bound = bindings.count(connection, self.direction.mapping.entity)
        if gone > limits.gone_count and 100 * gone > limits.gone_percent * bound:
            what = f"{gone} of {bound} records are gone from the {self.direction.source.upper()} in one run"
            remedy = "see `isthmus plan`; if it is right, raise `limits.gone_percent` in isthmus.yaml for one run"
            raise Misconfigured(f"mapping {self.direction.mapping.name}", what, remedy)


def _is_flood(limits: Limits, number: int, passed: int) -> bool:
    return number >= limits.refused_count and 100 * number >= limits.refused_percent * passed
