"""A vocabulary as plain values: what the loader gives, the joiner reads and the writer puts into words.

Fields of an entity are named by their paths (``bill_to.country``); those of its lines apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from isthmus.kernel.units import Side

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Word:
    """How a system says one field: ``side`` is what stands in a row of a mapping, a name or a block.

    ``example`` spells the entity's example in this system, by its own fields; ``means`` is what the entity's example is
    then, where it is another one.
    """

    side: str | Tree
    given: bool = False
    note: str | None = None
    example: Any = None
    means: Any = None
    without: Mapping[str, Word] = field(default_factory=dict)

    @property
    def fields(self) -> tuple[str, ...]:
        """The system's fields; none for a formula."""
        named = self.side if isinstance(self.side, str) else self.side.get("field")
        return (named,) if isinstance(named, str) else tuple(named or ())

    @property
    def values(self) -> dict[Any, Any]:
        """The system's value → the entity's value."""
        return {} if isinstance(self.side, str) else self.side.get("values", {})

    def spell(self, value: Any) -> Tree:
        """An entity's value by the system's fields; nothing where only a reader can say it."""
        if len(self.fields) != 1:
            return {}
        if value is None:
            return {self.fields[0]: None}
        across = {str(entity): system for system, entity in self.values.items()}
        if across and str(value) not in across:
            return {}
        return {self.fields[0]: across.get(str(value), value)}

    def shown(self, value: Any) -> Tree:
        """The entity's example as people leave it in this system."""
        if self.example is None:
            return self.spell(value)
        return self.example if isinstance(self.example, dict) else {self.fields[0]: self.example}


@dataclass(frozen=True, slots=True)
class Shown:
    """A test of one system's own records: what becomes of one, whoever the partner is; ``means`` in the entity's own
    values.
    """

    name: str
    record: Tree
    means: Tree | None
    refuses: str | None
    filtered: str | None


@dataclass(frozen=True, slots=True)
class Naming:
    """How a system says one entity. ``lacks`` gives reasons by path; ``lines`` and ``lines.…`` are the lines'."""

    stream: str
    record: str
    note: str | None
    notes: Mapping[str, str]
    where: Tree | None
    moved_by: list[Tree] | None
    withdraws: Literal["cancel", "deactivate"] | None
    given: bool
    fields: Mapping[str, Word]
    lines_at: Tree | None
    lines: Mapping[str, Word] | None
    lacks: Mapping[str, str]
    tests: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How one system says what Isthmus carries. ``type`` is its connector; ``file`` is where this stands.

    ``connection`` is an example of what a connection to it says; None where it needs none. ``lacks`` gives the reasons
    why whole entities are missing.
    """

    type: str
    file: str
    system: str
    sides: tuple[Side, ...]
    called: tuple[str, ...]
    folder: str
    connection: Tree | None
    entities: Mapping[str, Naming]
    lacks: Mapping[str, str]

    @property
    def word(self) -> str:
        """What the command line calls it."""
        return self.called[0] if self.called else self.type


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for a field between any two systems."""

    owner: Literal["both"] | None = None
    required: bool = False
    pull: bool = False
    volatile: bool = False
    compared: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One record in the entity's own values, and one of its lines, if it shows one."""

    name: str
    of: Tree
    line: Tree


@dataclass(frozen=True, slots=True)
class Outline:
    """What an entity is between any two systems.

    ``example`` is one of it, in the entity's own values; ``also`` are more of them, each with what it shows; ``edits``
    says what a field may become.
    """

    entity: str
    born: Side
    maintainer: str
    schedule: str
    same_as: str | None
    match: tuple[tuple[str, ...], ...]
    note: str | None
    rules: Mapping[str, Rule]
    line_rules: Mapping[str, Rule]
    lines_sum_to: Tree | None
    example: Tree
    example_line: Tree
    also: tuple[Example, ...]
    edits: Tree

    def rule(self, path: str, *, in_lines: bool) -> Rule:
        """The rule of a field; the plain one for most."""
        return (self.line_rules if in_lines else self.rules).get(path, Rule())
