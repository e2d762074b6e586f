"""The one door to HTTP: time-outs, bounded retries, size limits, an allow-list of hosts, and errors without secrets.

A :class:`Door` leads to the hosts it was built with and nowhere else. Every request has time-outs, every answer a
greatest size and a greatest duration; a redirect is never followed; only https is spoken, except to this machine.
What may be repeated is repeated a few times with full jitter, and ``Retry-After`` is kept. A request that may have had
an effect though nobody answered ends as :class:`Unanswered`, and only the caller knows whether it is safe to repeat.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from random import Random
from threading import Lock, local
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

import requests
import tenacity
from requests.cookies import RequestsCookieJar
from urllib3.exceptions import HTTPError

from isthmus.connect.budget import Budget, Priority
from isthmus.connect.exact import decode
from isthmus.connect.origins import origin_of, redact
from isthmus.kernel.clock import Clock, SystemClock
from isthmus.kernel.errors import Fault, IsthmusError, Misconfigured, Unavailable

log = logging.getLogger("isthmus.http")
# Its debug lines have whole addresses, and a query in an address holds people's names.
logging.getLogger("urllib3").setLevel(logging.INFO)

Expected = Literal["json", "csv", "any"]
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_BUSY = frozenset({429, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 1 << 18


class Unanswered(Unavailable):
    """The request may have been carried out, but its answer is lost."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost. ``attempts`` counts the first one; ``wait_seconds`` is the longest single wait."""

    connect_seconds: float = 5
    silence_seconds: float = 60
    answer_seconds: float = 300
    answer_bytes: int = 128 * 1024 * 1024
    attempts: int = 4
    wait_seconds: float = 60


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``repeatable`` says that carrying it out twice is the same as once; None: by its method."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] | None = None
    body: bytes | None = field(default=None, repr=False)
    expects: Expected = "json"
    repeatable: bool | None = None
    priority: Priority = "normal"

    @property
    def safe(self) -> bool:
        return self.method in _REPEATABLE if self.repeatable is None else self.repeatable


@dataclass(slots=True)
class Reply:
    """A whole answer. ``value`` is its JSON with exact numbers; None when it has no JSON."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    value: Any = field(default=None, repr=False)

    @property
    def date(self) -> datetime | None:
        """The server's own clock (header ``Date``, whole seconds); None when it does not say."""
        try:
            return parsedate_to_datetime(self.headers["Date"]).astimezone(UTC)
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a connector makes of an answer that is not a success; ``again``: the same request may succeed soon.

    ``undone``: the server says that nothing came of it (a lock it did not get, a transaction it rolled back, a limit),
    so that even what is not repeatable may be sent again, and is not in doubt if it never succeeds.
    """

    error: IsthmusError
    again: bool = False
    undone: bool = False


Judge = Callable[[Reply], Verdict | None]


class Authority(Protocol):
    """Who signs requests."""

    def headers(self) -> Mapping[str, str]:
        """The headers that prove who we are; logs in if that has not happened yet."""
        ...

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Gets new proof unless another thread already did; False when there is nothing to get it with."""
        ...


