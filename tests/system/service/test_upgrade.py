"""Clients that offer HTTP/2 or WebSocket by `Upgrade`: they are answered in HTTP/1.1, with nothing lost."""

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
    """Where a program is. A missing one fails in CI, and elsewhere says what to install."""
    found = shutil.which(name)
    if found is None:
        told = f"{name} is not installed: tests/install_servers.sh installs it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(told)
    return found


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout


def test_javas_own_client_loses_no_body(service):
    java = program("java")
    told = run(java, str(Path(__file__).with_name("Upgrading.java")), service.url, service.key).splitlines()
    assert [line[:3] for line in told] == ["200", "200"]
    assert [json.loads(line[4:])["accepted"] for line in told] == [1, 1]


def test_curl_with_http2_loses_no_body(service, tmp_path):
    event = {"room": "curl", "kind": "join", "participant_id": "ann", "user_name": "x" * 400}
    body = tmp_path / "events"
    body.write_text(json.dumps([{**event, "participant_id": str(n), "id": f"curl-{n}"} for n in range(500)]))
    told = run(
        program("curl"), "-s", "--http2", "-H", f"Authorization: Bearer {service.key}",
        "-H", "Content-Type: application/json", "--data-binary", f"@{body}",
        f"{service.url}/v1/events", f"{service.url}/v1/events",
    )  # fmt: skip
    assert told.count('"accepted":500') == 1
    assert told.count('"duplicates":500') == 1


def exchange(service, *parts):
    """What is answered to these bytes, sent one part after the other, until we have hung up."""
    host, port = service.url.removeprefix("http://").split(":")
    heard = b""
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
        while chunk := connection.recv(65_536):
            heard += chunk
    return heard


def posted(service, more, body=b""):
    key = service.key.encode()
    return b"POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\n%s\r\n%s" % (key, more, body)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_request_with_an_offer_is_read_whole_however_it_comes(service, size):
    event = json.dumps({"room": "parts", "kind": "join", "participant_id": "p", "id": f"p{size}"}).encode()
    with_length = posted(service, OFFER + b"content-length: %d\r\n" % len(event), event)
    chunked = posted(
        service, b"transfer-encoding: chunked\r\n" + OFFER, b"%x\r\n%s\r\n0\r\n\r\n" % (len(event), event)
    )
    last = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n"
    whole = with_length + chunked + last
    heard = exchange(service, *(whole[n : n + size] for n in range(0, len(whole), size)))
    assert heard.count(b"HTTP/1.1 200 OK") == 3
    assert b'"accepted":1,"duplicates":0' in heard
    assert b'"accepted":0,"duplicates":1' in heard
    assert heard.endswith(b"ok\n")


def test_this_is_no_proxy(service):
    assert exchange(service, b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n").startswith(
        b"HTTP/1.1 400"
    )
