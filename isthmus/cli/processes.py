"""Child processes that are surely ended: each carries a mark in its environment, and so does all that it starts.

The mark is the folder they work for. It outlives the launcher: whatever a killed one left behind is found by it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from isthmus.kernel.errors import Unavailable

MARK = "ISTHMUS_LAUNCHED_FOR"
PATIENCE_SECONDS = 5.0
TOLD_LINES = 12  # of a log
_ROUNDS = 3  # what is being ended may still start something


@dataclass(slots=True)
class Crew:
    """The processes of one folder. Logs go to ``<folder>/log/<name>.log``."""

    folder: Path
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    parts: dict[str, dict[str, int]] = field(default_factory=dict)  # of one: what it needs → number, 0: not seen yet

    def start(
        self, name: str, command: Sequence[str], environ: Mapping[str, str], *, parts: Collection[str] = ()
    ) -> None:
        """Starts one in a session of its own: a Ctrl-C in the terminal reaches only the launcher.

        ``parts`` are what it starts itself, by the last word of their commands, and must not go on without.
        """
        self.parts[name] = dict.fromkeys(parts, 0)
        # SPT_NOENV: Airflow renames its processes, which would otherwise overwrite the mark.
        marked = {**environ, MARK: str(self.folder), "SPT_NOENV": "1"}
        self.log(name).parent.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            self.started[name] = subprocess.Popen(  # noqa: S603 - our own commands
                list(command),
                env=marked,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def check(self) -> None:
        """Raises Unavailable when one that should be up, or a part of it, has ended: with the end of its log."""
        for name, process in self.started.items():
            if process.poll() is not None:
                raise self._ended(name, f"ended by itself (exit code {process.returncode})")
            if (part := self._lost_part(name, process.pid)) is not None:
                raise self._ended(name, f"{part}, a part of it, ended by itself")

    def _lost_part(self, name: str, number: int) -> str | None:
        """A part that was seen and has ended. Nobody has asked for its end yet, so that it still has its number."""
        parts, alive = self.parts[name], {}
        with suppress(psutil.Error):
            for child in psutil.Process(number).children():
                if child.status() != psutil.STATUS_ZOMBIE:
                    alive[child.pid] = " ".join(child.cmdline()[-1:])
            parts.update({what: pid for pid, what in alive.items() if parts.get(what) == 0})
            return next((what for what, pid in parts.items() if pid and pid not in alive), None)
        return None

    def _ended(self, name: str, what: str) -> Unavailable:
        lines = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-TOLD_LINES:]
        told = "".join(f"\n    {line}" for line in lines)
        return Unavailable(name, what, f"see the end of {self.log(name)}, then start again:{told}")

    def members(self) -> list[psutil.Process]:
        """Every living process that carries the mark, also those of an earlier launcher."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):  # somebody else's, or gone meanwhile
                alive = process.status() != psutil.STATUS_ZOMBIE
                if alive and process.environ().get(MARK) == str(self.folder):
                    found.append(process)
        return found

    def end(self) -> int:
        """Ends them all, first politely. Returns how many there were."""
        count = 0
        for _ in range(_ROUNDS):
            members = self.members()
            if not members:
                break
            count += len(members)
            _end(members)
        for process in self.started.values():
            process.wait()
        self.started.clear()
        self.parts.clear()
        return count


def _end(members: Sequence[psutil.Process]) -> None:
    for process in members:
        with suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(members, timeout=PATIENCE_SECONDS)
    for process in stubborn:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=PATIENCE_SECONDS)
