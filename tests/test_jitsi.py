"""Jitsi's notices become events; the captures are genuine requests of a real Prosody."""

from pathlib import Path

import pytest

from headcount import BadInput, Event, Inferred, Kind
from headcount.kernel.history import meetings_of
from headcount.sources.captures import read_capture
from headcount.sources.jitsi import read

CAPTURES = Path(__file__).parent / "captures"
ROOM = "standup@conference.localhost"


def captured(name):
    with (CAPTURES / name).open("rb") as file:
        return list(read_capture(file, read, name))


def test_a_genuine_session_reads_as_its_stays():
    events = captured("prosody-0.12.3-event-sync.jsonl")
    assert {event.room for event in events} == {ROOM}
    joins = [event.at for event in events if event.kind is Kind.JOIN]
    assert joins == [1795400574000, 1795400576000]
    ends = [(event.at, event.inferred) for event in events if event.kind is Kind.END]
    assert ends == [(1795400573000, Inferred.SUPERSEDED), (1795400580000, None)]


def test_stays_of_two_seconds_make_no_meeting():
    assert meetings_of(captured("prosody-0.12.3-event-sync.jsonl"), as_of=1795400600000) == []


def test_a_left_without_an_occupant_is_no_event():
    assert read(b'{"event_name":"muc-occupant-left","room_jid":"r@c","active_occupants_count":0}') == []


def test_a_name_that_cannot_be_one_is_refused():
    body = (
        b'{"event_name":"muc-occupant-joined","room_jid":"r@c",'
        b'"occupant":{"occupant_jid":"a","joined_at":10,"name":"A\\u0000nn"}}'
    )
    with pytest.raises(BadInput) as refused:
        read(body)
    assert str(refused.value) == "cannot be an event: user_name holds the character U+0000: remove it"


def test_a_leave_stands_for_its_join_too():
    body = (
        b'{"event_name":"muc-occupant-left","room_jid":"r@c",'
        b'"occupant":{"occupant_jid":"a@b/c","joined_at":10,"left_at":20,"name":"Ann","id":"u1"}}'
    )
    assert read(body) == [Event(Kind.LEAVE, "r@c", 20_000, "a@b/c", "u1", "Ann", joined_at=10_000)]


def test_the_end_of_a_room_repairs_what_was_lost():
    body = (
        b'{"event_name":"muc-room-destroyed","room_jid":"r@c","created_at":0,"destroyed_at":100,'
        b'"all_occupants":[{"occupant_jid":"a","joined_at":10,"left_at":90},{"occupant_jid":"b","joined_at":20}]}'
    )
    (meeting,) = meetings_of(read(body), as_of=200_000)
    told = [(entry.participant_id, entry.join, entry.leave, entry.left_by) for entry in meeting.participants]
    assert told == [("a", 10_000, 90_000, "reported"), ("b", 20_000, 100_000, "room_ended")]


def test_a_room_that_is_created_anew_has_lost_its_people():
    came = (
        b'{"event_name":"muc-occupant-joined","room_jid":"r","occupant":{"occupant_jid":"a","joined_at":10}}'
    )
    anew = b'{"event_name":"muc-room-created","room_jid":"r","created_at":70}'
    (meeting,) = meetings_of([*read(came), *read(anew)], as_of=200_000)
    assert (meeting.end, meeting.participants[0].left_by) == (70_000, "superseded")


def test_a_breakout_room_is_a_room_of_its_own():
    body = (
        b'{"event_name":"muc-occupant-joined","room_jid":"r@c","is_breakout":true,"breakout_room_id":"x1",'
        b'"occupant":{"occupant_jid":"a","joined_at":10}}'
    )
    assert read(body)[0].room == "r@c/x1"


def test_another_kind_of_notice_says_nothing():
    assert read(b'{"event_name":"muc-lobby-joined","room_jid":"r@c"}') == []


@pytest.mark.parametrize("body", [b"", b"[]", b'{"room_jid":"r"}', b'{"event_name":1,"room_jid":"r"}'])
def test_a_malformed_body_is_refused(body):
    with pytest.raises(BadInput, match="no notice of Jitsi's event_sync"):
        read(body)


def test_a_bad_line_of_a_capture_is_named():
    good = b'{"body":"{\\"event_name\\":\\"x\\",\\"room_jid\\":\\"r\\"}"}'
    with pytest.raises(BadInput, match="log, line 3: is no captured request"):
        list(read_capture([good, b"\n", b"{"], read, "log"))
    with pytest.raises(BadInput, match="log, line 2: is no notice"):
        list(read_capture([good, b'{"body":"no"}'], read, "log"))
