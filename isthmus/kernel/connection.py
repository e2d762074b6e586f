"""Where a system is: the plain value that settings read and connectors take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a system is and who we are there, as an Airflow connection or its environment variable says it."""

    name: str  # `salesforce_default`
    type: str  # `salesforce`: the connector's module
    host: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    port: int | None = None
    schema: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
