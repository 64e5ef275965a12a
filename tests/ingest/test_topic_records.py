"""Records of a topic: every entry comes back as it was, and a record that is not valid says what to correct."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.engine.inference import SnapshotParticipant
from headcount.errors import BadInput
from headcount.ingest.topic_records import decode_record, encode_record, record_key
from headcount.kernel.attributes import canonical
from headcount.kernel.events import Event, Inferred, Kind
from headcount.limits import WIDEST_LIMITS
from headcount.store.dedup import entry_of, snapshot_entry
from headcount.store.records import Origin, Provenance

NOW = 1_780_000_000_000
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
MOMENTS = st.integers(NOW - 10**10, NOW)
PROVENANCES = st.builds(Provenance, st.none() | TEXTS, st.none() | st.binary(min_size=32, max_size=32))
ATTRIBUTES = st.none() | st.dictionaries(
    TEXTS, st.booleans() | TEXTS | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
    min_size=1, max_size=3,
).map(canonical)  # fmt: skip


@st.composite
def entries(draw):
    domain, room, at = draw(TEXTS), draw(TEXTS), draw(MOMENTS)
    kind = draw(st.sampled_from([*Kind]))
    optional = st.none() | TEXTS
    event = Event(
        kind, room, at, None if kind is Kind.END else draw(TEXTS), draw(optional), draw(optional), draw(optional),
        at - draw(st.integers(0, 10**9)) if kind is Kind.LEAVE and draw(st.booleans()) else None,
        draw(st.none() | st.sampled_from([*Inferred])), draw(optional), None if kind is Kind.END else draw(ATTRIBUTES),
    )  # fmt: skip
    return entry_of(event, domain, NOW, draw(st.sampled_from([*Origin])), provenance=draw(PROVENANCES))


@given(entries())
def test_an_entry_comes_back_as_it_was(entry):
    assert decode_record(*encode_record(entry), NOW, WIDEST_LIMITS) == entry


@given(TEXTS, TEXTS, MOMENTS, st.lists(st.tuples(TEXTS, st.none() | TEXTS), max_size=3), PROVENANCES)
def test_a_snapshot_comes_back_as_it_was(domain, room, at, people, provenance):
    listed = [SnapshotParticipant(who, None, name) for who, name in people]
    known = [
        {"participant_id": one.participant_id, "user_id": None, "user_name": one.user_name} for one in listed
    ]
    text = json.dumps(known, ensure_ascii=False, separators=(",", ":"))
    entry = snapshot_entry(domain, NOW, room, at, text, provenance)
    key, value = encode_record(entry)
    found = decode_record(key, value, NOW, WIDEST_LIMITS)
    assert found._replace(snapshot=None) == entry._replace(snapshot=None)
    assert json.loads(found.snapshot) == known


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_two_rooms_never_have_the_same_key(domain, room, other_domain, other_room):
    if (domain, room) != (other_domain, other_room):
        assert record_key(domain, room) != record_key(other_domain, other_room)


JOIN = {"domain": "acme", "room": "standup", "kind": "join", "participant_id": "ann", "at": NOW // 1_000}
BAD = {
    "no value": (b"", "no value"),
    "not JSON": (b"{", "not JSON"),
    "not an object": (b"[]", "expected `object`"),
    "a field too many": ({"what": 1}, "a record has"),
    "a later version": ({"version": 2}, "update Headcount"),
    "no domain": ({"domain": ""}, "domain must not be empty"),
    "another kind": ({"kind": "leaves"}, '"kind" must be one of'),
    "participants of a join": ({"participants": []}, "belongs to a snapshot"),
    "a snapshot without participants": ({"kind": "snapshot"}, "list who is in the room"),
    "an unknown origin": ({"origin": "elsewhere"}, "[live, imported, inferred]"),
    "an unknown inference": ({"inferred": "guess"}, "snapshot, timeout, room_restarted"),
    "a key that is too short": ({"key": "00"}, "16 bytes"),
    "a key that is no number": ({"key": "zz"}, "hexadecimal"),
    "a digest that is no number": ({"digest": "zz"}, "hexadecimal"),
    "an event before its time": ({"at": 1}, "must not be before the year 2000"),
    "an event ahead of the broker": ({"at": NOW // 1_000 + 3_600}, "ahead of"),
    "a sender with U+0000": ({"sender": "a\0b"}, "U+0000"),
}


@pytest.mark.parametrize(("change", "reason"), BAD.values(), ids=BAD)
def test_a_record_that_is_not_valid_says_why(change, reason):
    value = change if isinstance(change, bytes) else json.dumps(JOIN | change).encode()
    key = record_key((JOIN | change)["domain"], "standup") if isinstance(change, dict) else b"acme/standup"
    with pytest.raises(BadInput) as refused:
        decode_record(key, value, NOW, WIDEST_LIMITS)
    assert reason in str(refused.value)


@pytest.mark.parametrize("key", [None, b"standup", b"acme/retro", b"\xff"])
def test_a_record_under_another_key_says_what_its_key_must_be(key):
    with pytest.raises(BadInput, match="must be 'acme/standup'"):
        decode_record(key, json.dumps(JOIN).encode(), NOW, WIDEST_LIMITS)
