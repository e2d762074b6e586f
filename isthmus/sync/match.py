"""Strict matching of records that are not bound yet: ordered rules, exact comparison after ``match_text``. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from isthmus.kernel.records import Fields, match_text
from isthmus.kernel.selection import value_at

Rule = tuple[str, ...]  # dotted entity fields, all of which must be filled
Key = tuple[str, ...]  # their normalised values
Keys = tuple[Key | None, ...]  # one a rule


@dataclass(slots=True)
class Hit:
    """An existing record of the target that has a rule's values. ``taken_by`` is the source id that it is bound to."""

    id: str
    taken_by: str | None
    keys: Keys = ()  # its own values for the rules

    def denies(self, keys: Keys) -> bool:
        """Whether one of these rules has other values here than there: a weaker rule then has no say."""
        return any(mine and theirs and mine != theirs for mine, theirs in zip(keys, self.keys, strict=False))


@dataclass(slots=True)
class Matches:
    """Hits by rule and key; records that this very page will create are added as they are planned."""

    rules: tuple[Rule, ...] = ()
    hits: dict[tuple[int, Key], list[Hit]] = field(default_factory=dict)
    adopted: dict[str, str] = field(default_factory=dict)  # the target's id → the record of this page that takes it

    def keys(self, form: Fields) -> Keys:
        """A form's values for every rule; None for a rule that does not apply."""
        return keys_of(form, self.rules)

    def find(self, keys: Keys) -> tuple[Rule, Key, list[Hit]] | None:
        """The first rule that applies and has hits that no stronger rule denies: its fields, the values, the hits."""
        for index, key in enumerate(keys):
            hits = self.hits.get((index, key)) if key else None
            if key and hits and (left := [hit for hit in hits if not hit.denies(keys[:index])]):
                return self.rules[index], key, [self._as_of_now(hit) for hit in left]
        return None

    def _as_of_now(self, hit: Hit) -> Hit:
        taker = self.adopted.get(hit.id)
        return replace(hit, taken_by=taker) if taker is not None else hit

    def will_exist(self, keys: Keys, source_id: str) -> None:
        """From now on these values belong to a record that the page creates."""
        hit = Hit("", source_id, keys)
        for index, key in enumerate(keys):
            if key:
                self.hits.setdefault((index, key), []).append(hit)


def keys_of(form: Fields, rules: Sequence[Rule]) -> Keys:
    """A form's values for every rule; None for a rule that does not apply."""
    return tuple([key_of(form, rule) for rule in rules])


def key_of(form: Fields, rule: Sequence[str]) -> Key | None:
    """The normalised values of a rule's fields; None unless all are filled."""
    key = []
    for path in rule:
        value = value_at(form, path) if "." in path else form.get(path)
        text = match_text(str(value)) if value is not None else ""
        if not text:
            return None
        key.append(text)
    return tuple(key)
