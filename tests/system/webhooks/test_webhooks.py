"""Webhooks end to end: created over HTTP, delivered by the real service, received and verified."""

import base64
import hashlib
import hmac
import json

import httpx2 as httpx
import pytest
from standardwebhooks import Webhook

from support.outbox_messages import put
from support.waiting import wait_until
from support.webhook_receivers import answers, receiving

SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NEW = "IB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE="


def set_up(client, receiver, **fields):
    made = client.post("/webhooks", json={"url": receiver.url, "hmac": SECRET, **fields})
    assert made.status_code == 200, made.text
    return made.json()


def dailys(secret, came):
    """What a consumer of Daily's webhooks works out, of the event that it has parsed."""
    body = json.dumps(json.loads(came.body), separators=(",", ":"), ensure_ascii=False).encode()
    signed = came.headers["x-webhook-timestamp"].encode() + b"." + body
    return base64.b64encode(hmac.digest(base64.b64decode(secret), signed, hashlib.sha256)).decode()


def test_an_event_arrives_with_both_signatures(client, outbox, receiver):
    set_up(client, receiver, basicAuth="user:word")
    put(outbox, "met-1")
    (came,) = receiver.wait_for(1)
    assert came.payload["payload"]["room"] == "blue"
    assert (came.payload["id"], came.headers["webhook-id"]) == ("met-1", "met-1")
    assert came.headers["x-webhook-signature"] == dailys(SECRET, came)
    assert len(came.headers["x-webhook-timestamp"]) == 13
    Webhook(SECRET).verify(came.body, came.headers)
    assert came.headers["authorization"] == "Basic dXNlcjp3b3Jk"
    assert came.headers["content-type"] == "application/json"


def test_the_ping_is_signed_and_only_200_counts(client, receiver):
    set_up(client, receiver)
    (ping,) = receiver.came
    assert ping.body == b'{"test":"test"}'
    assert ping.headers["x-webhook-signature"] == dailys(SECRET, ping)
    Webhook(SECRET).verify(ping.body, ping.headers)


def test_an_endpoint_that_does_not_answer_the_ping_is_not_created(client):
    with receiving() as closed:
        url = closed.url
    refused = client.post("/webhooks", json={"url": url})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid-request-error")
    assert refused.json()["info"].startswith(
        f"The webhook endpoint {url} did not answer the ping: no connection"
    )
    assert client.get("/webhooks").json() == []


def test_an_endpoint_is_shown_updated_and_deleted_as_in_dailys_api(client, receiver):
    made = set_up(
        client, receiver, eventTypes=["meeting.ended", "recording.started"], retryType="exponential"
    )
    assert client.get("/webhooks").json() == [made]
    assert client.get(f"/webhooks/{made['uuid']}").json() == made
    shown = made | {"uuid": "", "createdAt": "", "updatedAt": ""}
    assert shown == {
        "uuid": "", "url": receiver.url, "hmac": SECRET, "basicAuth": None, "retryType": "exponential",
        "eventTypes": ["meeting.ended", "recording.started"], "state": "ACTIVE", "failedCount": 0,
        "lastMomentPushed": None, "domainId": "default", "createdAt": "", "updatedAt": "", "secrets": [SECRET],
    }  # fmt: skip
    for method in ("POST", "PATCH"):
        changed = client.request(method, f"/webhooks/{made['uuid']}", json={"retryType": "circuit-breaker"})
        assert changed.json()["retryType"] == "circuit-breaker"
    assert len(receiver.came) == 3
    assert client.delete(f"/webhooks/{made['uuid']}").status_code == 200
    assert client.get("/webhooks").json() == []
    for method, path in (
        ("GET", ""),
        ("POST", ""),
        ("DELETE", ""),
        ("GET", "/deliveries"),
        ("POST", "/test"),
    ):
        content = b"{}" if method == "POST" else None
        assert client.request(method, f"/webhooks/{made['uuid']}{path}", content=content).status_code == 404


