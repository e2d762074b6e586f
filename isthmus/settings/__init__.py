"""The one door to the environment: ``isthmus.yaml``, its overrides, and the connections to both systems."""

from __future__ import annotations

import os
from collections.abc import Mapping

from isthmus.settings.connections import connection, kept_connections
from isthmus.settings.file import BUILTIN, Limits, Settings, load_settings, shipped

__all__ = ["BUILTIN", "Limits", "Settings", "connection", "environment", "kept_connections", "load_settings", "shipped"]


def environment() -> Mapping[str, str]:
    """The process's environment as it is now. Nothing else reads it: everyone is handed values."""
    return dict(os.environ)
