"""Strict matching of records that are not bound yet: ordered rules, exact comparison after ``match_text``. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from isthmus.kernel.records import Fields, match_text

Rule = tuple[str, ...]  # dotted entity fields, all of which must be filled
Key = tuple[str, ...]  # their normalised values


@dataclass(frozen=True, slots=True)
class Hit:
    """An existing record of the target that has a rule's values. ``taken_by`` is the source id that it is bound to."""

    id: str
    taken_by: str | None


@dataclass(slots=True)
class Matches:
    """Hits by rule and key; records that this very page will create are added as they are planned."""

    rules: tuple[Rule, ...] = ()
    hits: dict[tuple[int, Key], list[Hit]] = field(default_factory=dict)

    def find(self, form: Fields) -> tuple[Rule, Key, list[Hit]] | None:
        """The first rule that applies and has hits: its fields, the values, the hits."""
        for index, rule in enumerate(self.rules):
            key = key_of(form, rule)
            hits = self.hits.get((index, key)) if key else None
            if key and hits:
                return rule, key, hits
        return None

    def will_exist(self, form: Fields, source_id: str) -> None:
        """From now on the values of this form belong to a record that the page creates."""
        for index, rule in enumerate(self.rules):
            key = key_of(form, rule)
            if key:
                self.hits.setdefault((index, key), []).append(Hit("", source_id))


def value_at(form: Fields, path: str) -> object:
    """What a dotted path leads to; None when anything on the way is missing."""
    value: object = form
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def key_of(form: Fields, rule: Sequence[str]) -> Key | None:
    """The normalised values of a rule's fields; None unless all are filled."""
    key = []
    for path in rule:
        value = value_at(form, path)
        text = match_text(str(value)) if value is not None else ""
        if not text:
            return None
        key.append(text)
    return tuple(key)
