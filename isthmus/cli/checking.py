"""``isthmus check``, ``test`` and ``functions``: is everything right before anything runs?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from isthmus.cli.call import Call, command
from isthmus.kernel.errors import Fault, IsthmusError, Misconfigured, Unavailable
from isthmus.kernel.units import SIDES

if TYPE_CHECKING:
    from isthmus.connect.protocol import Connector
    from isthmus.kernel.units import Side
    from isthmus.mapping.spec import MappingSpec

T = TypeVar("T")


@dataclass(slots=True)
class _Findings:
    """What is in order, and everything that is not."""

    fine: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    later: list[Unavailable] = field(default_factory=list)

    def gather(self, work: Callable[[], T]) -> T | None:
        """The work's result; None when it failed, with its faults kept."""
        try:
            return work()
        except Unavailable as error:
            self.later.append(error)
        except Misconfigured as error:
            self.faults.extend(error.faults)
        except IsthmusError as error:
            self.faults.append(error.fault)
        return None

    def judge(self) -> None:
        """Raises what was found: Misconfigured for anything wrong, else Unavailable for what did not answer."""
        every = tuple(dict.fromkeys([*self.faults, *(error.fault for error in self.later)]))
        if self.faults:
            raise Misconfigured(every[0].where, every[0].what, every[0].remedy, faults=every)
        if self.later:
            raise self.later[0]


def check(call: Call) -> None:
    """Find everything that is wrong with files, database, connections and fields, before anything runs.

    Example: isthmus check
    """
    findings = _Findings()
    findings.fine["settings"] = str(call.settings.file)
    specs = findings.gather(lambda: _mappings(call, findings)) or ()
    is_empty = bool(findings.gather(lambda: _database(call, findings)))
    with ExitStack() as opened:
        systems = _systems(call, findings, opened, is_empty=is_empty)
        for side, connector in systems.items():
            _describe(side, connector, specs=specs, findings=findings)
    promises = []
    if len(systems) == len(SIDES):
        from isthmus.cli.guarantees import guarantees

        promises = guarantees(systems["crm"].capabilities, systems["erp"].capabilities)
    call.told["fine"] = findings.fine
    call.told["guarantees"] = [one._asdict() for one in promises]
    if not call.as_json:
        _tell(call, findings, promises)
    findings.judge()
    call.finish({}, lambda: call.screen.line("everything is in order", style="green"))


def _mappings(call: Call, findings: _Findings) -> Sequence[MappingSpec]:
    from isthmus.mapping.load import load_mappings

    specs = load_mappings(call.settings.mappings)
    findings.fine["mappings"] = ", ".join(spec.name for spec in specs)
    return specs


def _database(call: Call, findings: _Findings) -> bool:
    """Whether the database is empty, which is in order: the first run makes its tables."""
    from sqlalchemy import make_url

    from isthmus.app import is_empty
    from isthmus.db import engine_for, require_current

    engine = engine_for(call.settings.database)
    try:
        if empty := is_empty(engine):
            what = "empty; the first run makes its tables"
        else:
            require_current(engine)
            what = "up to date"
    finally:
        engine.dispose()
    findings.fine["database"] = f"{make_url(call.settings.database).render_as_string(hide_password=True)}, {what}"
    return empty


def _systems(call: Call, findings: _Findings, opened: ExitStack, *, is_empty: bool) -> dict[Side, Connector]:
    """The systems that can be reached and say who they are. One of our own is made with the tables."""
    found: dict[Side, Connector] = {}
    for side in SIDES:
        connector = findings.gather(partial(_open, call, side, opened))
        if connector is None:
            continue
        is_made_later = is_empty and not connector.capabilities.remote
        who = "to be made with the tables" if is_made_later else findings.gather(connector.identity)
        if who is not None:
            found[side] = connector
            where = "a system of its own" if connector.capabilities.remote else "in this database"
            findings.fine[side] = f"{getattr(call.settings, side)}, organisation {who}, {where}"
    return found


def _open(call: Call, side: Side, opened: ExitStack) -> Connector:
    """A system's connector; ``opened`` closes what it holds."""
    from isthmus.connect.registry import connect
    from isthmus.kernel.clock import SystemClock
    from isthmus.settings import BUILTIN, connection, environment

    name = getattr(call.settings, side)
    found = connection(call.settings, name, environment())
    ports: dict[str, object] = {"clock": SystemClock()}
    if name == BUILTIN:
        from isthmus.db import engine_for

        ports["engine"] = engine = engine_for(call.settings.database)
        opened.callback(engine.dispose)
    connector = connect(found, **ports)
    opened.callback(_close, connector)
    return connector


def _close(connector: Connector) -> None:
    """What cannot be closed any more is nothing to correct."""
    with suppress(IsthmusError):
        connector.close()


def _describe(side: Side, connector: Connector, *, specs: Sequence[MappingSpec], findings: _Findings) -> None:
    """Every mapping against the system's own description. One that does not answer is asked no further."""
    from isthmus.mapping.check import check_against

    for spec in specs:
        faults = findings.gather(partial(check_against, spec, side, connector.describe))
        if faults is None and findings.later:
            return
        findings.faults.extend(faults or ())


def _tell(call: Call, findings: _Findings, promises: Sequence[Any]) -> None:
    for name, what in findings.fine.items():
        call.screen.line(f"{name.upper() if name in SIDES else name}: {what}")
    if promises:
        call.screen.line()
        call.screen.line("what Isthmus signs for these two systems", style="bold")
        to = {"both": "both", "erp": "to the ERP", "crm": "to the CRM"}
        rows = [[one.name, to[one.to], one.applies, one.text] for one in promises]
        call.screen.table(("guarantee", "written", "wording", "text"), rows)
        call.screen.line()


# --- tests of the files, and functions ----------------------------------------------------------------------------


def run_tests(
    call: Call,
    mappings: Annotated[list[str] | None, typer.Argument(help="Which mappings; all if none is named.")] = None,
) -> None:
    """Run the tests that the mapping files hold. No system and no database is needed; days are days in UTC.

    Example: isthmus test order
    """
    from isthmus.mapping.load import load_mappings
    from isthmus.sync import trial

    specs = load_mappings(call.settings.mappings)
    known = [spec.name for spec in specs]
    for name in mappings or ():
        if name not in known:
            raise Misconfigured(f"mapping {name}", "there is no such mapping", f"use one of {', '.join(known)}")
    wanted = [spec for spec in specs if not mappings or spec.name in mappings]
    results = [(spec.name, one) for spec in wanted for one in trial.run_tests(spec)]
    call.told["tests"] = [{"mapping": name, **asdict(one)} for name, one in results]
    faults = tuple(Fault(one.where, f"'{one.name}' {one.message}", "") for _, one in results if not one.passed)
    if faults:
        raise Misconfigured(faults[0].where, faults[0].what, faults=faults)
    words = f"{len(results)} tests of {len(wanted)} mappings hold"
    call.finish({}, lambda: call.screen.line(words, style="green"))


def functions(call: Call) -> None:
    """Print the functions that a mapping may use in `via`, with examples.

    Example: isthmus functions
    """
    from isthmus.mapping.functions import FUNCTIONS, documentation

    told = [
        {
            "name": one.name,
            "about": one.about,
            "writes_back": one.backward is not None,
            "parameters": [{"name": each.name, "about": each.about} for each in one.parameters],
        }
        for one in FUNCTIONS
    ]
    call.finish({"functions": told}, lambda: call.screen.lines(documentation()))


def register(app: typer.Typer) -> None:
    command(app)(check)
    command(app, "test")(run_tests)
    command(app)(functions)
