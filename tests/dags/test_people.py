"""Is a person asked in Airflow what only a person can decide, and does the answer hold on both sides, in their name?"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import isthmus_tasks
import pytest
from airflow.sdk.exceptions import AirflowSkipException

from isthmus.cli.airflow_server import AirflowServer
from isthmus.cli.processes import Crew
from isthmus.db import engine_for
from isthmus.kernel.errors import Refused, Unavailable
from isthmus.playground import SeedSizes
from isthmus.reconcile.resolve import Office, Question
from isthmus.state import leases
from isthmus.state.worklist import Item
from tests.cli.conftest import Company, open_company
from tests.dags.browser import CHROMIUM, browse
from tests.dags.test_launch import four_free_ports, wait_until
from tests.tidy.rules import ROOT

SIZES = SeedSizes(accounts=8, products=4, quotes=0, orders=8, dirty=False)
RULES = 'roles: {finance: ["airflow:vera", "airflow:olga"]}\nrights: {finance: [resolve, dismiss]}\n'
HOSTILE = "A|B <img src=x onerror=alert(1)> *C*"
PEOPLE = ("admin", "vera", "mallory")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with open_company(tmp_path_factory.mktemp("company"), SIZES) as company:
        with (company.folder / "isthmus.yaml").open("a") as file:
            file.write(RULES)
        company.ask("sync")
        yield company


@pytest.fixture
def tasks(company: Company, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The functions of the tasks, as the schedule calls them."""
    for name, value in company.environ.items():
        monkeypatch.setenv(name, value)
    run = SimpleNamespace(triggering_user_name=None, run_type="scheduled")
    monkeypatch.setattr(isthmus_tasks, "get_current_context", lambda: {"dag_run": run})
    return isthmus_tasks


def conflict(company: Company, place: int, crm: str = "PO-SALES", erp: str = "PO-CLERK") -> int:
    """Sales and a clerk change the same number of one order; the number of the question."""
    crm_id, erp_id = company.pairs("order")[place]
    company.clerk("order", erp_id, customer_reference=erp)
    company.sell("update", "Order", Id=crm_id, PoNumber=crm)
    company.ask("sync", "order")
    (item,) = [one for one in company.ask("worklist", "show", "order")["items"] if one["id"] == crm_id]
    return int(item["number"])


def reference(company: Company, place: int) -> str:
    erp_id = int(company.pairs("order")[place][1])
    return str(company.rows("SELECT customer_reference FROM erp_order WHERE id = ?", erp_id)[0][0])


def answer(choices: dict[int, str], *, by: str | None = "vera") -> dict[str, Any]:
    """What Airflow hands on when somebody has answered, or (``by`` None) nobody has."""
    person = {"id": by, "name": by} if by else None
    chosen = {str(number): take for number, take in choices.items()}
    return {"chosen_options": ["answer"], "params_input": chosen, "responded_by_user": person}


# --- the tasks, on two real systems -------------------------------------------------------------------------------


def test_a_page_shows_every_question_with_both_values_and_one_choice_each(company: Company, tasks: Any) -> None:
    numbers = [conflict(company, 0), conflict(company, 1, crm=HOSTILE)]
    assert set(numbers) <= set(tasks.open_questions()[0])
    page, asked = tasks.describe(numbers)
    assert list(asked) == [str(number) for number in numbers]
    first = asked[str(numbers[0])]["choices"]
    assert first == {"crm": "the CRM's value: PO-SALES", "erp": "the ERP's value: PO-CLERK"}
    assert r"PO\-SALES" in page
    assert r"A\|B \<img" in page, "what people entered is text, not marks"
    assert "<img" not in page.replace(r"\<img", "")


