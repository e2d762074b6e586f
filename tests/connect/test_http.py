"""Does the door to HTTP keep time, size, hosts and secrets, whatever stands behind it?"""

from __future__ import annotations

import gzip
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from isthmus.connect.budget import Budget
from isthmus.connect.http import (
    Door,
    Limits,
    Options,
    Ports,
    Reply,
    Request,
    Unanswered,
    Verdict,
    judge_plainly,
)
from isthmus.connect.origins import origin_of, redact
from isthmus.kernel.clock import SetClock
from isthmus.kernel.errors import IsthmusError, Misconfigured, Unavailable
from tests.connect.raw_server import Asked, RawServer, raw_server, reply

LIMITS = Limits(connect_seconds=5, silence_seconds=20, answer_seconds=60, answer_bytes=100_000, attempts=3)
CANARY = "canary-5f1d"


class Sleeps(list[float]):
    """Remembers instead of sleeping."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def door_to(*servers: RawServer, sleeps: Sleeps | None = None, **more: Any) -> Door:
    ports = Ports(sleep=sleeps if sleeps is not None else Sleeps(), random=Random(1), **more.pop("ports", {}))
    options = Options(more.pop("limits", LIMITS), ports, secrets=(CANARY,))
    return Door("crm", [one.url for one in servers], judge=judge_plainly("crm"), options=options, **more)


def in_turn(*answers: bytes | None) -> Callable[[Asked], bytes | None]:
    """One answer after the other; the last one for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def test_a_busy_server_is_asked_again_with_growing_random_waits() -> None:
    sleeps = Sleeps()
    with raw_server(in_turn(reply({}, 503), reply({}, 502), reply({"ok": 1}))) as server:
        assert door_to(server, sleeps=sleeps).send(Request("GET", server.url + "/a")).value == {"ok": 1}
    assert len(server.asked) == 3
    assert len(sleeps) == 2
    assert 0 < sleeps[0] < 0.5
    assert 0 < sleeps[1] < 1


def test_a_server_that_stays_busy_is_left_after_the_last_attempt() -> None:
    with raw_server(in_turn(reply({}, 503))) as server, pytest.raises(Unavailable, match="503"):
        door_to(server).send(Request("GET", server.url))
    assert len(server.asked) == LIMITS.attempts


def test_retry_after_is_kept_to() -> None:
    sleeps = Sleeps()
    with raw_server(in_turn(reply({}, 429, Retry_After="7"), reply({}))) as server:
        door_to(server, sleeps=sleeps).send(Request("GET", server.url))
    assert 7 <= sleeps[0] < 8


def test_retry_after_may_be_a_date_of_the_servers_clock() -> None:
    sleeps = Sleeps()
    busy = reply({}, 503, Date="Sun, 22 Nov 2026 10:00:00 GMT", Retry_After="Sun, 22 Nov 2026 10:00:09 GMT")
    with raw_server(in_turn(busy, reply({}))) as server:
        door_to(server, sleeps=sleeps).send(Request("GET", server.url))
    assert 9 <= sleeps[0] < 10


def test_a_long_retry_after_is_handed_on_instead_of_waited_for() -> None:
    sleeps = Sleeps()
    with raw_server(in_turn(reply({}, 503, Retry_After="3600"))) as server, pytest.raises(Unavailable) as caught:
        door_to(server, sleeps=sleeps).send(Request("GET", server.url))
    assert caught.value.retry_after_seconds == 3600
    assert sleeps == []
    assert len(server.asked) == 1


@pytest.mark.parametrize("answer", [reply({}, 503), reply({}, 500), None], ids=["503", "500", "cut"])
def test_a_create_is_never_sent_twice_and_its_lost_answer_has_a_name(answer: bytes | None) -> None:
    with raw_server(in_turn(answer)) as server, pytest.raises(Unanswered):
        door_to(server).send(Request("POST", server.url, body=b"{}"))
    assert len(server.asked) == 1


