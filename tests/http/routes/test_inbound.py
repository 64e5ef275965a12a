"""The operation that video servers send webhooks to, over HTTP: names of any JSON type, and payloads of which a part counts."""

import json
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from headcount.http.cursors import Cursors
from headcount.http.errors import HANDLERS
from headcount.http.routes.inbound import InboundHandler
from headcount.ingest.dead_letters import RetryResult, retry_dead_letters
from headcount.ingest.source_stats import SourceStats
from headcount.limits import Limits
from headcount.sources.registry import SOURCES
from headcount.store.open import open_store
from headcount.store.sources import DeadLetter, SourceRow
from support.golden_payloads import FILES
from support.key_pairs import pair

NOW = 1_900_000_000_000
S = NOW // 1_000 - 600
SECRETS = {
    "daily": "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw",
    "janus": "a:b",
    "livekit": "k:secret-that-is-long-enough-for-hs256",
}
RSA = dict.fromkeys(("realtimekit", "videosdk"), pair("one")[0])


def secret_for(kind):
    return (SECRETS | RSA).get(kind, "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw")


class World:
    """A store with one source of each kind, and the operation that reads it."""

    def __init__(self, store):
        self.store = store
        self.stats = SourceStats()
        for kind in SOURCES:
            store.sources.add(SourceRow(kind, kind, "acme", kind, (secret_for(kind),)))
        handler = InboundHandler(
            store.sources, self.append, lambda: NOW, lambda: NOW, lambda _: None, Limits(), lambda *_: None, self.stats,
            add_rooms=lambda *_: None, cursors=Cursors(b"secret"),
        )  # fmt: skip
        self.client = TestClient(Starlette(routes=handler.routes(), exception_handlers=HANDLERS))

    async def append(self, entries):
        (result,) = self.store.log.append([entries])
        return result

    def post(self, kind, body, content_type="application/json"):
        """Send a body, signed as the vendor signs it."""
        url = f"http://testserver/ingest/{kind}/{kind}"
        request = (
            SOURCES[kind]
            .samples(NOW)[0]
            ._replace(headers={"content-type": content_type}, body=body, url=url, received_at=NOW)
        )
        signed = SOURCES[kind].sign(request, secret_for(kind))
        return self.client.post(signed.url, content=signed.body, headers=dict(signed.headers)).json()

    def logged(self):
        return [entry.event for entry in self.store.log.after(0, 100)]


@pytest.fixture
def world(tmp_path):
    store = open_store(str(tmp_path / "headcount.db"))
    yield World(store)
    store.close()


def with_number(value, text):
    """Return a payload in which a text is the number 1234."""
    if isinstance(value, dict):
        return {name: with_number(inner, text) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_number(inner, text) for inner in value]
    return 1234 if value == text else value


def named_joins():
    """Return for each source a payload with a user, and the text that names them."""
    found = {}
    for file in FILES:
        golden = json.loads(file.read_text())
        for event in golden.get("events", []):
            text = event.get("user_name") or event.get("user_id")
            leaf = text if isinstance(golden["body"], str) else f'"{text}"'
            if text and "role" not in event and leaf in json.dumps(golden["body"], ensure_ascii=False):
                found.setdefault(file.parent.name, (golden["body"], text))
    return found


def content_of(body, text):
    if not isinstance(body, str):
        return json.dumps(with_number(body, text)), "application/json"
    form = dict(parse_qsl(body))
    if "event" in form:
        form["event"] = json.dumps(with_number(json.loads(form["event"]), text))
    return urlencode(form), "application/x-www-form-urlencoded"


@pytest.mark.parametrize("kind", named_joins())
def test_a_numeric_name_is_accepted(world, kind):
    body, text = named_joins()[kind]
    content, content_type = content_of(body, text)
    answer = world.post(kind, content.encode(), content_type)
    assert answer["status"] == "accepted", answer
    expected = text if kind == "twilio" else "1234"
    assert any(expected in (event.user_id, event.user_name) for event in world.logged())


def test_each_source_has_a_named_join():
    assert set(named_joins()) >= set(SOURCES) - {"generic"}


def destroyed(*occupants):
    times = {"created_at": S, "destroyed_at": S + 60}
    notice = {
        "event_name": "muc-room-destroyed",
        "room_jid": "r@c",
        **times,
        "all_occupants": list(occupants),
    }
    return json.dumps(notice).encode()


