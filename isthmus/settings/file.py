"""``isthmus.yaml``: which two systems, which database, which mappings, the limits that stop a run, who may decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from isthmus.kernel.errors import Fault, Misconfigured
from isthmus.settings.alerts import Alerts, read_alerts
from isthmus.settings.people import People, read_people
from isthmus.settings.reading import Reading

_PACKAGE = Path(__file__).resolve().parent.parent

BUILTIN = "builtin"
"""What ``erp:`` says instead of a connection when the ERP is our own."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run stops instead of going on. Shares are whole per cents."""

    overlap_minutes: int = 10  # how far an incremental read looks back before the watermark
    refused_percent: int = 50  # of a page, refused for one cause: stop, do not flood the worklist
    refused_count: int = 20  # …of at least so many records
    gone_percent: int = 2  # of a mapping's records vanished in one run: stop
    gone_count: int = 20  # …and more than so many
    mapping_change_percent: int = 5  # of the bound records that a changed mapping may change unasked
    credit_age_minutes: int = 60  # older standings of an ERP that does not gate orders itself count as hold


@dataclass(frozen=True, slots=True)
class Settings:
    """One installation. ``crm`` and ``erp`` are names of connections; ``erp`` may be ``builtin``."""

    file: Path
    crm: str = "salesforce_default"
    erp: str = BUILTIN
    database: str = field(default="", repr=False)  # may hold a password
    mappings: Path = Path("mappings/salesforce_erp")
    connections: Path = Path("var/connections.env")
    time_zone: str = "UTC"
    limits: Limits = Limits()
    people: People = field(default_factory=People)
    alerts: Alerts = field(default_factory=Alerts)


_KEYS = (
    "crm", "erp", "database", "mappings", "connections", "time_zone", "limits",
    "roles", "rights", "approvals", "alerts",
)  # fmt: skip
_LIMITS = tuple(limit.name for limit in fields(Limits))
_TEXTS: tuple[str, ...] = ("database", "mappings", "connections", "time_zone")
_OVERRIDES = {f"ISTHMUS_{key.upper()}": key for key in _TEXTS}
_DEFAULT_DATABASE = "sqlite:///var/isthmus.db"


def shipped(name: str) -> Path:
    """The folder ``mappings`` or ``schemas``: inside an installed package, or at the root of a checkout."""
    packaged = _PACKAGE / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Reads ``isthmus.yaml``: ``path``, else ``ISTHMUS_SETTINGS``, else the working folder's.

    ``ISTHMUS_DATABASE``, ``ISTHMUS_MAPPINGS``, ``ISTHMUS_CONNECTIONS`` and ``ISTHMUS_TIME_ZONE`` win over the file.
    Paths are relative to the file's folder. Raises Misconfigured with all faults of the file.
    """
    file = (path or Path(environ.get("ISTHMUS_SETTINGS", "isthmus.yaml"))).absolute()
    reading = Reading(file)
    given = _entries(reading)
    texts = {key: text for key in _TEXTS if key in given and (text := reading.text(given[key], key)) is not None}
    texts.update({key: environ[name] for name, key in _OVERRIDES.items() if environ.get(name)})
    settings = Settings(
        file=file,
        crm=_system(reading, given, "crm") or "salesforce_default",
        erp=_system(reading, given, "erp") or BUILTIN,
        database=_database(reading, texts.get("database", _DEFAULT_DATABASE)),
        mappings=file.parent / texts["mappings"] if "mappings" in texts else shipped("mappings") / "salesforce_erp",
        connections=file.parent / texts.get("connections", "var/connections.env"),
        time_zone=_time_zone(reading, texts.get("time_zone", "UTC")),
        limits=_limits(reading, given.get("limits")),
        people=read_people(reading, given),
        alerts=read_alerts(reading, given.get("alerts")),
    )
    if reading.faults:
        first = reading.faults[0]
        raise Misconfigured(first.where, first.what, first.remedy, faults=tuple(reading.faults))
    return settings


def _entries(reading: Reading) -> dict[str, yaml.Node]:
    root = _compose(_text_of(reading.path), reading.path.name)
    return {} if root is None else reading.mapping(root, _KEYS, "the file")


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        remedy = "go to the folder that has it, or name it in ISTHMUS_SETTINGS"
        raise Misconfigured(str(path), "there is no such file", remedy) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(str(path), f"cannot be read: {error}", "check its rights and its encoding") from None


def _compose(text: str, name: str) -> yaml.Node | None:
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else f"{name}:1:1"
        raise Misconfigured(where, f"is not YAML: {error.problem}", "check indentation and quotes") from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        where = f"{name}:{before.count(chr(10)) + 1}:{error.position - before.rfind(chr(10))}"
        raise Misconfigured(where, "a control character cannot be in YAML", "remove it") from None
    except RecursionError:
        raise Misconfigured(f"{name}:1:1", "is nested without end", "it needs three levels") from None
    return root


def _system(reading: Reading, given: Mapping[str, yaml.Node], side: str) -> str | None:
    """``erp: builtin`` or ``crm: {connection: name}``."""
    node = given.get(side)
    if node is None:
        return None
    if isinstance(node, yaml.ScalarNode):
        if side == "erp" and node.value == BUILTIN:
            return BUILTIN
        remedy = f"write {side}: {{connection: name}}" + (" or erp: builtin" if side == "erp" else "")
        reading.fault(node, f"{node.value!r} is not a system", remedy)
        return None
    name = reading.mapping(node, ("connection",), side).get("connection")
    return None if name is None else reading.text(name, "connection")


def _database(reading: Reading, url: str) -> str:
    """The URL with a SQLite path made absolute. The text of a fault never shows it: it may hold a password."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in ("sqlite", "postgresql"):
        reading.faults.append(Fault("database", "is not a URL we know", "write sqlite:///path or postgresql://…"))
        return url
    if scheme.startswith("postgresql"):
        return url
    if not rest.startswith("/") or rest in ("/", "/:memory:"):
        remedy = "write sqlite:///path; what is in memory is gone after a run"
        reading.faults.append(Fault("database", "names no SQLite file", remedy))
        return url
    return f"sqlite:///{reading.path.parent / rest[1:]}"


def _time_zone(reading: Reading, name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError
        reading.faults.append(Fault("time_zone", f"{name!r} is not a time zone", "write one such as Europe/Berlin"))
    return name


def _limits(reading: Reading, node: yaml.Node | None) -> Limits:
    values: dict[str, int] = {}
    for name, value in reading.mapping(node, _LIMITS, "limits").items() if node else ():
        number = reading.number(value, name, 100 if name.endswith("_percent") else 100_000)
        if number is not None:
            values[name] = number
    return Limits(**values)
