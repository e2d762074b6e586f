"""``make run``: the playground, the built-in ERP and an Airflow, started together; one full cycle; then they stay up.

Everything they keep is below ``var/``. A second start goes on with the same data.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic

from isthmus.app import Workshop, last_tie_outs, open_workshop
from isthmus.cli.airflow_server import PARTS, USER, AirflowServer
from isthmus.cli.first_day import newcomer
from isthmus.cli.processes import Crew
from isthmus.cli.standing import tie_out_line
from isthmus.cli.summary import Cycle, run_lines, summary
from isthmus.cli.tryton_server import PASSWORD, REFERENCE, Server, local
from isthmus.cli.tryton_server import connection_to as tryton_connection
from isthmus.kernel.clock import SystemClock
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import IsthmusError, Misconfigured, Unavailable
from isthmus.mapping.spec import MappingSpec
from isthmus.playground import connection_to
from isthmus.settings import Settings, environment, kept_connections, load_settings

PORT = 8700  # the first of five: Airflow, its two log servers, the playground, Tryton
START_SECONDS = 240.0
RUN_SECONDS = 3600.0
PASSES_MOST = 4
AT_ONCE = 4  # runs: more of them keep SQLite, where Airflow remembers, from its scheduler
#: What goes on by its own times once the first cycle is through.
TIE_OUT = "isthmus_tie_out"
WATCHING = ("isthmus_worklist", "isthmus_reconcile_credit", "isthmus_reconcile_receivables", TIE_OUT)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HEAD = "# Written by `make run`: how to reach the playground. Remove this line to keep your own connections here.\n"
_PLAYGROUND = "import sys, pathlib, isthmus.playground as p; p.serve(pathlib.Path(sys.argv[1]), int(sys.argv[2]))"


@dataclass(slots=True)
class Launch:
    """One start of everything, in the folder of ``isthmus.yaml``."""

    settings: Settings
    port: int
    crew: Crew
    airflow: AirflowServer
    tryton: Server | None = None  # the ERP, where it is not the built-in one
    began: float = field(default_factory=monotonic)
    done: bool = True  # no run failed, all added up, and both sides agree

    def say(self, text: str) -> None:
        print(f"{monotonic() - self.began:6.1f} s  {text}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when every run added up and both sides agree, else that of the error."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__.splitlines()[0])
    parser.add_argument("--once", action="store_true", help="end after the first full cycle")
    parser.add_argument("--port", type=int, default=PORT, help="the first of five free ports")
    parser.add_argument("--erp", choices=("builtin", "tryton"), default="builtin", help="which ERP stands beside it")
    options = parser.parse_args(arguments)
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    try:
        return _launch(options.port, once=options.once, erp=options.erp)
    except IsthmusError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _interrupt(_number: int, _frame: object) -> None:
    """The first signal counts. Ending takes seconds, and impatience must not leave anything behind."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _launch(port: int, *, once: bool, erp: str) -> int:
    settings = load_settings(Path("isthmus-tryton.yaml") if erp == "tryton" else None, environment())
    folder = settings.connections.parent if erp == "tryton" else settings.file.parent / "var"
    airflow = AirflowServer(folder / "airflow", settings.file.parent / "dags", port)
    launch = Launch(settings, port, Crew(folder), airflow)
    with _alone(folder), _erp_beside(launch, erp), _nothing_left(launch):
        _check_ports(port)
        _start(launch)
        _cycle(launch)
        if not once:
            _stay(launch)
    return 0 if launch.done else 70


# --- before anything starts ---------------------------------------------------------------------------------------


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One launcher a folder. The lock is the system's: it is gone with a killed launcher."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "launch.lock").open("a")
    except OSError as error:
        remedy = "work in a folder of your own"
        raise Misconfigured(str(folder), f"cannot be written to: {error.strerror}", remedy) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Misconfigured(str(folder), "another `make run` works here", "stop it with Ctrl-C first") from None
        yield


@contextmanager
def _erp_beside(launch: Launch, erp: str) -> Iterator[None]:
    """The database of a local Tryton, around everything: whoever writes to it is ended first."""
    if erp != "tryton":
        yield
        return
    cache = launch.settings.file.parent / "var" / "cache"
    folder, port = launch.crew.folder / "erp", launch.port + 4
    with local(folder, port, launch.crew, cache=cache, say=launch.say) as launch.tryton:
        yield


@contextmanager
def _nothing_left(launch: Launch) -> Iterator[None]:
    """Ends what an earlier launcher left behind, and at the end everything of this one."""
    if count := launch.crew.end():
        launch.say(f"ended {count} processes that an earlier start had left behind")
    try:
        yield
    finally:
        launch.say("stopping")
        launch.crew.end()
        launch.say("stopped; nothing is left running")


