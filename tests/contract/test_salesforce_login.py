"""Do we get in where we should, stay out where we must, and never try a refused login twice?"""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.salesforce import Connector
from connectors.salesforce.config import read_config
from isthmus.kernel.clock import SystemClock
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import IsthmusError, Misconfigured, Unavailable
from isthmus.kernel.selection import Selection
from isthmus.playground.oauth import CONSUMER_KEY
from tests.connect.raw_server import Asked, reply
from tests.contract.crm_stub import ORG, USER, Stub, connect, described
from tests.contract.crm_world import World

NAMES = Selection("Account", ("Name",))
JWT = {"consumer_key": "key", "private_key": "pem"}


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def public(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def jwt_connection(url: str, username: str, **extra: Any) -> Connection:
    return Connection(
        "crm", "salesforce", login=username, extra={"instance_url": url, "consumer_key": CONSUMER_KEY, **extra}
    )


def test_a_signed_assertion_logs_the_user_in(world: World, key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    world.playground.store.change_setting("jwt_public_key", public(key))
    sql = 'SELECT "Username" FROM "User" WHERE "Id" = ?'
    (username,) = world.playground.store.connection().execute(sql, (world.crm.our_user(),)).fetchone()
    path = tmp_path / "isthmus.key"
    path.write_text(pem(key))
    world.clock.advance(SystemClock().now() - world.clock.now())  # a JWT is signed by the real time
    for extra in ({"private_key": pem(key)}, {"extra__salesforce__private_key_file_path": str(path)}):
        crm = Connector(jwt_connection(world.playground.url, username, **extra))
        assert (crm.identity(), crm.our_user()) == (world.crm.identity(), world.crm.our_user())
        crm.close()


def test_an_assertion_says_who_we_are_to_whom_for_a_few_minutes(stub: Stub, key: rsa.RSAPrivateKey) -> None:
    connection = jwt_connection(stub.url, "isthmus@acme.example", private_key=pem(key))
    assert Connector(connection).identity() == ORG
    (asked,) = stub.asked("token")
    (assertion,) = parse_qs(asked.body.decode())["assertion"]
    options = {"verify_aud": False}
    claims = jwt.decode(assertion, public(key), algorithms=["RS256"], options=options)  # type: ignore[arg-type]
    assert (claims["iss"], claims["sub"]) == (CONSUMER_KEY, "isthmus@acme.example")
    assert claims["aud"] == "https://login.salesforce.com"


@pytest.mark.parametrize(
    ("extra", "audience", "host"),
    [
        ({}, "login", "https://login.salesforce.com"),
        ({"domain": "test"}, "test", "https://test.salesforce.com"),
        ({"domain": "acme.my"}, "acme.my", "https://acme.my.salesforce.com"),
        ({"instance_url": "https://acme.my.salesforce.com/"}, "acme.my", "https://acme.my.salesforce.com"),
        (
            {"instance": "acme--t.sandbox.my.salesforce.com"},
            "acme--t.sandbox.my",
            "https://acme--t.sandbox.my.salesforce.com",
        ),
        ({"extra__salesforce__domain": "test", "instance_url": ""}, "test", "https://test.salesforce.com"),
    ],
)
def test_where_to_log_in_follows_from_the_usual_extras(extra: dict[str, str], audience: str, host: str) -> None:
    config = read_config(Connection("crm", "salesforce", login="isthmus@acme.example", extra=JWT | extra))
    assert (config.audience, config.token_host) == (audience, host)


def test_client_credentials_are_sent_once_and_not_in_the_address(stub: Stub) -> None:
    crm = connect(stub)
    assert (crm.identity(), crm.our_user()) == (ORG, USER)
    crm.streams()
    (asked,) = stub.asked("token")
    kind, _, coded = asked.headers["authorization"].partition(" ")
    assert (kind, base64.b64decode(coded)) == ("Basic", b"invented-key:invented-secret")
    assert parse_qs(asked.body.decode()) == {"grant_type": ["client_credentials"]}
    assert "?" not in asked.target


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"error": "invalid_grant", "error_description": "user hasn't approved this consumer"}, "pre-authorise"),
        ({"error": "invalid_client", "error_description": "invalid client credentials"}, "consumer_secret"),
        ({"error": "inactive_user", "error_description": "user is inactive"}, "activate"),
        ({"error": "app_not_found", "error_description": "External client app is not installed"}, "credentials"),
    ],
)
def test_a_refused_login_is_explained_and_not_tried_again(stub: Stub, told: dict[str, str], said: str) -> None:
    stub.on("POST", "/services/oauth2/token", reply(told, 400))
    crm = connect(stub)
    for _ in range(3):
        with pytest.raises(Misconfigured, match=said):
            list(crm.read(NAMES, None, timedelta(0)))
    assert len(stub.asked("token")) == 1


