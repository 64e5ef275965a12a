"""Polling Galene, which sends no events: the real service polls a small real server that answers as Galene does."""

import json
import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2 as httpx
import pytest

from support.running_service import Running, headcount
from support.waiting import wait_until


class Galene:
    """`groups` are the clients in each, None while it is out of order."""

    def __init__(self):
        self.groups = {}
        galene = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.headers["authorization"] != "Basic cm9vdDpwdw==":
                    return self.send_error(401)
                if self.path != "/galene-api/v0/.stats":
                    return self.send_error(404)
                answer = b"out of order" if galene.groups is None else json.dumps(galene.listed()).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                return self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def listed(self):
        return [
            {"name": name, "clients": [{"id": one, "up": [{"id": "s1", "tracks": []}]} for one in clients]}
            for name, clients in self.groups.items()
        ]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def galene():
    server = Galene()
    yield server
    server.close()


@pytest.fixture
def service(tmp_path):
    running = Running(tmp_path, min_stay_s=0)
    running.start()
    yield running
    running.stop()


def present(service):
    rooms = service.client().get("/presence").json()
    return {room: {one["id"] for one in people} for room, people in rooms.items()}


def test_a_galene_server_is_polled_for_its_participants(service, galene):
    galene.groups = {"standup": ["ann"], "school/maths": ["bob", "carol"], "empty": []}
    flags = ("--database", service.database)
    added = headcount(
        "source", "create", "galene", "--secret", "root:pw", "--poll", galene.url, "--poll-interval", "1s",
        "--room-prefix", "galene/", *flags,
    ).stdout  # fmt: skip
    assert "/ingest/" not in added
    assert " source poll galene" in added
    wait_until(
        lambda: present(service) == {"galene/school/maths": {"bob", "carol"}, "galene/standup": {"ann"}}, 20
    )
    galene.groups = None
    wait_until(
        lambda: (
            'headcount_source_polls_total{kind="galene",result="failed"'
            in httpx.get(f"{service.url}/metrics").text
        )
    )
    assert present(service)["galene/standup"] == {"ann"}
    galene.groups = {"school/maths": ["carol", "dan"]}
    wait_until(lambda: present(service) == {"galene/school/maths": {"carol", "dan"}})


def test_commands_explain_that_galene_sends_nothing(service, galene):
    flags = ("--database", service.database)
    alone = headcount("source", "create", "galene", "--secret", "root:pw", *flags, check=False)
    assert alone.returncode == 2
    assert "Galene sends no events, so Headcount polls it: set --poll, the server's address" in alone.stderr
    headcount("source", "create", "galene", "--secret", "root:wrong", "--poll", galene.url, *flags)
    tried = headcount("source", "test", "galene", *flags, check=False)
    assert tried.returncode == 2
    assert "Galene sends no events. Test its polling instead: " in tried.stderr
    assert " source poll galene --database " in tried.stderr
    assert "refused the key (401)" in headcount("source", "poll", "galene", *flags, check=False).stderr
    ended = headcount("source", "update", "galene", "--no-poll", *flags, check=False)
    assert ended.returncode == 2
    found = headcount("doctor", *flags, check=False).stdout
    assert "headcount source test" not in found
    listed = headcount("source", "list", "--addresses", *flags).stdout
    assert "last request" not in listed
    assert "address          none, it is only polled" in listed


def test_a_request_to_its_ingest_path_is_refused(service, galene):
    service.stop()
    flags = ("--database", service.database)
    headcount("source", "create", "galene", "--secret", "root:pw", "--poll", galene.url, *flags)
    service.start()
    with closing(sqlite3.connect(service.database)) as store:
        ((token,),) = store.execute("SELECT token FROM sources").fetchall()
    refused = httpx.post(f"{service.url}/v1/ingest/galene/{token}", json={"hello": "there"}, timeout=30)
    assert refused.status_code == 401
    assert "Galene sends no webhooks" in refused.text
