"""Two vocabularies → what a mapping of each entity says, and why anything is left out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from isthmus.kernel.units import SIDES, Owner, Side, other_side
from isthmus.mapping.entities import Entity, EntityField, load_entity, schemas_folder
from isthmus.mapping.spec import Vanished
from isthmus.vocabulary.load import outlines
from isthmus.vocabulary.words import Naming, Outline, Rule, Vocabulary, Word


@dataclass(frozen=True, slots=True)
class Joint:
    """One row: a field of the entity as both systems say it, or as one of them does."""

    path: str
    known: EntityField
    words: Mapping[Side, Word]
    owner: Owner
    rule: Rule

    @property
    def two_sided(self) -> bool:
        return len(self.words) == len(SIDES)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A field that the mapping does not carry (``lines.…`` for one of the lines), and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Joined:
    """One entity between two systems."""

    entity: Entity
    outline: Outline
    names: Mapping[Side, Naming]
    systems: Mapping[Side, str]
    rows: tuple[Joint, ...]
    lines: tuple[Joint, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def copies(self) -> Side:
        """The side that the records are not born on."""
        return other_side(self.outline.born)

    @property
    def creates(self) -> tuple[Side, ...]:
        return () if self.outline.same_as else (self.copies,)

    @property
    def gone(self) -> dict[Side, Vanished]:
        """What becomes of the other side's record: a copy follows as its system can, or is made again where it is
        nothing but a copy; of an original that vanished, people decide.
        """
        born, copies = self.outline.born, self.copies
        if born == "crm":
            return {born: self.names[copies].withdraws or "ask", copies: "ask"}
        owns = any(row.owner != born for row in (*self.rows, *self.lines) if row.two_sided)
        return {copies: "ask" if owns else "restore", born: "ask"}

    @property
    def match(self) -> tuple[tuple[str, ...], ...]:
        """The outline's rules as far as both sides have their fields."""
        texts = {
            row.path for row in self.rows if row.two_sided and row.known.type == "text" and not row.known.refers_to
        }
        return tuple(rule for rule in self.outline.match if texts.issuperset(rule))

    def row(self, path: str) -> Joint | None:
        return next((row for row in self.rows if row.path == path), None)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two systems: what is carried between them, in the outlines' order, and why which entities are not."""

    crm: Vocabulary
    erp: Vocabulary
    joined: tuple[Joined, ...]
    left_out: Mapping[str, str]

    @property
    def folder(self) -> str:
        return f"{self.crm.folder}_{self.erp.folder}"


class _Apart(Exception):
    """An entity that these two systems cannot share; the text says why."""


def join(crm: Vocabulary, erp: Vocabulary) -> Pair:
    """What a CRM and an ERP can say to each other. What refers to an entity that is not carried is left out as well."""
    systems: dict[Side, Vocabulary] = {"crm": crm, "erp": erp}
    carried, left_out = outlines(), dict[str, str]()
    while True:
        joined, apart = dict[str, Joined](), dict[str, str]()
        for name, outline in carried.items():
            try:
                joined[name] = _join(outline, systems, frozenset(carried))
            except _Apart as why:
                apart[name] = str(why)
        left_out |= apart
        if not apart:
            return Pair(crm, erp, tuple(joined.values()), left_out)
        carried = {name: outline for name, outline in carried.items() if name not in apart}


def _join(outline: Outline, systems: Mapping[Side, Vocabulary], carried: frozenset[str]) -> Joined:
    names = {side: _naming(outline, systems[side]) for side in SIDES}
    copies = systems[other_side(outline.born)]
    if names[other_side(outline.born)].given and not outline.same_as:
        raise _Apart(f"{copies.system}: only it makes such records, and they are born in the {outline.born.upper()}")
    if outline.same_as and outline.same_as not in carried:
        raise _Apart(f"its records are those of {outline.same_as}, which is not carried")
    entity = load_entity(outline.entity, schemas_folder())
    titles = {side: systems[side].system for side in SIDES}
    header = _Fields(outline, names, titles, carried, in_lines=False)
    rows, left_out = header.join(entity.fields)
    _need(entity, rows, left_out)
    lines, of_lines = _lines(replace(header, in_lines=True), entity)
    return Joined(entity, outline, names, titles, rows, lines, (*left_out, *of_lines))


