"""Jitsi: the events of its notifications; the captures are genuine requests of a real Prosody."""

import json
from pathlib import Path

import pytest

from headcount import BadInput, Event, Inferred, Kind
from headcount.kernel.replay import meetings_of
from headcount.sources.api import InboundRequest, Role, VerificationFailed, verify_and_parse
from headcount.sources.captures import parse_capture
from headcount.sources.jitsi import SOURCE, parse

CAPTURES = Path(__file__).parent.parent / "captures"
ROOM = "standup@conference.localhost"
NOON = 1_772_442_000


def events(name, **fields):
    return [parsed.event for parsed in parsed_events(name, **fields)]


def parsed_events(name, **fields):
    body = json.dumps({"event_name": f"muc-{name}", "room_jid": "r@c", **fields}).encode()
    return parse(InboundRequest({}, body))


def occupant(jid, joined, left=None, **more):
    times = {"joined_at": NOON + joined} | ({} if left is None else {"left_at": NOON + left})
    return {"occupant_jid": jid, **times, **more}


def ms(seconds):
    return (NOON + seconds) * 1_000


def captured(name):
    content = (CAPTURES / name).read_bytes()
    return [parsed.event for parsed in parse_capture(content, SOURCE, name)]


def test_a_captured_session_gives_its_stays():
    events = captured("prosody-0.12.3-event-sync.jsonl")
    assert {event.room for event in events} == {ROOM}
    joins = [event.at for event in events if event.kind is Kind.JOIN]
    assert joins == [1795400574000, 1795400576000]
    ends = [(event.at, event.inferred) for event in events if event.kind is Kind.END]
    assert ends == [(1795400573000, Inferred.ROOM_RESTARTED), (1795400580000, None)]


def test_stays_of_two_seconds_make_no_meeting():
    assert meetings_of(captured("prosody-0.12.3-event-sync.jsonl"), as_of=1795400600000) == []


def test_a_left_without_an_occupant_is_no_event():
    assert parsed_events("occupant-left", active_occupants_count=0) == []


def test_a_name_loses_only_characters_that_cannot_be_stored():
    (event,) = events("occupant-joined", occupant=occupant("a", 10, name="A\0nn"))
    assert event.user_name == "Ann"


def test_a_leave_restores_its_join():
    (event,) = events("occupant-left", occupant=occupant("a@b/c", 10, 20, name="Ann", id="u1"))
    assert event == Event(Kind.LEAVE, "r@c", ms(20), "a@b/c", "u1", "Ann", joined_at=ms(10))


def test_the_end_of_a_room_repairs_what_was_lost():
    everybody = [occupant("a", 10, 90), occupant("b", 20)]
    found = events("room-destroyed", created_at=NOON, destroyed_at=NOON + 100, all_occupants=everybody)
    (meeting,) = meetings_of(found, as_of=ms(200))
    stays = [(entry.participant_id, entry.join, entry.leave, entry.left_by) for entry in meeting.participants]
    assert stays == [("a", ms(10), ms(90), "reported"), ("b", ms(20), ms(100), "room_ended")]


def test_creating_a_room_again_ends_its_stays():
    joins = events("occupant-joined", occupant=occupant("a", 10))
    restart = events("room-created", created_at=NOON + 70)
    (meeting,) = meetings_of([*joins, *restart], as_of=ms(200))
    assert (meeting.end, meeting.participants[0].left_by) == (ms(70), "room_restarted")


def test_a_breakout_room_is_a_room_of_its_own():
    found = events("occupant-joined", occupant=occupant("a", 10), is_breakout=True, breakout_room_id="x1")
    assert found[0].room == "r@c/x1"


def test_a_recorder_is_distinguished_from_people():
    (parsed,) = parsed_events("occupant-joined", occupant=occupant("jibri@recorder.meet.example/x", 10))
    assert parsed.role is Role.RECORDER


def test_other_kinds_of_events_are_ignored():
    assert parsed_events("lobby-joined") == []


@pytest.mark.parametrize("body", [b"", b"[]", b'{"room_jid":"r"}', b'{"event_name":1,"room_jid":"r"}'])
def test_a_malformed_body_is_rejected(body):
    with pytest.raises(BadInput, match="no notice of Jitsi's event_sync"):
        parse(InboundRequest({}, body))


def test_a_time_in_milliseconds_is_rejected():
    with pytest.raises(BadInput, match="not between the years 2000 and 2100"):
        parsed_events("room-created", created_at=NOON * 1_000)


def test_a_request_without_its_token_is_rejected():
    request = InboundRequest({}, b"{")
    with pytest.raises(VerificationFailed, match="api_headers"):
        verify_and_parse(SOURCE, request, ["token"])


def test_the_error_names_the_bad_line_of_a_capture():
    good = b'{"body":"{\\"event_name\\":\\"x\\",\\"room_jid\\":\\"r\\"}"}'
    with pytest.raises(BadInput, match="log, line 3: the JSON that starts here does not end"):
        list(parse_capture(good + b"\n\n{", SOURCE, "log"))
    with pytest.raises(BadInput, match="log, line 2: is no notice"):
        list(parse_capture(good + b'\n{"body":"no"}', SOURCE, "log"))


def test_a_capture_may_have_bare_bodies():
    body = json.dumps({"event_name": "muc-room-created", "room_jid": "r", "created_at": NOON}).encode()
    (parsed,) = parse_capture(body, SOURCE)
    assert parsed.event.room == "r"