class _Again(Exception):
    """Carries an error that one more attempt may avoid, and how long the server wants us to wait."""

    def __init__(self, error: IsthmusError, wait_seconds: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_seconds = wait_seconds


@dataclass(frozen=True, slots=True)
class Ports:
    """The effects of a door, so that no test sleeps."""

    clock: Clock = field(default_factory=SystemClock)
    sleep: Callable[[float], None] = time.sleep
    random: Random = field(default_factory=Random)  # noqa: S311 - jitter, not a secret


class Door:
    """Leads to the given hosts. May be used by several threads: each has a connection pool of its own."""

    def __init__(
        self,
        where: str,
        hosts: Collection[str],
        *,
        judge: Judge,
        authority: Authority | None = None,
        budget: Budget | None = None,
        options: Options | None = None,
    ) -> None:
        self._where = where
        self._origins = frozenset(origin_of(host, where) for host in hosts)
        self._judge = judge
        self._authority = authority
        self._budget = budget
        self._options = options or Options()
        self._ports = self._options.ports
        self._local = local()
        self._sessions: list[requests.Session] = []
        self._lock = Lock()

    def send(self, request: Request) -> Reply:
        """One answer with status 200–299 (or what the judge lets pass); raises one of the five errors.

        Unanswered instead of Unavailable when a request that is not repeatable may have been carried out.
        """
        self._check_host(request.url)
        if self._budget:
            self._budget.check(request.priority)
        limits = self._options.limits
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(limits.attempts),
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, _Again) and self._waits(error)),
            wait=self._wait,
            sleep=self._ports.sleep,
            reraise=True,
        )
        try:
            return retrying(self._attempt, request)
        except _Again as last:
            if isinstance(last.error, Unavailable) and last.error.retry_after_seconds is None:
                last.error.retry_after_seconds = last.wait_seconds
            raise last.error from None

    def close(self) -> None:
        """Closes all connections."""
        with self._lock:
            while self._sessions:
                self._sessions.pop().close()
        self._local = local()

    def _check_host(self, url: str) -> None:
        try:
            known = origin_of(url, self._where) in self._origins
        except Misconfigured:
            known = False
        if not known:
            raise Unavailable(
                self._where,
                f"an answer points to {urlsplit(url).hostname or 'no host'!r}, which is not part of the connection",
                "nothing was sent there; check the connection's addresses",
            )

    def _waits(self, again: _Again) -> bool:
        return again.wait_seconds is None or again.wait_seconds <= self._options.limits.wait_seconds

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Full jitter over a doubling span, or what the server asks for and a little more."""
        failure = state.outcome.exception() if state.outcome else None
        span: float = min(self._options.limits.wait_seconds, 0.5 * 2 ** (state.attempt_number - 1))
        asked = failure.wait_seconds if isinstance(failure, _Again) else None
        return self._ports.random.uniform(0, span) + (asked or 0)

    def _attempt(self, request: Request) -> Reply:
        proof = dict(self._authority.headers()) if self._authority else {}
        reply = self._once(request, proof)
        if reply.status == 401 and self._authority and self._authority.renew(proof):
            reply = self._once(request, dict(self._authority.headers()))
        if reply.status >= 300:
            reply.value = _spoken(reply)
        verdict = self._judge(reply)
        if verdict is None:
            return self._read(request, reply)
        self._hush(verdict.error, proof)
        if verdict.again and (request.safe or verdict.undone or reply.status == 429):
            raise _Again(verdict.error, _asked_wait(reply, self._ports.clock))
        if verdict.again and reply.status >= 500:
            raise _unanswered(verdict.error)
        raise verdict.error

    def hush(self, error: IsthmusError) -> IsthmusError:
        """The same error without what was sent: for a refusal that a connector reads out of an answer by itself."""
        self._hush(error, self._authority.headers() if self._authority else {})
        return error

    def _hush(self, error: IsthmusError, proof: Mapping[str, str]) -> None:
        """A refusal may quote what was sent."""
        secrets = [*self._options.secrets, *(value.rpartition(" ")[2] for value in proof.values())]
        fault = error.fault
        if any(len(one) > 3 and one in str(fault) for one in secrets):
            error.fault = Fault(*(redact(part, secrets) for part in (fault.where, fault.what, fault.remedy)))
            error.args = (error.fault.where, error.fault.what, error.fault.remedy)

    def _read(self, request: Request, reply: Reply) -> Reply:
        """Takes the JSON or CSV out of a success; anything else there is not an answer."""
        kind = reply.headers.get("Content-Type", "").lower()
        if request.expects == "any" or (not reply.body and reply.status != 200):
            return reply
        if request.expects not in kind:
            raise self._lost(request, f"{kind.split(';')[0] or 'nothing'!r} came where {request.expects} was expected")
        if request.expects == "json":
            try:
                reply.value = decode(reply.body)
            except ValueError:
                raise self._lost(request, "the answer is not whole JSON") from None
        return reply

    def _lost(self, request: Request, what: str) -> IsthmusError | _Again:
        """A failure after which nobody knows whether the request was carried out."""
        where = f"{self._where} {request.method} {urlsplit(request.url).path}"
        error = Unavailable(where, redact(what, self._options.secrets), "try again later")
        return _Again(error) if request.safe else _unanswered(error)

    def _once(self, request: Request, proof: Mapping[str, str]) -> Reply:
        """Sends once and reads the whole answer within the limits."""
        limits = self._options.limits
        headers = {"Accept-Encoding": "gzip", "User-Agent": "isthmus", **request.headers, **proof}
        try:
            response = self._session().request(
                request.method, request.url, params=request.params, data=request.body, headers=headers,
                timeout=(limits.connect_seconds, limits.silence_seconds), allow_redirects=False, stream=True,
            )  # fmt: skip
            with response:
                reply = Reply(response.status_code, response.headers, self._body(request, response))
        except (requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError) as error:
            raise _Again(self._unreachable(error)) from None
        except requests.ConnectionError as error:
            if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error):
                raise _Again(self._unreachable(error)) from None
            raise self._lost(request, "the connection broke before the whole answer was there") from None
        except requests.Timeout:
            raise self._lost(request, f"no answer within {limits.silence_seconds:g} seconds") from None
        except (requests.RequestException, HTTPError, ValueError) as error:
            raise self._lost(request, f"the answer could not be read ({type(error).__name__})") from None
        log.debug("%s %s -> %s, %d bytes", request.method, urlsplit(request.url).path, reply.status, len(reply.body))
        self._refuse_redirect(request, reply)
        if self._budget:
            self._budget.note(reply.headers)
        return reply

    def _body(self, request: Request, response: requests.Response) -> bytes:
        limits = self._options.limits
        deadline = self._ports.clock.now().timestamp() + limits.answer_seconds
        parts: list[bytes] = []
        size = 0
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            size += len(chunk)
            parts.append(chunk)
            if size > limits.answer_bytes:
                raise self._lost(request, f"the answer is longer than {limits.answer_bytes} bytes")
            if self._ports.clock.now().timestamp() > deadline:
                raise self._lost(request, f"the answer took longer than {limits.answer_seconds:g} seconds")
        return b"".join(parts)

    def _refuse_redirect(self, request: Request, reply: Reply) -> None:
        if reply.status in _REDIRECTS:
            raise Unavailable(
                f"{self._where} {request.method} {urlsplit(request.url).path}",
                f"the server redirects to {urlsplit(reply.headers.get('Location', '')).hostname or 'another page'!r}",
                "redirects are not followed; give the final address in the connection",
            )

    def _unreachable(self, error: Exception) -> Unavailable:
        hosts = ", ".join(sorted(urlsplit(origin).netloc for origin in self._origins))
        return Unavailable(self._where, f"{hosts} cannot be reached ({type(error).__name__})", "check host and network")

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # neither .netrc nor proxy variables may redirect our credentials
            session.proxies = dict(self._options.proxies)
            session.verify = self._options.ca_file or True
            session.cookies = _NoCookies()
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        return session


@dataclass(frozen=True, slots=True)
class Options:
    """The less usual parts of a door. ``secrets`` never appear in an error; ``proxies`` as requests takes them."""

    limits: Limits = field(default_factory=Limits)
    ports: Ports = field(default_factory=Ports)
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: str | None = None
    secrets: Collection[str] = field(default=(), repr=False)


class _NoCookies(RequestsCookieJar):
    """Keeps none: a cookie of one session must not follow the next one."""

    def set_cookie(self, *_: Any, **__: Any) -> None:
        return None


def judge_plainly(where: str) -> Judge:
    """The judge of a system without words of its own: by status only."""

    @cache
    def verdict(status: int) -> Verdict | None:
        if status < 300:
            return None
        if status in _BUSY or status >= 500:
            return Verdict(Unavailable(where, f"the server answers {status}", "try again later"), again=True)
        if status in (401, 403):
            return Verdict(Misconfigured(where, f"the server answers {status}", "check credentials and rights"))
        return Verdict(Unavailable(where, f"the server answers {status}", "check address and version"))

    return lambda reply: verdict(reply.status)


def _spoken(reply: Reply) -> Any:
    """What the body of a refusal says, if it is JSON."""
    try:
        return decode(reply.body) if "json" in reply.headers.get("Content-Type", "").lower() else None
    except ValueError:
        return None


def _unanswered(error: IsthmusError) -> Unanswered:
    return Unanswered(error.fault.where, error.fault.what, error.fault.remedy)


def _asked_wait(reply: Reply, clock: Clock) -> float | None:
    """``Retry-After`` in seconds, given as seconds or as an HTTP date; None when absent or unreadable."""
    text = reply.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
        return max(0.0, (until - (reply.date or clock.now())).total_seconds())
    except (TypeError, ValueError):
        return None
