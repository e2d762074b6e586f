"""Who may decide what, and when it takes two: ``roles``, ``rights``, ``approvals``.

People are called as Isthmus knows them: ``ada`` at the command line (``cli:ada`` in the audit), ``airflow:ada`` in
Airflow. For the rule that nobody approves what they asked for themselves, both are the same person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import yaml

from isthmus.kernel.errors import Refused
from isthmus.kernel.money import exponent, from_minor
from isthmus.settings.reading import Reading

#: What a role may be given. ``pause`` goes for `resume` too; to try something again (`retry`) everyone may.
RIGHTS = ("resolve", "dismiss", "accept", "release", "pause", "erase")
DOORS = ("cli", "airflow")


@dataclass(frozen=True, slots=True)
class People:
    """Role → people, role → rights. Where no role is named, everyone may."""

    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rights: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    two_above: Mapping[str, int] | None = None  # currency → minor units; above it, two people. None: one is enough

    def may(self, who: str, right: str) -> bool:
        return not self.roles or who in self.holders(right)

    def holders(self, right: str) -> list[str]:
        """Everyone who has a right, as the audit calls them."""
        roles = [role for role, rights in self.rights.items() if right in rights]
        return sorted({person for role in roles for person in self.roles.get(role, ())})

    def takes_two(self, amounts: Iterable[tuple[int, str]]) -> tuple[int, str] | None:
        """The first amount (minor units, currency) that one person may not decide alone; None when one may.

        A currency for which no limit is set takes two at any amount: nobody said that one is enough.
        """
        if self.two_above is None:
            return None
        return next((one for one in amounts if abs(one[0]) > self.two_above.get(one[1], -1)), None)


def same_person(one: str, other: str) -> bool:
    """Whether two names mean one person, through whichever door they came."""
    return _bare(one).casefold() == _bare(other).casefold()


def require(people: People, who: str, right: str) -> None:
    """Raises Refused, in words that help, unless this person may do this."""
    if people.may(who, right):
        return
    holders = people.holders(right)
    remedy = f"ask {' or '.join(map(as_written, holders))}" if holders else f"give {right!r} to a role in isthmus.yaml"
    raise Refused(who, f"may not {right}", remedy)


def money(amount_minor: int, currency: str) -> str:
    """``12,000.00 EUR``."""
    return f"{from_minor(amount_minor, currency):,.{exponent(currency)}f} {currency}"


def _bare(who: str) -> str:
    door, colon, name = who.partition(":")
    return name if colon and door in DOORS else who


def as_written(who: str) -> str:
    """As isthmus.yaml writes it."""
    return who.removeprefix("cli:")


# --- as isthmus.yaml says it --------------------------------------------------------------------------------------


def read_people(reading: Reading, given: Mapping[str, yaml.Node]) -> People:
    """``roles: {finance: [ada, airflow:vera]}``, ``rights: {finance: [resolve]}``, ``approvals: {above: {EUR: 1}}``."""
    roles = _read_roles(reading, given["roles"]) if "roles" in given else {}
    rights = _read_rights(reading, given["rights"], roles) if "rights" in given else {}
    if "roles" in given and "rights" not in given:
        reading.fault(given["roles"], "nobody may do anything: rights are missing", "say under rights what a role may")
    two_above = None
    if "approvals" in given:
        above = reading.mapping(given["approvals"], ("above",), "approvals").get("above")
        if above is None:
            reading.fault(given["approvals"], "approvals say no amount", "write approvals: {above: {EUR: 10000}}")
        else:
            two_above = reading.amounts(above, "above")
    return People(roles, rights, two_above)


def _read_roles(reading: Reading, node: yaml.Node) -> dict[str, tuple[str, ...]]:
    roles = {}
    for key, value in reading.entries(node, "roles"):
        people = []
        for place, name in reading.texts(value, str(key.value)):
            door, colon, bare = name.rpartition(":")
            if door not in ("", *DOORS) or not bare:
                reading.fault(place, f"{name!r} is no name that Isthmus knows people by", "write ada, or airflow:ada")
            else:
                people.append(name if colon else f"cli:{name}")
        roles[str(key.value)] = tuple(people)
    return roles


def _read_rights(reading: Reading, node: yaml.Node, roles: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    rights = {}
    for key, value in reading.entries(node, "rights"):
        if not roles:
            reading.fault(key, f"role {key.value!r} has no people", "name them under roles")
        elif reading.is_one_of(key, list(roles), "role"):
            given = reading.texts(value, str(key.value))
            known = tuple(name for place, name in given if reading.is_one_of(place, RIGHTS, "right"))
            rights[str(key.value)] = known
    return rights
