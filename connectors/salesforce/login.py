"""Logging in, once for all threads: JWT bearer, client credentials, or a session that somebody hands us.

simple-salesforce signs and sends the request for a token; our own session underneath brings time-outs, limits and the
host that the connection names (simple-salesforce only knows ``*.salesforce.com``).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

from connectors.salesforce.client import load
from connectors.salesforce.config import Config
from isthmus.connect.http import Door, Limits, Options, Ports, Reply, Request, Verdict, judge_plainly
from isthmus.connect.origins import is_loopback, origin_of, redact
from isthmus.kernel.errors import IsthmusError, Misconfigured, Unavailable

_SALESFORCE = (".salesforce.com", ".force.com", ".salesforce.mil", ".cloudforce.com", ".sfcrmproducts.cn")
_PASSING = frozenset({"server_error", "temporarily_unavailable", "unknown_error"})
_REMEDIES = {
    "invalid_client_id": "check consumer_key, and that the app is installed in this organisation",
    "invalid_client": "check consumer_key and consumer_secret",
    "inactive_user": "activate the integration user",
    "inactive_org": "the organisation is locked or closed; ask Salesforce",
    "unsupported_grant_type": "enable the flow in the External Client App",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A session: where it is valid and, if the login said so, whose it is."""

    session_id: str
    instance: str
    organization: str | None = None
    user: str | None = None

    def __repr__(self) -> str:
        return f"Token({self.instance})"


class _TokenSession:
    """The part of requests.Session that simple-salesforce's login uses, over our own door."""

    def __init__(self, door: Door, url: str) -> None:
        self._door = door
        self._url = url
        self.granted: Mapping[str, Any] = {}

    def post(self, _: str, data: Mapping[str, str], headers: Mapping[str, str] | None = None, **__: Any) -> Any:
        body = urlencode(data).encode()
        kinds = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        request = Request("POST", self._url, headers={**kinds, **(headers or {})}, body=body, repeatable=True)
        reply = self._door.send(request)
        if reply.status == 200:
            self.granted = _whole_grant(reply)
        return _Answer(reply)


class _Answer:
    """A reply as simple-salesforce reads it."""

    def __init__(self, reply: Reply) -> None:
        self.status_code = reply.status
        self._value = reply.value if isinstance(reply.value, dict) else {}

    def json(self) -> Any:
        return self._value


class Login:
    """The one holder of the session (an :class:`isthmus.connect.http.Authority`)."""

    def __init__(self, config: Config, ports: Ports, limits: Limits) -> None:
        self._config = config
        options = Options(limits, ports, config.proxies, config.ca_file, config.secrets)
        self._where = f"{config.where} login"
        self._door = Door(self._where, [config.token_host], judge=self._judge, options=options)
        self._lock = Lock()
        self._token: Token | None = None
        self._refusal: IsthmusError | None = None

    def token(self) -> Token:
        """The present session; logs in the first time. A refusal is final: more tries would lock the user."""
        with self._lock:
            if self._token is None:
                self._token = self._begin()
            return self._token

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token().session_id}"}

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Logs in again unless another thread already did. False with a ready session: it cannot be renewed."""
        with self._lock:
            before = self._token
            if self._refusal:
                raise self._refusal
            if before is None or refused.get("Authorization") != f"Bearer {before.session_id}":
                return True
            if self._config.session_id:
                return False
            self._token = self._begin()
            if self._token.instance != before.instance:
                raise Unavailable(
                    self._where, f"the organisation moved from {before.instance} to {self._token.instance}", "run again"
                )
            return True

    def give_up(self, refusal: IsthmusError) -> None:
        """A session that was begun just now is refused too: more logins would only lock the user."""
        with self._lock:
            self._token, self._refusal = None, refusal

    def close(self) -> None:
        self._door.close()

    def _begin(self) -> Token:
        if self._refusal:
            raise self._refusal
        config = self._config
        if config.session_id and config.instance:
            return Token(config.session_id, config.instance)
        try:
            return self._ask()
        except Misconfigured as refusal:
            self._refusal = refusal
            raise

    def _ask(self) -> Token:
        session = _TokenSession(self._door, f"{self._config.token_host}/services/oauth2/token")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they print the consumer key; the refusal below says the same
                load("login").SalesforceLogin(
                    session=cast(Any, session), sf_version=self._config.version, **self._proof()
                )
        except load("exceptions").SalesforceAuthenticationFailed as refused:
            raise self._explain(str(refused.code), str(refused.auth_message)) from None
        except _key_faults() as error:
            raise Misconfigured(
                self._where,
                f"private_key is not an RSA key in PEM form ({type(error).__name__})",
                "give the whole PEM text",
            ) from None
        return self._accept(session.granted)

    def _proof(self) -> dict[str, Any]:
        """What simple-salesforce chooses the flow by: nothing more, for a stray argument would choose another one."""
        config = self._config
        if config.private_key and config.username:
            return {
                "username": config.username,
                "consumer_key": config.consumer_key,
                "privatekey": config.private_key,
                "domain": config.audience,
            }
        return {"consumer_key": config.consumer_key, "consumer_secret": config.consumer_secret, "domain": "own"}

    def _accept(self, granted: Mapping[str, Any]) -> Token:
        instance = origin_of(granted["instance_url"], self._where)
        given, host = self._config.instance, urlsplit(instance).hostname or ""
        if instance != given and (not host.endswith(_SALESFORCE) or is_loopback(host)):
            raise Misconfigured(
                self._where, f"the login leads to {host}, which is not the organisation's address",
                "check instance_url in the connection",
            )  # fmt: skip
        organization, user = _who(granted.get("id"))
        return Token(granted["access_token"], instance, organization, user)

    def _judge(self, reply: Reply) -> Verdict | None:
        """Lets OAuth refusals pass: simple-salesforce turns them into their code and description."""
        return None if reply.status in (400, 401, 403) else judge_plainly(self._where)(reply)

    def _explain(self, code: str, said: str) -> IsthmusError:
        said = redact(said, self._config.secrets)
        if code in _PASSING or "login rate exceeded" in said.lower():
            return Unavailable(self._where, f"Salesforce cannot log us in now: {said} ({code})", "try again later")
        remedy = _REMEDIES.get(
            code, "check the credentials, and that the user is active and pre-authorised for the app"
        )
        if "approved" in said:
            remedy = "pre-authorise the integration user: assign the permission set to the External Client App"
        return Misconfigured(self._where, f"Salesforce refuses the login: {said} ({code})", remedy)


def _key_faults() -> tuple[type[Exception], ...]:
    """What signing raises for a private key that is none; asked for when something was raised (see `client`)."""
    from jwt.exceptions import PyJWTError

    return ValueError, TypeError, PyJWTError


def _whole_grant(reply: Reply) -> Mapping[str, Any]:
    value = reply.value
    if not isinstance(value, dict) or not all(
        isinstance(value.get(name), str) for name in ("access_token", "instance_url")
    ):
        raise Unavailable("Salesforce login", "the answer has no session", "try again later")
    return value


def _who(identity: object) -> tuple[str | None, str | None]:
    """Organisation and user out of the identity address ``…/id/00D…/005…``."""
    parts = identity.rsplit("/", 2) if isinstance(identity, str) else []
    if len(parts) == 3 and parts[1].startswith("00D") and parts[2].startswith("005"):
        return parts[1], parts[2]
    return None, None
