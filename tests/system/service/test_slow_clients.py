"""Clients that are slow or never finish: the service disconnects each after a while, and no other client waits for them."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path

import httpx2 as httpx
import pytest

from support.running_service import PATIENCE_S, Running
from support.waiting import wait_until

REQUEST_S = 1
PATIENT_S = 5
IDLE = 1_000
HEAD = b"POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\ncontent-length: %d\r\n\r\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("slow"), request_timeout_s=REQUEST_S).start()
    yield running
    running.stop()


def connected(service, *, receive_buffer_bytes=None):
    connection = socket.socket()
    if receive_buffer_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    connection.settimeout(PATIENCE_S)
    host, port = service.url.removeprefix("http://").split(":")
    connection.connect((host, int(port)))
    return connection


def trickle(connection, data, interval_s=0.1):
    """Send byte by byte until the service disconnects, and return what it answered."""
    connection.settimeout(interval_s)
    answer = b""
    for byte in data:
        try:
            connection.sendall(bytes([byte]))
            chunk = connection.recv(65_536)
            if not chunk:
                return answer
            answer += chunk
        except TimeoutError:
            continue
        except ConnectionError:
            return answer
    raise AssertionError("the service read all of it")


def read_to_end(connection):
    """Return what arrives until the service disconnects."""
    answer = b""
    while True:
        try:
            chunk = connection.recv(65_536)
        except ConnectionError:
            return answer
        if not chunk:
            return answer
        answer += chunk


def assert_others_are_served(service):
    with service.client() as client:
        event = {"room": "r", "kind": "join", "participant_id": "a"}
        assert client.post("/events", json=event, timeout=PATIENCE_S).status_code == 200
        assert client.get("/presence", timeout=PATIENCE_S).status_code == 200


def connections(service):
    """Return how many sockets the process has open."""
    found = 0
    for descriptor in Path(f"/proc/{service.process.pid}/fd").iterdir():
        try:
            found += str(descriptor.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return found


def wait_until_no_more_than(service, number):
    wait_until(lambda: connections(service) <= number, message=lambda: f"{connections(service)} are open")


def test_a_head_that_trickles_is_cut_off(service):
    with connected(service) as slow:
        assert trickle(slow, b"GET /v1/presence HTTP/1.1\r\nhost: " + b"x" * 500) == b""
    assert_others_are_served(service)


def test_a_body_that_trickles_is_answered_with_408(service):
    with connected(service) as slow:
        slow.sendall(HEAD % (service.key.encode(), 500))
        answer = trickle(slow, b'{"room": "' + b"x" * 489)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"The body took longer than 1 s" in answer
    assert_others_are_served(service)


def test_a_body_that_never_begins_is_cut_off(service):
    with connected(service) as slow:
        slow.sendall(HEAD % (service.key.encode(), 500))
        assert read_to_end(slow) == b""


def test_a_body_of_a_refused_request_is_not_read_for_ever(service):
    with connected(service) as slow:
        slow.sendall(HEAD % (b"wrong", 500))
        assert trickle(slow, b"x" * 400).startswith(b"HTTP/1.1 401")


def test_a_client_that_does_not_read_answers_is_cut_off(service):
    before = connections(service)
    request = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"
    length = len(httpx.get(f"{service.url}/openapi.json").content)
    requests = 40_000_000 // length
    with connected(service, receive_buffer_bytes=4_096) as silent:
        silent.settimeout(0.5)
        try:
            for _ in range(requests):
                silent.sendall(request)
        except (TimeoutError, ConnectionError):
            pass  # the service waits until its answers are read
        assert_others_are_served(service)
        wait_until_no_more_than(service, before)
        silent.settimeout(PATIENCE_S)
        assert len(read_to_end(silent)) < requests * length
    assert_others_are_served(service)


def test_a_client_that_reads_slowly_receives_everything(tmp_path):
    """It reads for longer than a request may take, but never pauses for that long."""
    service = Running(tmp_path, request_timeout_s=PATIENT_S).start()
    end = httpx.get(f"{service.url}/openapi.json").content[-200:]
    requests, chunk_bytes, pause_s = 60, 16_384, 0.02
    chunks = complete = 0
    unfinished = b""
    with connected(service, receive_buffer_bytes=65_536) as slow:
        slow.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * requests)
        while complete < requests:
            chunk = slow.recv(chunk_bytes)
            assert chunk, "the service disconnected"
            *ended, unfinished = (unfinished + chunk).split(end)
            complete += len(ended)
            chunks += 1
            time.sleep(pause_s)
    service.stop()
    assert chunks * pause_s > PATIENT_S


def test_a_thousand_idle_connections_affect_nobody_and_are_closed(service):
    before = connections(service)
    with ExitStack() as stack:
        for _ in range(IDLE):
            stack.enter_context(connected(service))
        assert_others_are_served(service)
        wait_until_no_more_than(service, before)
    assert_others_are_served(service)
