"""simple-salesforce, loaded without what a run of a quiet day would pay for in vain (bench/README.md).

Its SOAP client for metadata brings in zeep and httpx, PyJWT all of cryptography, and only who logs in with a private
key needs something signed. What it takes from these modules loads them when it is called; their names are given back
at once, so that whoever else wants the modules can load them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

_PACKAGE = "simple_salesforce"
_LATE = ("simple_salesforce.metadata", "jwt", "more_itertools")


class _StandIn(ModuleType):
    """A module in name only: whatever is taken from it loads the real one when it is called."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*given: Any, **named: Any) -> Any:
            return getattr(import_module(self.__name__), name)(*given, **named)

        return call


def load(module: str) -> ModuleType:
    """A module of simple-salesforce: ``api``, ``login``, ``exceptions``, ``format``."""
    if _PACKAGE not in sys.modules:
        stand_ins = {name: _StandIn(name) for name in _LATE if name not in sys.modules}
        sys.modules.update(stand_ins)
        try:
            import_module(_PACKAGE)
        finally:
            for name in stand_ins:
                del sys.modules[name]
    return import_module(f"{_PACKAGE}.{module}")
