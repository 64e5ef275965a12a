"""The health page of a real service: problems, how to fix them, and the buttons that do."""

import json
import sqlite3
import time

import httpx2 as httpx
import pytest
from playwright.sync_api import expect

from headcount.sources import standard_webhooks
from headcount.sources.api import InboundRequest
from support.browser import sign_in
from support.html import FormClient
from support.livekit_source import added
from support.running_service import Running, headcount
from support.waiting import wait_until
from support.webhook_receivers import answers, receiving

HEALTHY = "All systems operational"
MAPPING = {"kind": {"at": "/t", "join": ["in"], "leave": ["out"]}, "room": "/where", "participant_id": "/who"}


@pytest.fixture
def service(tmp_path):
    running = Running(tmp_path, webhook_allowed_networks="127.0.0.0/8")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def admin(service):
    client = FormClient(service, service.key)
    yield client
    client.close()


def send(service, path, body, secret="word"):
    request = InboundRequest(
        {"content-type": "application/json"},
        json.dumps(body).encode(),
        received_at=time.time_ns() // 1_000_000,
    )
    signed = standard_webhooks.sign(request, secret)
    return httpx.post(service.url + path, content=signed.body, headers=dict(signed.headers), timeout=30)


def test_health_and_rules_as_json_have_no_secrets(service):
    client = sign_in(service)
    health = client.get("/dashboard/health.json").json()
    assert health["engine"]["running"] is True
    assert health["timezone"]
    rules = client.get("/dashboard/settings.json").json()["rules"]
    assert any("rule 4" in rule for rule in rules)
    for text in (str(health), str(rules)):
        assert service.key not in text
        assert "token" not in text


def test_the_page_states_until_when_events_are_complete(service, dashboard):
    service.client().post("/events", content=b"[]")
    page = dashboard.at("/health")
    expect(page.locator("#completeness")).to_contain_text("Events are complete until")
    expect(page.get_by_role("region", name="API key").locator("tbody tr")).not_to_have_count(0)


def test_a_healthy_service_has_no_notices(admin):
    page = admin.page("/health")
    assert HEALTHY in page
    assert 'class="notice' not in page
    assert "Events processed" in admin.page("/health/engine")


def test_a_request_of_a_source_is_counted_at_once(service, admin):
    path = added(service, "generic", "--name", "own", "--secret", "word")
    body = {"room": "r", "kind": "join", "participant_id": "p", "at": int(time.time()) - 5}
    assert send(service, path, body).json()["accepted"] == 1
    page = admin.page("/health")
    assert HEALTHY in page
    assert "own" in page
    assert "0s ago" in page or "1s ago" in page


def test_a_refused_request_is_shown_with_how_to_fix_it(service, admin):
    path = added(service, "generic", "--name", "own", "--secret", "word")
    assert send(service, path, {}, secret="other").status_code == 401
    page = admin.page("/health")
    assert HEALTHY not in page
    assert "Configure the same secret" in page


def test_dead_letters_are_parsed_again_after_the_mapping_is_fixed(service, admin, tmp_path):
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps(MAPPING))
    path = added(service, "generic", "--mapping", str(mapping), "--secret", "word")
    assert send(service, path, {"t": "in", "room": "<b>r", "who": "a"}).json()["status"] == "dead_letter"
    assert "could not be parsed" in admin.page("/health")
    assert "0 dead letters were parsed" in admin.send("/health/dead-letters", 200).text
    with sqlite3.connect(service.database) as store:
        store.execute("update sources set options = replace(options, '/where', '/room')")
    assert (
        "1 dead letter was parsed. New events: 1. Remaining: 0."
        in admin.send("/health/dead-letters", 200).text
    )
    assert HEALTHY in admin.page("/health")


def test_dead_letters_of_another_domain_are_neither_shown_nor_parsed(service, tmp_path):
    path = added(service, "generic", "--name", "theirs", "--secret", "word")
    assert send(service, path, {"nothing": "of use"}).json()["status"] == "dead_letter"
    other = FormClient(service, service.make_key("elsewhere", "admin"))
    page = other.page("/health")
    assert HEALTHY in page
    assert "theirs" not in page
    assert (
        "0 dead letters were parsed. New events: 0. Remaining: 0."
        in other.send("/health/dead-letters", 200).text
    )
    other.close()


def test_a_viewer_sees_problems_without_bodies_and_buttons(service):
    path = added(service, "generic", "--secret", "word")
    assert send(service, path, {"nothing": "of use"}).json()["status"] == "dead_letter"
    viewer = FormClient(service, service.make_key("default", "read"))
    page = viewer.page("/health")
    assert "could not be parsed" in page
    assert "of use" not in page
    assert "Retry dead letters" not in page
    viewer.send("/health/dead-letters", 403)
    viewer.close()


def test_a_disabled_endpoint_is_shown_and_reenabled(service, admin):
    with receiving(answers(500)) as receiver, service.client() as client:
        made = client.post("/webhooks", json={"url": receiver.url}).json()
        join = {"room": "r", "kind": "join", "participant_id": "p", "at": int(time.time()) - 30}
        assert client.post("/events", json=join).status_code == 200
        page = wait_until(
            lambda: (
                found if "is disabled after repeated failures" in (found := admin.page("/health")) else None
            )
        )
        assert receiver.url in page
        receiver.behave = answers()
        admin.send(f"/settings/webhooks/{made['uuid']}/enable")
        wait_until(lambda: HEALTHY in admin.page("/health"))


def test_a_source_that_cannot_be_polled_is_shown(service, admin):
    with receiving() as stopped:
        url = stopped.url.removesuffix("/hook")
    secret = "devkey:a-secret-that-is-long-enough-for-anybody"
    headcount(
        "source", "create", "livekit", "--database", service.database, "--secret", secret,
        "--poll", url, "--poll-interval", "5s",
    )  # fmt: skip
    page = wait_until(lambda: found if "Polling source" in (found := admin.page("/health")) else None)
    assert f"headcount source poll livekit --domain default --database {service.database}" in page
