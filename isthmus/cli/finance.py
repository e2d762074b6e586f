"""``isthmus erp``, whole: the clerk's words, and those that sit at the clerk's desk."""

from __future__ import annotations

import typer

from isthmus.cli import accounts, prices
from isthmus.cli.clerk import app as desk

accounts.register(desk)
prices.register(desk)


def register(outer: typer.Typer) -> None:
    outer.add_typer(desk, name="erp")
