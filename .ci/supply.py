"""What Isthmus is made of: a list of parts (CycloneDX), their licences, and what is known against them.

    python .ci/supply.py sbom | licences | advisories [FOLDER OR FILE]

Everything is read from requirements.lock and from the metadata of what is installed; nothing is asked of the network.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parents[1]
LOCK, LIST = ROOT / "requirements.lock", ROOT / "LICENSES" / "third-party.md"
NO_SOURCE = 75  # the exit code of "try again later"

ALLOWED = frozenset((
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0",
    "Unlicense", "Zlib",
))  # fmt: skip
#: What is not on the list and may be used all the same, and why.
EXCEPTIONS = {
    "psycopg": "LGPL-3.0-only: an unchanged library that anybody can exchange",
    "psycopg-binary": "LGPL-3.0-only: an unchanged library that anybody can exchange",
    "text-unidecode": "Artistic License or GPL: used under the Artistic License; comes with Airflow",
}
#: Parts of other platforms or Python versions, which cannot be looked at here.
ELSEWHERE = {"colorama": "BSD-3-Clause", "pyyaml-ft": "MIT"}
_SPELLED = {
    "apache 2.0": "Apache-2.0", "apache software license": "Apache-2.0", "apache license 2.0": "Apache-2.0",
    "bsd license": "BSD", "bsd 2-clause license": "BSD-2-Clause", "3-clause bsd license": "BSD-3-Clause",
    "isc license": "ISC", "isc license (iscl)": "ISC", "mit license": "MIT",
    "mit -or- apache license 2.0": "MIT OR Apache-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0", "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense", "artistic license": "Artistic-2.0",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One locked package; ``licence`` is an SPDX expression, or as near to one as its metadata comes."""

    name: str
    version: str
    hashes: tuple[str, ...]
    licence: str
    is_ours: bool  # needed to run Isthmus, not only to develop it

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"

    @property
    def is_allowed(self) -> bool:
        words = set(re.split(r"[\s()]+|\bAND\b|\bOR\b|\bWITH\b", self.licence)) - {""}
        return self.name in EXCEPTIONS or (bool(words) and words <= ALLOWED)


def parts(lock: str) -> list[Part]:
    """Every locked package."""
    ours = _closure(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"])
    found = []
    for entry in re.split(r"\n(?=[a-z0-9])", lock):
        if head := re.match(r"([a-z0-9][\w.-]*)==([\w.!+-]+)", entry):
            name = canonicalize_name(head[1])
            hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry))
            found.append(Part(name, head[2], hashes, licence_of(name), name in ours))
    return found


def _closure(wanted: list[str]) -> frozenset[str]:
    """What these requirements bring with them here."""
    queue, seen = [Requirement(one) for one in wanted], set[tuple[str, str]]()
    while queue:
        one = queue.pop()
        for extra in ("", *sorted(one.extras)):
            name = canonicalize_name(one.name)
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            queue += [need for need in needs_of(name) if not need.marker or need.marker.evaluate({"extra": extra})]
    return frozenset(name for name, _ in seen)


@cache
def needs_of(name: str) -> list[Requirement]:
    """What a package that is installed here asks for."""
    try:
        return [Requirement(text) for text in distribution(name).requires or ()]
    except PackageNotFoundError:
        return []


@cache
def licence_of(name: str) -> str:
    """What its metadata says; empty where it says nothing."""
    try:
        metadata: Any = distribution(name).metadata
    except PackageNotFoundError:
        return ELSEWHERE.get(name, "")
    texts = [metadata.get("License-Expression") or "", metadata.get("License") or ""]
    classifiers = [text.rsplit(" :: ", 1)[-1] for text in metadata.get_all("Classifier") or () if "License ::" in text]
    for text in texts:
        known = _SPELLED.get(text.strip().lower(), text.strip())
        if known and len(known) < 80 and "\n" not in known and known != "UNKNOWN":
            return known
    return " AND ".join(dict.fromkeys(_SPELLED.get(text.lower(), text) for text in classifiers))


# --- what is made of it -------------------------------------------------------------------------------------------


def sbom(found: list[Part]) -> dict[str, Any]:
    """A bill of materials in CycloneDX 1.6. The same lock gives the same text."""
    names = {part.name: part.purl for part in found}
    own = {"type": "application", "name": "isthmus", "version": version("isthmus"), "bom-ref": "isthmus",
           "licenses": [{"license": {"id": "Apache-2.0"}}]}  # fmt: skip
    components = [
        {
            "type": "library", "bom-ref": part.purl, "name": part.name, "version": part.version, "purl": part.purl,
            "scope": "required" if part.is_ours else "excluded",
            "hashes": [{"alg": "SHA-256", "content": one} for one in part.hashes],
            "licenses": [_spdx(part.licence)],
        }
        for part in found
    ]  # fmt: skip
    edges = [{"ref": part.purl, "dependsOn": sorted(_needed(part.name, names))} for part in found]
    direct = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    first = {"ref": "isthmus", "dependsOn": sorted(names[canonicalize_name(Requirement(one).name)] for one in direct)}
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([components, first]))
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{number}", "version": 1,
        "metadata": {"component": own}, "components": components, "dependencies": [first, *edges],
    }  # fmt: skip


