"""What the grammar read → the spec, with the faults that only one row can have."""

from __future__ import annotations

from typing import Any, cast

from isthmus.kernel.errors import Fault
from isthmus.kernel.selection import MovedBy, Operator, Term
from isthmus.kernel.units import SIDES, Owner, Side
from isthmus.mapping.document import Place
from isthmus.mapping.functions import Function, function_table
from isthmus.mapping.grammar import Piece, plain, suggest
from isthmus.mapping.spec import Call, Case, LinesAt, LinesSum, MappingSpec, Row, Source, System, Type, Vanished


def build_spec(piece: Piece, faults: list[Fault]) -> MappingSpec | None:
    """The spec, or None when a part is missing that nothing can be said without (its fault is there already)."""
    if any(piece.piece(name) is None for name in ("mapping", "entity", "owner", "crm", "erp", "fields")):
        return None
    crm, erp = _system(piece.value["crm"]), _system(piece.value["erp"])
    if crm is None or erp is None:
        return None
    owner = cast(Owner, piece.get("owner"))
    builder = _Rows(owner, faults)
    same_as = piece.get("same_as")
    return MappingSpec(
        name=piece.get("mapping"),
        about=piece.get("about") or "",
        entity=piece.get("entity"),
        maintainer=piece.get("maintainer"),
        schedule=piece.get("schedule"),
        same_as=same_as,
        owner=owner,
        creates=tuple(dict.fromkeys(one.value for one in piece.get("creates") or ())),
        gone=_gone(piece.piece("gone"), otherwise="keep" if same_as else "ask"),
        crm=crm,
        erp=erp,
        match=tuple(tuple(name.value for name in rule.value) for rule in piece.get("match") or ()),
        rows=builder.header(piece.value["fields"]),
        lines=builder.rows(piece.piece("lines"), None),
        lines_sum_to=_sum(piece.piece("lines_sum_to")),
        tests=tuple(_case(one) for one in piece.get("tests") or ()),
        place=piece.value["mapping"].place,
    )


def _gone(piece: Piece | None, *, otherwise: Vanished) -> dict[Side, Vanished]:
    return {side: (piece.get(side) if piece else None) or otherwise for side in SIDES}


def _system(piece: Piece) -> System | None:
    if piece.get("stream") is None:
        return None
    lines = piece.piece("lines")
    whole = lines and all(lines.get(name) for name in ("stream", "parent", "key"))
    return System(
        stream=piece.get("stream"),
        where=terms(piece.piece("where")),
        lines=LinesAt(lines.get("stream"), lines.get("parent"), lines.get("key"), lines.get("sort"))
        if lines and whole
        else None,
        moved_by=tuple(
            MovedBy(one.get("stream") or "", one.get("parent") or "") for one in piece.get("moved_by") or ()
        ),
        place=piece.place,
    )


def terms(piece: Piece | None) -> tuple[Term, ...]:
    """The conditions of ``where`` or ``when``, one term per operator."""
    found: list[Term] = []
    for name, term in (piece.value if piece else {}).items():
        for operator, given in term.value.items():
            values = tuple(one.value for one in given.value) if isinstance(given.value, tuple) else (given.value,)
            found.append(Term(name, cast(Operator, operator), values))
    return tuple(found)


def _sum(piece: Piece | None) -> LinesSum | None:
    if piece is None or piece.get("field") is None:
        return None
    return LinesSum(piece.get("field"), piece.get("of") or "amount", piece.get("tolerance_minor") or 0, piece.place)


def _case(piece: Piece) -> Case:
    def both(name: str) -> dict[Side, dict[str, Any]] | None:
        pair = piece.piece(name)
        return {side: plain(pair.value[side]) for side in SIDES if side in pair.value} if pair else None

    given = {side: plain(piece.value[side]) for side in SIDES if side in piece.value}
    expects = piece.piece("expects")
    return Case(
        name=piece.get("name") or "",
        given=given,
        before=both("before"),
        after=both("after"),
        expects=plain(expects) if expects else None,
        refuses=piece.get("refuses"),
        filtered=piece.get("filtered"),
        place=piece.place,
    )


