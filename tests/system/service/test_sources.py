"""Sources end to end: created by command, sent to over HTTP, shown in meetings; and their errors."""

import json
import re
import sqlite3

import httpx2 as httpx
import pytest

from headcount.sources import janus, standard_webhooks
from headcount.sources.api import InboundRequest, json_request
from headcount.sources.signatures import with_bearer_token
from support.livekit_source import KEY, added, meetings, now, person, sent, webhook
from support.running_service import Running, headcount, new_store
from support.waiting import wait_until

NEW = "devkey:another-secret-that-is-long-enough-too"


def listed(service, name):
    listed = headcount("source", "list", "--database", service.database).stdout
    return listed.partition(f"{name}  (")[2].partition("\n\n")[0]


def test_webhooks_of_livekit_become_a_meeting(service):
    path = added(service, "livekit", "--name", "lk", "--secret", KEY)
    began = now() // 1_000 - 600
    for name in ("ann", "bob"):
        joined = webhook("participant_joined", createdAt=str(began), participant=person(name, began))
        assert sent(service, path, joined).json()["accepted"] == 1
    left = webhook("participant_left", createdAt=str(began + 60), participant=person("ann", began))
    assert sent(service, path, left).json()["accepted"] == 1
    assert sent(service, path, left).json() | {"position": 0} == {
        "status": "accepted", "accepted": 0, "duplicates": 1, "excluded": 0, "position": 0,
    }  # fmt: skip
    assert sent(service, path, webhook("track_published")).json()["accepted"] == 0
    finished = webhook("room_finished", createdAt=str(began + 90))
    assert sent(service, path, finished).status_code == 200
    (meeting,) = meetings(service, "standup")
    durations = {one["user_id"]: one["duration"] for one in meeting["participants"]}
    assert (meeting["duration"], meeting["max_participants"], durations) == (90, 2, {"ann": 60, "bob": 90})


def send_janus_events(service, path, *events):
    payload = [{"emitter": "eu-1", "timestamp": int(at * 1_000_000), **event} for at, event in events]
    delivery = InboundRequest({"content-type": "application/json"}, json.dumps(payload).encode())
    return sent(service, path, delivery, secret="janus:word", sign=janus.sign).json()


def joined(room, who):
    data = {"event": "joined", "room": room, "id": who}
    return {"type": 64, "event": {"plugin": "janus.plugin.videoroom", "data": data}}


def test_a_server_that_restarts_closes_its_rooms_and_no_others(service):
    """Also rooms in which the only stay is still shorter than the minimum stay."""
    path = added(service, "janus", "--secret", "janus:word", "--room-prefix", "jan/")
    began = now() / 1_000 - 600
    other = {"room": "jan/eu-2/7", "kind": "join", "participant_id": "bob", "at": began}
    service.client().post("/events", json=other)
    send_janus_events(service, path, (began, joined(7, 1)))
    assert send_janus_events(service, path, (began + 400, joined(8, 2)))["accepted"] == 1
    started = {"type": 256, "event": {"status": "started"}}
    assert (
        send_janus_events(service, path, (began + 404, joined(9, 3)), (began + 405, started))["accepted"] == 4
    )
    (meeting,) = meetings(service, "jan/eu-1/7")
    assert (meeting["duration"], meeting["ongoing"]) == (405, False)
    for room, people in (("jan/eu-1/8", 0), ("jan/eu-1/9", 0), ("jan/eu-2/7", 1)):
        there = service.client().get(f"/rooms/{room.replace('/', '%2F')}/presence").json()
        assert there["total_count"] == people
    assert send_janus_events(service, path, (began + 500, started))["accepted"] == 0


