"""The five errors, grouped by what happens next, and the exit code of each.

IsthmusError
├── Misconfigured   stop before any effect            exit 2
├── Refused         the record goes to the worklist   exit 1
├── Unavailable     try later, watermark kept         exit 75
├── Moved           plan once more, then conflict     exit 75
└── Broken          our invariant failed: roll back   exit 70

Every error and every fault reads ``where: what; remedy`` in the user's words and holds no secret.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A wrong thing as a value: collected, listed and shown, never raised by itself."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.remedy}" if self.remedy else f"{self.where}: {self.what}"


class IsthmusError(Exception):
    """The root of all our errors."""

    exit_code = 70

    def __init__(self, where: str, what: str, remedy: str = "") -> None:
        super().__init__(where, what, remedy)  # all arguments, so that it pickles
        self.fault = Fault(where, what, remedy)

    def __str__(self) -> str:
        return str(self.fault)


class Misconfigured(IsthmusError):
    """A file, connection or right is wrong: nothing was read or written."""

    exit_code = 2

    def __init__(self, where: str, what: str, remedy: str = "", *, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(where, what, remedy)
        self.faults = faults or (self.fault,)


class Refused(IsthmusError):
    """A system, or the built-in ERP, said no to one record."""

    exit_code = 1


class Unavailable(IsthmusError):
    """A system cannot be reached or has no quota left; the same request may succeed later."""

    exit_code = 75

    def __init__(self, where: str, what: str, remedy: str = "", *, retry_after_seconds: float | None = None) -> None:
        super().__init__(where, what, remedy)
        self.retry_after_seconds = retry_after_seconds


class Moved(IsthmusError):
    """The target is no longer at the version that the change expected."""

    exit_code = 75


class Broken(IsthmusError):
    """An invariant of ours does not hold. Rolled back; a bug report is due."""

    exit_code = 70