def test_a_login_that_fails_for_now_may_be_tried_again(stub: Stub) -> None:
    later = reply({"error": "unknown_error", "error_description": "retry your request"}, 400)
    stub.on("POST", "/services/oauth2/token", later, reply({}, 503), lambda _: stub.grant())
    crm = connect(stub)
    with pytest.raises(Unavailable, match="cannot log us in now"):
        crm.identity()
    assert crm.identity() == ORG


@pytest.mark.parametrize(
    "answer",
    [reply(b"<html>", Content_Type="text/html"), reply({}), reply({"access_token": 1}), reply([]), reply(b"{", 400)],
    ids=["html", "empty", "half", "list", "cut"],
)
def test_an_answer_without_a_session_is_no_login(stub: Stub, answer: bytes) -> None:
    stub.on("POST", "/services/oauth2/token", answer)
    with pytest.raises(Unavailable):
        connect(stub).identity()


@pytest.mark.parametrize("url", ["https://evil.example", "http://127.0.0.1:9", "https://salesforce.com.evil.example"])
def test_a_login_that_leads_elsewhere_gets_no_requests(stub: Stub, url: str) -> None:
    grant = {"access_token": "00D!x", "instance_url": url, "id": f"{url}/id/{ORG}/{USER}"}
    stub.on("POST", "/services/oauth2/token", reply(grant))
    with pytest.raises(Misconfigured, match="leads to"):
        connect(stub).streams()


def test_a_ready_session_that_ended_is_not_renewed(stub: Stub) -> None:
    stub.on("GET", "queryAll", reply([{"errorCode": "INVALID_SESSION_ID", "message": "expired"}], 401))
    extra = {"session_id": "00D!given", "instance_url": stub.url}
    crm = Connector(Connection("crm", "salesforce", extra=extra))
    stub.on("GET", "/services/oauth2/userinfo", reply({"user_id": USER, "organization_id": ORG}))
    with pytest.raises(Misconfigured, match="does not accept our session"):
        crm.fetch(NAMES, [USER])
    assert stub.asked("token") == []


def test_a_session_without_openid_is_known_by_its_users_name(stub: Stub) -> None:
    def answer(asked: Asked) -> bytes:
        rows = {"User": [{"Id": USER, "Email": "isthmus@acme.example"}], "Organization": [{"Id": ORG}]}
        stream = next(name for name in rows if f"FROM+{name}" in asked.target)
        return reply(
            {"totalSize": 1, "done": True, "records": [one | {"Username": one.get("Email")} for one in rows[stream]]}
        )

    stub.on("GET", "queryAll", answer)
    stub.on("GET", "/services/oauth2/userinfo", reply("Missing_OAuth_Token", 403))
    stub.on("GET", "sobjects/User/describe", reply({"fields": [
        described("Id", "id"), described("Username"), described("SystemModstamp", "datetime"),
    ]}))  # fmt: skip
    extra = {"session_id": "00D!given", "instance_url": stub.url}
    crm = Connector(Connection("crm", "salesforce", login="isthmus@acme.example", extra=extra))
    assert (crm.identity(), crm.our_user()) == (ORG, USER)


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        (Connection("crm", "salesforce"), "neither how to log in"),
        (Connection("crm", "salesforce", login="a", password="geheim", extra={"security_token": "t"}), "Summer '27"),
        (Connection("crm", "salesforce", login="a", password="geheim", extra={"consumer_key": "k"}), "JWT bearer"),
        (Connection("crm", "salesforce", extra={"session_id": "geheim"}), "without instance_url"),
        (Connection("crm", "salesforce", extra={"consumer_key": "k", "consumer_secret": "geheim"}), "own address"),
        (
            Connection("crm", "salesforce", extra={"session_id": "geheim", "instance_url": "http://acme.example"}),
            "https",
        ),
        (
            Connection("crm", "salesforce", login="a", extra={"consumer_key": "k", "private_key_file_path": "/no"}),
            "file",
        ),
        (Connection("crm", "salesforce", extra={"session_id": ["geheim"]}), "not text"),
        (Connection("crm", "salesforce", extra={"bulk_above": "many"}), "whole number"),
        (Connection("crm", "salesforce", extra={"external_ids": "Account"}), "table"),
    ],
)
def test_a_connection_that_cannot_work_is_refused_before_anything_is_sent(connection: Connection, said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as caught:
        Connector(connection)
    assert "geheim" not in str(caught.value)


def test_a_broken_private_key_is_named_and_not_shown(stub: Stub) -> None:
    connection = jwt_connection(stub.url, "isthmus@acme.example", private_key="-----BEGIN geheim-----")
    with pytest.raises(IsthmusError, match="not an RSA key") as caught:
        Connector(connection).identity()
    assert "geheim" not in repr(caught.value)
    assert stub.asked("token") == []


def test_a_stray_security_token_or_password_does_not_choose_another_way_in(stub: Stub) -> None:
    crm = connect(stub, security_token="stray")
    assert crm.identity() == ORG
    both = replace(jwt_connection(stub.url, "isthmus@acme.example"), password="stray")
    with pytest.raises(Misconfigured, match="JWT bearer"):
        Connector(both)
