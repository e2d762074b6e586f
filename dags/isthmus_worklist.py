"""Once an hour, what is on the worklist and may have become possible is tried again."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, task
from isthmus_tasks import RetryByError, retry_worklist

POLICY = {"retries": 2, "retry_delay": timedelta(minutes=5), "retry_policy": RetryByError()}
HOURLY = CronTriggerTimetable("7 * * * *", timezone="UTC")

with DAG(
    "isthmus_worklist",
    description=__doc__,
    schedule=HOURLY,
    catchup=False,
    max_active_runs=1,
    tags=["isthmus"],
    default_args=POLICY,
) as dag:
    task(retry_worklist, task_id="retry")()
