"""Requests without credentials: they are bounded, answered with a reason, and never cause an internal error."""

import json
import re
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx2 as httpx
import pytest

from support.browser import csrf_token_of, sign_in
from support.raw_requests import answer_to, connected
from support.running_service import Running
from support.waiting import wait_until

LONG = 60_000
MB = 1_000_000
FORM = b"POST /dashboard/sign-in HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A service with few descriptors and a short request timeout."""
    running = Running(tmp_path_factory.mktemp("small"), request_timeout_s=2).start(descriptors=256)
    yield running
    running.stop()


def memory(service):
    lines = dict(
        line.split(":", 1) for line in Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    )
    return int(lines["VmRSS"].split()[0]) * 1_000


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        ("/v1/presence", "authorization: Bearer hc_{}", 401),
        ("/dashboard", "cookie: headcount={}", 303),
        ("/v1/stream?token={}", "x: y", 401),
        ("/dashboard/shared/{}", "x: y", 410),
    ],
)
def test_unknown_credentials_are_not_stored(service, path, header, status):
    number = 2_000
    with connected(service) as connection, connection.makefile("rb") as answers:

        def ask(n):
            shown = f"{n:08}" + "x" * LONG
            connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n{header}\r\n\r\n".format(shown).encode())
            head = b"".join(iter(answers.readline, b"\r\n")).lower()
            answers.read(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            return int(head[9:12])

        assert {ask(n) for n in range(100)} == {status}
        before = memory(service)
        assert {ask(n) for n in range(100, number)} == {status}
    assert memory(service) - before < number * LONG / 3


def test_the_number_of_header_lines_is_limited(service):
    lines = [f"x-{n}: y" for n in range(120)]
    with httpx.Client() as client:
        assert (
            client.get(f"{service.url}/healthz", headers=[line.split(": ") for line in lines]).status_code
            == 200
        )
    head = "GET /healthz HTTP/1.1\r\nhost: x\r\n" + "a:\r\n" * 30_000 + "\r\n"
    answer = answer_to(service, head.encode())
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "request-too-large"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nendless: ",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nendless",
        b"GET /endless",
        b"POST /nowhere HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nendless: ",
        b"POST /nowhere HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1;endless=",
    ],
)
def test_a_line_that_does_not_end_is_cut_off(service, head):
    before = memory(service)
    answer_to(service, head, *[b"x" * MB] * 60)
    assert memory(service) - before < 30 * MB


