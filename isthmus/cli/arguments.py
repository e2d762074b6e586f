"""Texts from the command line as they are, without pydantic.

Typer makes a pydantic adapter for every parameter, even for a text and for what was not given, and loading pydantic is
a tenth of what a run on a quiet day costs (bench/README.md). Numbers, choices and paths still go through it. The door
is Typer's own and may move: where it is not found, everything goes through pydantic, as Typer ships it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any


def take_texts_as_given() -> None:
    """From now on Typer does so in this process, if it is a Typer that can."""
    with suppress(ImportError, AttributeError):
        _take_texts_as_given()


def _take_texts_as_given() -> None:
    import typer.core
    from typer._coercion import RuntimeParam

    build = typer.core.build_runtime_param  # type: ignore[attr-defined]

    class AsGiven(RuntimeParam):
        """Passes what is text already; anything else goes the way that Typer goes."""

        def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
            if isinstance(value, str) and self.annotation is str:
                return value
            if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
                return list(value)
            return build(param.type_descriptor).coerce(value, param, ctx)

    def build_lean(descriptor: Any) -> Any:
        info, annotation = descriptor.parameter_info, descriptor.annotation
        is_plain = annotation in (str, bool, list[str]) and info.parser is None
        return AsGiven(info, annotation) if is_plain else build(descriptor)

    typer.core.build_runtime_param = build_lean  # type: ignore[attr-defined]
