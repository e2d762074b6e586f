"""What does a script, or a person in trouble, get to see? Exit codes, stderr, and never a traceback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from isthmus.cli.call import Call
from isthmus.kernel.errors import Broken, Fault, IsthmusError, Misconfigured, Moved, Refused, Unavailable
from tests.cli.conftest import Company, Said, say

ROOT = Path(__file__).parents[2]


def isthmus(*words: str, folder: Path, **environ: str) -> Said:
    """The command in a process of its own, as a script calls it."""
    done = subprocess.run(
        [sys.executable, "-m", "isthmus.cli.main", *words],
        capture_output=True, text=True, cwd=folder, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)


def test_all_faults_of_the_settings_are_told_at_once_in_one_line_each(tmp_path: Path) -> None:
    (tmp_path / "isthmus.yaml").write_text("crm: nowhere\ntime_zone: Mars/Olympus\nmapings: x\n")
    said = isthmus("status", folder=tmp_path)
    assert said.code == 2
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[0] == "isthmus.yaml:3:1: unknown key 'mapings'; did you mean 'mappings'?"
    assert len(lines) == 3
    assert all(": " in line and "; " in line for line in lines)


def test_without_settings_it_says_where_they_belong(tmp_path: Path) -> None:
    said = isthmus("sync", folder=tmp_path)
    assert said.code == 2
    remedy = "go to the folder that has it, or name it in ISTHMUS_SETTINGS"
    assert said.err == f"{tmp_path}/isthmus.yaml: there is no such file; {remedy}\n"


def test_a_missing_connection_is_misconfigured_and_the_document_says_so_too(lonely: Company) -> None:
    said = lonely.say("sync", "--json")
    assert said.code == 2
    assert "AIRFLOW_CONN_SALESFORCE_DEFAULT" in said.err
    error = said.json["error"]
    assert (error["kind"], error["exit_code"]) == ("misconfigured", 2)
    assert error["faults"][0]["where"] == "connection salesforce_default"


def test_check_goes_on_after_the_first_fault(lonely: Company) -> None:
    mappings = lonely.folder / "mappings"
    mappings.mkdir()
    (mappings / "customer.yaml").write_text("mapping: customer\nenttity: customer\n")
    with (lonely.folder / "isthmus.yaml").open("a") as settings:
        settings.write("mappings: mappings\n")
    said = lonely.say("check")
    assert said.code == 2
    assert "customer.yaml:2:1" in said.err
    assert "connection salesforce_default: " in said.err
    assert "everything is in order" not in said.out


def test_a_wrong_word_is_a_usage_error(lonely: Company) -> None:
    said = lonely.say("worklist", "resolve", "12", "--take", "mine")
    assert said.code == 2
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (Misconfigured("a", "b", "c"), 2, "misconfigured"),
        (Refused("a", "b", "c"), 1, "refused"),
        (Unavailable("a", "b", "c"), 75, "unavailable"),
        (Moved("a", "b", "c"), 75, "moved"),
        (Broken("a", "b", "c"), 70, "broken"),
    ],
)
def test_each_error_has_its_exit_code(
    error: IsthmusError, code: int, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        raise error

    call = Call(settings=None, as_json=True, debug=False, name=None)
    call.told["runs"] = ["done before"]
    assert call.run(work) == code
    said = capsys.readouterr()
    assert said.err == "a: b; c\n"
    assert json.loads(said.out) == {
        "runs": ["done before"],
        "error": {"kind": kind, "exit_code": code, "faults": [{"where": "a", "what": "b", "remedy": "c"}]},
    }


def test_an_unknown_error_is_short_and_its_details_are_in_a_log_for_us_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        raise LookupError("secret word")

    call = Call(settings=tmp_path / "isthmus.yaml", as_json=False, debug=False, name=None)
    assert call.run(work) == 70
    said = capsys.readouterr().err
    log = tmp_path / "var" / "isthmus.log"
    assert said == f"isthmus: stopped by an unexpected LookupError; the details are in {log}; please report it\n"
    assert "secret word" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_debug_shows_where_an_error_came_from(lonely: Company) -> None:
    assert "Traceback" not in lonely.say("sync").err
    assert "Traceback (most recent call last)" in lonely.say("sync", "--debug").err


def test_ctrl_c_says_that_nothing_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise KeyboardInterrupt

    assert Call(settings=None, as_json=False, debug=False, name=None).run(work) == 130
    assert "what was committed stays" in capsys.readouterr().err


def test_the_caller_is_the_account_of_the_process_or_who_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    own = Call(settings=None, as_json=False, debug=False, name=None).who
    assert own.startswith("cli:")
    assert own != "cli:somebody-else"
    assert Call(settings=None, as_json=False, debug=False, name=" anna ").who == "cli:anna"
    for name in ("", "  ", "an\nna", "\u202eanna"):
        with pytest.raises(Misconfigured, match="is not a name"):
            _ = Call(settings=None, as_json=False, debug=False, name=name).who


def test_a_reader_who_leaves_early_is_no_error(lonely: Company) -> None:
    command = f"{sys.executable} -m isthmus.cli.main functions | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, **lonely.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.splitlines()[0] == "# Functions"
    assert done.stdout.splitlines()[1] in ("0", "141")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (
            ("pause", "order", "--why", "caf\udce9"),
            2,
            r"'caf\udce9': is not UTF-8; type it in a terminal that speaks UTF-8",
        ),
        (
            ("explain", "customer", "caf\udce9"),
            2,
            r"'caf\udce9': is not UTF-8; type it in a terminal that speaks UTF-8",
        ),
        (
            ("sync", "order", "--id", "caf\udce9"),
            2,
            r"'caf\udce9': is not UTF-8; type it in a terminal that speaks UTF-8",
        ),
        (("worklist", "dismiss", "9" * 19, "--why", "x"), 1, f"worklist {'9' * 19}: there is no such item"),
        (("db", "restored", "--why", "x", "--skip", "9" * 19), 2, "1000000"),
    ],
)
def test_words_that_no_database_takes_are_told_as_what_they_are(
    company: Company, words: tuple[str, ...], code: int, says: str
) -> None:
    said = company.say(*words)
    assert said.code == code
    assert says in said.err


def test_ids_belong_to_one_mapping(lonely: Company) -> None:
    for words in (("sync", "--id", "1"), ("plan", "--id", "1"), ("sync", "order", "quote", "--id", "1")):
        said = lonely.say(*words)
        assert (said.code, said.err.partition(";")[0]) == (2, "--id: belongs to one mapping")


def test_the_version_is_told() -> None:
    said = say("--version")
    assert said.code == 0
    assert said.out.startswith("isthmus 0.")


def test_a_fault_without_a_remedy_ends_cleanly(capsys: pytest.CaptureFixture[str]) -> None:
    call = Call(settings=None, as_json=False, debug=False, name=None)
    call.screen.fault(Fault("a", "b", ""))
    assert capsys.readouterr().err == "a: b\n"


def test_a_crm_that_does_not_answer_is_for_later(lonely: Company) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        extra = {"instance_url": url, "consumer_key": "k", "consumer_secret": "s3cret"}
        lonely.connect(json.dumps({"conn_type": "salesforce", "extra": extra}))
        said = lonely.say("check")
    assert said.code == 75
    assert said.err.startswith("connection salesforce_default")
    assert "s3cret" not in said.err + said.out


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("worklist", "show", "--reason", "tired"), "--reason"),
        (("erp", "orders", "--status", "lost"), "--status"),
        (("erp", "customers", "--status", "fine"), "--status"),
    ],
)
def test_a_filter_that_does_not_exist_is_no_empty_list(company: Company, words: tuple[str, ...], option: str) -> None:
    said = company.say(*words)
    assert said.code == 2
    assert said.err.startswith(f"{option}: there is no '{words[-1]}'; use one of ")


def test_an_error_of_a_command_that_tells_line_by_line_is_a_line(lonely: Company) -> None:
    said = lonely.say("plan", "--json")
    assert said.code == 2
    assert json.loads(said.out.splitlines()[-1])["error"]["kind"] == "misconfigured"
    assert len(said.out.splitlines()) == 1
