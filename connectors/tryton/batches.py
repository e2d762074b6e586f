"""Batches: many records a call, and the one that Tryton says no to is found by halving."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from connectors.tryton.errors import Busy
from isthmus.connect.http import Ports
from isthmus.connect.protocol import Answer, Change, Result, Verb
from isthmus.kernel.errors import Fault, Moved, Refused

TRIES = 12
_LONGEST_SECONDS = 15.0

#: What is answered to each verb when it is done.
DONE: Mapping[Verb, Result] = {
    "create": "created", "update": "updated", "reopen": "updated", "withdraw": "withdrawn",
}  # fmt: skip

T = TypeVar("T")
R = TypeVar("R")
No = Refused | Moved


def each(items: Sequence[T], act: Callable[[Sequence[T]], Sequence[R]], ports: Ports) -> list[R | No]:
    """What a call says of each item. It is one transaction: a no to one item undoes it all, so it is halved."""
    if not items:
        return []
    try:
        return list(patiently(lambda: act(items), ports))
    except (Refused, Moved) as no:
        if len(items) == 1:
            return [no]
    middle = len(items) // 2
    return [*each(items[:middle], act, ports), *each(items[middle:], act, ports)]


def patiently(action: Callable[[], R], ports: Ports) -> R:
    """Repeats what was rolled back because of somebody else's lock, with full jitter over a doubling span."""
    for attempt in range(TRIES - 1):
        try:
            return action()
        except Busy:
            ports.sleep(ports.random.uniform(0, min(_LONGEST_SECONDS, 0.25 * 2**attempt)))
    return action()


def refused(change: Change, no: No) -> Answer:
    """The answer to a change that was not carried out, and why."""
    if isinstance(no, Moved):
        return Answer(change.key, "moved", change.id)
    where = no.fault.where.partition(" model.")[0]
    fault = Fault(f"{where} {change.id or change.key}", no.fault.what, no.fault.remedy)
    return Answer(change.key, "refused", change.id, fault=fault)
