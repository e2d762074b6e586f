"""Access tokens: who a request comes from, and until when."""

from __future__ import annotations

import secrets
from datetime import timedelta

from isthmus.playground.refusals import Refusal
from isthmus.playground.store import Store, format_seconds

#: A session lives two hours after its last use, as a new organisation is set.
LIFE = timedelta(hours=2)


def open_session(store: Store, user: str) -> str:
    """A new access token for a user."""
    token = f"{store.setting('org_id')[:15]}!{secrets.token_urlsafe(60)}"
    with store.writing(user) as tx:
        tx.db.execute('INSERT INTO "_session" VALUES (?, ?, ?)', (token, user, tx.stamp))
    return token


def user_of(store: Store, authorization: str) -> str:
    """The user behind an ``Authorization`` header. Raises Refusal INVALID_SESSION_ID (401)."""
    kind, _, token = authorization.partition(" ")
    sql = 'SELECT user, seen FROM "_session" WHERE token = ?'
    found = store.connection().execute(sql, (token,)).fetchone() if kind.lower() in ("bearer", "oauth") else None
    if found is None or found[1] < format_seconds(store.now() - LIFE):
        raise Refusal("INVALID_SESSION_ID", "Session expired or invalid", status=401)
    user, seen = found
    if seen < format_seconds(store.now() - LIFE / 8):  # sliding, but not a write for every read
        with store.writing(user) as tx:
            tx.db.execute('UPDATE "_session" SET seen = ? WHERE token = ?', (tx.stamp, token))
    return str(user)


def end_sessions(store: Store) -> int:
    """Every token dies; answers how many."""
    with store.writing("") as tx:
        return tx.db.execute('DELETE FROM "_session"').rowcount
