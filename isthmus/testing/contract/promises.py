"""The promises, one function each, and the test class that inherits them all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from isthmus.connect.protocol import Change, Measure
from isthmus.kernel.errors import IsthmusError, Misconfigured, Refused
from isthmus.kernel.records import match_text
from isthmus.testing.contract.subject import PromiseBroken, Subject, keep

Promise = Callable[[Subject], None]
PROMISES: dict[str, Promise] = {}


def promise(given: Promise) -> Promise:
    PROMISES[given.__name__] = given
    return given


# --- who, and what there is ---------------------------------------------------------------------------------------


@promise
def says_who_it_is(subject: Subject) -> None:
    first, again = subject.connector.identity(), subject.connector.identity()
    keep(first and first == again, f"the organisation is {first!r}, then {again!r}: it is part of every key")


@promise
def describes_what_it_has(subject: Subject) -> None:
    keep(subject.stream in subject.connector.streams(), f"{subject.stream} is not among `streams`")
    described = subject.connector.describe(subject.stream)
    known = _first_names(described.fields)
    missing = [name for name in subject.selection.fields if name.partition(".")[0] not in known]
    keep(not missing, f"`describe` does not know {missing}, which can be read")


def _first_names(names: object) -> set[str]:
    return {str(name).partition(".")[0] for name in names}  # type: ignore[attr-defined]


@promise
def refuses_an_unknown_stream(subject: Subject) -> None:
    with suppress(Misconfigured):
        subject.connector.describe("no_such_stream")
        raise PromiseBroken("`describe` of an unknown stream does not raise Misconfigured")


# --- reading ------------------------------------------------------------------------------------------------------


@promise
def reads_every_record_once(subject: Subject) -> None:
    made = {subject.create(f"Once {number}").id for number in range(3)}
    ids = [record.id for record in subject.read()]
    keep(made <= set(ids), f"a full read leaves out {sorted(made - set(ids))}")  # type: ignore[type-var]
    keep(len(ids) == len(set(ids)), "a full read gives a record twice")


@promise
def counts_what_it_reads(subject: Subject) -> None:
    subject.create("Counted")
    for page in subject.pages():
        keep(page.read == len(page.records), f"a page says {page.read} and holds {len(page.records)}")
        keep(len(page.records) <= 2_000, "a page holds more than 2,000 records")


@promise
def gives_whole_keys(subject: Subject) -> None:
    made = subject.create("Whole")
    ids = {record.id for record in subject.read()}
    keep(made.id in ids, f"a write answers {made.id!r}, and a read does not give this id")
    keep(subject.now(made.id or "").id == made.id, "a fetch gives another id than it was asked for")


@promise
def gives_records_whole(subject: Subject) -> None:
    made = subject.create("Complete")
    record = next(one for one in subject.read() if one.id == made.id)
    missing = [name for name in subject.selection.fields if name.partition(".")[0] not in record.fields]
    keep(not missing, f"a record lacks {missing}: absent is not null")


@promise
def says_how_far_it_is(subject: Subject) -> None:
    mark = subject.mark()
    pages = subject.pages(mark)
    keep(pages and pages[-1].complete_to is not None, "a read of nothing ends without `complete_to`")


@promise
def keeps_the_order(subject: Subject) -> None:
    first, second = subject.create("First"), subject.create("Second")
    subject.rest()
    subject.edit(first.id or "", "First again")
    order = [record.id for record in subject.read() if record.id in (first.id, second.id)]
    keep(order == [second.id, first.id], "records do not come in the order in which they moved last")


@promise
def resumes_anywhere_without_loss(subject: Subject) -> None:
    mark = subject.mark()
    moved = [subject.create(f"Resume {number}").id for number in range(3)]
    pages = subject.pages(mark)
    for place, page in enumerate(pages):
        if page.complete_to is None:
            continue
        later = {record.id for record in subject.read(page.complete_to)}
        rest = {record.id for one in pages[place + 1 :] for record in one.records}
        keep(rest <= later, f"resumed behind page {place + 1}, {sorted(rest - later)} are lost")
    seen = {record.id for page in pages for record in page.records}
    keep(set(moved) <= seen, "what was created after a position is not read from there")


@promise
def skips_no_equal_stamps(subject: Subject) -> None:
    ids = [subject.create(f"Equal {number}").id or "" for number in range(3)]
    mark = subject.mark()
    subject.edit_together(ids, "At one moment")
    seen = {record.id for record in subject.read(mark)}
    keep(set(ids) <= seen, f"of records that moved at one moment {sorted(set(ids) - seen)} are not read")
    pages = subject.pages(mark)
    position = pages[0].complete_to or mark
    seen = {record.id for record in [*pages[0].records, *subject.read(position)]}
    keep(set(ids) <= seen, "resumed between equal stamps, a record is lost")


@promise
def looks_back_by_the_overlap(subject: Subject) -> None:
    made = subject.create("Looked back at").id or ""
    mark = subject.mark()
    wide = {record.id for record in subject.read(mark, timedelta(days=1))}
    narrow = {record.id for record in subject.read(mark)}
    keep(narrow <= wide, "a wider overlap reads less")
    subject.edit(made, "Moved")
    keep(made in {record.id for record in subject.read(mark, timedelta(days=1))}, "with an overlap, news is not read")


@promise
def pushes_the_filter_at_first_only(subject: Subject) -> None:
    selection, outside = subject.filtered()
    made = subject.create("Inside").id
    (answer,) = subject.write(Change("create", f"org/{subject.stream}/outside", outside))
    subject.rest()
    first = {record.id for page in subject.connector.read(selection, None, timedelta(0)) for record in page.records}
    keep(made in first and answer.id not in first, "a first read does not apply the filter")
    mark = subject.mark()
    subject.edit(answer.id or "", "Outside, and moved")
    subject.rest()
    later = {record.id for page in subject.connector.read(selection, mark, timedelta(0)) for record in page.records}
    keep(answer.id in later, "a later read leaves out what moved outside the filter: nobody would hear that it left")


@promise
def tells_versions_that_grow(subject: Subject) -> None:
    made = subject.create("Version").id or ""
    before = subject.now(made).version
    subject.rest()
    subject.edit(made, "Version two")
    keep(subject.now(made).version > before, "an edit does not give its record a greater version")


@promise
def tells_who_wrote(subject: Subject) -> None:
    if not subject.connector.capabilities.tells_writer:
        return
    made = subject.create("Writer").id or ""
    keep(subject.now(made).by_us, "a record that we wrote last is not `by_us`")
    subject.rest()
    subject.edit(made, "Somebody")
    keep(
        not subject.now(made).by_us, "a record that somebody else wrote last is `by_us`: an edit would pass as an echo"
    )


@promise
def tells_deletions(subject: Subject) -> None:
    made = subject.create("Deleted").id or ""
    mark = subject.mark()
    subject.delete(made)
    told = [record for record in subject.read(mark) if record.id == made]
    keep(told and told[-1].deleted, "a deletion after a position is not told")
    left = subject.connector.fetch(subject.selection, [made])
    keep(not left or left[0].deleted, "a fetch shows a deleted record as if it lived")


@promise
def tells_merges(subject: Subject) -> None:
    winner, loser = subject.create("Winner").id or "", subject.create("Loser").id or ""
    mark = subject.mark()
    subject.merge(winner, loser)
    told = [record for record in subject.read(mark) if record.id == loser]
    keep(told and told[-1].merged_into == winner, f"{loser} was merged into {winner}, and nobody is told")


@promise
def leaves_out_what_is_not_there(subject: Subject) -> None:
    made = subject.create("There").id or ""
    found = [record.id for record in subject.connector.fetch(subject.selection, [made, "no-such-id", "0"])]
    keep(found == [made], f"a fetch of one that is there and two that are not gives {found}")


@promise
def shares_no_values(subject: Subject) -> None:
    made = subject.create("Shared").id or ""
    subject.now(made).fields.clear()
    keep(subject.text_of(subject.now(made)) == "Shared", "who changes a record that was read changes the system's own")


# --- finding ------------------------------------------------------------------------------------------------------


@promise
def finds_never_fewer(subject: Subject) -> None:
    made = [subject.create("Found Once More").id, subject.create("Found Once More ").id]
    wanted = match_text("found  ONCE more")
    found = {one.id for one in subject.connector.find(subject.stream, (subject.text_field,), [(wanted,), ("nobody",)])}
    keep(set(made) <= found, "`find` does not compare by match_text: a match would be made a second time")


@promise
def finds_by_key(subject: Subject) -> None:
    made = subject.create("Keyed", "org/keyed/1")
    found = subject.connector.find_keys(subject.stream, ["org/keyed/1", "org/keyed/none"])
    keep(found == {"org/keyed/1": made.id}, f"`find_keys` gives {found}: a lost answer would not be found again")


# --- writing ------------------------------------------------------------------------------------------------------


@promise
def answers_each_change(subject: Subject) -> None:
    changes = [Change("create", f"org/answers/{number}", subject.fields(f"Answer {number}")) for number in range(3)]
    keys = [answer.key for answer in subject.write(*changes)]
    keep(keys == [change.key for change in changes], f"three changes are answered {keys}")
    keep(subject.connector.write(subject.stream, []) == [], "no changes are answered by something")


@promise
def refuses_without_stopping_others(subject: Subject) -> None:
    changes = [
        Change("create", "org/refusal/1", subject.fields("Before")),
        Change("create", "org/refusal/2", subject.refused()),
        Change("create", "org/refusal/3", subject.fields("Behind")),
    ]
    results = [answer.result for answer in subject.write(*changes)]
    keep(results == ["created", "refused", "created"], f"a refusal between two sound changes gives {results}")


@promise
def says_why_it_refuses(subject: Subject) -> None:
    (answer,) = subject.write(Change("create", "org/why/1", subject.refused()))
    fault = answer.fault
    keep(answer.result == "refused" and fault and fault.what and fault.remedy, "a refusal has no words, or no remedy")


@promise
def writes_twice_as_once(subject: Subject) -> None:
    change = Change("create", "org/twice/1", subject.fields("Twice"))
    first = subject.write(change)[0]
    again = subject.write(Change("create", "org/twice/1", subject.fields("Twice")))[0]
    keep(again.result == "created", f"the same create again is answered {again.result}")
    keep(again.id == first.id, f"the same create again is answered {again.id}, at first it was {first.id}")
    texts = [record.id for record in subject.read() if not record.deleted and subject.text_of(record) == "Twice"]
    keep(len(texts) == 1, f"the same create twice made {len(texts)} records")


@promise
def reads_back_what_it_wrote(subject: Subject) -> None:
    for text in ("Read back", "=1+2", "Ünïcode ✓", '"quoted", and\nbroken'):
        made = subject.create(text, f"org/back/{text}").id or ""
        shown = subject.text_of(subject.now(made))
        keep(shown == text, f"{text!r} reads back as {shown!r}")
    answer = subject.write(Change("update", f"org/back/{text}", subject.fields("Changed"), id=made))[0]
    keep(answer.result == "updated", f"a sound update was answered {answer.result}: {answer.fault}")
    keep(subject.text_of(subject.now(made)) == "Changed", "an update does not read back")


@promise
def keeps_what_is_absent(subject: Subject) -> None:
    made = subject.create("Kept", "org/absent/1").id or ""
    before = subject.now(made).fields
    subject.write(Change("update", "org/absent/1", {}, id=made))
    keep(subject.now(made).fields == before, "an update without a field changes it: absent keeps, null clears")


@promise
def answers_what_it_shows(subject: Subject) -> None:
    answer = subject.create("Shown")
    if answer.record is None:
        return
    shown = subject.now(answer.id or "")
    keep(subject.text_of(answer.record) == subject.text_of(shown), "the answered record is not what a fetch shows")
    keep(answer.version in (None, shown.version), "the answered version is not what a fetch shows")


@promise
def shows_what_it_says_is_as_written(subject: Subject) -> None:
    if not subject.create("Word for word").as_written:
        return
    wanted = subject.fields("As written")
    (answer,) = subject.write(Change("create", "org/as/written", wanted))
    shown = subject.now(answer.id or "").fields
    other = [name for name, value in wanted.items() if answer.as_written and shown.get(name, value) != value]
    keep(not other, f"{other} do not show what was written, though the answer says so")


@promise
def minds_the_version_it_expects(subject: Subject) -> None:
    made = subject.create("Expected", "org/expects/1").id or ""
    seen = subject.now(made).version
    subject.rest()
    subject.edit(made, "Moved meanwhile")
    change = Change("update", "org/expects/1", subject.fields("Too late"), id=made, expects=seen)
    results = [answer.result for answer in subject.write(change)]
    keep(results == ["moved"], f"a change that expects an older version is answered {results}")
    keep(subject.text_of(subject.now(made)) == "Moved meanwhile", "a foreign edit is overwritten in spite of `expects`")


@promise
def refuses_what_is_not_there(subject: Subject) -> None:
    change = Change("update", "org/nowhere/1", subject.fields("Nowhere"), id="999999999")
    results = [answer.result for answer in subject.write(change)]
    keep(results == ["refused"], f"an update of a record that is not there is answered {results}")


# --- sums, and the rest -------------------------------------------------------------------------------------------


@promise
def measures_what_it_shows(subject: Subject) -> None:
    subject.create("Measured")
    try:
        groups = subject.connector.measure(subject.stream, Measure())
    except Refused:
        return  # it says that it cannot; the caller then reads
    shown = sum(not record.deleted for record in subject.read())
    keep(sum(group.count for group in groups) == shown, f"it counts {groups}, and shows {shown} records")


@promise
def keeps_its_secrets(subject: Subject) -> None:
    told = [repr(subject.connector)]
    try:
        subject.provoke()
    except IsthmusError as error:
        told += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
    for secret in subject.secrets:
        keep(all(secret not in text for text in told), "a secret is in an error or in the connector's own text")


@promise
def closes_more_than_once(subject: Subject) -> None:
    subject.connector.close()
    subject.connector.close()


class Contract:
    """Inherit it, and give pytest a fixture ``subject``: every promise becomes a test."""


def _test(kept: Promise) -> Callable[[Contract, Subject], None]:
    def test(self: Contract, subject: Subject) -> None:  # noqa: ARG001
        kept(subject)

    return test


for _name, _promise in PROMISES.items():
    setattr(Contract, f"test_{_name}", _test(_promise))