def test_events_of_a_session_are_in_one_room_although_some_lack_its_name(service):
    path = added(service, "chime", "--secret", "word")
    began = now() - 600_000
    for kind, who, after_s, name in (
        ("AttendeeJoined", "ann", 0, {"externalMeetingId": "chime-standup"}),
        ("AttendeeJoined", "bob", 5, {}),
        ("AttendeeLeft", "ann", 60, {}),
        ("MeetingEnded", None, 90, {}),
    ):
        detail = {
            "eventType": f"chime:{kind}",
            "timestamp": began + after_s * 1_000,
            "meetingId": "m-1",
            **name,
        }
        detail |= {} if who is None else {"attendeeId": who}
        event = {"id": f"{kind}{who}", "detail-type": "Chime Meeting State Change", "detail": detail}
        delivery = json_request(event, now())
        assert sent(service, path, delivery, secret="word", sign=with_bearer_token).json()["accepted"] == 1
    (meeting,) = meetings(service, "chime-standup")
    durations = {one["participant_id"]: one["duration"] for one in meeting["participants"]}
    assert (meeting["duration"], durations) == (90, {"ann": 60, "bob": 85})
    assert service.client().get("/rooms/m-1/presence").json()["total_count"] == 0


def test_explain_shows_excluded_participants(service):
    path = added(service, "livekit", "--name", "lk-rec", "--secret", KEY)
    began = now() // 1_000 - 600
    for name, more in (("ann", {}), ("rec", {"kind": "EGRESS"})):
        who = person(name, began, **more)
        sent(service, path, webhook("participant_joined", "recorded", createdAt=str(began), participant=who))
    sent(service, path, webhook("participant_left", "recorded", createdAt=str(began + 60), participant=person("ann", began)))  # fmt: skip
    (meeting,) = meetings(service, "recorded")
    assert [one["user_id"] for one in meeting["participants"]] == ["ann"]
    explained = service.client().get(f"/meetings/{meeting['id']}/explain").json()
    assert [(one["user_id"], one["role"]) for one in explained["excluded_participants"]] == [
        ("rec", "recorder")
    ]
    wait_until(lambda: "1 excluded (1 recorder)" in listed(service, "lk-rec"))


def test_a_source_can_include_them(service):
    path = added(
        service,
        "livekit",
        "--name",
        "lk-all",
        "--secret",
        KEY,
        "--include-role",
        "recorder",
        "--room-prefix",
        "eu/",
    )
    began = now() // 1_000 - 600
    who = person("rec", began, kind="EGRESS")
    left = webhook("participant_left", "all", createdAt=str(began + 60), participant=who)
    assert sent(service, path, left).json()["accepted"] == 1
    (meeting,) = meetings(service, "eu/all")
    assert meeting["max_participants"] == 1


def test_a_payload_with_a_wrong_signature_is_refused_and_counted(service):
    path = added(service, "livekit", "--name", "lk-forged", "--secret", KEY)
    refused = sent(
        service,
        path,
        webhook("room_finished", createdAt="1"),
        secret="devkey:wrong-but-long-enough-to-sign-with",
    )
    assert (refused.status_code, refused.json()["error"]) == (401, "authentication-error")
    refused = httpx.post(service.url + path, content=b"{")
    assert (refused.status_code, "Authorization" in refused.json()["info"]) == (401, True)
    unknown = httpx.post(f"{service.url}/v1/ingest/livekit/nobody", content=b"{}")
    assert (unknown.status_code, unknown.json()["error"]) == (404, "not-found")
    other_kind = path.replace("livekit", "jitsi")
    assert httpx.post(service.url + other_kind, content=b"{}").status_code == 404


def test_a_body_that_is_not_json_is_refused_and_an_unreadable_event_becomes_a_dead_letter(service):
    path = added(service, "livekit", "--name", "lk-odd", "--secret", KEY)
    broken = InboundRequest({"content-type": "application/webhook+json"}, b'{"event":')
    assert sent(service, path, broken).status_code == 400
    kept = sent(service, path, webhook("participant_joined", createdAt="1772442001"))
    assert kept.status_code == 200
    assert kept.json()["status"] == "dead_letter"
    sent(service, path, webhook("participant_joined", createdAt="1772442001"))
    listed = headcount("source", "dead-letters", "list", "--database", service.database, "--json").stdout
    (dead_letter,) = [one for one in json.loads(listed) if "without a participant.sid" in one["reason"]]
    shown = headcount("source", "dead-letters", "show", dead_letter["number"], "--database", service.database)
    assert "participant_joined" in shown.stdout


