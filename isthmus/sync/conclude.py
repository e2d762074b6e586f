"""What a decision came to once the target has answered: the pair as it is now, the worklist, the audit entry. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import orjson

from isthmus.connect.protocol import Answer, Result
from isthmus.kernel.errors import Broken, Fault
from isthmus.kernel.records import Fields, form_text, text_hash
from isthmus.state.bindings import Binding
from isthmus.state.runs import Entry
from isthmus.state.worklist import Item, Reason
from isthmus.sync.decision import Decision, Direction, Outcome, Read, spell

DONE = ("created", "updated", "withdrawn")
LISTED: dict[Result, Reason] = {"refused": "refused", "in_doubt": "in_doubt", "moved": "conflict"}


@dataclass(slots=True)
class Conclusion:
    """A decision with its end. ``bind`` says how the pair is to be stored; no ``entry``: counting is enough."""

    decision: Decision
    outcome: Outcome
    item: Item | None = None
    bind: str = ""  # "", "insert" or "update"
    entry: Entry | None = None
    again: str = ""  # why the next run is to plan it once more
    before: str = ""  # the form that the pair's source showed last, as text
    listed: Item | None = None  # what stood on the worklist until then
    is_asked: bool = False  # people are asked about it under the other side's record

    @property
    def read(self) -> Read:
        return self.decision.read

    @property
    def is_back(self) -> bool:
        """Whether it was deleted when it was listed, and is no more."""
        return self.listed is not None and not self.listed.version and not self.read.record.deleted


def conclude(direction: Direction, decision: Decision, answer: Answer | None) -> Conclusion:
    """The end of one decision. ``answer`` is the target's, None when nothing was written."""
    if decision.change is not None:
        if answer is None:
            raise Broken(f"{direction.target} answer", f"no answer for {decision.change.key}", "report this")
        if answer.result not in DONE:
            return _not_through(direction, decision, answer)
    if decision.outcome == "worklisted":
        return _list(direction, decision)
    before = decision.binding.seen(direction.source).form if decision.binding else ""
    bind = _see(direction, decision, answer)
    loud = decision.change is not None or decision.outcome == "rebound" or decision.overruled or decision.is_answer
    entry = _entry(direction, decision, decision.outcome, answer=answer) if loud else None
    return Conclusion(decision, decision.outcome, decision.item, bind, entry, before=before)


def _not_through(direction: Direction, decision: Decision, answer: Answer) -> Conclusion:
    where = f"{direction.mapping.entity} {decision.read.id}"
    doubt = Fault(where, "nobody knows whether it was written", "nothing to do: the next run looks it up by its key")
    moved = Fault(where, "changed in the target while it was planned, twice", "nothing to do: it is planned again")
    fault = answer.fault or (doubt if answer.result == "in_doubt" else moved)
    refers = _refused_for(direction, decision, fault)
    item = Item(decision.read.id, LISTED[answer.result], fault, decision.read.face, refers)
    if decision.until is not None and answer.result == "refused":  # not on its own account: it is tried again then
        loser, why = decision.until
        fault = replace(why, what=f"{why.what}; {direction.target.upper()} {fault.where}: {fault.what}")
        item = Item(decision.read.id, "waiting", fault, decision.read.face, " ".join(loser))
    again = "its target moved while it was planned" if answer.result == "moved" else ""
    again = "its target was busy" if answer.busy else again
    return _list(direction, replace(decision, item=item), again)


def _list(direction: Direction, decision: Decision, again: str = "") -> Conclusion:
    binding = decision.binding
    bind = _keep(direction, decision, binding) if binding and _is_known(direction, decision, binding) else ""
    return Conclusion(decision, "worklisted", decision.item, bind, _entry(direction, decision, "worklisted"), again)


def _refused_for(direction: Direction, decision: Decision, fault: Fault) -> str | None:
    """What a record refers to in the field that is refused, or its customer's credit: once that is open again, or free,
    the record is tried again. A merge may be refused as the winner has a record by now, of which nobody has heard.
    """
    if decision.outcome == "rebound" and decision.binding is not None:
        return f"{direction.mapping.entity} {decision.binding.seen(direction.source).id}"
    if fault.where == "credit" and (customer := decision.read.form.get("customer")):
        return f"credit_status {customer}"
    for row in direction.spec.rows:
        at = row.erp if direction.target == "erp" else row.crm
        if row.refers_to and at and at.fields == (fault.where,) and (key := decision.read.form.get(row.path)):
            return f"{row.refers_to} {key}"
    return None


