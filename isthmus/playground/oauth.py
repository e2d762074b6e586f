"""The token endpoint: client credentials and JWT bearer, refused as OAuth says (RFC 6749 section 5.2, RFC 7523)."""

from __future__ import annotations

import base64
import binascii
import hmac
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import jwt
from starlette.responses import Response

from isthmus.playground.calls import Call, answer
from isthmus.playground.sessions import open_session

#: The demo's own consumer; both are shown to whoever starts a playground and open nothing else.
CONSUMER_KEY = "3MVG9.isthmus.playground.consumer"
CONSUMER_SECRET = "isthmus-playground-secret"  # noqa: S105
MY_DOMAIN = "https://isthmus-playground.my.salesforce.com"
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LONGEST_ASSERTION_SECONDS = 300


class _Denied(Exception):
    def __init__(self, error: str, description: str) -> None:
        super().__init__(error, description)
        self.body = {"error": error, "error_description": description}


def token(call: Call) -> Response:
    """POST /services/oauth2/token."""
    form = dict(parse_qsl(call.body.decode("latin-1"), keep_blank_values=True))
    try:
        user = _user(call, form)
    except _Denied as denied:
        return answer(denied.body, 401 if denied.body["error"] == "invalid_client" else 400)
    return answer(_grant(call, user))


def _user(call: Call, form: dict[str, str]) -> str:
    grant = form.get("grant_type")
    if grant == "client_credentials":
        return _client_user(call, form)
    if grant == _JWT_GRANT:
        return _asserted_user(call, form.get("assertion", ""))
    if grant == "password":
        raise _Denied("invalid_grant", "authentication failure")
    raise _Denied("unsupported_grant_type", "grant type not supported")


def _client_user(call: Call, form: dict[str, str]) -> str:
    key, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, coded = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            key, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise _Denied("invalid_client", "invalid client credentials") from None
    if not hmac.compare_digest(key.encode(), CONSUMER_KEY.encode()):
        raise _Denied("invalid_client_id", "client identifier invalid")
    if not hmac.compare_digest(secret.encode(), CONSUMER_SECRET.encode()):
        raise _Denied("invalid_client", "invalid client credentials")
    return str(call.store.setting("integration_user"))


def _asserted_user(call: Call, assertion: str) -> str:
    public_key = call.store.setting("jwt_public_key")
    try:
        claims = jwt.decode(
            assertion,
            public_key or "",
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False},
        )
        expires = int(claims["exp"])
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise _Denied("invalid_grant", "invalid assertion") from None
    _check_claims(call, claims, expires)
    sql = 'SELECT "Id" FROM "User" WHERE "Username" = ? COLLATE NOCASE AND "IsActive" = 1'
    found = call.store.connection().execute(sql, (str(claims.get("sub")),)).fetchone()
    if found is None:
        raise _Denied("invalid_grant", "user hasn't approved this consumer")
    return str(found[0])


def _check_claims(call: Call, claims: dict[str, Any], expires: int) -> None:
    now = call.store.now().timestamp()
    if claims.get("iss") != CONSUMER_KEY:
        raise _Denied("invalid_client_id", "client identifier invalid")
    audiences = ("https://login.salesforce.com", "https://test.salesforce.com", MY_DOMAIN, _own_url(call))
    if claims.get("aud") not in audiences:
        raise _Denied("invalid_grant", "audience is invalid")
    if not now < expires <= now + _LONGEST_ASSERTION_SECONDS:
        raise _Denied("invalid_grant", "expired authorization code" if expires <= now else "assertion lives too long")


def _own_url(call: Call) -> str:
    return f"http://{call.headers.get('host', '')}"


def _grant(call: Call, user: str) -> dict[str, str]:
    issued = str(int(call.store.now().timestamp() * 1000))
    url = _own_url(call)
    identity = f"{url}/id/{call.store.setting('org_id')}/{user}"
    signature = hmac.new(CONSUMER_SECRET.encode(), (identity + issued).encode(), sha256).digest()
    return {
        "access_token": open_session(call.store, user),
        "instance_url": url,
        "id": identity,
        "token_type": "Bearer",
        "issued_at": issued,
        "signature": base64.b64encode(signature).decode(),
        "scope": "api",
    }


def identity(call: Call) -> Response:
    """GET /services/oauth2/userinfo: whose token this is."""
    sql = 'SELECT "Username", "Name", "Email" FROM "User" WHERE "Id" = ?'
    username, name, email = call.store.connection().execute(sql, (call.user,)).fetchone()
    return answer(
        {
            "user_id": call.user,
            "organization_id": call.store.setting("org_id"),
            "preferred_username": username,
            "name": name,
            "email": email,
        }
    )
