"""What Isthmus signs for the two systems at hand: in the words for our own database, or for a remote system."""

from __future__ import annotations

from typing import NamedTuple

from isthmus.connect.protocol import Capabilities


class Guarantee(NamedTuple):
    """One promise to whoever is written: ``to`` is erp, crm or both; ``applies`` is own or remote, all if it is one."""

    name: str
    to: str
    applies: str
    text: str


class _Promise(NamedTuple):
    """The words when the target is our own database, and when it is remote; empty where there is no difference."""

    name: str
    own: str
    remote: str = ""
    sides: tuple[str, ...] = ("erp", "crm")


_PROMISES = (
    _Promise(
        "Complete",
        own="A record that is visible in the source and inside the filter is accepted; the watermark never passes one "
        "that is not accounted for.",
    ),
    _Promise(
        "Accounted", own="Every run adds up: read = sum of outcomes, counted three times; one that does not fails."
    ),
    _Promise(
        "Once",
        own="At most one live record per record of the source, for ever: the database itself refuses a second.",
        remote="{once}",
    ),
    _Promise(
        "Forward",
        own="A field never returns to an older version of the source.",
        remote="A late request may briefly win over a newer one; the next run sees and repairs it.",
    ),
    _Promise(
        "Whole",
        own="Header, lines, postings, binding and audit: together or not at all.",
        remote="A document is written in one transaction of the remote system; binding and audit follow from the "
        "intent that was stored before.",
    ),
    _Promise("Ordered", own="A document is written after what it refers to; until then it waits."),
    _Promise(
        "Alone",
        own="One run of a mapping at a time; a run that was succeeded cannot commit.",
        remote="One run of a mapping at a time; a write begins only while the lease outlives its time-out.",
    ),
    _Promise(
        "Explained", own="For each record: when, from which version, by which mapping, what was written. Append-only."
    ),
    _Promise("Closed", own="An unknown error, schema or value: nothing is written."),
    _Promise(
        "Balanced",
        own="Every posted entry sums to zero per currency, in an open period, and never changes afterwards.",
        remote="The books are the remote ERP's; Isthmus posts nothing itself.",
        sides=("erp",),
    ),
    _Promise(
        "Credit-safe",
        own="No order is confirmed or raised while its customer is on hold or over the limit; no mapping can switch "
        "that off.",
        remote="{gate}",
        sides=("erp",),
    ),
)
_ONCE = {
    "enforced": "At most one live record per record of the source: the remote system's unique external key refuses a "
    "second.",
    "looked_up": "The remote system has no unique external key: each create is preceded by a look-up under the lease, "
    "a lost answer is shown as in_doubt, and reconciliation finds a duplicate within one cycle.",
}
_GATE = {
    True: "The ERP's own credit check decides, in the transaction that confirms an order.",
    False: "The ERP has no credit check of its own: an order is written only if its customer's standing, fetched just "
    "before and not too old, allows it. Somebody else may use the credit up meanwhile.",
}


def guarantees(crm: Capabilities, erp: Capabilities) -> list[Guarantee]:
    """Each promise once, or once for each side where the sides differ."""
    able = {"crm": crm, "erp": erp}
    found = []
    for one in _PROMISES:
        if not one.remote:
            found.append(Guarantee(one.name, "both", "all", one.own))
            continue
        for side in one.sides:
            remote = able[side].remote
            words = {"once": _ONCE[able[side].external_key], "gate": _GATE[able[side].gates_credit]}
            text = one.remote.format(**words) if remote else one.own
            found.append(Guarantee(one.name, side, "remote" if remote else "own", text))
    return found
