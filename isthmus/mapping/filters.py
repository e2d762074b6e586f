"""The terms of ``where`` and ``when``, compiled once and evaluated on a record exactly as a system evaluates them."""

from __future__ import annotations

from collections.abc import Callable

from isthmus.kernel.records import Fields
from isthmus.kernel.selection import Term, look_up, steps_of, value_test


def compile_terms(terms: tuple[Term, ...]) -> Callable[[Fields], Term | None]:
    """A function that gives the first term a record fails, or None when it passes all."""
    tests = tuple((term, steps_of(term.field), value_test(term)) for term in terms)

    def first_failed(fields: Fields) -> Term | None:
        for term, path, test in tests:
            if not test(look_up(fields, path)):
                return term
        return None

    return first_failed
