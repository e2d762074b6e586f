"""Who may come in, and what is everybody else told?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed

from isthmus.kernel.clock import SetClock
from tests.playground.conftest import NOW, Client, Redirect

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DOMAIN = "isthmus-playground.my"


def _key() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())  # fmt: skip
    public = key.public_key().public_bytes(serialization.Encoding.PEM,
                                           serialization.PublicFormat.SubjectPublicKeyInfo)  # fmt: skip
    return private.decode(), public.decode()


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    return _key()


def _session(client: Client) -> requests.Session:
    session = requests.Session()
    session.mount("https://", Redirect(client.playground.url))
    return session


def test_unmodified_simple_salesforce_logs_in_reads_and_writes(shared: Client) -> None:
    extra = shared.playground.connection.extra
    with _session(shared) as session:
        client: Any = Salesforce(consumer_key=extra["consumer_key"], consumer_secret=extra["consumer_secret"],
                            domain=DOMAIN, session=session, version="66.0")  # fmt: skip
        made = client.Contact.create({"LastName": "Quill", "Email": "quill@contact.example"})
        assert client.Contact.get(made["id"])["Name"] == "Quill"
        assert client.Contact.update(made["id"], {"FirstName": "Ada"}) == 204
        assert client.Contact.upsert("Isthmus_Key__c/K-1", {"LastName": "New"}) == 201
        assert client.Contact.upsert("Isthmus_Key__c/K-1", {"LastName": "Newer"}) == 200
        names = [row["Name"] for row in client.query_all_iter("SELECT Name FROM Contact WHERE LastName = 'quill'")]
        assert names == ["Ada Quill"]
        assert client.Contact.delete(made["id"]) == 204
        assert any(one["name"] == "Order" for one in client.describe()["sobjects"])
        pages = list(client.bulk2.Account.query("SELECT Id FROM Account", wait=0))
        assert [page.splitlines()[0] for page in pages] == ['"Id"']


def test_wrong_secret_is_refused_with_oauths_error_object(shared: Client) -> None:
    extra = shared.playground.connection.extra
    with _session(shared) as session, pytest.raises(SalesforceAuthenticationFailed) as failure:
        Salesforce(consumer_key=extra["consumer_key"], consumer_secret="wrong", domain=DOMAIN, session=session)
    assert failure.value.code == "invalid_client"


def test_signed_assertion_opens_a_session_of_its_user(shared: Client, keys: tuple[str, str]) -> None:
    private, public = keys
    shared.admin("settings", jwt_public_key=public)
    claims = {"iss": shared.playground.connection.extra["consumer_key"], "sub": "emi.hoshino@playground.example",
              "aud": "https://login.salesforce.com", "exp": int((NOW + timedelta(minutes=3)).timestamp())}  # fmt: skip
    url = f"{shared.playground.url}/services/oauth2/token"

    def ask(key: str, **changed: object) -> requests.Response:
        assertion = jwt.encode({**claims, **changed}, key, algorithm="RS256")
        return requests.post(url, data={"grant_type": GRANT, "assertion": assertion}, timeout=30)

    told = ask(private)
    assert told.status_code == 200
    header = {"Authorization": f"Bearer {told.json()['access_token']}"}
    who = requests.get(f"{shared.playground.url}/services/oauth2/userinfo", headers=header, timeout=30).json()
    assert who["preferred_username"] == "emi.hoshino@playground.example"
    assert ask(private, exp=str(claims["exp"])).status_code == 200  # simple-salesforce sends text
    wrong: list[tuple[str, dict[str, Any]]]
    wrong = [(_key()[0], {}), (private, {"sub": "nobody@playground.example"}), (private, {"exp": 1}),
             (private, {"aud": "https://elsewhere.example"}), (private, {"iss": "other"})]  # fmt: skip
    for key, changed in wrong:
        refused = ask(key, **changed)
        assert refused.status_code == 400
        assert set(refused.json()) == {"error", "error_description"}


def test_unsigned_assertion_is_refused(shared: Client, keys: tuple[str, str]) -> None:
    shared.admin("settings", jwt_public_key=keys[1])
    assertion = jwt.encode({"iss": "x", "sub": "y", "exp": 9_999_999_999}, "", algorithm="none")
    form = {"grant_type": GRANT, "assertion": assertion}
    told = requests.post(f"{shared.playground.url}/services/oauth2/token", data=form, timeout=30)
    assert (told.status_code, told.json()["error"]) == (400, "invalid_grant")


def test_session_slides_with_use_and_ends_after_two_idle_hours(fresh: Client, clock: SetClock) -> None:
    for _ in range(3):
        clock.advance(timedelta(minutes=90))
        assert fresh.send("GET", "limits").status_code == 200
    clock.advance(timedelta(minutes=121))
    assert fresh.error("GET", "limits") == (401, "INVALID_SESSION_ID")


def test_versions_need_no_session_and_old_ones_are_gone(shared: Client) -> None:
    listed = requests.get(f"{shared.playground.url}/services/data/", timeout=30).json()
    assert listed[-1]["version"] == "67.0"
    told = requests.get(f"{shared.playground.url}/services/data/v66.0/limits", timeout=30)
    assert (told.status_code, told.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")
    old = Client(shared.playground, shared.session, "30.0")
    assert old.error("GET", "limits") == (410, "UNSUPPORTED_API_VERSION")
    assert Client(shared.playground, shared.session, "99.0").error("GET", "limits") == (404, "NOT_FOUND")


def test_every_answer_says_the_servers_time_and_the_days_calls(fresh: Client) -> None:
    first, second = (fresh.send("GET", "limits") for _ in range(2))
    assert first.headers["Date"] == "Fri, 20 Nov 2026 12:00:00 GMT"
    used = [int(told.headers["Sforce-Limit-Info"].split("=")[1].split("/")[0]) for told in (first, second)]
    assert used[1] == used[0] + 1
    fresh.admin("settings", daily_calls=used[1])
    assert fresh.error("GET", "limits") == (403, "REQUEST_LIMIT_EXCEEDED")
