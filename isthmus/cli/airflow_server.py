"""An Airflow of our own: how it is configured and started, and its REST API as far as the launcher needs it.

Settings and their reasons: SQLite holds four tasks at once but not thirty; without the two waits a short task keeps
its slot for five seconds; every port is on the loopback address where Airflow lets us choose.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from isthmus.connect.http import Door, Limits, Options, Reply, Request, Verdict
from isthmus.kernel.clock import parse_stamp
from isthmus.kernel.errors import Unavailable

USER = "admin"
PARTS = ("scheduler", "dag-processor", "api-server", "triggerer")  # of `airflow standalone`, by their commands
_TOLD_OF = ("metadatabase", "scheduler", "dag_processor", "triggerer")  # by the API server of its health


@dataclass(slots=True)
class AirflowServer:
    """``home`` keeps its database, configuration, logs and password between two starts."""

    home: Path
    dags: Path
    port: int
    token: str = ""
    door: Door = field(init=False)
    bell: Door = field(init=False)  # rung again and again by who waits for an answer

    def __post_init__(self) -> None:
        self.door, self.bell = self._door(attempts=10), self._door(attempts=1)

    def _door(self, *, attempts: int) -> Door:
        options = Options(limits=Limits(silence_seconds=20, attempts=attempts, wait_seconds=3))
        return Door("airflow", [self.url], judge=_judge, options=options)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        return [str(Path(sys.executable).with_name("airflow")), "standalone"]

    @property
    def passwords(self) -> Path:
        return self.home / "passwords.json"

    def password(self) -> str:
        """The administrator's password, made at the first start."""
        if not self.passwords.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            self.passwords.touch(mode=0o600)
            self.passwords.write_text(json.dumps({USER: secrets.token_urlsafe(12)}), encoding="utf-8")
        return str(json.loads(self.passwords.read_text(encoding="utf-8"))[USER])

    def environ(self, outer: Mapping[str, str]) -> dict[str, str]:
        """The environment of Airflow and of its tasks."""
        kept = {
            key: value
            for key, value in outer.items()
            if key != "PYTHONDONTWRITEBYTECODE" and (not key.startswith("AIRFLOW_") or key.startswith("AIRFLOW_CONN_"))
        }
        settings = {
            "CORE__DAGS_FOLDER": str(self.dags),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__PARALLELISM": "4",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",  # the launcher wakes them in reference order
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.passwords),
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home / 'airflow.db'}",
            "DATABASE__SQL_ALCHEMY_CONNECT_ARGS": "isthmus.cli.airflow_patience.CONNECT_ARGS",
            "API__HOST": "127.0.0.1",
            "API__PORT": str(self.port),
            "API__BASE_URL": self.url,
            "LOGGING__WORKER_LOG_SERVER_PORT": str(self.port + 1),
            "LOGGING__TRIGGER_LOG_SERVER_PORT": str(self.port + 2),
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
            "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "WORKERS__EXECUTION_API_TIMEOUT": "60",  # on a busy machine the first answer takes longer than five seconds
            "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",  # each reading takes a second of a processor
        }
        path = f"{Path(sys.executable).parent}:{outer.get('PATH', '')}"  # standalone starts `airflow` by name
        return {
            **kept,
            **{f"AIRFLOW__{key}": value for key, value in settings.items()},
            "AIRFLOW_HOME": str(self.home),
            "PATH": path,
        }

    # --- REST -----------------------------------------------------------------------------------------------------

    def healthy(self) -> bool:
        """Whether all four parts say so, and the tasks' own API, which is built at its first request."""
        try:
            health = self.bell.send(Request("GET", f"{self.url}/api/v2/monitor/health")).value
            self.bell.send(Request("GET", f"{self.url}/execution/health"))
        except Unavailable:
            return False
        return all(health.get(part, {}).get("status") == "healthy" for part in _TOLD_OF)

    def log_in(self, user: str = USER) -> None:
        password = json.loads(self.passwords.read_text(encoding="utf-8"))[user]
        body = json.dumps({"username": user, "password": password}).encode()
        headers = {"Content-Type": "application/json"}
        request = Request("POST", f"{self.url}/auth/token", headers=headers, body=body, repeatable=True)
        self.token = self.door.send(request).value["access_token"]

    def import_errors(self) -> list[str]:
        """Why a DAG file could not be read, in its own words."""
        errors = self._ask("GET", "/importErrors")["import_errors"]
        return [f"{Path(error['filename']).name}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]

    def dag_ids(self) -> set[str]:
        return {str(dag["dag_id"]) for dag in self._ask("GET", "/dags?limit=100&tags=isthmus")["dags"]}

    def wake(self, dag_id: str) -> None:
        """From now on its schedule counts."""
        self._ask("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str) -> str:
        """Starts a run and returns its id."""
        return str(self._ask("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None})["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self._ask("GET", _run(dag_id, run_id))["state"])

    def active_runs(self, *, started_before: datetime | None = None) -> list[tuple[str, str]]:
        """DAG and run of whatever is queued or running; if asked, only of what had begun before an instant."""
        runs = self._ask("GET", "/dags/~/dagRuns?limit=100&state=queued&state=running")["dag_runs"]
        if started_before is not None:
            runs = [run for run in runs if run["start_date"] and parse_stamp(run["start_date"]) < started_before]
        return [(str(run["dag_id"]), str(run["dag_run_id"])) for run in runs]

    def give_up(self, dag_id: str, run_id: str) -> None:
        """Marks a run as failed: its processes were ended with the launcher that started it."""
        self._ask("PATCH", _run(dag_id, run_id), {"state": "failed"})

    def failure(self, dag_id: str, run_id: str) -> str:
        """The last error in the log of the task that failed."""
        return next(self._errors(dag_id, run_id, "failed"), "no task failed by itself")

    def waiting_to_retry(self, dag_id: str, run_id: str) -> Iterator[str]:
        """The last error of each task that Airflow will try again later."""
        return self._errors(dag_id, run_id, "up_for_retry")

    def _errors(self, dag_id: str, run_id: str, state: str) -> Iterator[str]:
        for task in self._ask("GET", _run(dag_id, run_id) + "/taskInstances")["task_instances"]:
            if task["state"] != state:
                continue
            address = f"{_run(dag_id, run_id)}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
            lines = self._ask("GET", address)["content"]
            errors = [line for line in lines if isinstance(line, dict) and line.get("level") == "error"]
            raised = [line for line in errors if line.get("error_detail")]  # what is logged later only tells of it
            yield _told((raised or errors)[-1]) if errors else f"task {task['task_id']} failed without a word"

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        url = f"{self.url}/api/v2{path}"
        # A run that is triggered twice writes nothing twice, so every request may be repeated.
        return self.door.send(Request(method, url, headers=headers, body=content, repeatable=True)).value


def _run(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _told(line: Mapping[str, Any]) -> str:
    details = line.get("error_detail") or []
    values = [str(detail.get("exc_value")) for detail in details if detail.get("exc_value")]
    return values[0] if values else str(line.get("event"))


def _judge(reply: Reply) -> Verdict | None:
    if reply.status < 300:
        return None
    value = reply.value if isinstance(reply.value, dict) else {}
    error = Unavailable("airflow", f"answered {reply.status}: {value.get('detail', 'no reason')}", "see its log")
    return Verdict(error, again=reply.status >= 500 or reply.status == 429)