def _check_ports(port: int) -> None:
    for number in range(port, port + 5):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError as error:
                remedy = "end what uses it, or choose five others in a row: make run PORT=8800"
                raise Misconfigured(
                    f"port {number}", f"cannot be used: {os.strerror(error.errno or 0)}", remedy
                ) from None


# --- starting -----------------------------------------------------------------------------------------------------


def _start(launch: Launch) -> None:
    connections = kept_connections(launch.settings)
    if _needs_playground(launch.settings):
        connections = _start_playground(launch)
    if launch.tryton:
        connections = {**connections, **_start_tryton(launch, launch.tryton)}
    environ = {**environment(), **connections, "ISTHMUS_SETTINGS": str(launch.settings.file)}
    launch.airflow.password()
    launch.say("starting Airflow (20 s on a quiet machine)")
    now = SystemClock().now()
    launch.crew.start("airflow", launch.airflow.command, launch.airflow.environ(environ), parts=PARTS)
    _wait(launch, launch.airflow.healthy, "Airflow")
    launch.airflow.log_in()
    for dag_id, run_id in launch.airflow.active_runs(started_before=now):
        launch.airflow.give_up(dag_id, run_id)  # its processes were ended before this start


def _needs_playground(settings: Settings) -> bool:
    """Unless somebody says where the CRM is: in the environment, or in a file of connections of their own."""
    variable = f"AIRFLOW_CONN_{settings.crm.upper()}"
    ours = not settings.connections.exists() or settings.connections.read_text(encoding="utf-8").startswith(HEAD)
    return variable not in environment() and (ours or variable not in kept_connections(settings))


def _start_playground(launch: Launch) -> dict[str, str]:
    """Starts a local Salesforce and writes down how to reach it. Returns the variable of its connection."""
    port = launch.port + 3
    folder = launch.crew.folder / "playground"
    launch.say(f"starting the playground, a local Salesforce, at 127.0.0.1:{port}")
    environ = {key: value for key, value in environment().items() if key != "PYTHONDONTWRITEBYTECODE"}
    launch.crew.start("playground", [sys.executable, "-c", _PLAYGROUND, str(folder), str(port)], environ)
    _wait(launch, lambda: _answers(port), "the playground")
    found = connection_to(f"http://127.0.0.1:{port}")
    value = json.dumps({"conn_type": found.type, "extra": dict(found.extra)})
    variable = f"AIRFLOW_CONN_{launch.settings.crm.upper()}"
    kept = launch.settings.connections
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.touch(mode=0o600)
    kept.write_text(f"{HEAD}{variable}={value}\n", encoding="utf-8")
    return {variable: value}


def _start_tryton(launch: Launch, tryton: Server) -> dict[str, str]:
    """Starts a local Tryton and writes down how to reach it. Returns the variable of its connection."""
    launch.say(f"starting Tryton at {tryton.url}: database {REFERENCE}, user admin, password {PASSWORD}")
    tryton.start()
    return _keep(launch, launch.settings.erp, tryton_connection(tryton))


def _keep(launch: Launch, name: str, connection: Connection) -> dict[str, str]:
    """Puts a connection into the file that terminals and cron read, in place of what was there under its name."""
    told = {"conn_type": connection.type, "host": connection.host, "login": connection.login,
            "password": connection.password, "schema": connection.schema, "extra": dict(connection.extra)}  # fmt: skip
    variable, value = f"AIRFLOW_CONN_{name.upper()}", json.dumps({key: one for key, one in told.items() if one})
    file = launch.settings.connections
    file.touch(mode=0o600)
    others = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith(f"{variable}=")]
    file.write_text("\n".join([*others, f"{variable}={value}", ""]), encoding="utf-8")
    return {variable: value}


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(launch: Launch, ready: Callable[[], bool], what: str, *, seconds: float = START_SECONDS) -> None:
    until = monotonic() + seconds
    while not ready():
        launch.crew.check()
        if monotonic() > until:
            remedy = f"see {launch.crew.folder / 'log'}; a busy machine may need longer"
            raise Unavailable(what, f"is not ready after {seconds:.0f} seconds", remedy)
        Event().wait(0.3)


# --- one full cycle -----------------------------------------------------------------------------------------------