def test_what_may_be_repeated_is_repeated_whatever_its_method() -> None:
    with raw_server(in_turn(None, reply({"ok": 1}))) as server:
        assert door_to(server).send(Request("PATCH", server.url, body=b"{}", repeatable=True)).value == {"ok": 1}
    assert len(server.asked) == 2


def test_what_the_server_rolled_back_is_sent_again_and_is_never_in_doubt() -> None:
    """It says so itself, with whatever status: a create may be repeated then."""

    def judge(reply_: Reply) -> Verdict | None:
        error = Unavailable("crm", "a row is locked", "try again later")
        return Verdict(error, again=True, undone=True) if reply_.status >= 300 else None

    options = Options(LIMITS, Ports(sleep=Sleeps(), random=Random(1)))
    with raw_server(in_turn(reply({}, 500), reply({"ok": 1}))) as server:
        door = Door("crm", [server.url], judge=judge, options=options)
        assert door.send(Request("POST", server.url, body=b"{}")).value == {"ok": 1}
    assert len(server.asked) == 2
    with raw_server(in_turn(reply({}, 400))) as server, pytest.raises(Unavailable) as caught:
        Door("crm", [server.url], judge=judge, options=options).send(Request("POST", server.url, body=b"{}"))
    assert not isinstance(caught.value, Unanswered)
    assert len(server.asked) == LIMITS.attempts


def test_a_create_that_never_left_is_not_in_doubt() -> None:
    with raw_server(in_turn(reply({}))) as gone:
        pass
    with pytest.raises(Unavailable) as caught:
        door_to(gone).send(Request("POST", gone.url, body=b"{}"))
    assert not isinstance(caught.value, Unanswered)


def test_silence_ends_in_the_time_out() -> None:
    held = threading.Event()

    def silent(_: Asked) -> Iterator[bytes]:
        held.wait(5)
        yield b""

    with raw_server(silent) as server:
        with pytest.raises(Unavailable, match="no answer within"):
            door_to(server, limits=Limits(silence_seconds=0.1, attempts=1)).send(Request("GET", server.url))
        held.set()


def test_an_answer_that_drips_for_ever_is_cut_off() -> None:
    class Hurrying(SetClock):
        def now(self) -> datetime:
            self.advance(timedelta(seconds=2))
            return super().now()

    def drip(_: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\n\r\n["
        while True:
            yield b" "

    clock = Hurrying(datetime(2026, 11, 22, tzinfo=UTC))
    with raw_server(drip) as server:
        door = door_to(server, ports={"clock": clock}, limits=Limits(attempts=1))
        with pytest.raises(Unavailable, match="longer than"):
            door.send(Request("GET", server.url))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reply(b"<html>maintenance</html>", Content_Type="text/html"), "'text/html' came where json was expected"),
        (reply(b'{"records": [1, 2', Content_Type="application/json"), "not whole JSON"),
        (reply(b'{"a": NaN}'), "not whole JSON"),
        (reply(b'{"a": 1}', Content_Length="80"), "broke|could not be read"),
        (reply(b"x" * 200_000), "longer than 100000 bytes"),
        (reply(gzip.compress(b" " * 50_000_000), Content_Encoding="gzip"), "longer than 100000 bytes"),
        (reply(b"no gzip", Content_Encoding="gzip"), "could not be read"),
        (b"SMTP ready\r\n\r\n", "broke|could not be read"),
    ],
    ids=["html", "cut json", "nan", "cut body", "too long", "gzip bomb", "false gzip", "no http"],
)
def test_what_is_no_answer_is_never_taken_for_data(answer: bytes, said: str) -> None:
    with raw_server(in_turn(answer)) as server, pytest.raises(Unavailable, match=said):
        door_to(server).send(Request("GET", server.url))
    assert len(server.asked) == LIMITS.attempts


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_token_stays_here(status: int) -> None:
    with (
        raw_server(in_turn(reply({}))) as other,
        raw_server(in_turn(reply({}, status, Location=f"{other.url}/steal"))) as server,
    ):
        with pytest.raises(Unavailable, match="redirect"):
            door_to(server, authority=Signer()).send(Request("GET", server.url))
        assert other.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]:80/x",
        "http://2130706433/x",
        "https://crm.example/x",
        "https://127.0.0.1@crm.example/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "//crm.example/x",
        "http://127.0.0.1:99999/",
    ],
)
def test_nothing_is_sent_to_a_host_outside_the_connection(url: str) -> None:
    with raw_server(in_turn(reply({}))) as server, pytest.raises(Unavailable, match="not part of the connection"):
        door_to(server).send(Request("GET", url))
    assert server.asked == []