# --- the pair as it stands now ------------------------------------------------------------------------------------


def _is_known(direction: Direction, decision: Decision, binding: Binding) -> bool:
    """Whether the pair is stored as it is here: not about to be another one, nor one whose target is made again."""
    if binding.id is None or decision.outcome == "rebound":
        return False
    return binding.seen(direction.source).id == decision.read.id and bool(binding.seen(direction.target).id)


def _keep(direction: Direction, decision: Decision, binding: Binding) -> str:
    """What stays known of a record that is not through.

    A repair is still owed: what the source owns counts as never shown, until it is written. And who edited the record
    is to be seen now or never, as our own note is about to cover the name: what shows our last write shows it here. A
    record that a backup brought back does not show it; the note will make it look as if it did.
    """
    read, seen = decision.read, binding.seen(direction.source)
    is_there = bool(seen.wrote) and not read.record.deleted
    is_echo = is_there and read.record.version > seen.version
    is_taken_back = is_there and read.record.version < seen.version and read.due is not None
    if not (read.forced or is_echo or is_taken_back):
        return ""
    form: Fields = orjson.loads(seen.form)
    if is_taken_back:
        seen.wrote = ""
    if is_echo:
        wrote, seen.wrote = seen.wrote.split(","), ""
        form |= {name: read.form[name] for name in wrote if read.record.by_us and name in read.form}
    if read.forced:
        form = {name: value for name, value in form.items() if name not in direction.given}
    seen.hash, seen.form = b"", form_text(form).decode()  # whatever it shows is looked at
    return "update"


def _see(direction: Direction, decision: Decision, answer: Answer | None) -> str:
    """Moves the pair's sights on; says how to store it."""
    binding = decision.binding
    if binding is None or decision.outcome in ("superseded", "filtered"):
        return ""
    if decision.outcome == "rebound":
        return "update" if decision.change is not None else ""
    if not _is_new(direction, decision, binding):
        return ""
    if decision.gone is not None:
        binding.gone = decision.gone
    if _came_inside(direction, decision, binding):
        binding.regardless = False
    _see_source(direction, decision, binding)
    if answer is not None:
        _see_target(direction, decision, binding, answer=answer)
    elif decision.agreed:
        _see_agreed(direction, decision, binding)
    _see_yielded(direction, decision, binding)
    return "update" if binding.id is not None else "insert"


def _is_new(direction: Direction, decision: Decision, binding: Binding) -> bool:
    seen = binding.seen(direction.source)
    if decision.change is not None or seen.wrote:
        return True
    left = decision.gone is not None and decision.gone != binding.gone
    shown_anew = seen.hash != decision.read.hash and not decision.left
    return left or shown_anew or _came_inside(direction, decision, binding)


def _came_inside(direction: Direction, decision: Decision, binding: Binding) -> bool:
    """Whether a record that was pulled is inside its own side's filter now: from then on it may leave it."""
    if not binding.regardless or decision.read.outside is not None or decision.read.record.deleted:
        return False
    return bool(direction.spec.system(direction.source).where)


def _see_source(direction: Direction, decision: Decision, binding: Binding) -> None:
    read, seen = decision.read, binding.seen(direction.source)
    seen.version = max(read.record.version, seen.version)
    if decision.left:
        return  # what it shows meanwhile is news when it comes back
    seen.hash, seen.form, seen.wrote = read.hash, read.text, ""
    if left_out := decision.unresolved | decision.undecided:  # not shown to the target yet: it stays news
        form = {name: value for name, value in read.form.items() if name not in left_out}
        seen.hash, seen.form = _spelled(direction, read, form)


def _spelled(direction: Direction, read: Read, form: Fields) -> tuple[bytes, str]:
    """Hash and text of a form. Mostly it is the one that was read, which was spelled before."""
    if form == read.form and not read.record.deleted:
        return read.hash, read.text
    text = spell(direction, form)
    return text_hash(text), text.decode()


