"""One DAG per mapping file: preflight, sync, and an event for the mappings that wait for its records."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, get_parsing_context, task
from airflow.sdk.exceptions import AirflowSkipException
from isthmus_tasks import RetryByError, preflight, sync

from isthmus.mapping.load import load_mappings
from isthmus.mapping.spec import MappingSpec
from isthmus.settings import environment, load_settings

POLICY = {"retries": 4, "retry_delay": timedelta(minutes=1), "retry_policy": RetryByError()}
OPTIONS = {"catchup": False, "max_active_runs": 1, "tags": ["isthmus"], "default_args": POLICY}


def asset(mapping: str) -> Asset:
    return Asset(f"isthmus_{mapping}", uri=f"x-isthmus://{mapping}")


def mapping_dag(spec: MappingSpec, refers_to: list[str]) -> DAG:
    cron = CronTriggerTimetable(spec.schedule, timezone=settings.time_zone)
    earlier = AssetAny(*map(asset, refers_to))
    with DAG(
        f"isthmus_{spec.name}",
        description=spec.about,
        schedule=AssetOrTimeSchedule(timetable=cron, assets=earlier) if refers_to else cron,
        **OPTIONS,
    ) as dag:

        @task(outlets=[asset(spec.name)])
        def announce(counts: dict[str, int], outlet_events: Any) -> None:
            if not counts["moved"]:
                raise AirflowSkipException("nothing was created or updated: nobody needs to hear of it")
            outlet_events[asset(spec.name)].extra = counts

        counts = task(sync)(spec.name)
        task(preflight)(spec.name) >> counts >> announce(counts)
    return dag


settings = load_settings(None, environment())
specs = load_mappings(settings.mappings)
for spec in specs:
    if spec.schedule and get_parsing_context().dag_id in (None, f"isthmus_{spec.name}"):
        wanted = {row.refers_to for row in (*spec.rows, *spec.lines)} - {spec.entity}
        globals()[f"isthmus_{spec.name}"] = mapping_dag(spec, [other.name for other in specs if other.entity in wanted])