def test_a_corrected_mapping_reads_the_dead_letters(tmp_path):
    wrong = {
        "kind": {"at": "/t", "join": ["in"], "leave": ["out"]},
        "room": "/where",
        "participant_id": "/who",
    }
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps(wrong))
    service = Running(tmp_path)
    service.start()
    try:
        path = added(service, "generic", "--mapping", str(mapping), "--secret", "word")
        body = InboundRequest({"content-type": "application/json"}, b'{"t":"in","room":"r","who":"a"}')
        answer = sent(service, path, body, secret="word", sign=standard_webhooks.sign)
        assert answer.json()["status"] == "dead_letter"
        assert "room" in answer.json()["info"]
        assert (
            "Dead letters parsed: 0 "
            in headcount("source", "dead-letters", "retry", "--database", service.database).stdout
        )
        meetings(service, "meanwhile")
        with sqlite3.connect(service.database) as store:
            store.execute("update sources set options = replace(options, '/where', '/room')")
        assert "Dead letters parsed: 1 (new events: 1). Remaining: 0." in headcount(
            "source", "dead-letters", "retry", "--database", service.database
        ).stdout  # fmt: skip
        with sqlite3.connect(service.database) as store:
            received = store.execute("select received_ms from entries order by position").fetchall()
        assert len(received) == 2
        assert received == sorted(received)
    finally:
        service.stop()


def test_secrets_are_rotated_without_a_gap(service):
    path = added(service, "livekit", "--name", "lk-turn", "--secret", KEY)
    flags = ("--database", service.database)

    def status(secret):
        return sent(service, path, webhook("track_published"), secret=secret).status_code

    headcount("source", "rotate-secret", "lk-turn", "--add", NEW, *flags)
    wait_until(lambda: status(NEW) == 200)
    assert status(KEY) == 200
    headcount("source", "rotate-secret", "lk-turn", "--remove", KEY, *flags)
    wait_until(lambda: status(KEY) == 401)
    assert status(NEW) == 200
    headcount("source", "delete", "lk-turn", *flags)
    wait_until(lambda: status(NEW) == 404)


def test_a_source_can_be_tested(service):
    added(service, "livekit", "--name", "lk-try", "--secret", KEY)
    asked = ("source", "test", "lk-try", "--database", service.database, "--url", service.url)
    assert "verified and stored a test event" in headcount(*asked).stdout
    (listed,) = [
        one
        for one in json.loads(headcount("source", "list", "--database", service.database, "--json").stdout)
        if one["name"] == "lk-try"
    ]
    assert (listed["last_request_at"] is not None, listed["counters"]["events"]) == (True, 2)
    assert meetings(service, "headcount-test") == []
    nobody = headcount("source", "test", "nobody", "--database", service.database, check=False)
    assert "there is no source 'nobody' in domain 'default'. Sources: " in nobody.stderr
    closed = headcount(*asked[:-1], "http://127.0.0.1:9", check=False)
    assert "no server answers at" in closed.stderr