def _cycle(launch: Launch) -> None:
    """Every mapping in reference order and both directions; then some at once, until nothing moves on either side."""
    with closing(open_workshop(launch.settings, environment())) as workshop:
        cycle, names = Cycle.begin(workshop), workshop.names()
        _wait_for_dags(launch, names)
        is_ours = _needs_playground(launch.settings)
        clerk = newcomer(launch.settings, workshop.engine, launch.tryton) if is_ours else None
        for wave in waves([mapping.spec for mapping in workshop.ports.mappings.values()]):
            _run(launch, workshop, wave)
            if clerk and "customer" in wave:
                launch.say(clerk.limit_credit())
        if clerk:
            launch.say(clerk.bill_and_collect())
        moved = cycle.moved()
        for _ in range(PASSES_MOST):
            if not (launch.done and moved):
                break
            launch.say(
                "again, until nothing moves: an order changes its quote, a late customer lets its orders through"
            )
            some = [names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)]
            moved = sum(_run(launch, workshop, wave) for wave in some)
        _wait(launch, lambda: not _at_work(launch), "the end of the cycle", seconds=RUN_SECONDS)
        for dag_id in WATCHING:
            launch.airflow.wake(dag_id)
        launch.done = launch.done and cycle.adds_up()
        print("\n".join(["", *summary(cycle), ""]), flush=True)
        _prove(launch, workshop)


def waves(specs: Sequence[MappingSpec]) -> list[list[str]]:
    """Names of mappings in reference order; together those of which none refers to another, AT_ONCE at most."""
    found: list[list[MappingSpec]] = []
    for spec in specs:
        referred = {*spec.references(), spec.same_as}
        if not found or len(found[-1]) == AT_ONCE or any(other.entity in referred for other in found[-1]):
            found.append([])
        found[-1].append(spec)
    return [[spec.name for spec in wave] for wave in found]


def _prove(launch: Launch, workshop: Workshop) -> None:
    """Compares both systems record by record, as Airflow does every day. Where they differ, the cycle is no success."""
    launch.say("comparing both systems, record by record")
    run_id = launch.airflow.trigger(TIE_OUT)
    if _end_of(launch, TIE_OUT, run_id) == "failed":
        launch.done = False
        launch.say(f"the comparison FAILED; {launch.airflow.failure(TIE_OUT, run_id)}")
    past = last_tie_outs(workshop.engine).get("totals")
    launch.done = launch.done and past is not None and past.agrees
    if past:
        launch.say(tie_out_line("totals", past, launch.settings.time_zone))


def _at_work(launch: Launch) -> list[tuple[str, str]]:
    """Runs that will end by themselves: the worklist's may wait for people."""
    return [run for run in launch.airflow.active_runs() if run[0] not in WATCHING]


def _wait_for_dags(launch: Launch, names: Sequence[str]) -> None:
    wanted = {*WATCHING, *(f"isthmus_{name}" for name in names)}

    def known() -> bool:
        if errors := launch.airflow.import_errors():
            raise Misconfigured("dags", "; ".join(errors), "run `isthmus check`")
        return wanted <= launch.airflow.dag_ids()

    _wait(launch, known, "the DAGs")


def _run(launch: Launch, workshop: Workshop, names: Sequence[str]) -> int:
    """The DAGs of these mappings, from start to end, with what they say. Returns how many records they wrote."""
    before = Cycle.begin(workshop)
    launch.say(f"{', '.join(names)}: running")
    runs = {}
    for name in names:
        launch.airflow.wake(f"isthmus_{name}")
        runs[name] = launch.airflow.trigger(f"isthmus_{name}")
    for name, run_id in runs.items():
        state = _end_of(launch, f"isthmus_{name}", run_id)
        if state == "failed":
            launch.done = False
            launch.say(f"{name}: FAILED; {launch.airflow.failure(f'isthmus_{name}', run_id)}")
        for line in run_lines(before, name):
            launch.say(line)
    return before.moved()


def _end_of(launch: Launch, dag_id: str, run_id: str) -> str:
    """Waits for the end of a run and returns its state; says why when Airflow waits to try again."""
    told: set[str] = set()
    state = ""

    def ended() -> bool:
        nonlocal state
        state = launch.airflow.run_state(dag_id, run_id)
        for reason in launch.airflow.waiting_to_retry(dag_id, run_id) if state == "running" else ():
            if reason not in told:
                launch.say(f"{dag_id} waits to try again: {reason}")
                told.add(reason)
        return state in ("success", "failed")

    _wait(launch, ended, dag_id, seconds=RUN_SECONDS)
    return state


def _stay(launch: Launch) -> None:
    """Up until Ctrl-C, as long as everything else is."""
    launch.say(f"Airflow is at {launch.airflow.url}: user {USER}, password {launch.airflow.password()}")
    launch.say("in another terminal: .venv/bin/isthmus status, or reconcile --html day.html for a page to print")
    launch.say("Ctrl-C here stops everything and keeps the data")
    try:
        while True:
            launch.crew.check()
            Event().wait(1)
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    sys.exit(main())
