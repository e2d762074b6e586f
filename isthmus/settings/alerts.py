"""When people are called, and how: ``alerts`` in ``isthmus.yaml``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import yaml

from isthmus.settings.people import money
from isthmus.settings.reading import Reading


@dataclass(frozen=True, slots=True)
class Alerts:
    """The drift that people are called for, and Airflow's notifiers (class → its arguments) that call them."""

    older_than_days: int = 1
    above: Mapping[str, int] = field(default_factory=dict)  # currency → minor units, of all differences together
    notifiers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def beyond(self, differences: Iterable[tuple[int, str | None, int]]) -> list[str]:
        """What is beyond the limits, in words without ids or names.

        A difference is (amount at stake in minor units, its currency if it has one, age in whole days).
        """
        oldest, old, sums = 0, 0, Counter[str]()
        for amount_minor, currency, age_days in differences:
            old += age_days > self.older_than_days
            oldest = max(oldest, age_days)
            sums[currency or ""] += abs(amount_minor)
        told = [f"{old} of the differences are older than {_days(self.older_than_days)}, the oldest {_days(oldest)}"]
        too_much = [one for one, limit in self.above.items() if sums[one] > limit]
        return (told if old else []) + [
            f"{money(sums[one], one)} are at stake, more than {money(self.above[one], one)}" for one in sorted(too_much)
        ]


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"


def read_alerts(reading: Reading, node: yaml.Node | None) -> Alerts:
    """``alerts: {older_than_days: 1, above: {EUR: 1000}, notifiers: {package.Class: {to: finance@example.com}}}``."""
    if node is None:
        return Alerts()
    given = reading.mapping(node, ("older_than_days", "above", "notifiers"), "alerts")
    days = reading.number(given["older_than_days"], "older_than_days", 100_000) if "older_than_days" in given else None
    return Alerts(
        Alerts().older_than_days if days is None else days,
        reading.amounts(given["above"], "above") if "above" in given else {},
        _read_notifiers(reading, given["notifiers"]) if "notifiers" in given else {},
    )


def _read_notifiers(reading: Reading, node: yaml.Node) -> dict[str, dict[str, str]]:
    found = {}
    for key, value in reading.entries(node, "notifiers"):
        name = str(key.value)
        if not all(part.isidentifier() for part in name.split(".")) or "." not in name:
            reading.fault(key, f"{name!r} is no class", "write its whole name, such as package.module.Notifier")
            continue
        arguments = ((str(one.value), reading.text(text, str(one.value))) for one, text in reading.entries(value, name))
        found[name] = {argument: text for argument, text in arguments if text is not None}
    return found
