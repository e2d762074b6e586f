"""The audit as a whole: all chains verified, and their heads exported, to be kept where nobody can change both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from isthmus.kernel.errors import Misconfigured
from isthmus.state import chain
from isthmus.state.chain import Break, Head, Verification

BREAKS_MOST = 20  # of one chain: more of them say nothing new
NOWHERE = "(no page)"  # stands for the chain of entries that belong to none


@dataclass(slots=True)
class Verdict:
    """What was looked at, chain by chain (pages, entries), and every break with the chain's name."""

    chains: dict[str, tuple[int, int]] = field(default_factory=dict)
    breaks: list[tuple[str, Break]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Pages and entries together."""
        return sum(pages + entries for pages, entries in self.chains.values())


def verify(
    connection: Connection, kept: Mapping[str, Head], on_chain: Callable[[str], None] = lambda _name: None
) -> Verdict:
    """Recomputes every chain from its stored rows; each must lead through its ``kept`` head, if one was exported."""
    verdict = Verdict()
    with chain.as_stored(connection):
        for name in sorted({*chain.chains(connection), *kept}):
            on_chain(name)
            one = Verification(connection, name, kept.get(name))
            verdict.breaks += [(name, found) for found in _first(one.breaks())]
            verdict.chains[name] = one.pages, one.entries
        verdict.breaks += [(NOWHERE, found) for found in chain.orphans(connection)]
    return verdict


def _first(breaks: Iterator[Break]) -> Iterator[Break]:
    """The first breaks of a chain; the rest of it is looked at all the same."""
    for number, found in enumerate(breaks):
        if number < BREAKS_MOST:
            yield found


def write_heads(heads: Mapping[str, Head], *, at: str) -> str:
    """Heads as they are kept elsewhere: JSON."""
    told = {name: {"pages": one.pages, "link": one.link} for name, one in heads.items()}
    return json.dumps({"exported_at": at, "heads": told}, indent=2) + "\n"


def read_heads(text: str, *, where: str) -> dict[str, Head]:
    """What `write_heads` wrote. Raises Misconfigured for anything else."""
    try:
        told = json.loads(text)["heads"]
        heads = {str(name): Head(one["pages"], one["link"]) for name, one in told.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        heads = None
    if heads is None or not all(type(one.pages) is int and type(one.link) is str for one in heads.values()):
        raise Misconfigured(where, "holds no heads", "name a file that `isthmus audit heads` wrote")
    return heads
