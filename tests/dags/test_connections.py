"""Do our settings and Airflow read the same connection from the same text?"""

from __future__ import annotations

import pytest
from airflow.models.connection import Connection as AirflowConnection

from isthmus.kernel.connection import Connection
from isthmus.settings import connection
from tests.settings.test_connections import BAD, GOOD, SETTINGS

#: What we refuse and Airflow takes: a connection without a type, and any text as a URI without one.
STRICTER = {"no_type", "not_a_uri"}


def by_airflow(value: str) -> Connection:
    found = AirflowConnection.from_json(value) if value.startswith("{") else AirflowConnection(uri=value)
    return Connection(
        name="x",
        type=found.conn_type,
        host=found.host or None,
        login=found.login or None,
        password=found.password or None,
        port=found.port,
        schema=found.schema or None,
        extra=found.extra_dejson,
    )


@pytest.mark.parametrize("value", GOOD.values(), ids=GOOD)
def test_what_we_read_is_what_airflow_reads(value: str) -> None:
    assert connection(SETTINGS, "x", {"AIRFLOW_CONN_X": value}) == by_airflow(value)


@pytest.mark.parametrize("name", sorted(set(BAD) - STRICTER))
def test_what_we_refuse_airflow_refuses(name: str) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        by_airflow(BAD[name])
    assert not isinstance(caught.value, AssertionError)
