"""Polling BigBlueButton: the real service requests the running meetings of a small real server."""

import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2 as httpx
import pytest

from support.livekit_source import added
from support.running_service import Running, headcount
from support.waiting import wait_until

SECRET = "639259d4-9dd8-4b25-bf01-95f9567eaf4b"
API = "/bigbluebutton/api"


class BigBlueButton:
    """`meetings` are those that are running. It accepts SHA-1 checksums only, as old versions do."""

    def __init__(self):
        self.meetings = set()
        self.asked = 0
        server = self
        checksum = hashlib.sha1(f"getMeetings{SECRET}".encode(), usedforsecurity=False).hexdigest()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                fits = self.path == f"{API}/getMeetings?checksum={checksum}"
                answer = (server.listed() if fits else refusal()).encode()
                server.asked += fits
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}{API}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def listed(self):
        if not self.meetings:
            return "<response><returncode>SUCCESS</returncode><meetings/><messageKey>noMeetings</messageKey></response>"
        inside = "".join(
            f"<meeting><meetingID>{one}</meetingID><participantCount>0</participantCount></meeting>"
            for one in self.meetings
        )
        return f"<response><returncode>SUCCESS</returncode><meetings>{inside}</meetings></response>"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def refusal():
    return "<response><returncode>FAILED</returncode><messageKey>checksumError</messageKey></response>"


@pytest.fixture
def bbb():
    server = BigBlueButton()
    yield server
    server.close()


@pytest.fixture
def service(tmp_path):
    running = Running(tmp_path, min_stay_s=0)
    running.start()
    yield running
    running.stop()


def joins(service, path, meeting, who):
    """Send a join as `bbb-webhooks` does, with the secret."""
    event = {
        "id": "user-joined",
        "attributes": {
            "meeting": {"external-meeting-id": meeting, "internal-meeting-id": f"internal-{meeting}"},
            "user": {"internal-user-id": f"w_{who}", "external-user-id": who, "name": who.title()},
        },
        "event": {"ts": time.time_ns() // 1_000_000},
    }
    form = {"event": json.dumps([{"data": event}]), "timestamp": "1", "domain": "bbb.example"}
    headers = {"authorization": f"Bearer {SECRET}"}
    answer = httpx.post(service.url + path, data=form, headers=headers, timeout=30)
    assert answer.json()["accepted"] == 1, answer.text


def present(service):
    rooms = service.client().get("/presence").json()
    return {room: {one["userId"] for one in people} for room, people in rooms.items() if people}


def test_participants_of_a_meeting_that_is_over_have_left_and_nobody_else(service, bbb):
    bbb.meetings = {"maths", "physics"}
    path = added(service, "bigbluebutton", "--secret", SECRET, "--poll", bbb.url, "--poll-interval", "1s")
    for meeting, who in (("maths", "ann"), ("maths", "bob"), ("physics", "carol")):
        joins(service, path, meeting, who)
    everybody = {"maths": {"ann", "bob"}, "physics": {"carol"}}
    wait_until(lambda: present(service) == everybody)
    seen = bbb.asked
    wait_until(lambda: bbb.asked >= seen + 4)
    assert present(service) == everybody
    bbb.meetings = {"physics"}
    wait_until(lambda: present(service) == {"physics": {"carol"}})
    stays = (
        service.client().get("/rooms/maths/presence", params={"from": int(time.time()) - 60}).json()["data"]
    )
    assert [one["left_by"] for one in stays] == ["snapshot"] * 2


def test_a_wrong_secret_is_reported_and_removes_nobody(service, bbb):
    path = added(service, "bigbluebutton", "--secret", SECRET, "--poll", bbb.url, "--poll-interval", "1s")
    bbb.listed = refusal
    joins(service, path, "maths", "ann")
    wait_until(
        lambda: re.search(
            r'headcount_source_polls_total{kind="bigbluebutton",result="failed"} [1-9]',
            httpx.get(f"{service.url}/metrics").text,
        ),
        20,
    )
    wait_until(lambda: present(service) == {"maths": {"ann"}})
    asked = headcount("source", "poll", "bigbluebutton", "--database", service.database, check=False)
    assert asked.returncode == 2
    assert "BigBlueButton refused the secret" in asked.stderr
    assert present(service) == {"maths": {"ann"}}
