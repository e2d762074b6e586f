"""simple-salesforce, loaded without what a run of a quiet day would pay for in vain (bench/README.md).

Its SOAP client for metadata is never called here, and it alone brings in zeep and httpx. PyJWT brings in all of
cryptography, and signs only for who logs in with a private key: it is loaded when something of it is used. Both names
are given back afterwards, so that whoever wants the modules can load them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_PACKAGE = "simple_salesforce"
#: What is left out, with the names that the package takes from there while it is loaded.
_LEFT_OUT: dict[str, dict[str, None]] = {"simple_salesforce.metadata": {"SfdcMetadataApi": None}, "jwt": {}}


class _StandIn(ModuleType):
    """A module in name only: the real one is loaded when it is asked for something."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__dict__.update(_LEFT_OUT[name])

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            raise AttributeError(name)
        return getattr(import_module(self.__name__), name)


def load(module: str) -> ModuleType:
    """A module of simple-salesforce: ``api``, ``login``, ``exceptions``, ``format``."""
    if _PACKAGE not in sys.modules:
        stand_ins = {name: _StandIn(name) for name in _LEFT_OUT if name not in sys.modules}
        sys.modules.update(stand_ins)
        try:
            import_module(_PACKAGE)
        finally:
            for name in stand_ins:
                del sys.modules[name]
    return import_module(f"{_PACKAGE}.{module}")
