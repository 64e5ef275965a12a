"""Payloads have Daily's form and are, byte for byte, what JavaScript's JSON.stringify writes."""

import base64
import json
import os
import shutil
import subprocess
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headcount.kernel.attributes import InvalidAttribute, canonical, values_of
from headcount.outbound.payloads import encode, seconds, to_json
from headcount.store.outbox import Message, MessageType
from headcount.store.webhooks import DEFAULT_EVENT_TYPES
from support import TESTS

SCRIPT = TESTS / "node/stringify.mjs"
T0 = 1_767_225_600_000
MEETING = "0f9f4c1e-1111-4222-8333-444455556666"
PERSON = "6b1d2d6e-0a0a-4b0b-8c0c-0d0d0e0e0f0f"


@pytest.fixture(scope="module")
def javascript():
    """A function that lets Node.js parse a text and stringify it again."""
    node = shutil.which("node")
    if node is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Node.js is needed: tests/install_node.sh")
    with subprocess.Popen([node, SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def round_trip(text):
            process.stdin.write(base64.b64encode(text.encode()) + b"\n")
            process.stdin.flush()
            return base64.b64decode(process.stdout.readline()).decode()

        yield round_trip
        process.stdin.close()
        process.wait(10)


# Arbitrary names and times

NASTY = ['"', "\\", "\b\f\n\r\t", "\x00\x1f", "\x7f", "\x80\x85", "é", "e\u0301", "\u2028", "\u2029", "\ufeff", "\ufffd", "\uffff"]  # fmt: skip
NASTY += [
    "שלום",
    "\u202eright to left\u202c",
    "👩\u200d🚀",
    "\U0010ffff",
    "</script>",
    "\ud800",
    "\udfff",
    "\udc00\ud83d",
]
MS = st.integers(-(10**12), 10**15)
SPAN = st.integers(0, 10**13)
PEOPLE = st.integers(0, 10**6)


def sendable(values):
    """Return the attributes that Headcount would accept."""
    accepted = {}
    for key, value in values.items():
        with suppress(InvalidAttribute):
            canonical({key: value})
            accepted[key] = value
    return accepted


NAME = st.one_of(st.text(st.characters()), st.lists(st.sampled_from(NASTY)).map("".join))
MAYBE = st.none() | NAME
MEETINGS = st.builds(
    lambda id_, start, lasted, most, people: {
        "id": id_, "start": start, "end": None if lasted is None else start + lasted, "max": most, "people": people,
    },
    NAME, MS, st.none() | SPAN, PEOPLE, PEOPLE,
)  # fmt: skip
ENDED = st.builds(
    lambda meeting, lasted, reason: meeting | {"end": meeting["start"] + lasted, "reason": reason},
    MEETINGS, SPAN, NAME,
)  # fmt: skip
REVISED = st.builds(
    lambda id_, before, after, reason: {"id": id_, "before": before, "after": after, "reason": reason},
    NAME, MEETINGS, st.none() | MEETINGS, NAME,
)  # fmt: skip
NUMBER = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1)
NUMBER |= st.sampled_from([1e-5, 1.5e-6, 1e-7, 1e16, 1.2345678901234567e20, 1e21, 2**53 - 1, 2**53])
KEY = NAME | st.integers(0, 2**32).map(str) | st.sampled_from(["00", "-1", "1.5", "٣", "__proto__"])
ATTRIBUTES = st.dictionaries(KEY, NAME | NUMBER | st.booleans()).map(sendable).map(canonical)
JOINED = st.builds(
    lambda joined, attributes: (
        joined if attributes is None else joined | {"attributes": values_of(attributes)}
    ),
    st.fixed_dictionaries({"participant_id": NAME, "user_id": MAYBE, "user_name": MAYBE, "join": MS}),
    ATTRIBUTES,
)
LEFT = st.builds(
    lambda joined, lasted, how: joined | {"leave": joined["join"] + lasted, "left_by": how},
    JOINED, SPAN, NAME,
)  # fmt: skip
FACTS = {
    MessageType.MEETING_STARTED: MEETINGS,
    MessageType.MEETING_ENDED: ENDED,
    MessageType.MEETING_UPDATED: REVISED,
    MessageType.PARTICIPANT_JOINED: JOINED,
    MessageType.PARTICIPANT_LEFT: LEFT,
}


def message(type_, facts, room="blue-room", name="x", created=T0):
    # What is stored is JSON in ASCII, whatever the names are.
    return Message(1, "acme", name, str(type_), room, T0, created, json.dumps(facts))


@pytest.mark.parametrize("type_", FACTS, ids=str)
def test_a_message_is_byte_for_byte_what_javascript_writes(javascript, type_):
    @given(FACTS[type_], NAME, NAME, MS)
    @settings(max_examples=300, deadline=None, database=None)
    def check(facts, room, name, created):
        for extensions in (False, True):
            text = encode(message(type_, facts, room, name, created), extensions=extensions)
            assert javascript(text) == text

    check()


@given(NAME)
@example("".join(NASTY))
@settings(max_examples=1_000, deadline=None, database=None)
def test_every_text_can_be_sent_and_is_decoded_to_the_same_text(name):
    sent = to_json({"name": name}).encode("utf-8")
    assert json.loads(sent)["name"] == json.loads(json.dumps(name))


@given(MS)
@settings(max_examples=1_000, deadline=None, database=None)
def test_no_millisecond_is_lost(ms):
    sent = message(MessageType.MEETING_STARTED, {"id": "x", "start": ms})
    decoded = json.loads(encode(sent, extensions=False))
    assert round(decoded["payload"]["start_ts"] * 1_000) == ms


def test_each_millisecond_of_a_second_is_written_as_javascript_writes_it(javascript):
    times = [seconds(T0 + ms) for ms in range(1_000)]
    assert javascript(to_json(times)) == to_json(times)


# Examples of Daily's documentation, and the extensions that follow Daily's fields.

PERMISSIONS = '"permissions":{"hasPresence":true,"canSend":true,"canReceive":{"base":true},"canAdmin":false}'
INES = {"participant_id": PERSON, "user_id": "u-17", "user_name": "Ines", "join": T0 + 412}
ENDS = {"id": MEETING, "start": T0, "end": T0 + 90_250, "max": 2, "people": 3, "reason": "empty"}
DAILYS = [
    pytest.param(
        MessageType.MEETING_STARTED, {"id": MEETING, "start": T0 + 412},
        f"met-sta-{MEETING}-1767225600", T0 + 900,
        '{"version":"1.0.0","type":"meeting.started","id":"met-sta-0f9f4c1e-1111-4222-8333-444455556666-1767225600",'
        '"payload":{"start_ts":1767225600.412,"meeting_id":"0f9f4c1e-1111-4222-8333-444455556666","room":"blue-room"},'
        '"event_ts":1767225600.9}', {},
        id="meeting.started",
    ),
    pytest.param(
        MessageType.MEETING_ENDED, ENDS, f"met-end-{MEETING}-1767225690", T0 + 110_800,
        '{"version":"1.0.0","type":"meeting.ended","id":"met-end-0f9f4c1e-1111-4222-8333-444455556666-1767225690",'
        '"payload":{"start_ts":1767225600,"end_ts":1767225690.25,"meeting_id":"0f9f4c1e-1111-4222-8333-444455556666",'
        '"room":"blue-room"},"event_ts":1767225710.8}',
        {"duration": 90.25, "max_participants": 2, "participants": 3, "reason": "empty"},
        id="meeting.ended",
    ),
    pytest.param(
        MessageType.PARTICIPANT_JOINED, INES, "ptcpt-join-u-17-1767225600412", T0 + 413,
        '{"version":"1.0.0","type":"participant.joined","id":"ptcpt-join-u-17-1767225600412","payload":{"room":"blue-room",'
        '"user_id":"u-17","user_name":"Ines","session_id":"6b1d2d6e-0a0a-4b0b-8c0c-0d0d0e0e0f0f","joined_at":1767225600.412,'
        f'"will_eject_at":null,"owner":false,{PERMISSIONS}}},"event_ts":1767225600.413}}', {},
        id="participant.joined",
    ),
    pytest.param(
        MessageType.PARTICIPANT_LEFT, INES | {"leave": T0 + 90_250, "left_by": "reported"},
        "ptcpt-left-u-17-1767225690250", T0 + 90_250,
        '{"version":"1.0.0","type":"participant.left","id":"ptcpt-left-u-17-1767225690250","payload":{"room":"blue-room",'
        '"user_id":"u-17","user_name":"Ines","session_id":"6b1d2d6e-0a0a-4b0b-8c0c-0d0d0e0e0f0f","joined_at":1767225600.412,'
        f'"will_eject_at":null,"owner":false,{PERMISSIONS},"duration":89.838}},"event_ts":1767225690.25}}',
        {"left_by": "reported"},
        id="participant.left",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "facts", "name", "created", "text", "extensions"), DAILYS)
def test_a_payload_equals_the_example_of_dailys_documentation(
    javascript, type_, facts, name, created, text, extensions
):
    sent = message(type_, facts, name=name, created=created)
    encoded = encode(sent, extensions=False)
    assert encoded == text
    assert javascript(encoded) == text
    payload = json.loads(text)["payload"]
    extended = json.loads(encode(sent, extensions=True))
    assert extended == json.loads(text) | {"payload": payload | extensions}
    assert list(extended["payload"]) == [*payload, *extensions]


def test_each_of_dailys_types_that_is_sent_is_compared_with_its_example():
    assert [str(example.values[0]) for example in DAILYS] == list(DEFAULT_EVENT_TYPES)


def test_a_revision_has_the_meeting_before_and_after():
    was = {"id": MEETING, "start": T0, "end": None, "max": 2, "people": 2}
    facts = {"id": MEETING, "reason": "late", "before": was, "after": was | {"end": T0 + 1_500}}
    payload = json.loads(encode(message(MessageType.MEETING_UPDATED, facts), extensions=False))["payload"]
    assert list(payload) == ["meeting_id", "room", "reason", "before", "after"]
    assert list(payload["after"]) == ["meeting_id", "start_ts", "end_ts", "duration", "max_participants", "participants"]  # fmt: skip
    assert (payload["before"]["end_ts"], payload["before"]["duration"]) == (None, None)
    assert (payload["after"]["end_ts"], payload["after"]["duration"]) == (T0 / 1_000 + 1.5, 1.5)


def test_a_meeting_that_is_withdrawn_has_no_after():
    was = {"id": MEETING, "start": T0, "end": None, "max": 2, "people": 2}
    facts = {"id": MEETING, "reason": "late", "before": was, "after": None}
    assert (
        json.loads(encode(message(MessageType.MEETING_UPDATED, facts), extensions=False))["payload"]["after"]
        is None
    )


def test_a_participant_without_a_user_id_has_that_of_the_connection():
    nobody = {"participant_id": PERSON, "user_id": None, "user_name": None, "join": T0}
    payload = json.loads(encode(message(MessageType.PARTICIPANT_JOINED, nobody), extensions=False))["payload"]
    assert (payload["user_id"], payload["user_name"]) == (PERSON, None)


HOST = {"participant_id": PERSON, "user_id": None, "user_name": None, "join": T0}
ATTRIBUTES_SENT = {"role": "host", "external_id": 2**53 + 1, "10": True, "2": 1e-5}


@pytest.mark.parametrize(
    ("type_", "facts"),
    [
        (MessageType.PARTICIPANT_JOINED, HOST),
        (MessageType.PARTICIPANT_LEFT, HOST | {"leave": T0 + 5_000, "left_by": "reported"}),
    ],
)
def test_attributes_are_the_last_field_and_only_with_extensions(type_, facts):
    without = {
        extensions: encode(message(type_, facts), extensions=extensions) for extensions in (False, True)
    }
    known = message(type_, facts | {"attributes": ATTRIBUTES_SENT})
    assert encode(known, extensions=False) == without[False]
    assert encode(known, extensions=True) == without[True].replace(
        '},"event_ts"',
        ',"attributes":{"2":0.00001,"10":true,"role":"host","external_id":"9007199254740993"}},"event_ts"',
    )
