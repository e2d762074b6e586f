"""Airflow reads its environment when it is imported: it must be set before any test does."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from tests.tidy.rules import ROOT

HOME = tempfile.mkdtemp(prefix="airflow-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = HOME
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(ROOT / "dags")