def test_a_body_is_json_whatever_its_content_type(client, receiver):
    body = json.dumps({"url": receiver.url})
    made = client.post("/webhooks", content=body, headers={"content-type": "text/plain"})
    assert made.status_code == 200
    assert len(base64.b64decode(made.json()["hmac"])) == 32
    assert made.json()["eventTypes"] == [
        "meeting.started", "meeting.ended", "meeting.updated", "participant.joined", "participant.left",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "info"),
    [
        ({"scope": "domain"}, '"scope" is not allowed'),
        ({"url": None}, '"url" must be a string'),
        ({"url": "nowhere"}, '"url" must be a valid uri'),
        ({"url": "ftp://hooks.example"}, '"url" must be a valid uri'),
        ({"url": "https://user:word@hooks.example"}, '"url" must not contain a user'),
        ({"hmac": "whsec_AAECAwQF"}, '"hmac" must be a valid base64 string'),
        ({"secrets": []}, '"secrets" must be a valid base64 string'),
        ({"retryType": "never"}, '"retryType" must be one of [circuit-breaker, exponential] [Received'),
        ({"eventTypes": ["meeting.started", "meeting.paused"]}, '"eventTypes[1]" must be one of [meeting.started,'),
        ({"basicAuth": "two words"}, '"basicAuth" must be base64'),
    ],
)  # fmt: skip
def test_invalid_fields_are_refused_with_the_reason(client, receiver, fields, info):
    refused = client.post("/webhooks", json={"url": receiver.url, **fields})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid-request-error")
    assert refused.json()["info"].startswith(info)


def test_a_body_that_is_not_an_object_is_refused(client):
    assert client.post("/webhooks", content=b"{").json()["error"] == "json-parsing-error"
    assert client.post("/webhooks", content=b"[]").json()["info"] == '"value" must be of type object'
    assert client.post("/webhooks", content=b"{}").json()["info"] == '"url" is required'


def test_only_an_admin_key_creates_an_endpoint(service, receiver):
    with service.client(service.make_key("default", "read", "ingest")) as lesser:
        assert lesser.post("/webhooks", json={"url": receiver.url}).status_code == 403


def test_another_domain_can_neither_see_nor_change_an_endpoint(service, client, receiver):
    made = set_up(client, receiver)
    paths = httpx.get(f"{service.url}/openapi.json", timeout=10).json()["paths"]
    walked = 0
    with service.client(service.make_key("stranger", "admin")) as stranger:
        assert stranger.get("/webhooks").json() == []
        for path, operations in paths.items():
            for method in operations if "{uuid}" in path else ():
                content = (
                    None if method in ("get", "delete") else b'{"failed":true}' if "replay" in path else b"{}"
                )
                answer = stranger.request(
                    method.upper(), path.replace("{uuid}", made["uuid"]), content=content
                )
                assert (answer.status_code, answer.json()["error"]) == (404, "not-found"), path
                walked += 1
    assert walked == 7
    assert client.get("/webhooks").json() == [made]
    assert len(receiver.came) == 1


def test_an_endpoint_receives_only_its_event_types_of_its_own_domain(client, outbox, receiver):
    set_up(client, receiver, eventTypes=["meeting.ended"])
    put(outbox, "other-type")
    put(outbox, "other-domain", type_="meeting.ended", domain="acme")
    put(outbox, "mine", type_="meeting.ended")
    receiver.wait_for(1)
    assert receiver.ids() == ["mine"]


def test_an_endpoint_receives_no_event_from_before_it_was_created(client, outbox, receiver):
    put(outbox, "too-early")
    set_up(client, receiver)
    put(outbox, "in-time")
    receiver.wait_for(1)
    assert receiver.ids() == ["in-time"]