def _naming(outline: Outline, system: Vocabulary) -> Naming:
    found = system.entities.get(outline.entity)
    if found is None:
        raise _Apart(f"{system.system}: {system.lacks.get(outline.entity, 'its vocabulary does not know it')}")
    return found


def _need(entity: Entity, rows: tuple[Joint, ...], left_out: tuple[LeftOut, ...]) -> None:
    """What every record must have crosses from one side to the other."""
    crossing = {row.path for row in rows if row.two_sided}
    for path, known in entity.fields.items():
        if known.required and "." not in path and path not in crossing:
            why = next((one.why for one in left_out if one.path == path), "only one side has it")
            raise _Apart(f"it must have {path}; {why}")


def _lines(fields: _Fields, entity: Entity) -> tuple[tuple[Joint, ...], tuple[LeftOut, ...]]:
    """The rows of the lines; none where a side has no lines, or lacks what every line must have."""
    if entity.lines is None:
        return (), ()
    needed = "lines" in entity.schema.get("required", ())
    for side in SIDES:
        if fields.names[side].lines is None:
            why = fields.why(side, "lines")
            if needed:
                raise _Apart(f"it must have lines; {why}")
            return (), (LeftOut("lines", why),)
    rows, left_out = fields.join(entity.lines)
    crossing = {row.path for row in rows if row.two_sided}
    for path, known in entity.lines.items():
        if known.required and path not in crossing:
            raise _Apart(f"its lines must have {path}; {next((one.why for one in left_out if one.path == path), '')}")
    return rows, tuple(LeftOut(f"lines.{one.path}", one.why) for one in left_out)


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of a header, or of its lines, between two systems."""

    outline: Outline
    names: Mapping[Side, Naming]
    systems: Mapping[Side, str]
    carried: frozenset[str]
    in_lines: bool

    def join(self, known: Mapping[str, EntityField]) -> tuple[tuple[Joint, ...], tuple[LeftOut, ...]]:
        found = [self._join(path, one) for path, one in known.items()]
        rows = tuple(one for one in found if isinstance(one, Joint))
        return rows, tuple(one for one in found if isinstance(one, LeftOut))

    def _join(self, path: str, known: EntityField) -> Joint | LeftOut:
        words = {side: word for side in SIDES if (word := self._word(side, path)) is not None}
        rule = self.outline.rule(path, in_lines=self.in_lines)
        missing = [side for side in SIDES if side not in words]
        if len(missing) == len(SIDES) or (missing and not rule.compared):
            return LeftOut(path, self.why(missing[0], path))
        if known.refers_to and known.refers_to not in self.carried:
            return LeftOut(path, f"{known.refers_to} is not carried")
        given = [side for side in words if words[side].given or self.names[side].given]
        if len(given) == len(SIDES):
            return LeftOut(path, "both systems fill it themselves")
        return Joint(path, known, words, self._owner(known, rule, given), rule)

    def _owner(self, known: EntityField, rule: Rule, given: list[Side]) -> Owner:
        """Whoever fills it alone; else as the entity is meant."""
        return given[0] if given else "erp" if known.read_only else rule.owner or self.outline.born

    def _word(self, side: Side, path: str) -> Word | None:
        """How a side says a field, to a partner that may lack another one."""
        word = self._named(side).get(path)
        across = self._named(other_side(side))
        for lacked, instead in word.without.items() if word else ():
            if lacked not in across:
                return instead
        return word

    def _named(self, side: Side) -> Mapping[str, Word]:
        naming = self.names[side]
        return (naming.lines or {}) if self.in_lines else naming.fields

    def why(self, side: Side, path: str) -> str:
        """Why a side does not have a field, in its vocabulary's words."""
        told = self.names[side].lacks.get(f"lines.{path}" if self.in_lines else path)
        return f"{self.systems[side]}: {told or 'its vocabulary does not know it'}"