ANN = {"occupant_jid": "ann", "joined_at": S, "left_at": S + 50, "name": "Ann"}
AHEAD = {"occupant_jid": "bob", "joined_at": S, "left_at": S + 10**7}
TOO_LONG = {"occupant_jid": "x" * 10_000, "joined_at": S, "left_at": S + 50}
WRONG = {"occupant_jid": "bob", "joined_at": S, "left_at": "soon"}


@pytest.mark.parametrize("bad", [WRONG, AHEAD, TOO_LONG, {}, None])
def test_a_part_that_cannot_be_read_is_a_dead_letter_and_the_rest_counts(world, bad):
    answer = world.post("jitsi", destroyed(bad, ANN))
    assert (answer["status"], answer["accepted"]) == ("accepted", 2)
    assert answer["info"]
    assert {(one.kind, one.participant_id) for one in world.logged()} == {("leave", "ann"), ("end", None)}
    assert world.store.sources.count_dead_letters() == {"jitsi": 1}
    assert world.stats.totals["jitsi", "dead_letters"] == 1


def test_a_partial_dead_letter_can_be_retried(world):
    """As long as a part cannot be read, nothing of it is stored twice and the dead letter stays."""
    world.post("jitsi", destroyed(WRONG, ANN))
    result = retry_dead_letters(world.store, lambda: NOW, Limits())
    assert result == RetryResult(0, 0, 1)
    assert len(world.logged()) == 2


def test_a_retried_dead_letter_has_mapped_attributes(world):
    """The payload is parsed as the source is configured then."""
    row = world.store.sources.find("jitsi")
    world.store.sources.change(replace(row, options={"attributes": {"customer": "/extra/customer"}}))
    body = json.dumps(json.loads(destroyed(ANN)) | {"extra": {"customer": "acme"}}).encode()
    world.store.sources.add_dead_letter(DeadLetter(0, "jitsi", NOW, "", {}, body, "an older version failed"))
    assert retry_dead_letters(world.store, lambda: NOW, Limits()) == RetryResult(1, 2, 0)
    assert [event.attributes for event in world.logged()] == ['{"customer":"acme"}', None]


def test_a_payload_without_any_part_that_can_be_read_is_a_dead_letter(world):
    answer = world.post(
        "janus", b'[{"type":64,"event":{"plugin":"janus.plugin.videoroom","data":{"event":"joined"}}}]'
    )
    assert answer == {
        "status": "dead_letter",
        "accepted": 0,
        "duplicates": 0,
        "info": "events[0]: an event of Janus without room, or with one that is neither a number nor a text",
    }
    assert world.logged() == []


def test_an_optional_id_that_is_too_long_is_unknown_and_a_name_is_cut(world):
    long = {
        "user_id": "x" * 10_000,
        "source_session": "y" * 10_000,
        "id": "z" * 10_000,
        "user_name": "n" * 10_000,
    }
    event = {"room": "r", "kind": "join", "participant_id": "c", "at": S}
    assert world.post("generic", json.dumps(event | long).encode())["status"] == "accepted"
    (logged,) = world.logged()
    assert (logged.user_id, logged.source_session, logged.id) == (None, None, None)
    assert logged.user_name == "n" * 512


def test_a_name_that_was_cut_through_a_character_loses_it(world):
    occupant = {"occupant_jid": "ann", "joined_at": S, "name": "Ann HALF", "id": "HALF"}
    body = json.dumps({"event_name": "muc-occupant-joined", "room_jid": "r@c", "occupant": occupant})
    for half in (rb"\ud83d", b"\xc3"):
        assert world.post("jitsi", body.encode().replace(b"HALF", half))["status"] == "accepted"
    (logged,) = world.logged()
    assert (logged.user_name, logged.user_id) == ("Ann ", None)


def test_an_event_without_its_time_happened_when_it_was_received(world):
    meeting = {"id": "1", "uuid": "u", "participant": {"user_id": "7"}}
    notice = {"event": "meeting.participant_joined", "payload": {"object": meeting}}
    assert world.post("zoom", json.dumps(notice).encode())["status"] == "accepted"
    assert world.logged()[0].at == NOW
