"""Texts from the command line as they are, without pydantic.

Typer makes a pydantic adapter for every parameter, even for a text and for what was not given, and loading pydantic is
a tenth of what a run on a quiet day costs (bench/README.md). Numbers, choices and paths still go through it.
"""

from __future__ import annotations

from typing import Any

import typer.core
from typer._coercion import RuntimeParam, TypeDescriptor, build_runtime_param


class _AsGiven(RuntimeParam):
    """Passes what is text already; anything else goes the way that Typer goes."""

    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        if isinstance(value, str) and self.annotation is str:
            return value
        if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
            return list(value)
        return build_runtime_param(param.type_descriptor).coerce(value, param, ctx)


def _build(descriptor: TypeDescriptor) -> RuntimeParam:
    info, annotation = descriptor.parameter_info, descriptor.annotation
    if annotation in (str, bool, list[str]) and info.parser is None:
        return _AsGiven(info, annotation)
    return build_runtime_param(descriptor)


def take_texts_as_given() -> None:
    """From now on Typer does so in this process."""
    typer.core.build_runtime_param = _build  # type: ignore[attr-defined]
