"""Recipes of the docs, run as they stand there, against the real service."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import httpx2 as httpx
import pytest

from live.gate import Gate
from live.waiting import wait_for
from service.running import Running
from service.test_sources import added, meetings

PAGES = Path(__file__).parents[2] / "docs/sources"
SECRET = "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"
PATIENCE_S = 60
KEPT = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature")


def code(page, language, number=0):
    """A block of code of a page."""
    blocks = re.findall(
        rf"^ *```{language}\n(.*?)^ *```", (PAGES / page).read_text(), re.DOTALL | re.MULTILINE
    )
    return textwrap.dedent(blocks[number])


@pytest.fixture
def node():
    found = shutil.which("node")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Node.js")
    return found


# What mediasoup's transports and routers are to the recipe: things that tell when they are closed.
STORY = """
import { EventEmitter } from "node:events";
import { Headcount } from "./headcount.mjs";

const closes = () => Object.assign(new EventEmitter(), { observer: new EventEmitter() });
const time = (ms) => new Promise((done) => setTimeout(done, ms));
const headcount = new Headcount(process.env.HEADCOUNT_URL, process.env.HEADCOUNT_SECRET);
const router = closes(), [ann, bob, carol] = [closes(), closes(), closes()];
headcount.followRoom("standup", router);
await time(20);
headcount.follow("standup", { id: "c-1", userId: "ann", name: "Ann Öther" }, ann);
headcount.follow("standup", { id: "c-2", userId: "bob", name: "Bob" }, bob);
headcount.follow("standup", { id: "c-3", userId: "carol", name: "Carol" }, carol);
console.log("in");
await time(300);
ann.observer.emit("close");
headcount.left("standup", { id: "c-1" });
bob.emit("dtlsstatechange", "connected");
bob.emit("dtlsstatechange", "failed");
bob.observer.emit("close");
await time(100);
router.observer.emit("close");
await headcount.taken();
console.log("taken");
"""


def passed_on(service, path, headers, body):
    kept = {name: value for name, value in headers.items() if name.lower() in KEPT}
    return httpx.post(service.url + path, content=body, headers=kept, timeout=30).status_code


def test_a_mediasoup_application_tells_who_is_in(node, tmp_path):
    """It is refused until all have come; what was told meanwhile comes afterwards, in order."""
    service = Running(tmp_path, min_stay_s=0, reads_per_5s=0)
    service.start()
    (tmp_path / "headcount.mjs").write_text(code("mediasoup.md", "js"))
    (tmp_path / "story.mjs").write_text(STORY)
    path = added(service, "generic", "--secret", SECRET)
    gate = Gate(lambda path, headers, body: passed_on(service, path, headers, body))
    gate.refusing.set()
    told = {"HEADCOUNT_URL": gate.url + path, "HEADCOUNT_SECRET": SECRET}
    application = subprocess.Popen(
        [node, tmp_path / "story.mjs"], env={**os.environ, **told}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert application.stdout.readline() == "in\n"
        wait_for(lambda: gate.deliveries, 20)
        gate.refusing.clear()
        said, _ = application.communicate(timeout=PATIENCE_S)
        assert (said, application.returncode) == ("taken\n", 0)
        answered = [one["answered"] for one in gate.deliveries]
        assert 503 in answered
        assert answered.count(200) == 7
        (meeting,) = meetings(service, "standup")
        stays = service.client().get("/rooms/standup/at", params={"from": meeting["start_time"]}).json()
    finally:
        application.kill()
        gate.close()
        service.stop()
    assert {one["user_id"]: one["left_by"] for one in stays["data"]} == {
        "ann": "reported", "bob": "reported", "carol": "room_ended",
    }  # fmt: skip
    assert {one["user_name"] for one in meeting["participants"]} == {"Ann Öther", "Bob", "Carol"}


class Galene:
    """A small real server that answers as Galene does: `groups` are the clients in each, None while it is out of order."""

    def __init__(self):
        self.groups = {}
        galene = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                allowed = self.headers["authorization"] == "Basic cm9vdDpwdw=="
                asked = (self.path, allowed) == ("/galene-api/v0/.stats", True)
                told = (
                    json.dumps(galene.listed()).encode()
                    if asked and galene.groups is not None
                    else b"out of order"
                )
                self.send_response(200)
                self.send_header("content-length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def listed(self):
        up = [{"id": "s1", "maxBitrate": 9000}]
        return [
            {"name": name, "clients": [{"id": one, "up": up} for one in clients]}
            for name, clients in self.groups.items()
        ]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def present(service, room):
    return {
        one["id"] for one in service.client().get(f"/rooms/{quote(room, safe='')}/presence").json()["data"]
    }


def test_a_galene_server_is_asked_who_is_in(tmp_path):
    service, galene = Running(tmp_path, min_stay_s=0, reads_per_5s=0), Galene()
    service.start()
    program = tmp_path / "galene_to_headcount.py"
    program.write_text(code("galene.md", "python3"))
    settings = {
        "HEADCOUNT_URL": service.url,
        "HEADCOUNT_KEY": service.make_key("default", "ingest", "read"),
        "GALENE_URL": galene.url,
        "GALENE_ADMIN": "root:pw",
        "EVERY_S": "0.2",
    }
    galene.groups = {"standup": ["ann"], "school/maths": ["bob", "carol"], "empty": []}
    running = subprocess.Popen(
        [sys.executable, program], env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: present(service, "galene/school/maths") == {"bob", "carol"}, 20)
        wait_for(lambda: present(service, "galene/standup") == {"ann"}, 20)
        galene.groups = None
        assert running.stdout.readline().startswith("this round changes nothing")
        assert present(service, "galene/standup") == {"ann"}
        galene.groups = {"school/maths": ["carol", "dan"]}
        wait_for(lambda: present(service, "galene/school/maths") == {"carol", "dan"}, 20)
        wait_for(lambda: not present(service, "galene/standup"), 20)
    finally:
        running.kill()
        running.wait(PATIENCE_S)
        galene.close()
        service.stop()
