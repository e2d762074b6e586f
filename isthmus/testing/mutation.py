"""Plants a bug: a few words of a production function are exchanged, in memory, for as long as a test runs.

Production code has no switches for this. An edit that no longer fits its function says so, and is planted anew.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import FunctionType
from typing import Any


@dataclass(frozen=True, slots=True)
class Edit:
    """Words of one function and what stands there instead. ``at`` is ``module:function`` or ``module:Class.method``."""

    at: str
    old: str
    new: str


@contextmanager
def planted(edits: Sequence[Edit]) -> Iterator[None]:
    """The functions are wrong inside, and right again outside."""
    with ExitStack() as stack:
        for at in dict.fromkeys(edit.at for edit in edits):
            stack.enter_context(_planted(at, [edit for edit in edits if edit.at == at]))
        yield


@contextmanager
def _planted(at: str, edits: Sequence[Edit]) -> Iterator[None]:
    owner, name, right = _find(at)
    wrong = _rewritten(right, edits)
    places = [(owner, name)] if inspect.isclass(owner) else list(_holders(right))
    for place, known_as in places:
        setattr(place, known_as, wrong)
    try:
        yield
    finally:
        for place, known_as in places:
            setattr(place, known_as, right)


def _find(at: str) -> tuple[Any, str, FunctionType]:
    module, _, path = at.partition(":")
    owner: Any = import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    return owner, name, getattr(owner, name)


def _holders(right: FunctionType) -> Iterator[tuple[Any, str]]:
    """Every module of ours that knows a function by some name."""
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").partition(".")[0] in ("isthmus", "connectors"):
            yield from ((module, name) for name, value in list(vars(module).items()) if value is right)


def _rewritten(right: FunctionType, edits: Sequence[Edit]) -> FunctionType:
    source = textwrap.dedent(inspect.getsource(right))
    for edit in edits:
        if source.count(edit.old) != 1:
            raise LookupError(f"{edit.at} has {source.count(edit.old)} times {edit.old!r}: plant this bug anew")
        source = source.replace(edit.old, edit.new)
    scope: dict[str, Any] = {}
    exec(compile(source, f"<planted in {edits[0].at}>", "exec"), dict(right.__globals__), scope)  # noqa: S102
    made = FunctionType(scope[right.__name__].__code__, right.__globals__, right.__name__, right.__defaults__)
    made.__kwdefaults__ = right.__kwdefaults__
    return made
