"""Workers that crash, and workers that stand still for longer than their lease."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta


class Crash(BaseException):
    """The process is gone. Nobody may catch this, and whoever cleans up on its way writes nothing any more."""


@dataclass
class Worker:
    """One process that runs mappings. ``steps`` are the durable steps that it has taken."""

    name: str
    mapping: str = ""
    dead: bool = False
    steps: list[str] = field(default_factory=list)
    crashes_at: int = 0  # before its n-th durable step; 0: never
    pauses_at: int = 0  # at its n-th chance to stand still; 0: never
    chances: int = 0
    skew: timedelta = timedelta()  # how much its own clock is ahead
    meanwhile: Callable[[], None] | None = None  # what the world does while it stands still
    watched: Callable[[], None] | None = None  # told before each durable step

    def durable(self, name: str) -> None:
        """A step that outlives the process is about to be taken, or has been."""
        self.live()
        self.steps.append(name)
        if self.watched is not None:
            self.watched()
        if len(self.steps) == self.crashes_at:
            self.dead = True
            raise Crash(f"{self.name} before step {self.crashes_at}: {name}")

    def chance(self) -> None:
        """The worker may stand still here: who needs what it has locked does not have to wait for it."""
        self.live()
        self.chances += 1
        if self.chances == self.pauses_at and self.meanwhile is not None:
            self.meanwhile()

    def live(self) -> None:
        """A dead process does nothing more."""
        if self.dead:
            raise Crash(self.name)
