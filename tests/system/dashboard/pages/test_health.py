"""Health: calm if all is well, and for each trouble a sentence that says what to do, with a button where there is one."""

import json
import sqlite3
import time

import httpx2 as httpx
import pytest

from headcount.sources import standard_webhooks
from headcount.sources.api import InboundRequest
from support.browser import signed_in
from support.html import Looking
from support.livekit_source import added
from support.running_service import Running, headcount
from support.waiting import wait_until
from support.webhook_receivers import answers, receiving

WELL = "All is well"
MAPPING = {"kind": {"at": "/t", "join": ["in"], "leave": ["out"]}, "room": "/where", "participant_id": "/who"}


@pytest.fixture
def service(tmp_path):
    running = Running(tmp_path, reads_per_5s=0, webhook_networks="127.0.0.0/8")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def admin(service):
    looking = Looking(service, service.key)
    yield looking
    looking.close()


def deliver(service, path, body, secret="word"):
    said = InboundRequest(
        {"content-type": "application/json"},
        json.dumps(body).encode(),
        received_at=time.time_ns() // 1_000_000,
    )
    signed = standard_webhooks.sign(said, secret)
    return httpx.post(service.url + path, content=signed.body, headers=dict(signed.headers), timeout=30)


def test_health_and_rules_are_there_for_programs_without_any_secret(service):
    client = signed_in(service)
    health = client.get("/dashboard/health.json").json()
    assert health["engine"]["alive"] is True
    assert health["timezone"]
    rules = client.get("/dashboard/settings.json").json()["rules"]
    assert any("rule 4" in rule for rule in rules)
    for told in (str(health), str(rules)):
        assert service.key not in told
        assert "token" not in told


def test_a_service_that_does_well_says_so_in_a_line(admin):
    page = admin.page("/health")
    assert WELL in page
    assert 'class="notice' not in page
    assert "entries worked in" in admin.page("/health/engine")


def test_what_comes_from_a_source_is_counted_at_once(service, admin):
    path = added(service, "generic", "--name", "own", "--secret", "word")
    body = {"room": "r", "kind": "join", "participant_id": "p", "at": int(time.time()) - 5}
    assert deliver(service, path, body).json()["accepted"] == 1
    page = admin.page("/health")
    assert WELL in page
    assert "own" in page
    assert "0 s ago" in page or "1 s ago" in page


def test_a_refused_delivery_is_told_with_what_to_do(service, admin):
    path = added(service, "generic", "--name", "own", "--secret", "word")
    assert deliver(service, path, {}, secret="other").status_code == 401
    page = admin.page("/health")
    assert WELL not in page
    assert "enter the same secret at both ends" in page


def test_what_could_not_be_read_is_read_again_after_the_mapping_was_mended(service, admin, tmp_path):
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps(MAPPING))
    path = added(service, "generic", "--mapping", str(mapping), "--secret", "word")
    assert deliver(service, path, {"t": "in", "room": "<b>r", "who": "a"}).json()["kept"] is True
    assert "could not be read: it is kept" in admin.page("/health")
    assert "0 could be read now" in admin.send("/health/letters", 200).text
    with sqlite3.connect(service.database) as store:
        store.execute("update sources set options = replace(options, '/where', '/room')")
    assert "1 could be read now (1 new events); 0 are left" in admin.send("/health/letters", 200).text
    assert WELL in admin.page("/health")


def test_letters_of_another_domain_are_neither_shown_nor_read(service, tmp_path):
    path = added(service, "generic", "--name", "theirs", "--secret", "word")
    assert deliver(service, path, {"nothing": "of use"}).json()["kept"] is True
    other = Looking(service, service.make_key("elsewhere", "admin"))
    page = other.page("/health")
    assert WELL in page
    assert "theirs" not in page
    assert "0 could be read now (0 new events); 0 are left" in other.send("/health/letters", 200).text
    other.close()


def test_a_viewer_sees_the_trouble_and_neither_bodies_nor_buttons(service):
    path = added(service, "generic", "--secret", "word")
    assert deliver(service, path, {"nothing": "of use"}).json()["kept"] is True
    viewer = Looking(service, service.make_key("default", "read"))
    page = viewer.page("/health")
    assert "could not be read: it is kept" in page
    assert "of use" not in page
    assert "Read them again" not in page
    viewer.send("/health/letters", 403)
    viewer.close()


def test_an_endpoint_that_failed_is_told_and_set_going_again(service, admin):
    with receiving(answers(500)) as receiver, service.client() as client:
        made = client.post("/webhooks", json={"url": receiver.url}).json()
        join = {"room": "r", "kind": "join", "participant_id": "p", "at": int(time.time()) - 30}
        assert client.post("/events", json=join).status_code == 200
        page = wait_until(
            lambda: found if "is sent nothing more" in (found := admin.page("/health")) else None
        )
        assert receiver.url in page
        receiver.behave = answers()
        admin.send(f"/settings/webhooks/{made['uuid']}/revive")
        wait_until(lambda: WELL in admin.page("/health"))


def test_a_source_that_cannot_be_polled_is_told_of(service, admin):
    with receiving() as gone:
        url = gone.url.removesuffix("/hook")
    secret = "devkey:a-secret-that-is-long-enough-for-anybody"
    headcount(
        "source", "add", "livekit", "--database", service.database, "--secret", secret,
        "--poll", url, "--every", "5",
    )  # fmt: skip
    page = wait_until(lambda: found if "cannot be polled" in (found := admin.page("/health")) else None)
    assert "headcount source poll livekit" in page