def test_questions_come_in_batches(company: Company, tasks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {conflict(company, 0), conflict(company, 2)}
    monkeypatch.setattr(tasks, "BATCH", 1)
    batches = tasks.open_questions()
    assert {len(batch) for batch in batches} == {1}
    assert numbers <= {number for (number,) in batches}


def test_a_page_looks_at_its_own_questions_only(company: Company, tasks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each merge asks both systems: of hundreds that wait, every page would ask about all."""
    numbers, looked, look = [conflict(company, 0), conflict(company, 1)], [], Office.question

    def count(office: Office, found: Item) -> Question:
        looked.append(found.id)
        return look(office, found)

    monkeypatch.setattr(Office, "question", count)
    assert set(numbers) <= {number for batch in tasks.open_questions() for number in batch}
    tasks.describe(numbers[:1])
    tasks.apply_answers(answer({numbers[0]: "crm"}))
    assert looked == numbers[:1]


@pytest.mark.parametrize(("take", "by"), [("later", "vera"), ("later", None), ("crm", None)])
def test_what_nobody_decided_is_asked_again(company: Company, tasks: Any, take: str, by: str | None) -> None:
    number = conflict(company, 2)
    before = len(company.rows("SELECT 1 FROM state_decision"))
    with pytest.raises(AirflowSkipException, match="it is asked again"):
        tasks.apply_answers(answer({number: take}, by=by))
    assert len(company.rows("SELECT 1 FROM state_decision")) == before
    assert number in tasks.open_questions()[0]


def test_who_may_not_makes_the_task_fail_and_what_others_could_decide_stays(company: Company, tasks: Any) -> None:
    number = conflict(company, 2)
    with pytest.raises(Refused, match="airflow:mallory: may not resolve; ask airflow:olga or airflow:vera"):
        tasks.apply_answers(answer({number: "crm"}, by="mallory"))
    kept = company.rows("SELECT who, outcome FROM state_decision ORDER BY id DESC LIMIT 1")
    assert kept == [("airflow:mallory", "refused")]
    assert number in tasks.open_questions()[0]


def test_an_answer_is_carried_out_at_once_in_the_name_of_who_gave_it(company: Company, tasks: Any) -> None:
    number = conflict(company, 3)
    tasks.apply_answers(answer({number: "erp"}))
    assert reference(company, 3) == "PO-CLERK"
    assert company.rows("SELECT who, outcome FROM state_decision WHERE item = ?", number) == [("airflow:vera", "done")]
    told = company.ask("explain", "order", company.pairs("order")[3][0])
    assert "airflow:vera took the value of the ERP" in [step.get("due") for step in told["steps"]]


def test_an_answer_is_void_when_either_side_has_moved(company: Company, tasks: Any, caplog: Any) -> None:
    number = conflict(company, 4)
    again = conflict(company, 4, crm="PO-THIRD")
    tasks.apply_answers(answer({number: "crm"}))
    assert f"{number}: answered meanwhile, or a side moved and it is asked anew" in caplog.text
    assert reference(company, 4) == "PO-CLERK"
    assert again in [number for batch in tasks.open_questions() for number in batch]


def test_an_answer_that_comes_twice_counts_once(company: Company, tasks: Any, caplog: Any) -> None:
    number = conflict(company, 3, crm="PO-ONCE", erp="PO-TWICE")
    tasks.apply_answers(answer({number: "crm"}))
    company.clerk("order", company.pairs("order")[3][1], customer_reference="PO-SINCE")
    tasks.apply_answers(answer({number: "crm"}, by="olga"))
    assert f"{number}: answered meanwhile, or a side moved and it is asked anew" in caplog.text
    assert reference(company, 3) == "PO-SINCE", "an old answer undoes nothing"
    assert company.rows("SELECT who FROM state_decision WHERE item = ?", number) == [("airflow:vera",)]


def test_an_answer_is_not_held_against_who_gave_it_when_the_task_is_tried_again(
    company: Company, tasks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One takes two people; the other one cannot be carried out while the mapping is running."""
    large, small = conflict(company, 6, crm="PO-TWO"), conflict(company, 0, crm="PO-ONE")
    ruled = company.folder / "ruled.yaml"
    ruled.write_text((company.folder / "isthmus.yaml").read_text() + "approvals: {above: {EUR: 5000}}\n")
    monkeypatch.setenv("ISTHMUS_SETTINGS", str(ruled))
    engine = engine_for(f"sqlite:///{company.folder / 'var' / 'isthmus.db'}")
    running = leases.take(engine, "order")
    assert isinstance(running, leases.Lease)
    with pytest.raises(Unavailable, match="another run holds the lease"):
        tasks.apply_answers(answer({large: "crm", small: "crm"}))
    leases.release(engine, running)
    engine.dispose()
    tasks.apply_answers(answer({large: "crm", small: "crm"}))
    assert reference(company, 0) == "PO-ONE"
    decided = "SELECT who, outcome FROM state_decision WHERE item = ?"
    assert company.rows(decided, large) == [("airflow:vera", "asked")]
    tasks.apply_answers(answer({large: "crm"}, by="olga"))
    assert reference(company, 6) == "PO-TWO"


# --- a real Airflow, a real browser -------------------------------------------------------------------------------


@dataclass
class Airflow:
    """A server of our own, seen by one of its users."""

    server: AirflowServer
    folder: Path
    words: dict[str, str]
    log: Path

    def ask(self, who: str, method: str, path: str, body: Any = None) -> Any:
        self.server.token, before = self.words[who], self.server.token
        try:
            return self.server._ask(method, path, body)
        finally:
            self.server.token = before

    def end_of(self, dag: str, run: str) -> str:
        wait_until(lambda: self.server.run_state(dag, run) in ("success", "failed"), 120)
        return self.server.run_state(dag, run)

    def asked(self, run: str) -> dict[str, Any]:
        """The page of questions of a run, once it is there."""
        path = f"/dags/isthmus_worklist/dagRuns/{run}/hitlDetails?response_received=false"
        wait_until(lambda: bool(self.ask("admin", "GET", path)["hitl_details"]), 120)
        (page,) = self.ask("admin", "GET", path)["hitl_details"]
        self.wait_until_put_aside(run, 0)
        assert self.states(run)["ask"] == "awaiting_input"
        return dict(page)

    def wait_until_put_aside(self, run: str, place: int) -> None:
        """Airflow takes an answer that comes before it has put the task aside for a lost task, and asks again."""
        told = rf"executor event with state success .*task_id='ask'.*{re.escape(run)}.*map_index={place}\b"
        wait_until(lambda: re.search(told, self.log.read_text(errors="replace")) is not None, 60)

    def reply(self, who: str, run: str, choices: dict[str, str]) -> None:
        path = f"/dags/isthmus_worklist/dagRuns/{run}/taskInstances/ask/0/hitlDetails"
        self.ask(who, "PATCH", path, {"chosen_options": ["answer"], "params_input": choices})

    def states(self, run: str, dag: str = "isthmus_worklist") -> dict[str, str]:
        found = self.ask("admin", "GET", f"/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        return {one["task_id"]: one["state"] for one in found}


def only_when_asked(file: Path, cron: str) -> str:
    """Takes a schedule out of a DAG's file, or in the hours after it Airflow would make up for it; what it was."""
    before = file.read_text()
    assert f'"{cron}"' in before
    file.write_text(before.replace(f'"{cron}"', '"0 0 29 2 *"'))
    return before


@pytest.fixture(scope="module")
def airflow(company: Company) -> Iterator[Airflow]:
    folder = company.folder / "var"
    dags = company.folder / "dags"
    shutil.copytree(ROOT / "dags", dags, ignore=shutil.ignore_patterns("__pycache__"))
    hourly = only_when_asked(dags / "isthmus_worklist.py", "7 * * * *")
    only_when_asked(dags / "isthmus_reconcile.py", "30 5 * * *")
    hasty = hourly.replace("timedelta(minutes=50)", "timedelta(seconds=1)").replace(
        'DAG("isthmus_worklist"', 'DAG("isthmus_hasty"'
    )
    assert hasty.count("seconds=1") == hasty.count("isthmus_hasty") == 1
    (dags / "isthmus_hasty.py").write_text(hasty.replace('"7 * * * *"', '"0 0 29 2 *"'))  # waits for nobody
    single = hourly.replace("from isthmus_tasks import", "import isthmus_tasks\nfrom isthmus_tasks import")
    single = single.replace('DAG("isthmus_worklist"', 'DAG("isthmus_single"').replace('"7 * * * *"', '"0 0 29 2 *"')
    (dags / "isthmus_single.py").write_text(
        f"{single}\nisthmus_tasks.BATCH = 1  # each question on a page of its own\n"
    )
    server = AirflowServer(folder / "airflow", dags, four_free_ports())
    server.home.mkdir(parents=True)
    server.passwords.write_text(json.dumps({name: f"{name}-enters" for name in PEOPLE}))
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "ISTHMUS"))}
    environ = server.environ({**outer, **company.environ, "PYTHONPATH": str(ROOT)})
    users = ",".join(f"{name}:{'admin' if name == 'admin' else 'op'}" for name in PEOPLE)
    crew = Crew(folder)
    try:
        crew.start("airflow", server.command, {**environ, "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users})
        wait_until(server.healthy, 180)
        words = {}
        for name in PEOPLE:
            server.log_in(name)
            words[name] = server.token
        server.token = words["admin"]
        wait_until(lambda: {"isthmus_worklist", "isthmus_hasty", "isthmus_single"} <= server.dag_ids(), 60)
        assert server.import_errors() == []
        for dag in ("isthmus_worklist", "isthmus_hasty", "isthmus_single"):
            server.wake(dag)
        yield Airflow(server, company.folder, words, crew.log("airflow"))
    finally:
        crew.end()


@pytest.mark.airflow
def test_a_person_answers_in_airflow_and_only_who_may_is_heard(company: Company, airflow: Airflow) -> None:
    number = conflict(company, 5)
    first = airflow.server.trigger("isthmus_worklist")
    page = airflow.asked(first)
    assert "to decide" in page["subject"]
    assert r"PO\-SALES" in page["body"]
    assert set(page["params"][str(number)]["schema"]["enum"]) == {"later", "crm", "erp"}
    airflow.reply("mallory", first, {**dict.fromkeys(page["params"], "later"), str(number): "crm"})
    assert airflow.end_of("isthmus_worklist", first) == "failed"
    assert airflow.states(first)["apply_answers"] == "failed"
    assert reference(company, 5) == "PO-CLERK", "who may not changes nothing"

    second = airflow.server.trigger("isthmus_worklist")
    page = airflow.asked(second)
    assert str(number) in page["params"], "it is asked again"
    airflow.reply("vera", second, {**dict.fromkeys(page["params"], "later"), str(number): "crm"})
    assert airflow.end_of("isthmus_worklist", second) == "success"
    assert reference(company, 5) == "PO-SALES"
    kept = company.rows("SELECT who, outcome FROM state_decision WHERE item = ? ORDER BY id", number)
    assert kept == [("airflow:mallory", "refused"), ("airflow:vera", "done")]


@pytest.mark.airflow
def test_what_one_page_is_answered_is_carried_out_while_others_wait(company: Company, airflow: Airflow) -> None:
    numbers = [str(conflict(company, place, crm="PO-PAGES")) for place in (1, 2)]
    run = airflow.server.trigger("isthmus_single")
    path = f"/dags/isthmus_single/dagRuns/{run}"

    def waiting() -> dict[str, int]:
        pages = airflow.ask("admin", "GET", f"{path}/hitlDetails?response_received=false&limit=50")["hitl_details"]
        put_aside = [one for one in pages if one["task_instance"]["state"] == "awaiting_input"]
        return {number: one["task_instance"]["map_index"] for one in put_aside for number in one["params"]}

    def reply(number: str, take: str) -> None:
        place, body = waiting()[number], {"chosen_options": ["answer"], "params_input": {number: take}}
        airflow.wait_until_put_aside(run, place)
        airflow.ask("vera", "PATCH", f"{path}/taskInstances/ask/{place}/hitlDetails", body)

    wait_until(lambda: set(numbers) <= set(waiting()), 120)
    reply(numbers[0], "crm")
    wait_until(lambda: reference(company, 1) == "PO-PAGES", 60)
    while left := waiting():
        reply(next(iter(left)), "later")
    assert airflow.end_of("isthmus_single", run) == "success"
    assert reference(company, 2) == "PO-CLERK"


@pytest.mark.airflow
def test_what_nobody_answers_in_time_is_asked_again_and_nothing_is_lost(company: Company, airflow: Airflow) -> None:
    number = conflict(company, 4, crm="PO-UNHEARD")
    before = reference(company, 4)
    run = airflow.server.trigger("isthmus_hasty")
    assert airflow.end_of("isthmus_hasty", run) == "success"
    states = airflow.states(run, "isthmus_hasty")
    assert (states["ask"], states["apply_answers"]) == ("success", "skipped")
    assert reference(company, 4) == before
    assert company.rows("SELECT 1 FROM state_decision WHERE item = ?", number) == []
    again = airflow.server.trigger("isthmus_worklist")
    page = airflow.asked(again)
    assert str(number) in page["params"]
    airflow.reply("vera", again, {**dict.fromkeys(page["params"], "later"), str(number): "crm"})
    assert airflow.end_of("isthmus_worklist", again) == "success"
    assert reference(company, 4) == "PO-UNHEARD"


@pytest.mark.airflow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
def test_the_page_in_the_browser_can_be_read_and_answered(company: Company, airflow: Airflow) -> None:
    typed = f"{HOSTILE} in the browser"
    last_agreed = reference(company, 6)
    number = conflict(company, 6, crm=typed)  # the newest, so the last on the page
    run = airflow.server.trigger("isthmus_worklist")
    airflow.asked(run)
    with browse(company.folder / "chromium") as page:
        page.go(airflow.server.url)
        page.type_into("input[name=username]", "vera")
        page.type_into("input[name=password]", "vera-enters")
        page.click("document.querySelector('button[type=submit]')")
        page.wait_for(lambda: "Required Action" in page.text(), "home page")
        page.go(f"{airflow.server.url}/dags/isthmus_worklist/runs/{run}/tasks/ask/mapped/0/required_actions")
        page.wait_for(lambda: typed in page.text(), "question")
        told = page.text()
        page.picture(airflow.folder / "question.png")
        page.click("[...document.querySelectorAll('div')].findLast(one => one.innerText === 'decide later')")
        page.ask("Input.insertText", text="the CRM")
        page.wait_for(lambda: f"the CRM's value: {typed}" in page.text(), "choice")
        page.press_enter()
        page.click("[...document.querySelectorAll('button')].find(one => one.innerText === 'answer')")
        page.wait_for(lambda: "Awaiting Input" not in page.text(), "end of waiting")
    (row,) = [line.split("\t") for line in told.splitlines() if typed in line and "PO-CLERK" in line]
    assert row == ["po_number", last_agreed, typed, "PO-CLERK"], "as it was typed"
    assert airflow.end_of("isthmus_worklist", run) == "success"
    assert reference(company, 6) == typed
    assert company.rows("SELECT who FROM state_decision WHERE item = ?", number) == [("airflow:vera",)]


@pytest.mark.airflow
def test_both_systems_are_compared_by_airflow_and_the_log_says_what_came_of_it(
    company: Company, airflow: Airflow
) -> None:
    airflow.server.wake("isthmus_tie_out")
    run = airflow.server.trigger("isthmus_tie_out")
    assert airflow.end_of("isthmus_tie_out", run) == "success"
    assert company.rows("SELECT kind, who FROM state_tie_out") == [("totals", "airflow:admin")]