class _Rows:
    """Builds rows; what is wrong with one row alone is said here."""

    def __init__(self, owner: Owner, faults: list[Fault]) -> None:
        self._owner = owner
        self._faults = faults

    def header(self, fields: Piece) -> tuple[Row, ...]:
        rows: list[Row] = []
        for name, piece in fields.value.items():
            if piece.block:
                rows.append(self._row(name, piece, place=fields.at[name], group=None))
            else:
                rows.extend(self.rows(piece, name))
        return tuple(rows)

    def rows(self, piece: Piece | None, group: str | None) -> tuple[Row, ...]:
        if piece is None:
            return ()
        return tuple(self._row(name, one, place=piece.at[name], group=group) for name, one in piece.value.items())

    def _row(self, name: str, piece: Piece, *, place: Place, group: str | None) -> Row:
        sides = {side: self._source(piece.value[side], name) for side in SIDES if side in piece.value}
        refers_to = piece.get("refers_to")
        required = piece.get("required")
        if not sides and not set(SIDES) & set(piece.at):
            self._fault(place, f"'{name}' has neither crm nor erp", "say where the value stands: crm: …, erp: …")
        return Row(
            name=name,
            crm=sides.get("crm"),
            erp=sides.get("erp"),
            type=cast(Type, piece.get("as") or "text"),
            owner=piece.get("owner") or self._owner,
            if_both_changed=piece.get("if_both_changed") or "ask",
            refers_to=refers_to,
            pull=bool(piece.get("pull")),
            required=bool(refers_to) if required is None else required,
            volatile=bool(piece.get("volatile")),
            place=place,
            group=group,
            whole=set(piece.at) == set(piece.value),
        )

    def _fault(self, place: Place, what: str, remedy: str) -> None:
        self._faults.append(Fault(str(place), what, remedy))

    def _source(self, piece: Piece, row: str) -> Source:
        if not isinstance(piece.value, dict):
            return Source(_names(piece), None, (), (), (), piece.place)
        field = piece.piece("field")
        if (field is None) is ("formula" not in piece.value) and not {"field", "formula"} & set(piece.at):
            self._fault(piece.place, f"'{row}' names no field on this side", "add 'field: …' or 'formula: …'")
        if field is not None and "formula" in piece.value:
            self._fault(piece.place, f"'{row}' has a field and a formula on this side", "keep one of them")
        values = piece.piece("values")
        return Source(
            fields=_names(field) if field else (),
            formula=piece.get("formula"),
            via=tuple(call for one in piece.get("via") or () if (call := self._call(one))),
            values=tuple((key, one.value) for key, one in values.value.items()) if values else (),
            when=terms(piece.piece("when")),
            place=piece.place,
        )

    def _call(self, piece: Piece) -> Call | None:
        """A function by its name alone, or as a table with one name and its argument."""
        if isinstance(piece.value, dict) and len(piece.value) == 1:
            name, given = next(iter(piece.value.items()))
        elif isinstance(piece.value, str):
            name, given = piece.value, None
        else:
            self._fault(piece.place, "this is not one function", "write each as its own item: [trim, {truncate: 40}]")
            return None
        function = function_table().get(name)
        if function is None:
            what = f"there is no function '{name}'"
            self._fault(piece.place, what, suggest(name, tuple(function_table()), "the functions are"))
            return None
        return self._with_arguments(function, given, piece.place)

    def _with_arguments(self, function: Function, given: Piece | None, place: Place) -> Call | None:
        parameters = {one.name: one for one in function.parameters}
        arguments = _arguments(function, given)
        for name in arguments:
            if name not in parameters:
                self._fault(place, f"'{function.name}' takes no '{name}'", suggest(name, tuple(parameters), "it takes"))
                return None
        for name, parameter in parameters.items():
            value = arguments.get(name)
            if value is None or isinstance(value, bool) or not isinstance(value, parameter.kind):
                kind = "a whole number" if parameter.kind is int else "a text in quotes"
                remedy = f"write {{{function.name}: …}} with {kind}"
                self._fault(place, f"'{function.name}' needs its {name}", remedy)
                return None
        return Call(function.name, tuple(arguments.items()), place)


def _arguments(function: Function, given: Piece | None) -> dict[str, Any]:
    if given is None:
        return {}
    if isinstance(given.value, dict):
        return {name: one.value for name, one in given.value.items()}
    name = function.parameters[0].name if function.parameters else "argument"
    return {name: given.value}


def _names(piece: Piece) -> tuple[str, ...]:
    return tuple(one.value for one in piece.value) if isinstance(piece.value, tuple) else (piece.value,)
