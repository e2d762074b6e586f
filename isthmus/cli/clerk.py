"""``isthmus erp``: the finance clerk's side of the built-in ERP."""

from __future__ import annotations

import typer

app = typer.Typer(help="The finance clerk's side of the built-in ERP.", no_args_is_help=True)
