"""Answers that point elsewhere: is another machine, or this one by another door, ever asked for anything?

A second server listens, and remembers. It must never hear of us, whatever the first one says.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from isthmus.kernel.errors import IsthmusError
from isthmus.kernel.selection import Selection
from tests.connect.raw_server import RawServer, raw_server, reply
from tests.contract.crm_stub import ORG, USER, Stub, connect, page, row, stub_server

ACCOUNTS = Selection("Account", ("Name",))
#: ``{port}`` is where the second one listens; ``{@}`` an at sign, for nobody's mailbox is meant.
ELSEWHERE = [
    "http://127.0.0.1:{port}", "http://localhost:{port}", "http://[::1]:{port}", "http://2130706433:{port}",
    "http://0x7f000001:{port}", "http://0177.0.0.1:{port}", "http://127.1:{port}", "http://127.0.0.1.:{port}",
    "http://0:{port}", "http://0.0.0.0:{port}", "http://[::ffff:127.0.0.1]:{port}", "https://127.0.0.1:{port}",
    "http://user:pw{@}127.0.0.1:{port}", "http://acme.my.salesforce.com{@}127.0.0.1:{port}", "//127.0.0.1:{port}",
    "http://127.0.0.1:{port}#.salesforce.com", "http://127.0.0.1:{port}?.salesforce.com", "http:\\\\127.0.0.1:{port}",
    "http://127.0.0.1:{port}\\@acme.my.salesforce.com", "http://127。0。0。1:{port}", "http://①②⑦.0.0.1:{port}",
    "HTTP://127.0.0.1:{port}", " http://127.0.0.1:{port}", "http://127.0.0.1:{port}\t", "http://127.0.0.1\n:{port}",
    "http://169.254.169.254/latest/meta-data", "http://metadata.google.internal/", "http://[fd00:ec2::254]/",
    "https://169.254.169.254/", "https://evil.example/", "https://acme.my.salesforce.com.evil.example/",
    "https://evilsalesforce.com/", "https://xn--salesforce-com.evil.example", "file:///etc/passwd", "gopher://127.0.0.1:{port}",
    "ftp://127.0.0.1:{port}", "javascript:alert(1)", "data:text/plain,x", "unix:///var/run/docker.sock", "", "null",
]  # fmt: skip


@pytest.fixture(scope="module")
def second() -> Iterator[RawServer]:
    with raw_server(lambda _: page([row(9)])) as server:
        yield server


@pytest.fixture
def stub(second: RawServer) -> Iterator[Stub]:
    second.asked.clear()
    with stub_server() as stub:
        yield stub
    assert [(one.method, one.target) for one in second.asked] == []


def there(where: str, second: RawServer) -> str:
    return where.replace("{port}", str(second.port)).replace("{@}", "@")


@pytest.mark.parametrize("where", ELSEWHERE)
def test_a_login_that_leads_elsewhere_is_refused(stub: Stub, second: RawServer, where: str) -> None:
    """The answer to the login says where the session is valid."""
    told = {"access_token": "00D!1", "instance_url": there(where, second), "id": f"{stub.url}/id/{ORG}/{USER}"}
    stub.on("POST", "/services/oauth2/token", reply(told))
    crm = connect(stub)
    with pytest.raises(IsthmusError):
        crm.describe("Account")


@pytest.mark.parametrize("where", ELSEWHERE)
def test_a_page_that_goes_on_elsewhere_is_not_followed(stub: Stub, second: RawServer, where: str) -> None:
    link = there(where, second) + "/services/data/v66.0/query/x"
    stub.on("GET", "queryAll", page([row()], total=2, following=link))
    with pytest.raises(IsthmusError):
        list(connect(stub).read(ACCOUNTS, "2026-11-22T08:00:00.000Z", timedelta(hours=1)))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("path", ["/services/oauth2/token", "/services/data", "queryAll", "sobjects/Account/describe"])
def test_no_redirect_is_followed(stub: Stub, second: RawServer, status: int, path: str) -> None:
    method = "POST" if path.endswith("token") else "GET"
    stub.on(method, path, reply({}, status, Location=f"{second.url}/steal"))
    with pytest.raises(IsthmusError, match="redirect"):
        list(connect(stub).read(ACCOUNTS, None, timedelta(hours=1)))


@pytest.mark.parametrize(
    "job", ["../../../../../evil", "//127.0.0.1/evil", "x?y=1", "x#y", "@127.0.0.1", "\\\\127.0.0.1", "x\r\nHost: evil"]
)
def test_a_job_whose_name_is_an_address_stays_on_its_host(stub: Stub, job: str) -> None:
    count = reply({"totalSize": 99_999, "done": True, "records": []})
    stub.on("GET", "queryAll", count)
    stub.on("POST", "jobs/query", reply({"id": job, "state": "UploadComplete"}))
    with pytest.raises(IsthmusError):
        list(connect(stub).read(ACCOUNTS, None, timedelta(hours=1)))
    assert stub.server is not None
    assert all(one.headers["host"] == stub.url.removeprefix("http://") for one in stub.server.asked)


@pytest.mark.parametrize(
    "where", [one for one in ELSEWHERE if one.startswith(("file", "gopher", "ftp", "unix", "java"))]
)
def test_a_connection_to_anything_but_the_web_is_refused(stub: Stub, second: RawServer, where: str) -> None:
    with pytest.raises(IsthmusError):
        connect(stub, instance_url=there(where, second))


def test_the_second_server_would_have_heard() -> None:
    with raw_server(lambda _: reply({})) as server:
        stub = Stub()
        stub.server = server
        with pytest.raises(IsthmusError):
            connect(stub, session_id="00D!x").describe("Account")
        assert server.asked
