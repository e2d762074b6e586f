"""The day's allowance of API calls: 24 hours rolling by the organisation's clock, counted by the hour."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from isthmus.playground.store import Store

DAILY_CALLS = 1_000_000


class Usage:
    """Counts calls; the setting ``daily_calls`` may be lowered to see a client run out."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._hours: dict[datetime, int] = {}
        self._lock = threading.Lock()

    def count(self) -> None:
        """One more call."""
        hour = self._store.now().replace(minute=0, second=0, microsecond=0)
        with self._lock:
            if hour not in self._hours:
                self._hours = {old: calls for old, calls in self._hours.items() if old > hour - timedelta(hours=24)}
            self._hours[hour] = self._hours.get(hour, 0) + 1

    def spent(self) -> tuple[int, int]:
        """Calls of the last 24 hours, and how many are allowed."""
        return sum(self._hours.values()), int(self._store.setting("daily_calls", DAILY_CALLS))
