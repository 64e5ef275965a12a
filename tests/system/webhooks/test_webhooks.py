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
DEFAULT_TYPES = ["meeting.started", "meeting.ended", "participant.joined", "participant.left"]
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
        "uuid": "", "url": receiver.url, "hmac": SECRET, "retryType": "exponential",
        "eventTypes": ["meeting.ended", "recording.started"], "state": "ACTIVE", "failedCount": 0,
        "domainId": "default", "createdAt": "", "updatedAt": "",
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
        ("GET", "/secrets"),
        ("POST", "/test"),
    ):
        content = b"{}" if method == "POST" else None
        assert client.request(method, f"/webhooks/{made['uuid']}{path}", content=content).status_code == 404


def test_a_body_is_json_whatever_its_content_type(client, receiver):
    body = json.dumps({"url": receiver.url})
    made = client.post("/webhooks", content=body, headers={"content-type": "text/plain"})
    assert made.status_code == 200
    assert len(base64.b64decode(made.json()["hmac"])) == 32
    assert made.json()["eventTypes"] == DEFAULT_TYPES


@pytest.mark.parametrize(
    ("fields", "info"),
    [
        ({"scope": "domain"}, '"scope" is not allowed'),
        ({"url": None}, '"url" must be a string'),
        ({"url": "nowhere"}, '"url" must be a valid uri'),
        ({"url": "ftp://hooks.example"}, '"url" must be a valid uri'),
        ({"url": "https://user:word@hooks.example"}, '"url" must not contain a user'),
        ({"hmac": "whsec_AAECAwQF"}, '"hmac" must be a valid base64 string'),
        ({"secrets": [SECRET]}, '"secrets" is not allowed'),
        ({"extensions": "yes"}, '"extensions" must be a boolean'),
        ({"extensions": None}, '"extensions" must be a boolean'),
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
                    None if method in ("get", "delete") else b'{"failed":true}' if "resend" in path else b"{}"
                )
                answer = stranger.request(
                    method.upper(), path.replace("{uuid}", made["uuid"]), content=content
                )
                assert (answer.status_code, answer.json()["error"]) == (404, "not-found"), path
                walked += 1
    assert walked == 9
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
    path = f"/webhooks/{made['uuid']}"
    assert client.get(f"{path}/secrets").json() == {"secrets": [SECRET]}
    changed = client.put(f"{path}/secrets", json={"secrets": [NEW, SECRET]}).json()
    assert changed == client.get(f"{path}/secrets").json() == {"secrets": [NEW, SECRET]}
    assert client.get(path).json()["hmac"] == NEW
    assert len(receiver.came) == 1
    put(outbox, "turning")
    (came,) = receiver.wait_for(1)
    for secret in (SECRET, NEW):
        Webhook(secret).verify(came.body, came.headers)
    assert came.headers["x-webhook-signature"] == dailys(NEW, came)
    assert client.put(f"{path}/secrets", json={"secrets": [NEW]}).json() == {"secrets": [NEW]}


def test_a_client_of_dailys_api_rotates_the_secret_by_hmac(client, outbox, receiver):
    made = set_up(client, receiver)
    path = f"/webhooks/{made['uuid']}"
    client.put(f"{path}/secrets", json={"secrets": [SECRET, NEW]})
    # Such a client sends back the fields that it read: the same hmac ends no rotation.
    own = {name: made[name] for name in ("url", "eventTypes", "retryType", "hmac")}
    assert client.post(path, json=own).json()["hmac"] == SECRET
    assert client.get(f"{path}/secrets").json() == {"secrets": [SECRET, NEW]}
    assert client.post(path, json={"hmac": NEW}).json()["hmac"] == NEW
    assert client.get(f"{path}/secrets").json() == {"secrets": [NEW]}
    Webhook(NEW).verify(receiver.came[-1].body, receiver.came[-1].headers)
    put(outbox, "after-it")
    (came,) = receiver.wait_for(1)
    assert came.headers["x-webhook-signature"] == dailys(NEW, came)


@pytest.mark.parametrize(
    ("body", "info"),
    [
        ({}, '"secrets" is required'),
        ({"secrets": []}, '"secrets" must be an array of one or more strings'),
        ({"secrets": SECRET}, '"secrets" must be an array of one or more strings'),
        ({"secrets": [SECRET, "whsec_AAECAwQF"]}, '"secrets[1]" must be a valid base64 string'),
        ({"secrets": [f"{n:04}" for n in range(5)]}, '"secrets" must contain less than or equal to 4 items'),
        ({"secrets": [SECRET], "hmac": SECRET}, '"hmac" is not allowed'),
    ],
)
def test_invalid_secrets_are_refused_and_change_nothing(client, receiver, body, info):
    path = f"/webhooks/{set_up(client, receiver)['uuid']}/secrets"
    refused = client.put(path, json=body)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid-request-error")
    assert refused.json()["info"].startswith(info)
    assert client.get(path).json() == {"secrets": [SECRET]}


def test_an_endpoint_gets_exactly_dailys_fields_unless_it_opts_in(client, outbox, receiver):
    with receiving() as other:
        plain, extended = set_up(client, receiver), set_up(client, other, extensions=True)
        assert "extensions" not in plain
        assert extended["extensions"] is True
        assert client.get("/webhooks").json() == [plain, extended]
        put(outbox, "end-1", type_="meeting.ended")
        (of_plain,), (of_extended,) = receiver.wait_for(1), other.wait_for(1)
    own = ["start_ts", "end_ts", "meeting_id", "room"]
    assert list(of_plain.payload["payload"]) == own
    added = ["duration", "max_participants", "participants", "reason"]
    assert list(of_extended.payload["payload"]) == [*own, *added]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_extensions_can_be_changed_and_apply_to_what_is_resent(client, outbox, receiver, method):
    path = f"/webhooks/{set_up(client, receiver)['uuid']}"
    name = f"end-{method}"
    put(outbox, name, type_="meeting.ended")
    receiver.wait_for(1)
    assert client.request(method, path, json={"extensions": True}).json()["extensions"] is True
    assert client.request(method, path, json={"retryType": "exponential"}).json()["extensions"] is True
    assert client.post(f"{path}/resend", json={"id": name}).json() == {"resent": 1}
    receiver.wait(lambda came: len(came) == 2)
    assert client.request(method, path, json={"extensions": False}).json().get("extensions") is None
    assert client.post(f"{path}/resend", json={"id": name}).json() == {"resent": 1}
    came = receiver.wait(lambda came: len(came) == 3)
    assert ["reason" in one.payload["payload"] for one in came] == [False, True, False]


@pytest.mark.parametrize("fields", [{}, {"eventTypes": []}, {"extensions": True}])
def test_updates_of_meetings_are_sent_only_to_those_who_ask_for_them(client, outbox, receiver, fields):
    first, second, third = (f"{name}-{'-'.join(fields)}" for name in ("upd-1", "sta-1", "upd-2"))
    made = set_up(client, receiver, **fields)
    assert made["eventTypes"] == DEFAULT_TYPES
    put(outbox, first, type_="meeting.updated")
    put(outbox, second)
    receiver.wait_for(1)
    path = f"/webhooks/{made['uuid']}"
    client.post(path, json={"eventTypes": ["meeting.updated"]})
    put(outbox, third, type_="meeting.updated")
    receiver.wait(lambda came: len(came) == 2)
    assert receiver.ids() == [second, third]
    assert client.post(path, json={"eventTypes": []}).json()["eventTypes"] == DEFAULT_TYPES


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
    assert shown["lastMomentPushed"].endswith("Z")


def test_an_endpoint_with_all_of_dailys_fields_has_exactly_these(client, outbox, receiver):
    path = f"/webhooks/{set_up(client, receiver, basicAuth='user:word')['uuid']}"
    put(outbox, "all-fields")
    receiver.wait_for(1)
    shown = wait_until(lambda: "lastMomentPushed" in (found := client.get(path).json()) and found)
    # The example of Daily's documentation.
    assert sorted(shown) == [
        "basicAuth", "createdAt", "domainId", "eventTypes", "failedCount", "hmac", "lastMomentPushed", "retryType",
        "state", "updatedAt", "url", "uuid",
    ]  # fmt: skip
    assert client.post(path, json={"basicAuth": None}).json().keys() == shown.keys() - {"basicAuth"}


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