@pytest.mark.parametrize("url", ["http://crm.example", "ftp://crm.example", "crm.example", "https://me:pw@crm.example"])
def test_a_connection_without_encryption_or_with_a_password_in_it_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        origin_of(url, "connection crm")
    assert "pw" not in str(caught.value)


def test_an_origin_is_scheme_host_and_unusual_port() -> None:
    assert origin_of("HTTPS://CRM.Example:443/a?b", "x") == "https://crm.example"
    assert origin_of("http://localhost:8080/", "x") == "http://localhost:8080"
    assert origin_of("http://[::1]:8080/", "x") == "http://[::1]:8080"


class Signer:
    """Signs with a numbered token, and counts how often it was renewed."""

    def __init__(self) -> None:
        self.number = 1

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {CANARY}-{self.number}"}

    def renew(self, refused: Mapping[str, str]) -> bool:
        self.number += 1
        return True


def test_a_dead_session_is_renewed_once_and_the_request_replayed_with_all_its_headers() -> None:
    signer = Signer()
    guarded = Request("PATCH", "", {"If-Unmodified-Since": "Sun, 22 Nov 2026 10:00:00 GMT"}, body=b'{"a":1}')
    with raw_server(in_turn(reply(b"<html>", 401, Content_Type="text/html"), reply({}))) as server:
        request = Request(guarded.method, server.url, guarded.headers, body=guarded.body)
        door_to(server, authority=signer).send(request)
    first, second = server.asked
    assert (first.headers["authorization"], second.headers["authorization"]) == (
        f"Bearer {CANARY}-1",
        f"Bearer {CANARY}-2",
    )
    changing = {"authorization", "host"}
    assert {k: v for k, v in first.headers.items() if k not in changing} == {
        k: v for k, v in second.headers.items() if k not in changing
    }
    assert second.body == b'{"a":1}'


def test_a_session_that_is_refused_again_ends_the_request() -> None:
    signer = Signer()
    with raw_server(in_turn(reply({}, 401))) as server, pytest.raises(Misconfigured):
        door_to(server, authority=signer).send(Request("GET", server.url))
    assert len(server.asked) == 2
    assert signer.number == 2


def test_secrets_are_in_no_error_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    answers = [
        reply([{"message": f"bad token Bearer {CANARY}"}], 400),
        reply(CANARY.encode(), 200, Content_Type=f"text/{CANARY}"),
        reply({}, 308, Location=f"https://{CANARY}:{CANARY}@crm.example/{CANARY}"),
        None,
        reply({}, 503),
    ]
    caplog.set_level(logging.DEBUG, logger="isthmus")
    for answer in answers:
        with raw_server(in_turn(answer)) as server:
            request = Request("POST", f"{server.url}/a?q={CANARY}", {"X": CANARY}, {"q": CANARY}, CANARY.encode())
            with pytest.raises(IsthmusError) as caught:
                door_to(server, authority=Signer()).send(request)
        assert CANARY not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "POST /a" in caplog.text
    assert CANARY not in caplog.text


