"""Events that lack what others have: the name of their room, or the role of their participant."""

import json
import random
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.engine.catch_up import catch_up
from headcount.ingest.normalize import SourcePolicy, connect, needs_lookup, normalize, resolve
from headcount.kernel.replay import meetings_of
from headcount.kernel.rules import Rules
from headcount.limits import Limits
from headcount.sources.api import COUNTED_ROLES, InboundRequest, Role, parse_trusted
from headcount.sources.registry import SOURCES
from headcount.store.open import open_store
from support.source_payloads import iso, ms

JOIN, LEAVE, END = "join", "leave", "end"
SESSION, ROOM = "s-1", "standup"
MEETING = [(JOIN, "ann", 0), (JOIN, "bob", 5), (LEAVE, "ann", 60), (JOIN, "cem", 70), (END, None, 120)]
STAYS = [("ann", 0, 60, "reported"), ("bob", 5, 120, "room_ended"), ("cem", 70, 120, "room_ended")]


def chime(kind, who, at, room):
    names = {JOIN: "AttendeeJoined", LEAVE: "AttendeeLeft", END: "MeetingEnded"}
    detail = {"eventType": f"chime:{names[kind]}", "timestamp": ms(at), "meetingId": SESSION}
    detail |= {"attendeeId": who} if who else {}
    detail |= {"externalMeetingId": room} if room else {}
    event = {"id": f"{kind}{who}{at}", "detail-type": "Chime Meeting State Change", "detail": detail}
    return InboundRequest({}, json.dumps(event).encode())


def twilio(kind, who, at, room):
    names = {JOIN: "participant-connected", LEAVE: "participant-disconnected", END: "room-ended"}
    form = {"StatusCallbackEvent": names[kind], "RoomSid": SESSION, "Timestamp": iso(at)}
    form |= {"ParticipantSid": who} if who else {}
    form |= {"RoomName": room} if room else {}
    return InboundRequest({}, urlencode(form).encode())


def bigbluebutton(kind, who, at, room):
    names = {JOIN: "user-joined", LEAVE: "user-left", END: "meeting-ended"}
    meeting = {"internal-meeting-id": SESSION} | ({"external-meeting-id": room} if room else {})
    attributes = {"meeting": meeting} | ({"user": {"internal-user-id": who}} if who else {})
    data = {"id": names[kind], "attributes": attributes, "event": {"ts": ms(at)}}
    return InboundRequest({}, json.dumps([{"data": data}]).encode())


MAKERS = {"chime": chime, "twilio": twilio, "bigbluebutton": bigbluebutton}
every_maker = pytest.mark.parametrize("kind", MAKERS)


def parsed(kind, event, *, named=True):
    return parse_trusted(SOURCES[kind], MAKERS[kind](*event, ROOM if named else None))


