"""Can somebody who has no Salesforce start one, connect to it and end it?"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

from tests.cli.conftest import Company

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_it_says_how_to_connect_serves_and_ends_with_ctrl_c(lonely: Company) -> None:
    words = ["playground", "--fresh", "--port", str(free_port()), "--size", "2,1,0,0", "--seed", "7"]
    served = subprocess.Popen(
        [sys.executable, "-m", "isthmus.cli.main", *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, **lonely.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert served.stdout
        said = [served.stdout.readline() for _ in range(4)]
        found = re.search(r"^export (AIRFLOW_CONN_SALESFORCE_DEFAULT)='(.*)'$", "".join(said), re.MULTILINE)
        assert found
        url = json.loads(found[2])["extra"]["instance_url"]
        assert f"a local Salesforce listens at {url}" in said[0]
        lonely.wait_for(url)
        with urlopen(f"{url}/services/data", timeout=10) as answer:
            assert json.loads(answer.read())[-1]["version"]
        lonely.connect(found[2])
        told = lonely.ask("check")
        assert told["fine"]["crm"].startswith("salesforce_default, organisation 00D")
    finally:
        served.send_signal(signal.SIGINT)
        _, errors = served.communicate(timeout=30)
    assert served.returncode == 0
    assert "Traceback" not in errors


def test_a_port_in_use_leaves_the_data_alone(company: Company) -> None:
    assert company.playground
    port = company.playground.url.rpartition(":")[2]
    folder = company.folder / "playground"
    said = company.say("playground", "--port", port, "--folder", str(folder), "--fresh")
    assert said.code == 2
    assert said.err.startswith(f"port {port}: cannot be used: ")
    assert (folder / "playground.sqlite").exists()


def test_sizes_are_four_numbers(lonely: Company) -> None:
    said = lonely.say("playground", "--size", "many")
    assert said.code == 2
    assert said.err == "--size: 'many' is not four whole numbers; write it as 300,60,200,500\n"