def test_both_secrets_sign_during_a_rotation(client, outbox, receiver):
    made = set_up(client, receiver)
    changed = client.post(f"/webhooks/{made['uuid']}", json={"secrets": [NEW, SECRET]}).json()
    assert (changed["hmac"], changed["secrets"]) == (NEW, [NEW, SECRET])
    put(outbox, "turning")
    (came,) = receiver.wait_for(1)
    for secret in (SECRET, NEW):
        Webhook(secret).verify(came.body, came.headers)
    assert came.headers["x-webhook-signature"] == dailys(NEW, came)
    changed = client.post(f"/webhooks/{made['uuid']}", json={"hmac": NEW}).json()
    assert changed["secrets"] == [NEW]


def test_the_log_shows_each_message_and_every_attempt(client, outbox, receiver):
    made = set_up(client, receiver, retryType="exponential")
    path = f"/webhooks/{made['uuid']}/deliveries"
    put(outbox, "log-1", "log-2", room="red")
    receiver.wait_for(2)
    receiver.behave = answers(503, b"not now")
    put(outbox, "log-3")
    receiver.wait_for(3)
    shown = wait_until(lambda: len(found := client.get(path).json()["data"]) == 3 and found)
    assert [(one["id"], one["state"], one["room"]) for one in shown] == [
        ("log-3", "pending", "blue"), ("log-2", "delivered", "red"), ("log-1", "delivered", "red"),
    ]  # fmt: skip
    assert shown[0]["reason"] == "tried once: answered 503"
    assert shown[0]["next_attempt_at"] > shown[0]["created_at"]
    (attempt,) = shown[0]["attempts"]
    assert (attempt["status"], attempt["response"], attempt["delivered"]) == (503, "", False)
    page = client.get(path, params={"limit": 1, "starting_after": "log-3"}).json()["data"]
    assert [one["id"] for one in page] == ["log-2"]
    waiting = client.get(path, params={"state": "pending"}).json()["data"]
    assert [one["id"] for one in waiting] == ["log-3"]
    assert client.get(path, params={"state": "lost"}).status_code == 400
    assert client.get(path, params={"starting_after": "nothing"}).status_code == 400
    shown = client.get(f"/webhooks/{made['uuid']}").json()
    assert (shown["failedCount"], shown["state"]) == (1, "ACTIVE")
    assert shown["lastMomentPushed"] is not None


def test_a_delivered_message_can_be_resent(client, outbox, receiver):
    made = set_up(client, receiver)
    path = f"/webhooks/{made['uuid']}/resend"
    put(outbox, "again-1", room="a room of its own")
    put(outbox, "again-2")
    receiver.wait_for(2)
    # Resending includes what was delivered only once that is recorded.
    wait_until(lambda: outbox.endpoints.find("default", made["uuid"]).position == outbox.messages.end())
    assert client.post(path, json={"ids": ["again-1", "again-2"]}).json() == {"resent": 2}
    receiver.wait(lambda came: len(came) == 4)
    assert client.post(path, json={"room": "a room of its own"}).json() == {"resent": 1}
    receiver.wait(lambda came: len(came) == 5)
    assert receiver.ids()[-1] == "again-1"
    assert client.post(path, json={"failed": True}).json() == {"resent": 0}
    assert client.post(path, json={"from": "2000-01-01T00:00:00Z", "to": 1_000_000_000}).json() == {
        "resent": 0
    }
    assert client.post(path, json={}).status_code == 400
    assert client.post(path, json={"from": "yesterday"}).status_code == 400
    assert client.post(path, json={"since": 1}).json()["info"] == '"since" is not allowed'


def test_an_endpoint_can_be_tested(client, receiver):
    made = set_up(client, receiver)
    tried = client.post(f"/webhooks/{made['uuid']}/test").json()
    assert (tried["delivered"], tried["status"], tried["response"]) == (True, 200, "")
    receiver.end()
    tried = client.post(f"/webhooks/{made['uuid']}/test").json()
    assert (tried["delivered"], tried["status"]) == (False, None)
    assert "no connection" in tried["error"]
