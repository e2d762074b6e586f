"""One DAG per mapping file: preflight, sync, and an event for the mappings that wait for its records."""

from __future__ import annotations

from airflow.sdk import DAG, get_parsing_context, task
from isthmus_tasks import OPTIONS, announce, asset, preflight, sync, when

from isthmus.mapping.load import load_mappings
from isthmus.mapping.spec import MappingSpec
from isthmus.settings import environment, load_settings


def hears(spec: MappingSpec, other: MappingSpec) -> bool:
    """Whether it runs when the other has moved: it refers to it, or adds up what happens to the same records."""
    adds_up = spec.same_as is not None and other.same_as is None
    return other.entity in spec.references() or (adds_up and spec.same_as in other.references())


def mapping_dag(spec: MappingSpec) -> DAG:
    heard = [other.name for other in specs if other is not spec and hears(spec, other)]
    schedule = when(str(spec.schedule), settings.time_zone, heard)
    with DAG(f"isthmus_{spec.name}", description=spec.about, schedule=schedule, **OPTIONS) as dag:
        counts = task(sync)(spec.name)
        told = task(announce, outlets=[asset(spec.name)])(spec.name, counts)
        task(preflight)(spec.name) >> counts >> told
    return dag


settings = load_settings(None, environment())
specs = load_mappings(settings.mappings)
for spec in specs:
    if spec.schedule and get_parsing_context().dag_id in (None, f"isthmus_{spec.name}"):
        globals()[f"isthmus_{spec.name}"] = mapping_dag(spec)
