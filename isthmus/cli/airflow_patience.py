"""How long each process of Airflow waits for another one that writes to their SQLite file. Airflow reads it by name.

Its API server notes every call of a user from its event loop (seen in 3.3). As long as that waits for the file, no
request that holds it can end: nothing moves until somebody's patience is over. With five seconds for all, as is usual,
that was the scheduler's, which ends by it. So the API server gives up soon, says 500 and is asked again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

API_SERVER_SECONDS = 2.0
OTHERS_SECONDS = 60.0


def patience(arguments: Sequence[str]) -> dict[str, float]:
    """What a process that was started with these words gives its SQLite driver."""
    return {"timeout": API_SERVER_SECONDS if "api-server" in arguments else OTHERS_SECONDS}


CONNECT_ARGS = patience(sys.argv)