def test_bytes_that_are_not_http_are_answered_with_an_error_of_the_api(service):
    answer = answer_to(service, b"\x16\x03\x01 hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "invalid-request-error"


def test_a_form_that_stops_is_answered_with_408(small):
    answer = answer_to(small, FORM + b"content-length: 900\r\n\r\nkey=x")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"The form did not arrive within 2 s" in answer


@pytest.mark.parametrize("length", [b"content-length: 20000", b"transfer-encoding: chunked"])
def test_a_form_without_credentials_is_limited_in_size(small, length):
    body = b"x" * 20_000 if b"length" in length else b"4e20\r\n" + b"x" * 20_000 + b"\r\n0\r\n\r\n"
    assert answer_to(small, FORM + b"connection: close\r\n" + length + b"\r\n\r\n", body).startswith(
        b"HTTP/1.1 413"
    )


@pytest.mark.parametrize("start", [FORM + b"content-length: 900\r\n\r\nkey=x", b"GET / HTTP/1.1\r\nx", b""])
def test_more_connections_than_descriptors_lock_nobody_out(small, start):
    with ExitStack() as stack:
        for _ in range(600):
            connection = stack.enter_context(connected(small))
            with suppress(OSError):
                connection.sendall(start)
        for _ in range(5):
            assert httpx.get(f"{small.url}/healthz", timeout=30).status_code == 200
    assert "Too many open files" not in small.log.read_text()


def count_aborted(service):
    """Return how many sign-in forms were aborted so far."""
    metrics = httpx.get(f"{service.url}/metrics", timeout=30).text
    found = re.search(r'requests_total\{route="/dashboard/sign-in",status="400"\} (\d+)', metrics)
    return int(found[1]) if found else 0


def test_a_client_that_disconnects_causes_no_traceback(small):
    before = count_aborted(small)
    for _ in range(50):
        with connected(small) as connection:
            connection.sendall(FORM + b"content-length: 900\r\n\r\nkey=x")
    head = b"POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\ncontent-length: 900\r\n\r\n{"
    with connected(small) as connection:
        connection.sendall(head % small.key.encode())
    wait_until(lambda: count_aborted(small) >= before + 50)
    assert "Traceback" not in small.log.read_text()


@pytest.mark.parametrize("host", ["[", "x/y?z", "[::1", "\\", ""])
@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/sign-in", "/nowhere", "/v1/ingest/generic/x"])
def test_no_host_header_causes_an_error(service, host, path):
    with connected(service) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        assert int(connection.recv(65_536)[9:12]) < 500


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def both(request, tmp_path_factory):
    database = request.getfixturevalue("postgres").database() if request.param == "postgres" else None
    running = Running(tmp_path_factory.mktemp("both"), database).start()
    yield running
    running.stop()


NINES = "9" * 5_000


@pytest.mark.parametrize(
    "path",
    [
        "/dashboard/meetings?min_minutes=" + NINES,
        "/dashboard/meetings?min_people=" + NINES,
        "/dashboard/usage?from=0001-01-01",
        "/dashboard/meetings/a%00b",
        "/dashboard/meetings?room=a%00b",
        "/dashboard/settings/webhooks/a%00b",
        "/dashboard/search?q=%00",
        "/dashboard/shared/a%00b",
        "/dashboard/sign-in?link=a%00b",
        "/dashboard/meetings?%00=x",
    ],
)
def test_invalid_parameters_of_a_page_are_refused(both, path):
    assert sign_in(both).get(path).status_code in (400, 404)


@pytest.mark.parametrize(
    ("path", "field"),
    [("/settings/keys", "name"), ("/settings/keys/revoke", "id"), ("/shares/revoke", "digest")],
)
def test_a_form_with_a_nul_is_refused(both, path, field):
    client = sign_in(both)
    fields = {"csrf": csrf_token_of(client), field: "a\0b", "scope.read": "1"}
    assert client.post(f"/dashboard{path}", data=fields).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/v1/ingest/generic/a%00b",
        "/v1/ingest/a%00b/c",
        "/v1/meetings/a%00b",
        "/v1/rooms/a%00b/presence",
        "/v1/webhooks/%00",
    ],
)
def test_a_path_with_a_nul_is_refused(both, path):
    with httpx.Client(
        base_url=both.url, headers={"Authorization": f"Bearer {both.key}"}, timeout=30
    ) as client:
        assert client.request("POST" if "ingest" in path else "GET", path).status_code in (400, 404)


@pytest.mark.parametrize(
    "at",
    [
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "9" * 15,
        "-" + "9" * 15,
        NINES,
        "1e999",
        "0000-01-01T00:00:00Z",
    ],
)
def test_times_at_the_ends_of_the_calendar_are_read_or_refused(both, at):
    with both.client() as client:
        client.post(
            "/events?wait=true",
            json=[
                {"room": "calendar", "kind": "join", "participant_id": who, "at": 1_700_000_000, "id": who}
                for who in "ab"
            ],
        ).raise_for_status()
        wait_until(lambda: client.get("/meetings", params={"room": "calendar"}).json()["data"])
        (meeting,) = client.get("/meetings", params={"room": "calendar"}).json()["data"]
        for name in ("starts_at", "ends_at"):
            asked = f"/meetings/{meeting['id']}/attendance"
            assert client.get(asked, params={name: at, "expected": "x"}).status_code in (200, 400)
            assert client.post(asked, json={"expected": ["x"], name: at}).status_code in (200, 400)
        for name in ("at", "from", "to"):
            assert client.get("/rooms/calendar/presence", params={name: at}).status_code in (200, 400)
        event = {"room": "r", "kind": "join", "participant_id": "a", "at": at}
        assert client.post("/events", json=event).status_code == 400