def test_a_judge_that_quotes_the_answer_tells_no_secret_either() -> None:
    def judge(reply_: Reply) -> Verdict | None:
        return Verdict(Misconfigured("crm", f"refused: {reply_.value}", f"not {CANARY}"))

    with raw_server(in_turn(reply([f"{CANARY} and {CANARY}-1 are wrong"], 403))) as server:
        door = Door("crm", [server.url], judge=judge, authority=Signer(), options=Options(LIMITS, secrets=(CANARY,)))
        with pytest.raises(Misconfigured, match="refused: ") as caught:
            door.send(Request("GET", server.url))
    assert CANARY not in f"{caught.value} {caught.value!r} {caught.value.args}"


def test_a_session_id_is_taken_out_of_any_text() -> None:
    assert redact("see 00D5g000004AbcDEAS!AQ8AQ.x_y end") == "see *** end"
    assert redact("Authorization: Bearer abc.def\nnext\x1b[31m") == "Authorization: Bearer *** next [31m"
    assert len(redact("x" * 5000)) == 300


def test_proxies_and_netrc_of_the_environment_do_not_get_our_requests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setitem(os.environ, "NETRC", str(netrc))
    with raw_server(in_turn(reply({}))) as proxy, raw_server(in_turn(reply({}))) as server:
        monkeypatch.setitem(os.environ, "HTTP_PROXY", proxy.url)
        monkeypatch.setitem(os.environ, "http_proxy", proxy.url)
        monkeypatch.delitem(os.environ, "NO_PROXY", raising=False)
        door_to(server).send(Request("GET", server.url))
    assert proxy.asked == []
    assert "authorization" not in server.asked[0].headers


def test_cookies_are_not_kept() -> None:
    with raw_server(in_turn(reply({}, Set_Cookie="sid=1; Path=/"))) as server:
        door = door_to(server)
        door.send(Request("GET", server.url))
        door.send(Request("GET", server.url))
    assert "cookie" not in server.asked[1].headers


def test_low_work_stops_before_the_quota_is_used_up() -> None:
    def usage(headers: Mapping[str, str]) -> tuple[int, int] | None:
        used = headers.get("Used")
        return (int(used), 100) if used else None

    budget = Budget("crm", usage)
    with raw_server(in_turn(reply({}, Used="80"), reply({}, Used="95"), reply({}))) as server:
        door = door_to(server, budget=budget)
        door.send(Request("GET", server.url, priority="low"))
        with pytest.raises(Unavailable, match="80 of 100 requests") as caught:
            door.send(Request("GET", server.url, priority="low"))
        door.send(Request("GET", server.url))
        with pytest.raises(Unavailable, match="95 of 100"):
            door.send(Request("GET", server.url))
        door.send(Request("GET", server.url, priority="high"))
    assert caught.value.retry_after_seconds
    assert len(server.asked) == 3


def test_the_judge_decides_what_an_answer_means() -> None:
    def lenient(reply_: Reply) -> Verdict | None:
        return None if reply_.status == 400 else Verdict(Misconfigured("crm", str(reply_.value), ""))

    with raw_server(in_turn(reply({"error": "x"}, 400), reply({"why": "closed"}, 403))) as server:
        door = Door("crm", [server.url], judge=lenient, options=Options(LIMITS))
        assert door.send(Request("GET", server.url)).value == {"error": "x"}
        with pytest.raises(Misconfigured, match="closed"):
            door.send(Request("GET", server.url))


def test_the_servers_clock_is_read_from_the_answer() -> None:
    with raw_server(in_turn(reply({}, Date="Sun, 22 Nov 2026 10:00:00 GMT"), reply({}, Date="soon"))) as server:
        door = door_to(server)
        assert door.send(Request("GET", server.url)).date == datetime(2026, 11, 22, 10, tzinfo=UTC)
        assert door.send(Request("GET", server.url)).date is None


def test_each_thread_has_connections_of_its_own_and_close_ends_them_all() -> None:
    with raw_server(in_turn(reply({}))) as server:
        door = door_to(server)
        threads = [threading.Thread(target=door.send, args=(Request("GET", server.url),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        assert len(door._sessions) == 4
        door.close()
        assert door._sessions == []
