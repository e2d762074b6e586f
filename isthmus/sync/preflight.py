"""What is looked at before a run may begin: nothing is read or written until all of it holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

from isthmus.db import reading, writing
from isthmus.kernel.clock import parse_stamp
from isthmus.kernel.description import FieldDescription, StreamDescription
from isthmus.kernel.errors import Fault, Misconfigured
from isthmus.kernel.units import SIDES, Side
from isthmus.mapping.check import Describe, check_against
from isthmus.mapping.compile import CompiledMapping
from isthmus.state import mappings, progress
from isthmus.state.mappings import Remembered
from isthmus.sync.impact import measure
from isthmus.sync.ports import Ports

Print = dict[str, dict[str, object]]  # stream.field → what must not change


@dataclass(frozen=True, slots=True)
class Clearance:
    """The run may begin. ``full`` says why it reads everything; ``skip`` why it does not run at all."""

    full: str | None = None
    skip: str | None = None


def preflight(ports: Ports, mapping: CompiledMapping, *, full: bool = False) -> Clearance:
    """Checks organisations, fields and the mapping's own change. Raises Misconfigured with everything that is wrong."""
    with reading(ports.engine) as connection:
        known = mappings.load(connection, mapping.name, mapping.entity)
    if known.paused_at:
        return Clearance(skip=f"paused by {known.paused_by} since {known.paused_at}: {known.paused_why}")
    _same_organisations(ports, mapping, known)
    _same_name(ports, mapping, known)
    prints = _check_fields(ports, mapping, known)
    changed = _changed(ports, mapping, known)  # whatever else wants everything read: it may forbid the run
    why = "asked for" if full else known.full_wanted or changed or _too_old(ports, mapping)
    now = {"crm_org": ports.crm.identity(), "erp_org": ports.erp.identity(), "full_wanted": why, **prints}
    news = {name: value for name, value in now.items() if getattr(known, name) != value}
    if news:  # and nothing else: another run may have come to want a full read meanwhile
        with writing(ports.engine) as connection:
            mappings.store(connection, mapping.name, mapping.entity, **news)
    return Clearance(full=why)


def reads_all(ports: Ports, mapping: CompiledMapping) -> bool:
    """Whether the next run reads everything, whoever asks for it: what a trial is to do as well."""
    with reading(ports.engine) as connection:
        known = mappings.load(connection, mapping.name, mapping.entity)
    is_changed = known.hash is not None and known.hash != mapping.hash
    return is_changed or bool(known.full_wanted or _too_old(ports, mapping))


def _same_organisations(ports: Ports, mapping: CompiledMapping, known: Remembered) -> None:
    for side, before in (("CRM", known.crm_org), ("ERP", known.erp_org)):
        now = ports.system("crm" if side == "CRM" else "erp").identity()
        if before is not None and before != now:
            what = f"the {side} is organisation {now}, but {mapping.name} has always been joined to {before}"
            raise Misconfigured(f"connection of the {side}", what, "correct the connection, or use another database")


def _same_name(ports: Ports, mapping: CompiledMapping, known: Remembered) -> None:
    """What waits, what is owed or in doubt, who paused it, what was accepted: all is kept by the mapping's name."""
    if known.hash is not None:
        return
    orgs = (ports.crm.identity(), ports.erp.identity())
    with reading(ports.engine) as connection:
        former = mappings.former_names(connection, known, orgs)
    if former:
        what = f"{mapping.entity} has been carried by the mapping {former[0]} until now"
        raise Misconfigured(f"mapping {mapping.name}", what, f"call it {former[0]} again")


# --- fields -------------------------------------------------------------------------------------------------------


def _check_fields(ports: Ports, mapping: CompiledMapping, known: Remembered) -> dict[str, str]:
    """The prints of both sides, after nothing mapped was found gone, hidden, retyped or poorer."""
    faults: list[Fault] = []
    prints = {}
    sides: tuple[tuple[Side, str | None], ...] = (("crm", known.crm_print), ("erp", known.erp_print))
    for side, text in sides:
        before: Print = json.loads(text) if text else {}
        describe = _as_before(ports.system(side).describe, before if known.hash == mapping.hash else {})
        found = check_against(mapping.spec, side, describe)
        faults.extend(found)
        now = fingerprint(describe, mapping, side)
        faults.extend(() if found else compare_prints(before, now, side))
        prints[f"{side}_print"] = json.dumps(now)
    if faults:
        first, number = faults[0], len(faults)
        what = first.what if number == 1 else f"{first.what} (and {number - 1} more faults: see `isthmus check`)"
        raise Misconfigured(first.where, what, first.remedy, faults=tuple(faults))
    return prints


