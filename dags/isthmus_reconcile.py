"""Do both systems agree? Credit every few minutes and after each document, receivables hourly, everything daily."""

from __future__ import annotations

from airflow.sdk import DAG, task
from isthmus_tasks import OPTIONS, reconcile, when

from isthmus.mapping.load import load_mappings
from isthmus.settings import environment, load_settings

CREDIT_MOVES = ("order", "invoice", "payment")

settings = load_settings(None, environment())
moving = [spec.name for spec in load_mappings(settings.mappings) if spec.entity in CREDIT_MOVES]
for name, kind, cron, mappings in (
    ("reconcile_credit", "credit", "*/10 * * * *", moving),
    ("reconcile_receivables", "receivables", "40 * * * *", []),
    ("tie_out", "totals", "30 5 * * *", []),
):
    schedule = when(cron, settings.time_zone, mappings)
    with DAG(f"isthmus_{name}", description=f"{kind}: {__doc__}", schedule=schedule, **OPTIONS) as dag:
        task(reconcile)(kind)
    globals()[f"isthmus_{name}"] = dag
