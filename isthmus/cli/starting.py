"""``isthmus init``: the mapping files of two systems, from what each connector says of its own, and the settings."""

from __future__ import annotations

import json
import os.path
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus.cli.call import Call, command
from isthmus.kernel.errors import Fault, Misconfigured
from isthmus.settings import BUILTIN

if TYPE_CHECKING:
    from isthmus.kernel.units import Side
    from isthmus.vocabulary.join import Joined, Pair
    from isthmus.vocabulary.words import Vocabulary

CRM = Annotated[str, typer.Option("--crm", help="The CRM: the type of its connector, such as salesforce.")]
ERP = Annotated[str, typer.Option("--erp", help="The ERP: builtin, tryton, or the type of another connector.")]
FOLDER = Annotated[str | None, typer.Option("--folder", help="Where the files go; else mappings/CRM_ERP.")]
FORCE = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]

_SETTINGS = """\
# Which two systems Isthmus joins, and where it remembers. Secrets are not here: connections come from Airflow, from
# AIRFLOW_CONN_<NAME> in the environment, or from the file named by `connections`. Paths are relative to this file.
@CRM@
@ERP@
database: sqlite:///var/isthmus.db    # or postgresql://user@host/name; ISTHMUS_DATABASE wins
mappings: @MAPPINGS@
connections: var/connections.env
time_zone: UTC                        # where the books are kept, such as Europe/Berlin: which day an instant belongs to
"""


def init(call: Call, crm: CRM, erp: ERP, *, folder: FOLDER = None, force: FORCE = False) -> None:
    """Write the mapping files of two systems, and isthmus.yaml where there is none.

    Example: isthmus init --crm salesforce --erp tryton
    """
    from isthmus.vocabulary.join import join
    from isthmus.vocabulary.load import find_vocabulary
    from isthmus.vocabulary.write import write

    pair = join(find_vocabulary(crm, "crm"), find_vocabulary(erp, "erp"))
    if not pair.joined:
        told = tuple(Fault(entity, f"not carried; {why}", "") for entity, why in pair.left_out.items())
        raise Misconfigured(told[0].where, told[0].what, faults=told)
    settings = _settings_file(call)
    target = Path(folder) if folder else settings.parent / "mappings" / pair.folder
    texts = {target / name: text for name, text in write(pair, schema=_schema_from(target)).items()}
    is_new = not settings.exists()
    if is_new:
        texts[settings] = _settings(pair, os.path.relpath(target.absolute(), settings.parent))
    _put(texts, force=force)
    call.finish(
        {
            "written": [str(path) for path in texts],
            "carried": {one.entity.name: _counted(one) for one in pair.joined},
            "left_out": dict(pair.left_out),
        },
        lambda: _tell(call, pair, target, settings=settings if is_new else None),
    )


def _settings_file(call: Call) -> Path:
    """Where the settings are, or will be. Raises Misconfigured when they are there and wrong."""
    try:
        return call.settings.file
    except Misconfigured as error:
        missing = Path(error.fault.where)
        if missing.name == error.fault.where or missing.exists():  # a place in a file that is there
            raise
        return missing


def _schema_from(folder: Path) -> str | None:
    """The way to the mappings' schema, for editors; None where the files stand apart from it."""
    from isthmus.mapping.entities import schemas_folder

    schemas = schemas_folder()
    if not folder.resolve().is_relative_to(schemas.parent):
        return None
    return Path(os.path.relpath(schemas / "mapping.json", folder.resolve())).as_posix()


def _put(texts: dict[Path, str], *, force: bool) -> None:
    """Writes all files, or none."""
    remedy = "say --force to overwrite, or --folder for another place"
    taken = tuple(Fault(str(path), "is there already", remedy) for path in texts if path.exists())
    if taken and not force:
        raise Misconfigured(taken[0].where, taken[0].what, taken[0].remedy, faults=taken)
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Misconfigured(str(path), f"cannot be written: {error.strerror}", "name another place") from None


# --- settings -----------------------------------------------------------------------------------------------------


def _settings(pair: Pair, mappings: str) -> str:
    """A first isthmus.yaml, with how each connection is made."""
    sides: dict[Side, Vocabulary] = {"crm": pair.crm, "erp": pair.erp}
    text = _SETTINGS.replace("@MAPPINGS@", Path(mappings).as_posix())
    for side, system in sides.items():
        text = text.replace(f"@{side.upper()}@", "\n".join([*_hints(system), f"{side}: {_named(system)}"]))
    return text


def _named(system: Vocabulary) -> str:
    """What isthmus.yaml says of a system; ours needs no connection."""
    return BUILTIN if system.connection is None else f"{{connection: {system.type}_default}}"


def _hints(system: Vocabulary) -> list[str]:
    """How the connection is made: one that Airflow keeps is seen by its tasks only."""
    if system.connection is None:
        return []
    told = json.dumps({"conn_type": system.type, **system.connection}, ensure_ascii=False)
    name = f"{system.type}_default"
    return [
        f"#   for Airflow's tasks: airflow connections add {name} --conn-json '{told}'",
        f"#   for the command line, in var/connections.env: AIRFLOW_CONN_{name.upper()}={told}",
    ]


# --- in words -----------------------------------------------------------------------------------------------------


def _counted(joined: Joined) -> dict[str, Any]:
    return {
        "rows": len(joined.rows) + len(joined.lines),
        "left_out": {one.path: one.why for one in joined.left_out},
    }


def _near(path: Path) -> Path:
    """A path as it is seen from here, where it is below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _tell(call: Call, pair: Pair, folder: Path, *, settings: Path | None) -> None:
    screen = call.screen
    for one in pair.joined:
        counted = _counted(one)
        left = f"; not carried, the file says why: {', '.join(counted['left_out'])}" if counted["left_out"] else ""
        screen.line(f"wrote {_near(folder / one.entity.name)}.yaml: {counted['rows']} rows{left}")
    for entity, why in pair.left_out.items():
        screen.line(f"no {entity}: {why}")
    screen.line()
    if settings:
        screen.line(f"wrote {_near(settings)}: it says how the connections are made")
    elif call.settings.mappings.resolve() != folder.resolve():
        screen.line(f"{_near(call.settings.file)} is as it was. To use these files, let it say:")
        mappings = Path(os.path.relpath(folder.absolute(), call.settings.file.parent)).as_posix()
        screen.lines(f"  crm: {_named(pair.crm)}\n  erp: {_named(pair.erp)}\n  mappings: {mappings}")
    screen.line("next:")
    screen.line("  isthmus test             the files' own tests; no system is needed")
    screen.line("  isthmus check            everything that is wrong, before anything runs")
    screen.line(f"  isthmus plan {pair.joined[0].entity.name:<11} what a sync would do, without doing it")


def register(app: typer.Typer) -> None:
    command(app)(init)
