"""The recipes of the docs, run unchanged against the real service."""

import os
import re
import shutil
import subprocess
import textwrap

import httpx2 as httpx
import pytest

from live.webhook_proxy import WebhookProxy
from support import ROOT
from support.livekit_source import added, meetings
from support.running_service import Running
from support.waiting import wait_until

PAGES = ROOT / "docs/sources"
SECRET = "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"
PATIENCE_S = 60
KEPT = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature")


def code(page, language, number=0):
    """Return a code block of a page."""
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


# The transports and routers of mediasoup, as far as the recipe uses them: they emit an event when they close.
STORY = """
import { EventEmitter } from "node:events";
import { Headcount } from "./headcount.mjs";

const closes = () => Object.assign(new EventEmitter(), { observer: new EventEmitter() });
const time = (ms) => new Promise((done) => setTimeout(done, ms));
const headcount = new Headcount(process.env.HEADCOUNT_URL, process.env.HEADCOUNT_SECRET);
const router = closes(), [ann, bob, carol] = [closes(), closes(), closes()];
headcount.trackRoom("standup", router);
await time(20);
headcount.trackPeer("standup", { id: "c-1", userId: "ann", name: "Ann Öther" }, ann);
headcount.trackPeer("standup", { id: "c-2", userId: "bob", name: "Bob" }, bob);
headcount.trackPeer("standup", { id: "c-3", userId: "carol", name: "Carol" }, carol);
console.log("in");
await time(300);
ann.observer.emit("close");
headcount.left("standup", { id: "c-1" });
bob.emit("dtlsstatechange", "connected");
bob.emit("dtlsstatechange", "failed");
bob.observer.emit("close");
await time(100);
router.observer.emit("close");
await headcount.flush();
console.log("accepted");
"""


def forward(service, path, headers, body):
    kept = {name: value for name, value in headers.items() if name.lower() in KEPT}
    return httpx.post(service.url + path, content=body, headers=kept, timeout=30).status_code


def test_a_mediasoup_application_reports_its_participants(node, tmp_path):
    """Its first requests are refused; it sends them again, in order."""
    service = Running(tmp_path, min_stay_s=0)
    service.start()
    (tmp_path / "headcount.mjs").write_text(code("mediasoup.md", "js"))
    (tmp_path / "story.mjs").write_text(STORY)
    path = added(service, "generic", "--secret", SECRET)
    proxy = WebhookProxy(lambda path, headers, body: forward(service, path, headers, body))
    proxy.refusing.set()
    environment = {"HEADCOUNT_URL": proxy.url + path, "HEADCOUNT_SECRET": SECRET}
    application = subprocess.Popen(
        [node, tmp_path / "story.mjs"], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert application.stdout.readline() == "in\n"
        wait_until(lambda: proxy.requests)
        proxy.refusing.clear()
        printed, _ = application.communicate(timeout=PATIENCE_S)
        assert (printed, application.returncode) == ("accepted\n", 0)
        answered = [one["answered"] for one in proxy.requests]
        assert 503 in answered
        assert answered.count(200) == 7
        (meeting,) = meetings(service, "standup")
        stays = service.client().get("/rooms/standup/presence", params={"from": meeting["start_time"]}).json()
    finally:
        application.kill()
        proxy.close()
        service.stop()
    assert {one["user_id"]: one["left_by"] for one in stays["data"]} == {
        "ann": "reported", "bob": "reported", "carol": "room_ended",
    }  # fmt: skip
    assert {one["user_name"] for one in meeting["participants"]} == {"Ann Öther", "Bob", "Carol"}
