"""Rogues: connectors that keep every promise but one. The contract is good for nothing if it does not catch each.

They are made from a connector that keeps all of them: the simulated CRM, which lives in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from isthmus.connect.protocol import Answer, Candidate, Change, Group, Measure
from isthmus.kernel.clock import SetClock
from isthmus.kernel.description import StreamDescription
from isthmus.kernel.errors import Unavailable
from isthmus.kernel.records import Fields, Page, Record
from isthmus.kernel.selection import Selection, Term
from isthmus.testing.contract.subject import Subject
from isthmus.testing.world.crm import Crm
from isthmus.testing.world.shelf import Thing

SECRET = "hunter2-invented"  # noqa: S105 - invented, to be looked for
SALES = "sales:ada"


class Honest(Crm):
    """Keeps every promise."""

    def __init__(self, clock: SetClock) -> None:
        super().__init__(clock)
        self.page_size = 2
        self.password = SECRET

    def __repr__(self) -> str:
        return "Honest()"

    def fail(self) -> None:
        raise Unavailable("memory", "no answer", "try again")


ROGUES: dict[str, type[Honest]] = {}


def rogue(promise: str) -> Callable[[type[Honest]], type[Honest]]:
    """Names the one promise that a rogue breaks."""

    def register(given: type[Honest]) -> type[Honest]:
        ROGUES[promise] = given
        return given

    return register


class MemorySubject(Subject):
    """A connector in memory, and sales who work in it."""

    selection = Selection("Account", ("Name", "Currency", "Type"))
    text_field = "Name"
    secrets = (SECRET,)

    def __init__(self, kind: type[Honest] = Honest) -> None:
        self.clock = SetClock(datetime(2026, 11, 23, 8, tzinfo=UTC))
        self.system = self.connector = kind(self.clock)

    def fields(self, text: str) -> Fields:
        return {"Name": text, "Currency": "EUR", "Type": "Customer"}

    def refused(self) -> Fields:
        return {"Currency": "EUR"}

    def filtered(self) -> tuple[Selection, Fields]:
        where = (Term("Type", "in", ("Customer",)),)
        return replace(self.selection, where=where), {"Name": "Outside", "Type": "Prospect"}

    def rest(self) -> None:
        self.clock.advance(timedelta(seconds=2))

    def edit(self, record_id: str, text: str) -> None:
        self.system.edit("Account", record_id, SALES, Name=text)

    def delete(self, record_id: str) -> None:
        self.system.delete("Account", record_id, SALES)

    def merge(self, winner: str, loser: str) -> None:
        self.system.merge(winner, loser, SALES)

    def provoke(self) -> None:
        self.system.fail()


def broken_by(kind: type[Honest], promises: dict[str, Callable[[Subject], None]]) -> set[str]:
    """The promises that a connector breaks, each on a fresh one."""
    found = set()
    for name, promise in promises.items():
        try:
            promise(MemorySubject(kind))
        except AssertionError:
            found.add(name)
    return found


# --- one for each promise -----------------------------------------------------------------------------------------


@rogue("says_who_it_is")
class Nobody(Honest):
    def identity(self) -> str:
        return ""


@rogue("describes_what_it_has")
class Silent(Honest):
    def describe(self, stream: str) -> StreamDescription:
        whole = super().describe(stream)
        return replace(whole, fields={name: one for name, one in whole.fields.items() if name != "Type"})


@rogue("refuses_an_unknown_stream")
class Agreeable(Honest):
    def describe(self, stream: str) -> StreamDescription:
        return super().describe(stream) if stream in self.columns else StreamDescription(stream)


@rogue("reads_every_record_once")
class Stammering(Honest):
    def read(self, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:
        for page in super().read(selection, since, overlap):
            again = [one for one in page.records if since is None and str(one.fields["Name"]).startswith("Once")]
            page.records += again
            page.read += len(again)
            yield page


@rogue("counts_what_it_reads")
class Miscounting(Honest):
    def _page(self, selection: Selection, part: Sequence[Thing], complete_to: str) -> Page:
        page = super()._page(selection, part, complete_to)
        page.read += 1
        return page


@rogue("gives_whole_keys")
class Shortening(Honest):
    """A fetch tells another spelling of the id than the one that was asked for."""

    def fetch(self, selection: Selection, ids: Sequence[str]) -> list[Record]:
        found = super().fetch(selection, ids)
        for record in found if ids and len(ids) == 1 else ():
            record.id = record.id.lower()
        return found


@rogue("gives_records_whole")
class Thinning(Honest):
    """Leaves null fields out of what a read gives."""

    def read(self, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:
        for page in super().read(selection, since, overlap):
            for record in page.records:
                record.fields.pop("Type", None)
            yield page


@rogue("says_how_far_it_is")
class Endless(Honest):
    """A read that finds nothing says nothing."""

    def read(self, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:
        for page in super().read(selection, since, overlap):
            if not page.records and since is not None:
                page.complete_to = None
            yield page


@rogue("keeps_the_order")
class Shuffling(Honest):
    """In the order of ids, all in one page, so that nothing else suffers."""

    def moved(self, stream: str, since: str | None, overlap: timedelta) -> tuple[list[Thing], str]:
        self.page_size = 100
        found, complete_to = super().moved(stream, since, overlap)
        return sorted(found, key=lambda one: one.id), complete_to


@rogue("resumes_anywhere_without_loss")
class Hasty(Honest):
    """Says after the first page that it is complete to the end."""

    def short_of(self, version: str) -> str:
        return self.stamp() if version < self.stamp() and not self._are_equal(version) else super().short_of(version)

    def _are_equal(self, version: str) -> bool:
        return sum(one.version == version and one.by == SALES for one in self.things["Account"].values()) > 1


@rogue("skips_no_equal_stamps")
class Greater(Honest):
    """`>` where `>=` is meant: of records of one stamp only those of the first page are read."""

    def short_of(self, version: str) -> str:
        same = sum(one.version == version and one.by == SALES for one in self.things["Account"].values())
        return version[:-1] + "~" if same > 1 else super().short_of(version)

    def moved(self, stream: str, since: str | None, overlap: timedelta) -> tuple[list[Thing], str]:
        if since is None or not since.endswith("~"):
            return super().moved(stream, since, overlap)
        found, complete_to = super().moved(stream, since[:-1] + "Z", overlap)
        return [one for one in found if one.version > since[:-1] + "Z"], complete_to


@rogue("looks_back_by_the_overlap")
class Forgetful(Honest):
    """With an overlap it reads what is old and leaves out what is new."""

    def moved(self, stream: str, since: str | None, overlap: timedelta) -> tuple[list[Thing], str]:
        found, complete_to = super().moved(stream, since, overlap)
        return ([one for one in found if one.version < (since or "")] if overlap and since else found), complete_to


@rogue("pushes_the_filter_at_first_only")
class Filtering(Honest):
    def read(self, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:
        for page in super().read(selection, since, overlap):
            page.records = [one for one in page.records if not selection.where or one.fields["Type"] == "Customer"]
            page.read = len(page.records)
            yield page


@rogue("tells_versions_that_grow")
class Ageless(Honest):
    """A fetch tells every record's version as that of the stream's oldest."""

    def fetch(self, selection: Selection, ids: Sequence[str]) -> list[Record]:
        found = super().fetch(selection, ids)
        for record in found:
            record.version = record.version if "meanwhile" in str(record.fields["Name"]) else "2026-11-23T08:00:00Z"
        return found


@rogue("tells_who_wrote")
class Claiming(Honest):
    def show(self, selection: Selection, thing: Thing) -> Record:
        record = super().show(selection, thing)
        record.by_us = True
        return record


@rogue("tells_deletions")
class Hiding(Honest):
    def shows(self, thing: Thing) -> bool:
        return not thing.deleted or bool(thing.merged_into)


@rogue("tells_merges")
class Unmerging(Honest):
    def survivor(self, stream: str, thing: Thing) -> str | None:  # noqa: ARG002
        return None


@rogue("leaves_out_what_is_not_there")
class Inventing(Honest):
    def fetch(self, selection: Selection, ids: Sequence[str]) -> list[Record]:
        found = super().fetch(selection, ids)
        missing = [one for one in ids if one == "no-such-id"]
        return [*found, *(Record(one, "", dict.fromkeys(selection.fields)) for one in missing)]


@rogue("shares_no_values")
class Lending(Honest):
    """Gives its own fields away."""

    def fetch(self, selection: Selection, ids: Sequence[str]) -> list[Record]:
        found = super().fetch(selection, ids)
        for record in found:
            record.fields = self.things[selection.stream][record.id].fields
        return found


@rogue("finds_never_fewer")
class Literal(Honest):
    def find(self, stream: str, fields: tuple[str, ...], values: Sequence[tuple[str, ...]]) -> list[Candidate]:
        found = super().find(stream, fields, values)
        return [one for one in found if str(one.values[0]).strip() == one.values[0]]


@rogue("finds_by_key")
class Keyless(Honest):
    def find_keys(self, stream: str, keys: Sequence[str]) -> dict[str, str]:
        return super().find_keys(stream, keys) if len(keys) == 1 else {}


@rogue("answers_each_change")
class Unordered(Honest):
    def write(self, stream: str, changes: Sequence[Change], within: object | None = None) -> list[Answer]:
        answers = super().write(stream, changes, within)
        return answers[::-1] if all(one.result == "created" for one in answers) else answers


@rogue("refuses_without_stopping_others")
class Stopping(Honest):
    def write(self, stream: str, changes: Sequence[Change], within: object | None = None) -> list[Answer]:
        answers: list[Answer] = []
        for change in changes:
            bad = bool(answers) and answers[-1].result == "refused"
            answers.append(Answer(change.key, "refused") if bad else super().write(stream, [change], within)[0])
        return answers


@rogue("says_why_it_refuses")
class Curt(Honest):
    def apply(self, stream: str, change: Change) -> Answer:
        answer = super().apply(stream, change)
        answer.fault = None
        return answer


@rogue("writes_twice_as_once")
class Doubling(Honest):
    """Looks for the key only where somebody asks."""

    def _create(self, stream: str, change: Change) -> Answer:
        known = self.find_keys(stream, [change.key]).get(change.key)
        if known is not None:
            self.things[stream][known].key = None
        return super()._create(stream, change)


@rogue("reads_back_what_it_wrote")
class Trimming(Honest):
    def apply(self, stream: str, change: Change) -> Answer:
        name = change.fields.get("Name")
        if isinstance(name, str) and "\n" in name:
            change.fields = {**change.fields, "Name": name.replace("\n", " ")}
        return super().apply(stream, change)


@rogue("keeps_what_is_absent")
class Clearing(Honest):
    def apply(self, stream: str, change: Change) -> Answer:
        if change.verb == "update":
            change.fields = {**dict.fromkeys(("Name", "Currency")), **change.fields}
        return super().apply(stream, change)


@rogue("answers_what_it_shows")
class Flattering(Honest):
    def apply(self, stream: str, change: Change) -> Answer:
        answer = super().apply(stream, change)
        answer.record = Record(answer.id or "", "", {"Name": "what was wished for"})
        return answer


@rogue("shows_what_it_says_is_as_written")
class Boasting(Honest):
    def apply(self, stream: str, change: Change) -> Answer:
        if change.fields.get("Name") == "As written":
            change.fields = {**change.fields, "Name": "as written"}
        answer = super().apply(stream, change)
        answer.as_written = change.verb == "create"
        return answer


@rogue("minds_the_version_it_expects")
class Overwriting(Honest):
    def apply(self, stream: str, change: Change) -> Answer:
        change.expects = None
        return super().apply(stream, change)


@rogue("refuses_what_is_not_there")
class Pretending(Honest):
    def apply(self, stream: str, change: Change) -> Answer:
        if change.id == "999999999":
            return Answer(change.key, "updated", change.id)
        return super().apply(stream, change)


@rogue("measures_what_it_shows")
class Estimating(Honest):
    def measure(self, stream: str, ask: Measure) -> list[Group]:
        return [replace(group, count=group.count + 1) for group in super().measure(stream, ask)]


@rogue("keeps_its_secrets")
class Talkative(Honest):
    def fail(self) -> None:
        raise Unavailable("memory", f"no answer to {self.password}", "try again")


@rogue("closes_more_than_once")
class Fragile(Honest):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise AssertionError("closed already")
        self.closed = True
