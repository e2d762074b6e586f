"""The one door to the environment: ``isthmus.yaml``, its overrides, and the connections to both systems."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from isthmus.settings.connections import connection
from isthmus.settings.file import BUILTIN, Limits, Settings, load_settings

__all__ = ["BUILTIN", "Limits", "Settings", "connection", "environment", "load_settings", "shipped"]

_PACKAGE = Path(__file__).resolve().parent.parent


def environment() -> Mapping[str, str]:
    """The process's environment as it is now. Nothing else reads it: everyone is handed values."""
    return dict(os.environ)


def shipped(name: str) -> Path:
    """The folder ``mappings`` or ``schemas``: inside an installed package, or at the root of a checkout."""
    packaged = _PACKAGE / "shipped" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name
