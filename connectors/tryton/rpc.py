"""JSON-RPC with a session: one call is one transaction of Tryton. Logs in, and in again when the session is over."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from threading import Lock
from typing import Any

from connectors.tryton.batches import patiently
from connectors.tryton.config import Config
from connectors.tryton.errors import error_told, judge_reply
from connectors.tryton.values import Row, decoded, encoded
from isthmus.connect.exact import encode
from isthmus.connect.http import Door, Limits, Options, Ports, Request
from isthmus.kernel.clock import business_day
from isthmus.kernel.errors import Misconfigured, Unavailable

_READING = frozenset(("read", "search", "search_read", "search_count", "get_id", "get_preferences", "fields_get"))


class Session:
    """The one holder of the session (an :class:`isthmus.connect.http.Authority`)."""

    def __init__(self, config: Config, options: Options) -> None:
        self._config = config
        where = f"{config.where} login"
        self._door = Door(where, [config.origin], judge=judge_reply(where), options=options)
        self._lock = Lock()
        self._proof: dict[str, str] = {}
        self._user = 0
        self._refusal: Misconfigured | None = None

    def headers(self) -> Mapping[str, str]:
        with self._lock:
            if not self._proof:
                self._proof = self._begin()
            return self._proof

    def renew(self, refused: Mapping[str, str]) -> bool:
        """A new session, unless another thread has one already. A wrong password is final: more tries lock us out."""
        with self._lock:
            if refused == self._proof:
                self._proof = self._begin()
            return True

    def user(self) -> int:
        """The id of our user."""
        self.headers()
        return self._user

    def close(self) -> None:
        self._door.close()

    def _begin(self) -> dict[str, str]:
        if self._refusal:
            raise self._refusal
        config = self._config
        parameters = [config.login, {"password": config.password}, "en"]
        try:
            granted = _told(self._door, _request(config, "common.db.login", parameters, repeatable=True), "login")
        except Misconfigured as refusal:
            self._refusal = refusal
            raise
        self._user, key = granted[0], granted[1]
        token = b64encode(f"{config.login}:{self._user}:{key}".encode()).decode()
        return {"Authorization": f"Session {token}"}


class Rpc:
    """All calls to one database. Nothing is sent before the first one."""

    def __init__(self, config: Config, ports: Ports, limits: Limits) -> None:
        self.config = config
        self.where = config.where
        self.ports = ports
        self.calls = 0
        options = Options(limits, ports, {}, config.ca_file, (config.password,))
        self.session = Session(config, options)
        self._door = Door(
            config.where, [config.origin], judge=judge_reply(config.where), authority=self.session, options=options
        )
        self._lock = Lock()
        self._context: Row | None = None
        self._currency: str | None = None
        self._time_zone: str | None = None

    def call(self, method: str, *parameters: Any, context: Mapping[str, Any] | None = None) -> Any:
        """One call with the company's context. Raises one of the five errors; Busy when it was rolled back.

        Reading calls are repeated when their answer is lost; a writing one ends as Unanswered.
        """
        return self._send(method, [*parameters, {**self.context(), **(context or {})}])

    def read(self, model: str, ids: Sequence[int], fields: Sequence[str], **context: Any) -> dict[int, Row]:
        """Rows by id: Tryton keeps no order, and one that is not there makes the whole call fail."""
        rows = self.call(f"model.{model}.read", list(ids), list(fields), context=context) if ids else []
        return {row["id"]: row for row in rows}

    def search_read(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], *, limit: int | None = None
    ) -> list[Row]:
        """The rows of a domain by id, all or the first of them."""
        found: list[Row] = self.call(
            f"model.{model}.search_read", list(domain), 0, limit, [["id", "ASC"]], list(fields)
        )
        return found

    def search_count(self, model: str, domain: Sequence[Any]) -> int:
        """How many records a domain has."""
        return int(self.call(f"model.{model}.search_count", list(domain)))

    def context(self) -> Row:
        """What must go with every call: without the company, credit reads as nothing, and without an error."""
        with self._lock:
            if self._context is None:
                self._context = self._ask_context()
            return self._context

    def company(self) -> int:
        """The company that we work in. Raises Misconfigured when our user has none."""
        company = self.context().get("company")
        if not company:
            raise Misconfigured(self.where, "our user works in no company", "give the user a company in Tryton")
        return int(company)

    def company_currency(self) -> str:
        """The currency that the company's books are kept in."""
        if self._currency is None:
            rows = self.read("company.company", [self.company()], ["currency.code"])
            self._currency = str(rows[self.company()]["currency."]["code"])
        return self._currency

    def day_of(self, moment: datetime) -> date:
        """The day of an instant where the company keeps its books; in UTC where it does not say where that is."""
        if self._time_zone is None:
            rows = self.read("company.company", [self.company()], ["timezone"])
            self._time_zone = str(rows[self.company()]["timezone"] or "UTC")
        try:
            return business_day(moment, self._time_zone)
        except (ValueError, LookupError):
            what = f"{self._time_zone!r}, the company's time zone, is not known here"
            raise Misconfigured(self.where, what, "correct it in Tryton, or install the time zones") from None

    def forget_context(self) -> None:
        """Our user was moved to another company."""
        with self._lock:
            self._context = None

    def server_time(self) -> datetime:
        """The server's clock, of the answer's header."""
        reply = self._door.send(
            _request(self.config, "model.ir.lang.search_count", [[], self.context()], repeatable=True)
        )
        self.calls += 1
        if reply.date is None:
            raise Unavailable(self.where, "the server does not say what time it is", "a proxy may drop the header Date")
        return reply.date

    def close(self) -> None:
        self._door.close()
        self.session.close()

    def _ask_context(self) -> Row:
        preferences = self._send("model.res.user.get_preferences", [True, {}])
        context = {**preferences, "language": "en"}  # the texts of errors are read: they must not change with a user
        if self.config.company:
            domain = [["party.name", "=", self.config.company], ["id", "in", preferences.get("companies") or []]]
            found = self._send("model.company.company.search", [domain, 0, None, None, context])
            context["company"] = found[0] if found else None
        if self.config.company and not context.get("company"):
            what = f"the user works in no company {self.config.company!r}"
            raise Misconfigured(self.where, what, "give the user a company in Tryton, or correct extra 'company'")
        return context

    def _send(self, method: str, parameters: list[Any]) -> Any:
        repeatable = method.rpartition(".")[2] in _READING or ".on_change" in method
        request = _request(self.config, method, parameters, repeatable=repeatable)

        def send() -> Any:
            self.calls += 1
            return _told(self._door, request, f"{self.where} {method}")

        return patiently(send, self.ports) if repeatable else send()


def _request(config: Config, method: str, parameters: list[Any], *, repeatable: bool) -> Request:
    # Exactly these keys: with one more, Tryton answers in another form.
    body = encode({"id": 0, "method": method, "params": encoded(parameters)})
    headers = {"Content-Type": "application/json"}
    return Request("POST", config.url, headers=headers, body=body, repeatable=repeatable)


def _told(door: Door, request: Request, where: str) -> Any:
    """What Tryton answers. It tells its errors with status 200, and may quote what it was sent."""
    value = door.send(request).value
    if isinstance(value, dict) and value.get("error"):
        raise door.hush(error_told(where, value["error"]))
    if not isinstance(value, dict) or "result" not in value:
        raise Unavailable(where, "something that is not Tryton answers", "check the address in the connection")
    return decoded(value["result"])
