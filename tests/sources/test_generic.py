"""Any server: Standard Webhooks by the published package, and any JSON by a mapping."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from headcount import BadInput, Event, Kind
from headcount.kernel.attributes import values_of
from headcount.sources import generic, standard_webhooks
from headcount.sources.api import TEST_ROOM, InboundRequest, Role, VerificationFailed, verify_and_parse

NOW = 1_772_442_000_000
SECRET = "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"
BODY = b'{"room":"r","kind":"join","participant_id":"c"}'
PEERS = {
    "events": "/batch",
    "kind": {"at": "/type", "join": ["peer.in"], "leave": ["peer.out", "peer.lost"], "end": ["room.closed"]},
    "room": "/room/id",
    "participant_id": "/peer/conn~1id",
    "user_id": "/peer/uid",
    "user_name": "/peer/name",
    "source_session": "/room/run",
    "id": "/seq",
    "at": {"at": "/ts", "unit": "ms"},
    "joined_at": {"at": "/peer/since", "unit": "s"},
    "role": {"at": "/peer/what", "words": {"rec": "recorder"}},
    "signature": {"scheme": "hmac", "header": "X-Sig", "encoding": "base64", "prefix": "sha256="},
}


def test_a_signature_of_the_published_package_is_accepted():
    signature = Webhook(SECRET).sign("msg_1", datetime.fromtimestamp(NOW / 1_000, UTC), BODY.decode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(NOW // 1_000), "webhook-signature": signature}
    request = InboundRequest(headers, BODY, received_at=NOW)
    (events,) = verify_and_parse(generic.SOURCE, request, [SECRET])
    assert replace(events.event, id=None) == Event(Kind.JOIN, "r", NOW, "c")
    with pytest.raises(VerificationFailed):
        verify_and_parse(generic.SOURCE, request._replace(body=BODY + b" "), [SECRET])
    svix = {name.replace("webhook", "svix"): value for name, value in headers.items()}
    verify_and_parse(generic.SOURCE, request._replace(headers=svix), [SECRET])
    both = headers | {"webhook-signature": f"v1,AAAA {signature} v2,x"}
    verify_and_parse(generic.SOURCE, request._replace(headers=both), [SECRET])


def test_the_published_package_accepts_our_signature():
    now = int(datetime.now(UTC).timestamp() * 1_000)
    signed = standard_webhooks.sign(InboundRequest({}, BODY, received_at=now), SECRET)
    assert Webhook(SECRET).verify(BODY, dict(signed.headers)) == json.loads(BODY)


def test_a_signature_that_is_too_old_is_rejected():
    signed = standard_webhooks.sign(InboundRequest({}, BODY, received_at=NOW), SECRET)
    with pytest.raises(VerificationFailed, match="301 s ago"):
        verify_and_parse(generic.SOURCE, signed._replace(received_at=NOW + 301_000), [SECRET])


EVENT = {"room": "r", "kind": "join", "participant_id": "c"}
UNTIMED = {name: PEERS[name] for name in ("events", "kind", "room", "participant_id")}


def ids(source, body, received_at, *, name="msg_1", signed_at=NOW, secret=SECRET):
    """Return the ids of the events of a signed message."""
    when = datetime.fromtimestamp(signed_at / 1_000, UTC)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(signed_at // 1_000),
        "webhook-signature": Webhook(secret).sign(name, when, body),
    }
    return [
        one.event.id
        for one in verify_and_parse(
            source, InboundRequest(headers, body.encode(), received_at=received_at), [secret]
        )
    ]


@pytest.mark.parametrize(
    ("source", "body"),
    [
        (generic.SOURCE, [EVENT, EVENT | {"kind": "leave"}]),
        (generic.mapped_source(UNTIMED), {"batch": [{"type": kind, "room": {"id": "r"}, "peer": {"conn/id": 7}} for kind in ("peer.in", "peer.out")]}),
    ],
)  # fmt: skip
def test_a_repeated_signed_message_without_times_and_ids_is_recognized(source, body):
    body = json.dumps(body)
    first = ids(source, body, NOW)
    assert len(set(first)) == 2
    assert ids(source, body, NOW + 60_000) == first
    assert set(ids(source, body, NOW, name="msg_2")).isdisjoint(first)
    assert set(ids(source, body, NOW, signed_at=NOW - 1_000)).isdisjoint(first)
    assert set(ids(source, body + " ", NOW)).isdisjoint(first)


def test_an_event_with_a_time_or_an_id_is_recognized_by_its_content():
    assert ids(generic.SOURCE, json.dumps(EVENT | {"at": NOW // 1_000}), NOW) == [None]
    assert ids(generic.SOURCE, json.dumps(EVENT | {"id": "own"}), NOW) == ["own"]


def test_an_unsigned_message_is_new_each_time():
    """A token does not identify the message: a participant may join twice."""
    request = InboundRequest({"authorization": "Bearer word"}, BODY, received_at=NOW)
    assert verify_and_parse(generic.SOURCE, request, ["word"])[0].event.id is None


def test_a_plain_token_is_accepted():
    request = InboundRequest({"authorization": "Bearer word"}, BODY, received_at=NOW)
    assert len(verify_and_parse(generic.SOURCE, request, ["word"])) == 1
    with pytest.raises(VerificationFailed):
        verify_and_parse(generic.SOURCE, request, ["other"])


def mapped(payload, mapping=PEERS):
    source = generic.mapped_source(mapping)
    request = source.sign(InboundRequest({}, json.dumps(payload).encode(), received_at=NOW), "word")
    return verify_and_parse(source, request, ["word"])


def test_any_json_is_parsed_by_its_mapping():
    peer = {"conn/id": 7, "uid": "u", "name": "Ann", "since": 1_772_441_000}
    room = {"id": "r", "run": "s1"}
    events = mapped(
        {
            "batch": [
                {"type": "peer.in", "ts": NOW, "room": room, "peer": peer, "seq": 1},
                {"type": "peer.lost", "ts": NOW + 5, "room": room, "peer": peer | {"what": "rec"}},
                {"type": "room.closed", "ts": str(NOW + 9), "room": room},
                {"type": "peer.talks", "peer": None},
            ]
        }
    )
    participant = ("7", "u", "Ann", "s1")
    assert [one.event for one in events] == [
        Event(Kind.JOIN, "r", NOW, *participant, id="1"),
        Event(Kind.LEAVE, "r", NOW + 5, *participant, joined_at=1_772_441_000_000),
        Event(Kind.END, "r", NOW + 9, source_session="s1"),
    ]
    assert [one.role for one in events] == [Role.PERSON, Role.RECORDER, Role.PERSON]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"type": "peer.in", "ts": NOW, "peer": {"conn/id": 1}}, "there is no room: nothing is at /room/id"),
        (
            {"type": "peer.in", "ts": NOW, "room": {"id": []}, "peer": {"conn/id": 1}},
            "neither text nor a whole number",
        ),
        ({"type": "peer.in", "ts": "soon", "room": {"id": "r"}, "peer": {"conn/id": 1}}, "no number at /ts"),
        ({"type": "peer.in", "ts": 17, "room": {"id": "r"}, "peer": {"conn/id": 1}}, "between the years"),
    ],
)
def test_the_error_names_the_missing_field(event, message):
    with pytest.raises(BadInput, match=message):
        mapped({"batch": event})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"room": "room"}, "begins with a slash, like /room"),
        ({"attributes": "peer"}, "begins with a slash, like /peer"),
        ({"attributes": {"role": "peer"}}, "begins with a slash, like /peer"),
        ({"attributes": {"role": 7}}, "Expected `str`, got `int`"),
        ({"rooms": "/x"}, "unknown field `rooms`"),
        ({"at": {"at": "/t", "unit": "h"}}, "Invalid enum value 'h'"),
    ],
)
def test_an_invalid_mapping_is_rejected(change, message):
    with pytest.raises(BadInput, match=message):
        generic.mapped_source(PEERS | change)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"customer": "/room/org", "external_id": "/peer/uid", "none": "/peer/no"}, {"customer": "acme", "external_id": 7}),
        ("/peer/meta", {"seat": 3, "vip": True}),
        ("/peer/missing", {}),
        ("/peer/uid", {}),
        ({"row": "/peer/meta", "seat": "/peer/meta/seat"}, {"seat": 3}),
    ],
)  # fmt: skip
def test_a_mapping_names_attributes_or_an_object_of_them(attributes, expected):
    meta = {"seat": 3, "vip": True, "tags": []}
    peer, room = {"conn/id": 7, "uid": 7, "meta": meta}, {"id": "r", "org": "acme"}
    batch = [{"type": kind, "ts": NOW, "room": room, "peer": peer} for kind in ("peer.in", "room.closed")]
    join, end = mapped({"batch": batch}, PEERS | {"attributes": attributes})
    assert values_of(join.event.attributes) == expected
    assert end.event.attributes is None


def test_a_sample_fits_its_own_mapping():
    source = generic.mapped_source(PEERS)
    events = [
        one
        for sample in source.samples(NOW)
        for one in verify_and_parse(source, source.sign(sample, "w"), ["w"])
    ]
    assert [(one.event.kind, one.event.room) for one in events] == [("join", TEST_ROOM), ("leave", TEST_ROOM)]
