"""Airflow reads its environment when it is imported: it must be set before any test does."""

from __future__ import annotations

import os
import tempfile

from tests.tidy.rules import ROOT

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(ROOT / "dags")
