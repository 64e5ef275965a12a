"""Clients that offer HTTP/2 or WebSocket by `Upgrade` are answered in HTTP/1.1, and no body is lost."""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

OFFER = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
PATIENCE_S = 60


def program(name):
    """Return the path of a program. Without it the test fails in CI, and is skipped elsewhere."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed: tests/install_servers.sh installs it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return found


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout


def test_javas_own_client_loses_no_body(service):
    java = program("java")
    answers = run(
        java, str(Path(__file__).with_name("Upgrading.java")), service.url, service.key
    ).splitlines()
    assert [line[:3] for line in answers] == ["200", "200"]
    assert [json.loads(line[4:])["accepted"] for line in answers] == [1, 1]


def test_curl_with_http2_loses_no_body(service, tmp_path):
    event = {"room": "curl", "kind": "join", "participant_id": "ann", "user_name": "x" * 400}
    body = tmp_path / "events"
    body.write_text(json.dumps([{**event, "participant_id": str(n), "id": f"curl-{n}"} for n in range(500)]))
    answers = run(
        program("curl"), "-s", "--http2", "-H", f"Authorization: Bearer {service.key}",
        "-H", "Content-Type: application/json", "--data-binary", f"@{body}",
        f"{service.url}/v1/events", f"{service.url}/v1/events",
    )  # fmt: skip
    assert answers.count('"accepted":500') == 1
    assert answers.count('"duplicates":500') == 1


def exchange(service, *parts):
    """Send these bytes, one part after the other, and return the answer."""
    host, port = service.url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer


def posted(service, more, body=b""):
    key = service.key.encode()
    return b"POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\n%s\r\n%s" % (key, more, body)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_request_with_an_offer_is_read_completely_however_it_arrives(service, size):
    event = json.dumps({"room": "parts", "kind": "join", "participant_id": "p", "id": f"p{size}"}).encode()
    with_length = posted(service, OFFER + b"content-length: %d\r\n" % len(event), event)
    chunked = posted(
        service, b"transfer-encoding: chunked\r\n" + OFFER, b"%x\r\n%s\r\n0\r\n\r\n" % (len(event), event)
    )
    last = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n"
    sent = with_length + chunked + last
    answer = exchange(service, *(sent[n : n + size] for n in range(0, len(sent), size)))
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert b'"accepted":1,"duplicates":0' in answer
    assert b'"accepted":0,"duplicates":1' in answer
    assert answer.endswith(b"ok\n")


def test_this_is_no_proxy(service):
    assert exchange(service, b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n").startswith(
        b"HTTP/1.1 400"
    )