def _see_target(direction: Direction, decision: Decision, binding: Binding, *, answer: Answer) -> None:
    """The written side's form is what it answers, save what it owns itself: that is news for the way back."""
    seen, version = binding.seen(direction.target), answer.version
    if binding.id is None and answer.as_written:
        # The target shows exactly what was sent: what it owns aside, its form is the one that was translated for it.
        after = decision.target_form
        if not after.keys() <= direction.given_or_shared:
            after = {name: value for name, value in after.items() if name in direction.given_or_shared}
    elif answer.record is not None:
        shown = direction.mapping.to_entity(direction.target, answer.record).form
        after = _shown(direction, decision, binding, shown=shown)
    else:
        before: Fields = orjson.loads(seen.form)
        ours = decision.target_seen if binding.id is None and decision.target_seen is not None else before
        after = {name: value for name, value in ours.items() if binding.id is not None or name not in direction.kept}
        after.update({name: decision.target_form[name] for name in decision.units if name in decision.target_form})
        seen.wrote = ",".join(sorted({*filter(None, seen.wrote.split(",")), *decision.units}))
        version = max(seen.version, decision.target_version)  # what shows the write is newer
    after = {name: value for name, value in after.items() if name not in decision.undecided}
    seen.id = answer.id or seen.id
    seen.version = version or seen.version
    seen.hash, seen.form = _spelled(direction, decision.read, after)


def _shown(direction: Direction, decision: Decision, binding: Binding, *, shown: Fields) -> Fields:
    """Of a new pair all but what the target owns; of a known one what was written: the rest may be foreign edits.

    Withdrawing and reopening may change whatever the source owns (a product is no longer active).
    """
    if binding.id is None:
        return {name: value for name, value in shown.items() if name not in direction.kept}
    before: Fields = orjson.loads(binding.seen(direction.target).form)
    is_update = decision.change is None or decision.change.verb == "update"
    written = decision.units if is_update else decision.units | direction.given
    return {**before, **{name: shown[name] for name in written if name in shown}}


def _see_agreed(direction: Direction, decision: Decision, binding: Binding) -> None:
    """Both sides came to the same value by themselves: the target's is no news either."""
    seen, present = binding.seen(direction.target), decision.target_seen or {}
    form: Fields = orjson.loads(seen.form)
    agreed = {name: present[name] for name in decision.agreed if name in present}
    seen.hash, seen.form = _spelled(direction, decision.read, {**form, **agreed})


def _see_yielded(direction: Direction, decision: Decision, binding: Binding) -> None:
    """What a person took of the target is its news for the way back, even if nobody knows what it showed before."""
    if not decision.yielded:
        return
    seen = binding.seen(direction.target)
    taken = {name: decision.target_form.get(name) for name in decision.yielded}
    seen.hash, seen.form = _spelled(direction, decision.read, {**orjson.loads(seen.form), **taken})


# --- the audit ----------------------------------------------------------------------------------------------------


def _entry(direction: Direction, decision: Decision, outcome: Outcome, *, answer: Answer | None = None) -> Entry:
    read, binding = decision.read, decision.binding
    target_id = answer.id if answer else binding.seen(direction.target).id if binding else None
    payload: Fields = {}
    if decision.change is not None and answer is not None:
        payload |= _written(decision)
    if decision.item is not None:
        fault = decision.item.fault
        payload["listed"] = {"reason": decision.item.reason, "fault": [fault.where, fault.what, fault.remedy]}
    if read.due is not None:
        payload["due"] = read.due.why
    if decision.alias == read.id:
        payload["merged_into"] = read.record.merged_into
    elif decision.alias:
        payload["took_over"] = decision.alias
    if decision.overruled:
        payload["overruled"] = [
            {"field": one.unit, "by": editor_of(read), "old": one.old, "new": one.new} for one in decision.overruled
        ]
    return Entry(read.id, target_id or None, outcome, read.record.version, payload)


def editor_of(read: Read) -> str | None:
    """Who edited; None when our own later write covers the name."""
    return None if read.record.by_us else read.record.changed_by


def _written(decision: Decision) -> Fields:
    """What was written, and what stood there before."""
    change = decision.change
    if change is None:
        return {}
    told: Fields = {"verb": change.verb, "written": change.fields}
    if change.lines is not None:
        told["lines"] = change.lines
    if decision.before:
        told["before"] = {name: decision.before.get(name) for name in sorted(decision.units)}
    return told
