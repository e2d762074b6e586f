"""The closed set of functions: each is one declaration that is code, documentation and test at once.

A function takes a text and gives a text, in the direction system → entity. ``backward`` is the way back; its law is
that what is written reads again as the same: forward(backward(forward(x))) = forward(x).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from isthmus.mapping.countries import country_code

Step = Callable[[str], str]
Argument = str | int


class Unfit(ValueError):
    """A value that cannot be translated: what is wrong with it and, if it is known here, what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of a function; all are required."""

    name: str
    kind: type[str | int]
    about: str


@dataclass(frozen=True, slots=True)
class Example:
    """``given`` becomes ``gives``, or is refused with the text ``refuses``."""

    given: str
    gives: str | None = None
    arguments: tuple[tuple[str, Argument], ...] = ()
    refuses: str | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """One function. ``forward`` and ``backward`` take the arguments by name and give the step."""

    name: str
    about: str
    examples: tuple[Example, ...]
    forward: Callable[..., Step]
    backward: Callable[..., Step] | None = None
    parameters: tuple[Parameter, ...] = ()


def _collapse(text: str) -> str:
    return " ".join(text.split())


def _country(text: str) -> str:
    code = country_code(text)
    if code is None:
        raise Unfit(f"'{text[:60]}' is not a country we know", "use the two-letter code of ISO 3166")
    return code


def _truncate(length: int) -> Step:
    return lambda text: text[:length]


def _add_prefix(prefix: str) -> Step:
    return lambda text: prefix + text


def _strip_prefix(prefix: str) -> Step:
    def strip(text: str) -> str:
        if not text.startswith(prefix):
            raise Unfit(f"'{text[:60]}' does not begin with '{prefix}'", f"put '{prefix}' in front of it")
        return text[len(prefix) :]

    return strip


_PREFIX = (Parameter("prefix", str, "The text in front."),)

FUNCTIONS = (
    Function(
        "trim",
        "Takes away blanks and line breaks at both ends.",
        (Example("  PO 7 ", "PO 7"), Example("PO 7", "PO 7")),
        lambda: str.strip,
        lambda: str.strip,
    ),
    Function(
        "collapse_blanks",
        "Makes one blank of each run of blanks, tabs and line breaks, and takes away those at both ends.",
        (Example(" Alder  &\n Ash ", "Alder & Ash"),),
        lambda: _collapse,
        lambda: _collapse,
    ),
    Function("upper", "All letters large.", (Example("de 123", "DE 123"),), lambda: str.upper, lambda: str.upper),
    Function(
        "lower",
        "All letters small.",
        (Example("Ada@Alder.Example", "ada@alder.example"),),
        lambda: str.lower,
        lambda: str.lower,
    ),
    Function(
        "country_code",
        "Turns a country's English name or its two- or three-letter code into the two-letter code of ISO 3166.",
        (
            Example("Germany", "DE"),
            Example("united states", "US"),
            Example("fr", "FR"),
            Example("CHE", "CH"),
            Example("Narnia", refuses="'Narnia' is not a country we know; use the two-letter code of ISO 3166"),
        ),
        lambda: _country,
        lambda: _country,
    ),
    Function(
        "truncate",
        "Cuts a text after so many characters. What is cut is lost, so it cannot be written back.",
        (Example("abcdef", "abc", (("length", 3),)), Example("ab", "ab", (("length", 3),))),
        _truncate,
        parameters=(Parameter("length", int, "The number of characters to keep."),),
    ),
    Function(
        "add_prefix",
        "Puts a text in front; the way back takes it away and refuses what does not have it.",
        (Example("1042", "SF-1042", (("prefix", "SF-"),)),),
        _add_prefix,
        _strip_prefix,
        _PREFIX,
    ),
    Function(
        "strip_prefix",
        "Takes a text away from the front and refuses what does not have it; the way back puts it there.",
        (
            Example("SF-1042", "1042", (("prefix", "SF-"),)),
            Example("1042", None, (("prefix", "SF-"),), "'1042' does not begin with 'SF-'; put 'SF-' in front of it"),
        ),
        _strip_prefix,
        _add_prefix,
        _PREFIX,
    ),
)


@cache
def function_table() -> dict[str, Function]:
    """The functions by name."""
    return {function.name: function for function in FUNCTIONS}


def documentation() -> str:
    """The functions as Markdown, examples included, for the reference pages."""
    parts = ["# Functions\n\nUsed in `via:`, in the direction system → entity.\n"]
    for function in FUNCTIONS:
        back = "Can be written back." if function.backward else "Cannot be written back."
        parts.append(f"## {function.name}\n\n{function.about} {back}\n")
        if function.parameters:
            parts.append("".join(f"- `{one.name}` ({_KINDS[one.kind]}): {one.about}\n" for one in function.parameters))
        parts.append("```\n" + "".join(_example(function, one) for one in function.examples) + "```\n")
    return "\n".join(parts)


_KINDS: dict[type, str] = {str: "text", int: "whole number"}


def _example(function: Function, example: Example) -> str:
    call = function.name
    if example.arguments:
        call = f"{{{function.name}: {example.arguments[0][1]}}}"
    result = repr(example.gives) if example.refuses is None else f"refused: {example.refuses}"
    return f"{example.given!r}  via {call}  →  {result}\n"
