"""A vendor's end of a room in whole seconds closes the stay of a participant who joined in the same second, if the payload lists both."""

import json

import pytest

from headcount.kernel.room import Room
from headcount.sources.api import InboundRequest, parse_trusted
from headcount.sources.registry import SOURCES

END_S = 1_772_442_600


def jitsi(event, **fields):
    return {"event_name": event, "room_jid": "room"} | fields


def attendee(who, joined_at):
    return {
        "ext_user_id": who,
        "name": who,
        "sessions": [{"joins": [{"timestamp": joined_at, "userid": who}], "lefts": []}],
    }


OCCUPANTS = [{"occupant_jid": "a", "joined_at": END_S - 600}, {"occupant_jid": "b", "joined_at": END_S}]
PAYLOADS = {
    "jitsi": [
        *(jitsi("muc-occupant-joined", occupant=one) for one in OCCUPANTS),
        jitsi("muc-room-destroyed", destroyed_at=END_S, all_occupants=OCCUPANTS),
    ],
    "bigbluebutton": [
        {
            "version": "1.0", "meeting_id": "room", "internal_meeting_id": "s1",
            "data": {
                "attendees": [attendee("a", "2026-03-02T09:00:00Z"), attendee("b", "2026-03-02T09:10:00Z")],
                "finish": "2026-03-02T09:10:00Z",
            },
        }
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", PAYLOADS)
def test_a_join_in_the_second_of_the_end_does_not_last(kind):
    room = Room("default", "room")
    for payload in PAYLOADS[kind]:
        request = InboundRequest({"content-type": "application/json"}, json.dumps(payload).encode())
        for parsed in parse_trusted(SOURCES[kind], request):
            room.handle(parsed.event, parsed.event.at)
    room.advance((END_S + 3_600) * 1_000)
    assert list(room.open_stays()) == []


def test_a_room_of_jitsi_that_starts_again_in_the_same_second_keeps_its_participant():
    """Who reloads the page alone destroys the room and joins it again at once."""
    again = jitsi("muc-occupant-joined", occupant={"occupant_jid": "a2", "joined_at": END_S})
    first = [{"occupant_jid": "a", "joined_at": END_S - 600, "left_at": END_S}]
    destroyed = jitsi("muc-room-destroyed", destroyed_at=END_S, all_occupants=first)
    room = Room("default", "room")
    for payload in (destroyed, again):
        for parsed in parse_trusted(SOURCES["jitsi"], InboundRequest({}, json.dumps(payload).encode())):
            room.handle(parsed.event, parsed.event.at)
    room.advance((END_S + 3_600) * 1_000)
    assert [stay.participant_id for stay in room.open_stays()] == ["a2"]