def stays(events, room):
    of_room = [one.event for one in events if one.event.room == room]
    (meeting,) = meetings_of(of_room, as_of=ms(3_600))
    return [
        (one.participant_id, (one.join - ms(0)) // 1_000, (one.leave - ms(0)) // 1_000, str(one.left_by))
        for one in meeting.participants
    ]


@every_maker
@given(
    named=st.lists(st.booleans(), min_size=len(MEETING), max_size=len(MEETING)).filter(any),
    seed=st.integers(0, 999),
)
def test_events_of_one_session_are_in_one_room_in_any_order(kind, named, seed):
    events = [
        one for event, has_name in zip(MEETING, named, strict=True) for one in parsed(kind, event, named=has_name)
    ]  # fmt: skip
    found = connect(random.Random(seed).sample(events, len(events)))
    assert {one.event.room for one in found} == {ROOM}
    assert stays(found, ROOM) == STAYS


def test_a_session_without_any_name_or_with_two_stays_as_it_is():
    nameless = parsed("chime", MEETING[0], named=False)
    assert connect(nameless) == nameless
    two = [
        *nameless,
        *parsed("chime", MEETING[1]),
        *parse_trusted(SOURCES["chime"], chime(JOIN, "z", 9, "b")),
    ]
    assert connect(two) == two


class Live:
    """A source that appends each request to a store, which an engine processes at once."""

    def __init__(self, folder, kind, prefix=""):
        self.store = open_store(str(folder / "headcount.db"), durability="off")
        self.source = SOURCES[kind]
        self.policy = SourcePolicy(kind, "default", "token", COUNTED_ROLES, prefix)

    def receive(self, events, now=0):
        is_partial = self.source.is_partial
        if any(needs_lookup(one, is_partial=is_partial) for one in events):
            events = resolve(events, self.policy, self.store.sources, is_partial=is_partial)
        entries, excluded = normalize(events, self.policy, ms(3_600), ms(3_600), Limits())
        self.store.sources.add_excluded_participants(excluded)
        self.store.log.append([entries])
        catch_up(self.store, lambda: ms(now or 3_600), Rules(), None, lambda *_: None)

    def stays(self):
        with self.store.database.reading() as connection:
            rows = connection.query(
                "select room, participant_id, join_ms, leave_ms, left_by from stays order by join_ms", {}
            )
        return [
            (room, who, (join - ms(0)) // 1_000, leave and (leave - ms(0)) // 1_000, left_by)
            for room, who, join, leave, left_by in rows
        ]


@pytest.fixture
def live(tmp_path):
    made = []

    def make(kind, prefix=""):
        made.append(Live(tmp_path, kind, prefix))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


@every_maker
@pytest.mark.parametrize("prefix", ["", "eu/"])
@pytest.mark.parametrize("named", [(1, 0, 0, 0, 0), (1, 0, 1, 0, 1), (1, 1, 0, 1, 0), (1, 1, 1, 1, 1)])
def test_live_events_without_a_name_are_in_the_room_of_their_session(live, kind, named, prefix):
    source = live(kind, prefix)
    for event, has_name in zip(MEETING, named, strict=True):
        source.receive(parsed(kind, event, named=has_name))
    assert source.stays() == [(prefix + ROOM, *stay) for stay in STAYS]


@every_maker
@pytest.mark.parametrize("named", [(0, 1, 1, 1, 1), (0, 1, 0, 1, 0), (0, 0, 1, 0, 1), (0, 0, 0, 0, 1)])
def test_live_stays_end_under_every_name_of_their_session(live, kind, named):
    source = live(kind)
    for event, has_name in zip(MEETING, named, strict=True):
        source.receive(parsed(kind, event, named=has_name))
    assert [stay[1:] for stay in source.stays()] == STAYS


@every_maker
def test_one_event_under_both_names_counts_once(live, kind):
    source = live(kind)
    for event in MEETING:
        source.receive(parsed(kind, event))
        source.receive(parsed(kind, event, named=False))
    assert source.stays() == [(ROOM, *stay) for stay in STAYS]


def livekit(event, at, **participant):
    body = {
        "event": event, "id": f"EV_{event}", "createdAt": str(ms(at) // 1_000), "room": {"name": ROOM, "sid": "RM_1"},
        "participant": {"sid": "PA_1", "identity": "x", "joinedAtMs": str(ms(0)), **participant},
    }  # fmt: skip
    return parse_trusted(SOURCES["livekit"], InboundRequest({}, json.dumps(body).encode()))


CALL = {"kind": "SIP", "attributes": {"sip.callStatus": "hangup"}}
DIALING = {"kind": "SIP", "attributes": {"sip.callStatus": "dialing"}}
ROLES = [
    ({"kindDetails": ["FORWARDED"]}, {}, [Role.STREAM, Role.STREAM], 0),
    ({"kindDetails": ["SIMULATION"]}, {}, [Role.TEST, Role.TEST], 0),
    (DIALING, CALL | {"disconnectReason": "USER_REJECTED"}, [Role.UNANSWERED, Role.UNANSWERED], 0),
    (DIALING, CALL | {"disconnectReason": "CLIENT_INITIATED"}, [Role.UNANSWERED, Role.PHONE], 1),
    ({}, {}, [Role.PERSON, Role.PERSON], 1),
]


@pytest.mark.parametrize(("joined", "left", "roles", "counted"), ROLES)
def test_a_leave_without_a_role_has_that_of_its_join(live, joined, left, roles, counted):
    events = [*livekit("participant_joined", 0, **joined), *livekit("participant_left", 60, **left)]
    assert [one.role for one in connect(events)] == roles
    assert sorted(one.role for one in connect(events[::-1])) == sorted(roles)
    source = live("livekit")
    for event in events:
        source.receive([event])
    assert source.stays() == [(ROOM, "PA_1", 0, 60, "reported")] * counted


def test_a_role_of_one_stay_is_none_of_the_next():
    """The same connection may be used by a recorder today and by a person tomorrow."""
    recorder = livekit("participant_joined", 0, kind="EGRESS")
    person = livekit("participant_left", 600, joinedAtMs=str(ms(300)))
    assert [one.role for one in connect([*recorder, *person])] == [Role.RECORDER, Role.PERSON]
