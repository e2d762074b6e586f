"""Does `isthmus.yaml` say what it means, and is every slip told with its place?"""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.kernel.errors import Misconfigured
from isthmus.settings import BUILTIN, Limits, load_settings
from tests.tidy.rules import ROOT


@pytest.fixture
def yaml(tmp_path: Path) -> Path:
    return tmp_path / "isthmus.yaml"


def faults(yaml: Path, text: str, **environ: str) -> list[str]:
    yaml.write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured) as caught:
        load_settings(yaml, environ)
    return [str(fault) for fault in caught.value.faults]


def test_an_empty_file_is_enough(yaml: Path) -> None:
    yaml.touch()
    settings = load_settings(yaml, {})
    assert (settings.crm, settings.erp, settings.time_zone) == ("salesforce_default", BUILTIN, "UTC")
    assert settings.database == f"sqlite:///{yaml.parent}/var/isthmus.db"
    assert settings.mappings == ROOT / "mappings" / "salesforce_erp"
    assert settings.connections == yaml.parent / "var" / "connections.env"
    assert settings.limits == Limits()


def test_everything_can_be_said(yaml: Path) -> None:
    yaml.write_text(
        "crm: {connection: quarry_crm}\nerp: {connection: quarry_erp}\ndatabase: postgresql://isthmus@db/books\n"
        "mappings: own\nconnections: x.env\ntime_zone: Asia/Tokyo\nlimits: {overlap_minutes: 0, gone_percent: 7}\n",
        encoding="utf-8",
    )
    settings = load_settings(yaml, {})
    assert (settings.crm, settings.erp) == ("quarry_crm", "quarry_erp")
    assert settings.database == "postgresql://isthmus@db/books"
    assert (settings.mappings, settings.connections) == (yaml.parent / "own", yaml.parent / "x.env")
    assert settings.time_zone == "Asia/Tokyo"
    assert settings.limits == Limits(overlap_minutes=0, gone_percent=7)


def test_the_environment_wins_over_the_file(yaml: Path) -> None:
    yaml.write_text("database: sqlite:///a.db\ntime_zone: UTC\n", encoding="utf-8")
    environ = {"ISTHMUS_DATABASE": "postgresql://db/x", "ISTHMUS_TIME_ZONE": "Europe/Berlin", "ISTHMUS_MAPPINGS": "m"}
    settings = load_settings(yaml, environ)
    assert (settings.database, settings.time_zone) == ("postgresql://db/x", "Europe/Berlin")
    assert settings.mappings == yaml.parent / "m"


def test_the_environment_may_name_the_file(yaml: Path) -> None:
    yaml.write_text("erp: {connection: quarry}\n", encoding="utf-8")
    assert load_settings(None, {"ISTHMUS_SETTINGS": str(yaml)}).erp == "quarry"


def test_a_path_beginning_at_the_root_stays(yaml: Path) -> None:
    yaml.write_text("database: sqlite:////srv/books.db\n", encoding="utf-8")
    assert load_settings(yaml, {}).database == "sqlite:////srv/books.db"


def test_the_file_of_this_house_is_right() -> None:
    settings = load_settings(ROOT / "isthmus.yaml", {})
    assert settings.mappings.is_dir()


def test_a_missing_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        load_settings(tmp_path / "isthmus.yaml", {})
    assert str(caught.value).endswith(
        "isthmus.yaml: there is no such file; go to the folder that has it, or name it in ISTHMUS_SETTINGS"
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("datbase: x\n", "isthmus.yaml:1:1: unknown key 'datbase'; did you mean 'database'?"),
        (
            "\nlimits:\n  overlap_minuts: 3\n",
            "isthmus.yaml:3:3: unknown key 'overlap_minuts'; did you mean 'overlap_minutes'?",
        ),
        ("erp: builtin\nerp: builtin\n", "isthmus.yaml:2:1: 'erp' is said twice; keep one of the two"),
        ("crm: builtin\n", "isthmus.yaml:1:6: 'builtin' is not a system; write crm: {connection: name}"),
        (
            "erp: biultin\n",
            "isthmus.yaml:1:6: 'biultin' is not a system; write erp: {connection: name} or erp: builtin",
        ),
        ("crm: {conn: x}\n", "isthmus.yaml:1:7: unknown key 'conn'; known keys: connection"),
        ("time_zone:\n", "isthmus.yaml:1:11: time_zone has no value; write one, or leave the line out"),
        ("time_zone: Mars/North\n", "time_zone: 'Mars/North' is not a time zone; write one such as Europe/Berlin"),
        ("time_zone: ../etc\n", "time_zone: '../etc' is not a time zone; write one such as Europe/Berlin"),
        ("database: mysql://x\n", "database: is not a URL we know; write sqlite:///path or postgresql://…"),
        (
            "database: 'sqlite:///:memory:'\n",
            "database: names no SQLite file; write sqlite:///path; what is in memory is gone after a run",
        ),
        (
            "limits: {gone_percent: 101}\n",
            "isthmus.yaml:1:24: gone_percent: '101' is not a whole number from 0 to 100; correct it",
        ),
        (
            "limits: {gone_percent: 2.5}\n",
            "isthmus.yaml:1:24: gone_percent: '2.5' is not a whole number from 0 to 100; correct it",
        ),
        ("limits: 5\n", "isthmus.yaml:1:9: limits is not a list of 'key: value' lines; known keys: "),
        ("- a\n", "isthmus.yaml:1:1: the file is not a list of 'key: value' lines; known keys: "),
        ("a: [\n", "isthmus.yaml:2:1: is not YAML: "),
    ],
)
def test_a_slip_is_told_with_its_place_and_its_remedy(yaml: Path, text: str, fault: str) -> None:
    (told,) = faults(yaml, text)
    assert told.startswith(fault), told


def test_all_slips_are_told_at_once(yaml: Path) -> None:
    assert len(faults(yaml, "datbase: x\nerp: sap\ntime_zone: Moon\nlimits: {gone_percent: x}\n")) == 4


def test_a_password_in_the_database_url_is_never_shown(yaml: Path) -> None:
    yaml.write_text("database: postgresql://u:s3cret@db/x\n", encoding="utf-8")
    assert "s3cret" not in repr(load_settings(yaml, {}))
    assert "s3cret" not in "".join(faults(yaml, "database: oracle://u:s3cret@db/x\n"))
