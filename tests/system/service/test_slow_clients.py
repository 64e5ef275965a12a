"""Clients that are slow, or never come to an end: each is let go after a while, and nobody else waits for them."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path

import httpx2 as httpx
import pytest

from support.running_service import Running

REQUEST_S = 1
PATIENCE_S = 15
IDLE = 1_000
AT_ONCE_S = 2
HEAD = b"POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\ncontent-length: %d\r\n\r\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("slow"), request_s=REQUEST_S, reads_per_5s=0).start()
    yield running
    running.stop()


def connected(service, *, most_unread=None):
    found = socket.socket()
    if most_unread:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, most_unread)
    found.settimeout(PATIENCE_S)
    host, port = service.url.removeprefix("http://").split(":")
    found.connect((host, int(port)))
    return found


def trickled(connection, data, every_s=0.1):
    """Send byte by byte until the other side has had enough of it, and give what it said."""
    connection.settimeout(every_s)
    heard = b""
    until = time.monotonic() + PATIENCE_S
    for byte in data:
        assert time.monotonic() < until
        try:
            connection.sendall(bytes([byte]))
            chunk = connection.recv(65_536)
            if not chunk:
                return heard
            heard += chunk
        except TimeoutError:
            continue
        except ConnectionError:
            return heard
    raise AssertionError("it was heard to its end")


def said_in_the_end(connection):
    """What came until the other side hung up."""
    heard = b""
    while True:
        try:
            chunk = connection.recv(65_536)
        except ConnectionError:
            return heard
        if not chunk:
            return heard
        heard += chunk


def others_are_served(service):
    began = time.monotonic()
    with service.client() as client:
        event = {"room": "r", "kind": "join", "participant_id": "a"}
        assert client.post("/events", json=event, timeout=AT_ONCE_S).status_code == 200
        assert client.get("/presence", timeout=AT_ONCE_S).status_code == 200
    assert time.monotonic() - began < AT_ONCE_S


def connections(service):
    """How many sockets the process has open."""
    found = 0
    for descriptor in Path(f"/proc/{service.process.pid}/fd").iterdir():
        try:
            found += str(descriptor.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return found


def wait_until_there_are(service, most):
    until = time.monotonic() + PATIENCE_S
    while connections(service) > most:
        assert time.monotonic() < until, f"{connections(service)} are open still"
        time.sleep(0.1)


def test_a_head_that_trickles_is_cut_off(service):
    with connected(service) as slow:
        began = time.monotonic()
        assert trickled(slow, b"GET /v1/presence HTTP/1.1\r\nhost: " + b"x" * 500) == b""
        assert time.monotonic() - began < REQUEST_S + 3
    others_are_served(service)


def test_a_body_that_trickles_is_answered_with_408(service):
    with connected(service) as slow:
        slow.sendall(HEAD % (service.key.encode(), 500))
        heard = trickled(slow, b'{"room": "' + b"x" * 489)
    assert heard.startswith(b"HTTP/1.1 408")
    assert b"the body took longer than 1 s" in heard
    others_are_served(service)


def test_a_body_that_never_begins_is_cut_off(service):
    with connected(service) as slow:
        slow.sendall(HEAD % (service.key.encode(), 500))
        assert said_in_the_end(slow) == b""


def test_a_body_that_nobody_asked_for_cannot_be_sent_for_ever(service):
    with connected(service) as slow:
        slow.sendall(HEAD % (b"wrong", 500))
        assert trickled(slow, b"x" * 400).startswith(b"HTTP/1.1 401")


def test_who_does_not_read_answers_is_cut_off(service):
    before = connections(service)
    ask = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"
    length = len(httpx.get(f"{service.url}/openapi.json").content)
    asked = 40_000_000 // length
    with connected(service, most_unread=4_096) as deaf:
        deaf.settimeout(0.5)
        try:
            for _ in range(asked):
                deaf.sendall(ask)
        except (TimeoutError, ConnectionError):
            pass  # it is waited for us to read
        others_are_served(service)
        wait_until_there_are(service, before)
        deaf.settimeout(PATIENCE_S)
        assert len(said_in_the_end(deaf)) < asked * length
    others_are_served(service)


def test_who_reads_slowly_but_reads_is_given_all(service):
    body = httpx.get(f"{service.url}/openapi.json").content
    asked = 60
    heard = b""
    with connected(service, most_unread=65_536) as slow:
        slow.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * asked)
        while heard.count(body[-200:]) < asked:
            chunk = slow.recv(16_384)
            assert chunk
            heard += chunk
            time.sleep(0.01)


def test_a_thousand_idle_connections_harm_nobody_and_are_closed(service):
    before = connections(service)
    with ExitStack() as held:
        for _ in range(IDLE):
            held.enter_context(connected(service))
        others_are_served(service)
        wait_until_there_are(service, before)
    others_are_served(service)
