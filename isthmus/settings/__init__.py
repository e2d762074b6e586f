"""The one door to the environment: ``isthmus.yaml``, its overrides, and the connections to both systems."""

from __future__ import annotations

import os
from collections.abc import Mapping

from isthmus.settings import people
from isthmus.settings.alerts import Alerts
from isthmus.settings.connections import connection, kept_connections
from isthmus.settings.file import BUILTIN, Limits, Settings, load_settings, shipped
from isthmus.settings.people import People

__all__ = [
    "BUILTIN", "Alerts", "Limits", "People", "Settings",
    "connection", "environment", "kept_connections", "load_settings", "require", "shipped",
]  # fmt: skip


def environment() -> Mapping[str, str]:
    """The process's environment as it is now. Nothing else reads it: everyone is handed values."""
    return dict(os.environ)


def require(settings: Settings, who: str, right: str) -> None:
    """Raises Refused, in words that help, unless ``who`` (``cli:ada``, ``airflow:ada``) may do this."""
    people.require(settings.people, who, right)
