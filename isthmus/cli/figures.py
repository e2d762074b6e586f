"""Forms as people read them: dotted paths, amounts and prices as decimals, lines by their key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isthmus.kernel.money import from_micros, from_minor
from isthmus.kernel.records import Fields
from isthmus.kernel.units import Side

if TYPE_CHECKING:
    from isthmus.mapping.spec import MappingSpec

NOTHING = "(empty)"
_MICROS = frozenset({"price", "decimal"})


@dataclass(frozen=True, slots=True)
class Types:
    """The type of each value by its dotted name: of the entity's own rows, or of one side's fields."""

    header: Mapping[str, str]
    lines: Mapping[str, str]

    def flat(self, form: Fields, currency: str | None = None) -> dict[str, Any]:
        """Path → value as people write it; None where nothing is. Lines are ``lines[key].row``.

        An amount without a known currency stays in minor units and says so.
        """
        currency = form.get("currency") or currency
        return dict(self._walk(form, currency))

    def _walk(self, form: Fields, currency: str | None) -> Iterator[tuple[str, Any]]:
        for name, value in form.items():
            if isinstance(value, dict):
                for inner, one in value.items():
                    yield f"{name}.{inner}", plain(self.header.get(f"{name}.{inner}"), one, currency)
            elif isinstance(value, list):
                yield from self._walk_lines(name, value, currency)
            else:
                yield name, plain(self.header.get(name), value, currency)

    def _walk_lines(self, name: str, lines: list[Any], currency: str | None) -> Iterator[tuple[str, Any]]:
        for number, line in enumerate(lines, 1):
            holder: Fields = line if isinstance(line, dict) else {"": line}
            at = f"{name}[{holder.get('key', number)}]"
            in_line = holder.get("currency") or currency  # a price of a product has one of its own
            for inner, one in holder.items():
                if inner != "key":
                    yield f"{at}.{inner}", plain(self.lines.get(inner), one, in_line)


def entity_types(spec: MappingSpec) -> Types:
    """For forms of the entity."""
    return Types({row.path: row.type for row in spec.rows}, {row.name: row.type for row in spec.lines})


def side_types(spec: MappingSpec, side: Side, *, scaled: bool) -> Types:
    """For a side's own fields; a side that writes decimals itself needs no types."""
    if not scaled:
        return Types({}, {})
    header = {source.fields[0]: row.type for row in spec.rows if (source := row.source(side)) and source.fields}
    lines = {source.fields[0]: row.type for row in spec.lines if (source := row.source(side)) and source.fields}
    return Types(header, lines)


def plain(type_name: str | None, value: Any, currency: str | None) -> Any:
    """One value: a decimal's text for numbers of money, price and quantity, anything else as it is."""
    if type_name in _MICROS and isinstance(value, int) and not isinstance(value, bool):
        return format(from_micros(value), "f")
    if type_name == "money" and isinstance(value, int) and not isinstance(value, bool):
        try:
            return format(from_minor(value, currency), "f") if currency else f"{value} minor units"
        except ValueError:
            return f"{value} minor units"
    return value


def words(value: Any) -> str:
    """A value in a line of text."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


@dataclass(frozen=True, slots=True)
class Difference:
    """One field before and after. ``known`` tells whether there is a before at all."""

    field: str
    old: Any
    new: Any
    known: bool


def differences(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[Difference]:
    """What changes from one flat form to another; all of ``new`` when there is no old one. Lines may also go."""
    if old is None:
        return [Difference(name, None, value, False) for name, value in new.items() if value is not None]
    found = [Difference(name, old.get(name), value, True) for name, value in new.items() if old.get(name) != value]
    gone = [name for name in old if "[" in name and name not in new and old[name] is not None]
    replaced = any("[" in name for name in new)
    return found + [Difference(name, old[name], None, True) for name in gone if replaced]


def amount_text(amount_minor: int | None, currency: str) -> str:
    """1234, EUR → ``12.34 EUR``; nothing is ``-``."""
    return "-" if amount_minor is None else f"{from_minor(amount_minor, currency):,f} {currency}"


def amount_json(amount_minor: int | None, currency: str) -> str | None:
    """1234, EUR → ``12.34``: text, since a script's floats are no place for money."""
    return None if amount_minor is None else format(from_minor(amount_minor, currency), "f")
