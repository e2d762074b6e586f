"""Requests to one organisation: simple-salesforce builds query and describe requests, our door carries them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any, cast
from urllib.parse import urlsplit

from connectors.salesforce.client import load
from connectors.salesforce.config import Config
from connectors.salesforce.errors import judge_reply
from connectors.salesforce.limits import read_usage
from connectors.salesforce.login import Login
from isthmus.connect.budget import Budget, Priority
from isthmus.connect.exact import encode
from isthmus.connect.http import Door, Expected, Limits, Options, Ports, Reply, Request, Verdict
from isthmus.kernel.errors import Misconfigured, Unavailable


class _Carrier:
    """The part of requests.Session that simple-salesforce uses. It always asks for https; we know better at home."""

    proxies: Mapping[str, str] = {}

    def __init__(self, send: partial[Reply], origin: str) -> None:
        self._send = send
        self._origin = urlsplit(origin)

    def request(self, method: str, url: str, headers: Mapping[str, str], **more: Any) -> Any:
        """Sends with our own proof of who we are: simple-salesforce's copy of the token may be an old one."""
        own = {name: value for name, value in headers.items() if name not in ("Authorization", "X-PrettyPrint")}
        if urlsplit(url).netloc == self._origin.netloc:
            url = url.replace("https://", f"{self._origin.scheme}://", 1)
        return _Answer(self._send(method, url, headers=own, params=more.get("params"), priority=more.get("priority")))


class _Answer:
    """A reply as simple-salesforce reads it; numbers are exact whatever it asks for."""

    def __init__(self, reply: Reply) -> None:
        self.status_code = reply.status
        self.headers = reply.headers
        self._value = reply.value

    def json(self, **_: Any) -> Any:
        return self._value


