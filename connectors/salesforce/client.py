"""simple-salesforce, loaded without its SOAP client for metadata.

That client is never called here, and it alone brings in zeep and httpx: much of what a run of a quiet day would cost
(bench/README.md). The name is given back afterwards, so that whoever wants it can load it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

_PACKAGE, _UNUSED = "simple_salesforce", "simple_salesforce.metadata"


def load(module: str) -> ModuleType:
    """A module of simple-salesforce: ``api``, ``login``, ``exceptions``, ``format``."""
    if _PACKAGE not in sys.modules and _UNUSED not in sys.modules:
        stand_in = ModuleType(_UNUSED)
        stand_in.__dict__["SfdcMetadataApi"] = None
        sys.modules[_UNUSED] = stand_in
        try:
            import_module(_PACKAGE)
        finally:
            del sys.modules[_UNUSED]
    return import_module(f"{_PACKAGE}.{module}")