def test_the_requests_of_a_source_are_counted(tmp_path):
    service = Running(tmp_path)
    service.start()
    path = added(service, "livekit", "--secret", KEY)
    began = now() // 1_000 - 60
    who = person("ann", began)
    sent(service, path, webhook("participant_joined", createdAt=str(began), participant=who))
    sent(service, path, webhook("track_published"))
    sent(service, path, webhook("track_published"), secret="devkey:wrong-but-long-enough-to-sign-with")
    metrics = httpx.get(f"{service.url}/metrics").text
    assert 'headcount_source_requests_total{kind="livekit",result="rejected"} 1.0' in metrics
    service.stop()
    listed = headcount("source", "list", "--addresses", "--database", service.database).stdout
    assert path in listed
    assert "1 events, 1 ignored, 1 rejected" in listed
    assert "the signature is not valid" in listed
    doctor = headcount("doctor", "--database", service.database, check=False).stdout
    assert re.search(r"FAIL +sources +livekit: .*rejected", doctor)


def test_sources_can_be_declared_in_the_settings_file(tmp_path):
    config = tmp_path / "headcount.toml"
    config.write_text(f'[sources.livekit]\ntoken = "fixed"\nsecrets = ["{KEY}"]\ndomain = "acme"\n')
    service = Running(tmp_path)
    service.start("--config", config)
    assert sent(service, "/v1/ingest/livekit/fixed", webhook("track_published")).status_code == 200
    service.stop()
    config.write_text("")
    service.start("--config", config)
    assert sent(service, "/v1/ingest/livekit/fixed", webhook("track_published")).status_code == 200
    service.stop()
    assert "a source is not declared any more and stays" in service.log.read_text()
    headcount("source", "delete", "livekit", "--domain", "acme", "--database", service.database)
    service.start("--config", config)
    assert sent(service, "/v1/ingest/livekit/fixed", webhook("track_published")).status_code == 404
    service.stop()
    config.write_text("[sources.livekit]\n")
    asked = ("serve", "--database", service.database, "--config", config, "--port", "0")
    refused = headcount(*asked, check=False)
    assert "[sources.livekit]" in refused.stderr
    assert "needs a secret" in refused.stderr


def test_sources_and_the_first_key_can_be_declared_in_variables(tmp_path):
    """What a container is given: the address of the webhooks is known before the server runs."""
    secret, key = tmp_path / "livekit-secret", f"hc_{'k' * 40}"
    secret.write_text(f"{KEY}\n")
    declared = {
        "HEADCOUNT_SOURCE_LIVEKIT_SECRET_FILE": str(secret),
        "HEADCOUNT_SOURCE_LIVEKIT_TOKEN": "fixed",
        "HEADCOUNT_ADMIN_KEY": key,
    }
    service = Running(tmp_path)
    service.variables = declared
    for _ in range(2):
        service.start()
        assert sent(service, "/v1/ingest/livekit/fixed", webhook("track_published")).status_code == 200
        with service.client(key) as client:
            assert client.get("/meetings").status_code == 200
        service.stop()
    assert "api_key" not in service.access()
    listed = headcount("key", "list", "--json", "--database", service.database).stdout
    assert [one["name"] for one in json.loads(listed)] == ["Declared key"]
    shown = headcount("config", "--database", service.database, environment=declared).stdout
    assert "HEADCOUNT_SOURCE_LIVEKIT_SECRET_FILE" in shown
    assert KEY not in shown
    assert key not in shown


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("nosuch", "--secret", "x"), "unknown source 'nosuch': expected one of livekit, jitsi"),
        (("livekit",), "--secret is required: the API key and its secret"),
        (
            ("livekit", "--secret", "a:b", "--include-role", "cat"),
            "'cat' is not a valid Role; there are person",
        ),
        (("generic", "--mapping", "none.json"), "none.json: cannot be read"),
    ],
)
def test_an_invalid_source_is_refused(tmp_path, flags, message):
    refused = headcount("source", "create", *flags, "--database", new_store(tmp_path / "x.db"), check=False)
    assert refused.returncode == 2
    assert message in refused.stderr


def test_a_name_is_unique(tmp_path):
    asked = ("source", "create", "generic", "--database", new_store(tmp_path / "x.db"))
    assert "whsec_" in headcount(*asked).stdout
    assert "has a source 'generic' already" in headcount(*asked, check=False).stderr
