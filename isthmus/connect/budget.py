"""A share of a system's request quota."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from isthmus.kernel.errors import Unavailable

Priority = Literal["low", "normal", "high"]


class Budget:
    """How much of a system's quota may be used; ``read_usage`` finds (used, total) in the headers of an answer."""

    def __init__(
        self,
        where: str,
        read_usage: Callable[[Mapping[str, str]], tuple[int, int] | None],
        *,
        low_percent: int = 80,
        percent: int = 95,
    ) -> None:
        self._where = where
        self._read_usage = read_usage
        self._limits: dict[Priority, int] = {"low": low_percent, "normal": percent, "high": 100}
        self._usage = (0, 0)

    def note(self, headers: Mapping[str, str]) -> None:
        """Remembers what the answer says about the quota."""
        self._usage = self._read_usage(headers) or self._usage

    def check(self, priority: Priority) -> None:
        """Raises Unavailable when requests of this priority have used their share."""
        used, total = self._usage
        limit = self._limits[priority]
        if total and used * 100 >= total * limit:
            raise Unavailable(
                self._where,
                f"{used} of {total} requests of the daily quota are used, and work of {priority} priority stops at "
                f"{limit} %",
                "wait until older requests leave the 24-hour window, raise the quota, or the share in the connection",
                retry_after_seconds=3600,
            )
