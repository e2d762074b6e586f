"""The network between the engine and a remote system: it delays, loses, repeats, and says no."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Protocol

from isthmus.connect.protocol import Answer, Capabilities, Change, Connector, Note
from isthmus.kernel.errors import Fault, IsthmusError, Misconfigured, Unavailable
from isthmus.kernel.records import Page, Record
from isthmus.kernel.selection import Selection
from isthmus.testing.world.weak_erp import WeakErp

#: What may go wrong with a call, each a kind that a seed enables or not.
ASKING = ("down", "quota", "auth", "spent")
READING = ("cut", "spent", "short_page", "page_again")
WRITING = ("down", "quota", "auth", "spent", "lost", "doubted", "undone", "late", "twice", "partly", "mixed_answers")
SPENT = timedelta(hours=5)  # until calls are left again
LATEST_SECONDS = 90_000  # a request may land more than a day after everybody gave up on it


@dataclass
class Weather:
    """How bad the network is. ``calm`` ends all of it."""

    dice: Random
    kinds: frozenset[str]
    badness: float = 0.12
    calm: bool = False

    def draw(self, possible: Sequence[str], share: float = 1) -> str:
        """What happens to the next call: one of the enabled kinds, or nothing (empty).

        There are many questions and few writes: ``share`` makes up for it.
        """
        if self.calm:
            return ""
        enabled = [kind for kind in possible if kind in self.kinds]
        if not enabled or self.dice.random() >= self.badness * share:
            return ""
        return self.dice.choice(enabled)


class Stage(Protocol):
    """What a line asks of its world."""

    weather: Weather

    def now(self) -> datetime: ...
    def chance(self) -> None: ...
    def interlude(self) -> None: ...
    def excuse(self, why: str) -> None: ...
    def durable(self, name: str) -> None: ...
    def post(self, delay: timedelta, deliver: Callable[[], object]) -> None: ...
    def witness(self, side: str, stream: str, changes: Sequence[Change]) -> None: ...
    def witness_note(self, side: str) -> None: ...
    def count(self, what: str) -> None: ...


class Line:
    """A connector as the engine sees it: the near end of the line."""

    def __init__(self, stage: Stage, side: str, far: Connector) -> None:
        self._stage, self._side, self._far = stage, side, far
        self._spent_until: datetime | None = None
        self.capabilities: Capabilities = replace(
            far.capabilities, remote=True, batch_size=min(3, far.capabilities.batch_size)
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._far, name)

    def read(self, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:
        self._ask()
        for page in self._far.read(selection, since, overlap):
            fate = self._draw(READING)
            yield self._shorten(page) if fate == "short_page" else page
            if fate == "page_again":
                yield deepcopy(page)
            if fate in ("cut", "spent"):
                self._fail(fate)
            self._stage.chance()
            self._stage.interlude()

    def _shorten(self, page: Page) -> Page:
        if page.records:
            self._stage.excuse("short_page")
        return replace(page, records=page.records[:-1])

    def fetch(self, selection: Selection, ids: Sequence[str]) -> list[Record]:
        self._ask()
        return self._far.fetch(selection, ids)

    def find(self, stream: str, fields: tuple[str, ...], values: Sequence[tuple[str, ...]]) -> Any:
        self._ask()
        return self._far.find(stream, fields, values)

    def find_keys(self, stream: str, keys: Sequence[str]) -> dict[str, str]:
        self._ask()
        return self._far.find_keys(stream, keys)

    def _ask(self) -> None:
        self._stage.chance()
        if fate := self._draw(ASKING):
            self._fail(fate)

    def _draw(self, possible: Sequence[str]) -> str:
        """What happens to a call that asks; who has no calls left gets no answer to any."""
        self._refuse_spent()
        fate = self._stage.weather.draw(possible, 0.25)
        if fate:
            self._stage.count(f"{fate} while asking")
        return fate

    def _refuse_spent(self) -> None:
        if self._spent_until is None or self._stage.weather.calm:
            return
        if self._stage.now() < self._spent_until:
            self._fail("quota")
        self._spent_until = None

    def _fail(self, fate: str) -> None:
        where = f"{self._side} line"
        if fate == "spent":
            self._spent_until = self._stage.now() + SPENT
            fate = "quota"
        if fate == "auth":
            raise Misconfigured(where, "the login is refused", "correct the password")
        if fate == "quota":
            raise Unavailable(where, "no calls are left today", "try tomorrow", retry_after_seconds=3600)
        raise Unavailable(where, "no answer", "try again")

    def write(self, stream: str, changes: Sequence[Change], within: object | None = None) -> list[Answer]:
        if within is not None:
            raise AssertionError("nobody's transaction reaches that far")
        self._stage.witness(self._side, stream, changes)
        self._stage.chance()
        self._stage.durable(f"before write to the {self._side}")
        self._refuse_spent()
        fate = self._stage.weather.draw(WRITING, 4)
        if fate:
            self._stage.count(f"{fate} while writing")
        answers = self._send(stream, changes, fate)
        self._stage.durable(f"after write to the {self._side}")
        return answers

    def _send(self, stream: str, changes: Sequence[Change], fate: str) -> list[Answer]:
        if fate in ("down", "quota", "auth", "spent"):
            self._fail(fate)
        if fate == "undone":
            return _doubt(changes)
        if fate == "late":
            self._post(stream, changes)
            self._fail("down")
        if fate == "partly":
            half = (len(changes) + 1) // 2
            return [*self._far.write(stream, changes[:half]), *_doubt(changes[half:])]
        copies = deepcopy(list(changes)) if fate == "twice" else []
        answers = self._far.write(stream, changes)
        if copies:
            self._repeat(stream, copies)
        if fate == "lost":
            self._fail("down")
        if fate == "mixed_answers":
            self._stage.excuse(fate)
            return answers[:0:-1]
        return _doubt(changes) if fate == "doubted" else answers

    def _post(self, stream: str, changes: Sequence[Change]) -> None:
        dice = self._stage.weather.dice
        seconds = dice.choice((5, 60, 900, 7200, LATEST_SECONDS))
        copies = deepcopy(list(changes))
        self._stage.post(timedelta(seconds=dice.randrange(seconds)), lambda: self._repeat(stream, copies))

    def _repeat(self, stream: str, changes: Sequence[Change]) -> None:
        """A request arrives that nobody waits for. A system without keys does not see that it has it already."""
        weak = self._far if isinstance(self._far, WeakErp) else None
        if weak:
            weak.is_hasty = True
        try:
            self._far.write(stream, changes)
        except IsthmusError:
            self._stage.count("refused on late arrival")
        finally:
            if weak:
                weak.is_hasty = False

    def annotate(self, stream: str, notes: Sequence[Note]) -> list[Fault | None]:
        self._stage.witness_note(self._side)
        self._stage.chance()
        self._stage.durable(f"before note to the {self._side}")
        self._refuse_spent()
        fate = self._stage.weather.draw(("down", "quota", "lost"))
        if fate in ("down", "quota"):
            self._fail(fate)
        faults = self._far.annotate(stream, notes)
        if fate == "lost":
            self._fail("down")
        self._stage.durable(f"after note to the {self._side}")
        return faults


def _doubt(changes: Sequence[Change]) -> list[Answer]:
    fault = Fault("line", "nobody knows whether it was written", "it is looked up")
    return [Answer(one.key, "in_doubt", one.id, fault=fault) for one in changes]