def _as_before(describe: Describe, before: Print) -> Describe:
    """Descriptions without picklist values that are new since the last good run: those stop only their records."""

    def shown(field: FieldDescription, old: dict[str, object] | None) -> FieldDescription:
        kept: object = old["values"] if old else None
        if not isinstance(kept, list) or not kept:
            return field
        return replace(field, values=tuple(value for value in field.values if value in kept))

    @cache
    def described(stream: str) -> StreamDescription:
        whole = describe(stream)
        fields = {name: shown(field, before.get(f"{stream}.{name}")) for name, field in whole.fields.items()}
        return StreamDescription(whole.stream, fields, whole.label)

    return described


def fingerprint(describe: Describe, mapping: CompiledMapping, side: Side) -> Print:
    """What of the mapped fields must stay as it is between two runs. A path ends at another stream's field."""
    selection = mapping.selection(side)
    streams = [(selection.stream, selection.fields)]
    if selection.lines:
        streams.append((selection.lines.stream, selection.lines.fields))
    found: Print = {}
    for stream, fields in streams:
        for path in fields:
            if at := _follow(describe, stream, path):
                found[f"{at[0]}.{at[1].name}"] = _kept(at[1])
    return found


def _follow(describe: Describe, stream: str, path: str) -> tuple[str, FieldDescription] | None:
    """The stream and field at the end of a path; None for what stands inside a field that is not described further."""
    described = describe(stream).fields
    if path in described:
        return stream, described[path]
    first, _, rest = path.partition(".")
    across = (one.refers_to[0] for one in described.values() if one.relationship == first and one.refers_to)
    target = next(across, None) if rest else None
    return _follow(describe, target, rest) if target else None


def _kept(field: FieldDescription) -> dict[str, object]:
    return {"type": field.type, "decimals": field.decimals, "values": list(field.values)}


def compare_prints(before: Print, now: Print, side: Side) -> Iterable[Fault]:
    """Fields that were retyped or lost a picklist value since the last run."""
    for name, old in before.items():
        new = now.get(name)
        if new is None:
            continue  # not mapped any more, or missing: the check against the description has said so
        if new["type"] != old["type"] or new["decimals"] != old["decimals"]:
            what = f"was {_type(old)} and is now {_type(new)}"
            yield Fault(f"{side.upper()} {name}", what, "undo that in the system, or `isthmus accept` the mapping anew")
        lost = sorted(set(old["values"]) - set(new["values"]))  # type: ignore[call-overload]
        if lost:
            remedy = "bring them back as inactive values, or take them out of the mapping and `isthmus accept` it"
            yield Fault(f"{side.upper()} {name}", f"lost the picklist values {', '.join(lost)}", remedy)


def _type(kept: dict[str, object]) -> str:
    decimals = f" with {kept['decimals']} decimals" if kept["decimals"] is not None else ""
    return f"{kept['type']}{decimals}"


# --- the mapping's own change, and age ----------------------------------------------------------------------------


def _changed(ports: Ports, mapping: CompiledMapping, known: Remembered) -> str | None:
    """A changed mapping makes the run a full one; a change of too much waits for a person."""
    if known.hash is None or known.hash == mapping.hash:
        return None
    if known.accepted_hash == mapping.hash:
        return f"the mapping was changed, and accepted by {known.accepted_by}"
    impact = measure(ports, mapping)
    if impact.posted or 100 * impact.changed > ports.limits.mapping_change_percent * impact.bound:
        posted = f", {impact.posted} of them posted documents" if impact.posted else ""
        what = f"the changed mapping would change {impact.changed} of {impact.bound} records{posted}"
        remedy = f"read `isthmus plan {mapping.name}`, then say `isthmus accept {mapping.name} --why …`"
        raise Misconfigured(f"mapping {mapping.name}", what, remedy)
    return "the mapping was changed"


def _too_old(ports: Ports, mapping: CompiledMapping) -> str | None:
    """A source forgets its deletions after a while; then only a comparison of all keys finds them."""
    with reading(ports.engine) as connection:
        marks = progress.load_watermarks(connection, mapping.name)
    for side in SIDES:
        mark, window = marks.get(side), ports.system(side).capabilities.deletions_kept
        # Nine tenths: what was deleted right after the last run must still be shown when this one has read to its end.
        if mark and window and ports.clock.now() - parse_stamp(mark.moved_at) > window * 9 / 10:
            return f"the last run is longer ago than the {side.upper()} remembers deletions"
    return None
