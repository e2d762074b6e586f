"""Child processes that are surely ended: each carries a mark in its environment, and so does all that it starts.

The mark is the folder they work for. It outlives the launcher: whatever a killed one left behind is found by it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from isthmus.kernel.errors import Unavailable

MARK = "ISTHMUS_LAUNCHED_FOR"
PATIENCE_SECONDS = 5.0
_ROUNDS = 3  # what is being ended may still start something


@dataclass(slots=True)
class Crew:
    """The processes of one folder. Logs go to ``<folder>/log/<name>.log``."""

    folder: Path
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Starts one in a session of its own: a Ctrl-C in the terminal reaches only the launcher."""
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
        """Raises Unavailable when one that should be up has ended."""
        for name, process in self.started.items():
            if process.poll() is not None:
                what = f"ended by itself (exit code {process.returncode})"
                raise Unavailable(name, what, f"see {self.log(name)}, then start again")

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