class Rest:
    """All ways to one organisation. Nothing is sent before the first call."""

    def __init__(self, config: Config, ports: Ports, limits: Limits) -> None:
        self.where = config.where
        self.config = config
        self.ports = ports
        self.login = Login(config, ports, limits)
        self._options = Options(limits, ports, config.proxies, config.ca_file, config.secrets)
        self._budget = Budget(config.where, read_usage, low_percent=config.low_percent, percent=config.percent)
        self._lock = Lock()
        self._door: Door | None = None
        self._client: Any = None
        self._origin = ""
        self._checked = False

    def query(self, soql: str, priority: Priority = "normal") -> dict[str, Any]:
        """The first page of a query over live and deleted records: ``totalSize``, ``done``, ``records``."""
        return self._page(self._open().query(soql, include_deleted=True, priority=priority))

    def more(self, next_url: str, priority: Priority = "normal") -> dict[str, Any]:
        """The next page; ``next_url`` is the server's own and is held to our host."""
        return self._page(self._open().query_more(next_url, identifier_is_url=True, priority=priority))

    def pages(self, soql: str, priority: Priority = "normal") -> Iterator[tuple[list[dict[str, Any]], bool]]:
        """A query's records page by page, and whether that was the last. Unavailable for other than it announced."""
        answer = self.query(soql, priority)
        total, seen = answer["totalSize"], 0
        while True:
            rows, done = answer["records"], answer["done"]
            seen += len(rows)
            if seen > total or (done and seen < total) or not (done or rows):
                raise self.torn(seen, total)
            yield rows, done
            if done:
                return
            answer = self.more(answer["nextRecordsUrl"], priority)

    def query_all(self, soql: str, priority: Priority = "normal") -> list[dict[str, Any]]:
        """All records of a query that is known to be small; Unavailable when the count is not what was announced."""
        return [row for rows, _ in self.pages(soql, priority) for row in rows]

    def describe(self, path: str) -> dict[str, Any]:
        """A description: ``sobjects`` or ``sobjects/Account/describe``."""
        return cast("dict[str, Any]", self._open().restful(path))

    def send(self, method: str, path: str, value: Any = None, **more: Any) -> Reply:
        """Any other request below ``/services/data/vXX.X/``; ``value`` is sent as exact JSON."""
        body = None if value is None else encode(value)
        return self._send(method, f"{self.base_url}{path}", body=body, **more)

    def server_time(self) -> datetime:
        """The server's clock. The same answer lists the API versions, so ours is checked the first time."""
        self._open()
        reply = self._send("GET", f"{self._origin}/services/data/")
        if not self._checked:
            self._check_version(reply.value)
        if reply.date is None:
            raise Unavailable(self.where, "the server does not say what time it is", "a proxy may drop the header Date")
        return reply.date

    def who_by_userinfo(self) -> Mapping[str, Any]:
        """What OpenID says about our user (the session needs the scope for it)."""
        self._open()
        value = self._send("GET", f"{self._origin}/services/oauth2/userinfo").value
        return value if isinstance(value, dict) else {}

    @property
    def base_url(self) -> str:
        self._open()
        return f"{self._origin}/services/data/v{self.config.version}/"

    def torn(self, seen: int, total: object) -> Unavailable:
        """The error for an answer with other records than it announced: nothing of it may be believed."""
        return Unavailable(self.where, f"a query announced {total} records and gave {seen}", "run again")

    def pause(self, attempt: int) -> None:
        """Waits before the next try, at random and ever longer."""
        self.ports.sleep(self.ports.random.uniform(0, 0.5 * 2**attempt))

    def close(self) -> None:
        if self._door:
            self._door.close()
        self.login.close()

    def _send(self, method: str, url: str, **more: Any) -> Reply:
        headers = {"Sforce-Call-Options": f"client={self.config.client_id}", **(more.get("headers") or {})}
        if more.get("body") is not None:
            headers.setdefault("Content-Type", "application/json")
        expects: Expected = more.get("expects", "json")
        request = Request(
            method, url, headers=headers, params=more.get("params"), body=more.get("body"), expects=expects,
            repeatable=more.get("repeatable"), priority=more.get("priority") or "normal",
        )  # fmt: skip
        if self._door is None:
            self._open()
        return cast(Door, self._door).send(request)

    def _open(self) -> Any:
        """The client for the host that the present session belongs to."""
        origin = self.login.token().instance
        with self._lock:
            if origin != self._origin:
                self._rebuild(origin)
            return self._client

    def _rebuild(self, origin: str) -> None:
        if self._door:
            self._door.close()
        self._door = Door(
            self.where, [origin], judge=self._judge, authority=self.login, budget=self._budget, options=self._options
        )
        carrier = cast(Any, _Carrier(partial(self._send), origin))
        self._client = load("api").Salesforce(
            session_id="ours", instance_url=origin, session=carrier, version=self.config.version
        )
        self._origin = origin

    def _judge(self, reply: Reply) -> Verdict | None:
        """The door has tried a new session by the time that it shows us a 401."""
        verdict = judge_reply(self.where, self.config.version)(reply)
        if verdict and reply.status == 401:
            self.login.give_up(verdict.error)
        return cast("Verdict | None", verdict)

    def _check_version(self, versions: Any) -> None:
        known = (
            [str(one.get("version")) for one in versions if isinstance(one, dict)] if isinstance(versions, list) else []
        )
        if self.config.version not in known:
            newest = known[-1] if known else "none"
            raise Misconfigured(
                self.where, f"the organisation has no API version {self.config.version} (newest: {newest})",
                "correct 'version' in the connection",
            )  # fmt: skip
        self._checked = True

    def _page(self, answer: Any) -> dict[str, Any]:
        """The answer if it has the parts of a page of records."""
        if not isinstance(answer, dict) or not isinstance(answer.get("records"), list):
            raise Unavailable(self.where, "a query was answered without records", "run again")
        if answer.get("done") is not True and not isinstance(answer.get("nextRecordsUrl"), str):
            raise Unavailable(self.where, "a query neither ended nor said how it goes on", "run again")
        if not isinstance(answer.get("totalSize"), int):
            raise Unavailable(self.where, "a query did not say how many records there are", "run again")
        return answer
