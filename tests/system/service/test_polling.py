"""Polling end to end: the real service polls a small real server that answers as LiveKit does."""

import re
import threading
import time

import httpx2 as httpx
import pytest

from support.livekit_source import added, person, present, sent, webhook
from support.poll_vendor import KEY, SECRET, LiveKit, json_response
from support.running_service import Running, headcount, new_store
from support.waiting import PATIENCE_S, wait_until


@pytest.fixture
def livekit():
    server = LiveKit()
    yield server
    server.close()


@pytest.fixture
def service(tmp_path):
    running = Running(tmp_path, min_stay_s=0)
    running.start()
    yield running
    running.stop()


def polled(service, server, *flags):
    return added(
        service,
        "livekit",
        "--secret",
        f"{KEY}:{SECRET}",
        "--poll",
        server.url,
        "--poll-interval",
        "1s",
        *flags,
    )


def wait_for_polls(server, times=1):
    """Wait until the server was polled so many times more."""
    seen = server.requests
    wait_until(lambda: server.requests >= seen + times)


def test_polling_alone_shows_who_is_present(service, livekit):
    livekit.join("blue", "ann")
    livekit.join("blue", "rec", kind="EGRESS")
    polled(service, livekit, "--room-prefix", "eu/")
    wait_until(lambda: present(service, "eu%2Fblue") == {"ann"})
    livekit.leave("blue", "ann")
    livekit.join("blue", "bob")
    wait_until(lambda: present(service, "eu%2Fblue") == {"bob"})


def test_polling_removes_a_stale_participant_of_its_own_rooms_only(service, livekit):
    path = polled(service, livekit)
    began = time.time_ns() // 10**9 - 60
    joined = webhook("participant_joined", createdAt=str(began), participant=person("ann", began))
    assert sent(service, path, joined, secret=f"{KEY}:{SECRET}").status_code == 200
    other = {"room": "other", "kind": "join", "participant_id": "c-1", "user_id": "carol", "at": began}
    assert service.client().post("/events?wait=true", json=other).status_code == 200
    wait_until(lambda: not present(service, "standup"))
    assert present(service, "other") == {"carol"}


def test_a_failed_poll_changes_nothing_and_is_reported(service, livekit):
    livekit.join("blue", "ann")
    polled(service, livekit)
    wait_until(lambda: present(service, "blue") == {"ann"})
    livekit.answer = lambda *_: (200, b"<html>", {})
    wait_for_polls(livekit, 4)
    assert present(service, "blue") == {"ann"}
    metrics = httpx.get(f"{service.url}/metrics").text
    assert re.search(
        r'^headcount_source_polls_total{kind="livekit",result="failed"} [1-9]', metrics, re.MULTILINE
    )
    service.stop()
    flags = ("--database", service.database)
    assert (
        "failed polls     what was answered is not what LiveKit answers"
        in headcount("source", "list", *flags).stdout
    )
    assert "polls failed" in headcount("doctor", *flags, check=False).stdout
    service.start()


def test_a_slow_server_delays_no_other(service, livekit):
    slow, released = LiveKit(), threading.Event()
    slow.answer = lambda *_: released.wait(PATIENCE_S) and json_response({"rooms": []})
    polled(service, slow, "--name", "slow")
    wait_until(lambda: slow.requests)
    livekit.join("blue", "ann")
    polled(service, livekit)
    wait_until(lambda: present(service, "blue") == {"ann"})
    released.set()
    slow.close()


def test_a_leave_while_the_service_was_down_is_found(service, livekit):
    livekit.join("blue", "ann")
    livekit.join("blue", "bob")
    polled(service, livekit)
    wait_until(lambda: present(service, "blue") == {"ann", "bob"})
    service.kill()
    livekit.leave("blue", "ann")
    service.start()
    wait_until(lambda: present(service, "blue") == {"bob"})


def test_polling_can_be_tested_and_switched_off(service, livekit):
    added(service, "livekit", "--secret", f"{KEY}:{SECRET}")
    flags = ("--database", service.database)
    livekit.join("blue", "ann")
    headcount("source", "update", "livekit", "--poll", livekit.url, "--poll-interval", "3600s", *flags)
    headcount("source", "update", "livekit", "--no-poll", *flags)
    assert "is not polled" in headcount("source", "poll", "livekit", *flags, check=False).stderr
    service.stop()
    headcount("source", "update", "livekit", "--poll", livekit.url, *flags)
    shown = headcount("source", "poll", "livekit", *flags).stdout
    assert "1 in 1 room:\n  blue  Ann since " in shown
    assert "Polling would add" in shown


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("livekit", "--secret", "a:b", "--poll", "livekit.example"), "the server's address"),
        (
            ("zoom", "--secret", "a", "--poll", "https://x.example"),
            "Headcount cannot poll a source of kind 'zoom'. It polls livekit",
        ),
        (
            ("livekit", "--secret", "a:b", "--poll-interval", "5s"),
            "polling needs the address of the server: set --poll URL",
        ),
        (
            ("livekit", "--secret", "a:b", "--poll", "http://x.example", "--poll-interval", "0s"),
            "the poll interval: expected a duration from 1s to 1h",
        ),
        (
            ("livekit", "--secret", "a:b", "--poll", "http://x.example", "--poll-key", "k"),
            "--poll-key does not apply",
        ),
    ],
)
def test_a_source_that_cannot_be_polled_is_refused(tmp_path, flags, why):
    refused = headcount("source", "create", *flags, "--database", new_store(tmp_path / "x.db"), check=False)
    assert refused.returncode == 2
    assert why in refused.stderr
