"""Inference: joins and leaves that follow from snapshots and from the stay limit."""

import json
from hashlib import blake2b

import pytest

from headcount.engine.inference import infer_from_snapshot, infer_timeouts, next_timeout
from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.room import Room
from headcount.kernel.rules import Rules
from headcount.store.records import SNAPSHOT, LogEntry, Origin, Provenance, StoredEntry

RULES = Rules(10, 30, 600, 15)


KEY = b"k" * 16


def room_with(*events, settled=100, name="r"):
    room = Room("d", name, RULES)
    for at, who in events:
        room.handle(Event(Kind.JOIN, name, at, who), at)
    room.advance(settled + RULES.late_grace_ms)
    return room


def snapshot(at, *listed, position=7):
    unknown = [None] * 7
    return StoredEntry(
        position, "d", 222, 0, json.dumps(listed), None, None, KEY, "r", SNAPSHOT, at, *unknown
    )


def brief(entries):
    return [(entry.kind, entry.at, entry.participant_id) for entry in entries]


def test_a_snapshot_infers_leaves_of_missing_and_joins_of_unknown_participants():
    room = room_with((0, "c"), (0, "b"), (0, "a"))
    listed = [{"participant_id": who} for who in ("e", "b", "d")]
    assert brief(infer_from_snapshot(room, snapshot(50, *listed))) == [
        (2, 50, "a"),
        (2, 50, "c"),
        (1, 50, "d"),
        (1, 50, "e"),
    ]


def test_a_snapshot_is_compared_with_presence_at_its_time():
    room = room_with((0, "a"), (60, "b"))
    assert brief(infer_from_snapshot(room, snapshot(59, {"participant_id": "a"}))) == []
    assert brief(infer_from_snapshot(room, snapshot(60, {"participant_id": "a"}))) == [(2, 60, "b")]


def test_an_entry_inferred_from_a_snapshot_has_all_its_fields():
    listed = {"participant_id": "d", "user_id": "u1", "user_name": "Ann"}
    (entry,) = infer_from_snapshot(room_with(), snapshot(50, listed))
    assert entry == LogEntry(
        "d", "r", 1, 50, 222, "d", "u1", "Ann", None, None, "snapshot", None, entry.key, Origin.INFERRED
    )
    assert len(entry.key) == 16


def test_a_snapshot_is_compared_with_what_earlier_ones_revealed_and_the_room_has_not_received():
    room = room_with((0, "a"), (5, "b"))
    unread = [entry.to_event() for entry in infer_from_snapshot(room, snapshot(50, {"participant_id": "b"}))]
    both = [{"participant_id": "a"}, {"participant_id": "b"}]
    assert brief(infer_from_snapshot(room, snapshot(70, *both))) == []
    assert brief(infer_from_snapshot(room, snapshot(70, *both), unread)) == [(1, 70, "a")]
    assert brief(infer_from_snapshot(room, snapshot(49, *both), unread)) == []


def test_an_entry_inferred_from_a_snapshot_has_its_provenance_and_one_by_timeout_has_none():
    room = room_with((0, "a"))
    provenance = Provenance("key:k", b"digest")
    seen = snapshot(50, {"participant_id": "b"})._replace(sender=provenance.sender, digest=provenance.digest)
    assert [entry[-2:] for entry in infer_from_snapshot(room, seen)] == [provenance] * 2
    assert [entry[-2:] for entry in infer_timeouts(room, 500, 500)] == [(None, None)]


def key_of(room, said):
    (entry,) = infer_from_snapshot(room, said)
    return entry.key


def test_keys_of_inferred_entries_are_stable_and_distinct():
    room = room_with((0, "a"))
    here = {"participant_id": "a"}
    keys = [
        key_of(room, snapshot(50)),
        key_of(room, snapshot(51)),
        key_of(room_with((0, "b")), snapshot(50)),
        key_of(room_with((0, "a"), name="s"), snapshot(50)),
        key_of(room_with(), snapshot(50, here)),
    ]
    assert keys[0] == key_of(room, snapshot(50, position=8))
    assert len(set(keys)) == 5


@pytest.mark.parametrize(("now", "left"), [(499, []), (500, ["a"]), (559, ["a"]), (560, ["a", "b"])])
def test_a_stay_that_is_too_long_ends_at_its_limit(now, left):
    room = room_with((0, "a"), (60, "b"))
    entries = list(infer_timeouts(room, 500, now))
    assert [entry.participant_id for entry in entries] == left
    for entry in entries:
        at = {"a": 500, "b": 560}[entry.participant_id]
        assert entry == LogEntry(
            "d", "r", 2, at, now, entry.participant_id, None, None, None, None, "timeout", None, entry.key, Origin.INFERRED
        )  # fmt: skip


def test_a_timeout_has_one_key_for_each_stay():
    (first,) = infer_timeouts(room_with((0, "a")), 500, 600)
    (again,) = infer_timeouts(room_with((0, "a")), 500, 700)
    (other,) = infer_timeouts(room_with((1, "a")), 500, 600)
    assert first.key == again.key != other.key


def test_the_key_of_an_inferred_entry_is_the_same_in_every_release():
    seen = snapshot(50, {"participant_id": "d"})
    expected = blake2b(f"snapshot\0{KEY.hex()}\0r\0join\0d".encode(), digest_size=16).digest()
    assert key_of(room_with(), seen) == (50).to_bytes(6, "big") + expected[:10]


def test_a_timeout_and_a_snapshot_never_share_a_key():
    room = room_with((7, "a"))
    (timeout,) = infer_timeouts(room, 500, 600)
    assert timeout.key != key_of(room, snapshot(50, position=7))


def test_an_empty_room_has_no_timeouts():
    assert list(infer_timeouts(room_with(), 500, 10**6)) == []
    assert next_timeout(room_with(), 500) is None


def test_the_next_timeout_is_that_of_the_earliest_join():
    assert next_timeout(room_with((60, "b"), (20, "a")), 500) == 520


def test_the_values_of_inferred_are_stable():
    assert [how.value for how in Inferred] == ["snapshot", "timeout", "room_restarted"]