def _spdx(licence: str) -> dict[str, Any]:
    if re.fullmatch(r"[\w.-]+", licence) and licence != "BSD":
        return {"license": {"id": licence}}
    return {"expression": licence} if re.search(r" (AND|OR) ", licence) else {"license": {"name": licence}}


def _needed(name: str, known: dict[str, str]) -> Iterator[str]:
    for need in needs_of(name):
        other = canonicalize_name(need.name)
        if other in known and (not need.marker or need.marker.evaluate({"extra": ""})):
            yield known[other]


def licence_list(found: list[Part]) -> str:
    """The list that is kept in LICENSES, without versions: it changes when a part comes or goes."""
    lines = [
        "# Licences of what Isthmus uses", "",
        "Made by `make licences` from requirements.lock and the metadata of the packages; a test holds it.", "",
        "Isthmus itself is under [Apache 2.0](../LICENSE). Tryton (GPL-3) is no part of it: `make run ERP=tryton`",
        "installs it and runs it as a program of its own, and Isthmus speaks to its API.", "",
        "| Package | Licence | For |", "|---|---|---|",
        *(f"| {part.name} | {part.licence} | {'running' if part.is_ours else 'developing'} |" for part in found), "",
        "Not on the list of licences that may be used, and used all the same:", "",
        *(f"- {name}: {why}" for name, why in sorted(EXCEPTIONS.items())), "",
    ]  # fmt: skip
    return "\n".join(lines)


# --- what is known against it -------------------------------------------------------------------------------------


def advisories(found: list[Part], source: Path) -> list[str]:
    """Advisories that fit a locked version. ``source`` holds advisories in OSV's form: a file, a folder or a zip."""
    versions = {part.name: part.version for part in found}
    told = []
    for one in _advisories(source):
        for affected in () if one.get("withdrawn") else one.get("affected", ()):
            name = canonicalize_name(str(affected.get("package", {}).get("name", "")))
            if affected["package"].get("ecosystem") == "PyPI" and name in versions and _fits(affected, versions[name]):
                told.append(f"{name} {versions[name]}: {one['id']} {one.get('summary', '')}".strip())
    return sorted(set(told))


def _advisories(source: Path) -> Iterator[dict[str, Any]]:
    if source.suffix == ".zip":
        with zipfile.ZipFile(source) as packed:
            yield from (json.loads(packed.read(name)) for name in packed.namelist() if name.endswith(".json"))
        return
    for file in [source] if source.is_file() else sorted(source.rglob("*.json")):
        told = json.loads(file.read_text(encoding="utf-8"))
        yield from told if isinstance(told, list) else [told]


def _fits(affected: dict[str, Any], present: str) -> bool:
    if present in affected.get("versions", ()):
        return True
    ranges = [one["events"] for one in affected.get("ranges", ()) if one.get("type") == "ECOSYSTEM"]
    return any(_is_within(events, Version(present)) for events in ranges)


def _is_within(events: list[dict[str, str]], present: Version) -> bool:
    """Events in the order of versions: introduced opens, fixed and last_affected close."""
    is_open = False
    for event in events:
        (kind, text), *_ = event.items()
        try:
            at = Version(text)
        except InvalidVersion:
            continue
        if kind == "introduced" and at <= present:
            is_open = True
        elif (kind == "fixed" and at <= present) or (kind == "last_affected" and at < present):
            is_open = False
    return is_open


# --- the command --------------------------------------------------------------------------------------------------


def main(words: list[str]) -> int:
    verb, *rest = words or ["sbom"]
    if verb == "advisories":
        return _advise(Path(rest[0]) if rest and rest[0] else None)
    found = parts(LOCK.read_text(encoding="utf-8"))
    if verb == "sbom":
        sys.stdout.write(json.dumps(sbom(found), indent=1) + "\n")
    elif verb == "licences":
        LIST.parent.mkdir(exist_ok=True)
        LIST.write_text(licence_list(found), encoding="utf-8")
        sys.stdout.write(f"wrote {LIST.relative_to(ROOT)}: {len(found)} packages\n")
    return 0


def _advise(source: Path | None) -> int:
    if source is None or not source.exists():
        where = f"{source} is not there" if source else "none was named"
        remedy = "bring an export of OSV's advisories for Python packages and say make advisories FROM=all.zip"
        sys.stderr.write(f"advisories: NOTHING WAS CHECKED, {where}; {remedy}\n")
        return NO_SOURCE
    found = parts(LOCK.read_text(encoding="utf-8"))
    told = advisories(found, source)
    sys.stdout.write(("\n".join(told) or f"{len(found)} packages: no advisory in {source} fits") + "\n")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
