"""Names with line breaks, escapes and turns of direction: does every line that is written stay one line of ours?"""

from __future__ import annotations

import logging
from types import SimpleNamespace
from unicodedata import category

import isthmus_tasks
import pytest

from isthmus.kernel.errors import IsthmusError
from tests.scenarios.mishaps import Site

NAMES = [
    "Example\nINFO isthmus: all is well", "Example\r\n2026-11-23 ERROR forged", "Example\x1b[2J\x1b[31m", "%s %(x)s",
    "Example\u202e", "Example\u2066x\u2069", "Example\u2028next", "Example\x85next", "Example\x0b\x0c", "{{ macros }}",
]  # fmt: skip


def is_one_line(text: str) -> bool:
    return all(one.isprintable() or category(one) == "Zs" for one in text)


def test_no_name_breaks_a_line(site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of our logs, of a task's log, of what a command says; in names that pass and in names that are refused."""
    caplog.set_level(logging.DEBUG, "isthmus")
    run = SimpleNamespace(triggering_user_name=None, run_type="scheduled")
    monkeypatch.setattr(isthmus_tasks, "get_current_context", lambda: {"dag_run": run})
    for name, value in site._environ.items():
        monkeypatch.setenv(name, value)
    for number, name in enumerate(NAMES):
        site.order(site.account(f"{name} {number}", Phone=name[:40]), PoNumber=name[:80])
    for mapping in ("customer", "order"):
        isthmus_tasks.sync(mapping)
    isthmus_tasks.retry_worklist()
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("isthmus")]
    assert len(messages) > 10
    assert [one for one in messages if not is_one_line(one)] == []
    for words in ("status", "worklist show", "worklist show --json", "erp customers", "plan customer"):
        told = site.isthmus(*words.split())
        assert [line for line in (told.out + told.err).split("\n") if not is_one_line(line)] == []


def test_an_error_of_a_task_is_one_line(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Salesforce quotes in its refusal what somebody typed."""
    run = SimpleNamespace(dag_id="isthmus_customer", run_id="1")
    for name, value in site._environ.items():
        monkeypatch.setenv(name, value)
    for status in (400, 403, 404):
        body = [{"errorCode": "INVALID_FIELD", "message": "\n".join(NAMES)}]
        site.break_requests("status", status=status, body=body, path="/query", count=100)
        with pytest.raises(IsthmusError) as caught:
            _sync(monkeypatch)
        site.mend()
        assert is_one_line(str(caught.value))
        assert is_one_line(isthmus_tasks.tell_failure({"dag_run": run, "exception": caught.value}))


def _sync(monkeypatch: pytest.MonkeyPatch) -> None:
    run = SimpleNamespace(triggering_user_name=None, run_type="scheduled")
    monkeypatch.setattr(isthmus_tasks, "get_current_context", lambda: {"dag_run": run})
    isthmus_tasks.sync("customer")
