"""Presence that polls are compared with, on both databases."""

import pytest

from headcount.engine.engine import Engine
from headcount.ingest.polling.known_presence import known_presence
from headcount.ingest.polling.reconcile import KnownPresence
from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.rules import Rules
from headcount.sources.polls.api import PresentParticipant
from support.engines import NEW_YEAR
from support.stored import entry_of

T = NEW_YEAR
D = "default"


def at(seconds):
    return T + seconds * 1_000


def said(store, kind, who, when, room="blue", **more):
    store.log.append([[entry_of(Event(Kind(kind), room, at(when), who, **more), at(when))]])


def worked_in(store, now):
    engine = Engine(store, Rules(), store.projections.take_over())
    while engine.step(at(now)):
        pass


@pytest.fixture
def two_rooms(store):
    for room in ("blue", "other"):
        said(store, "join", f"{room}-ann", 1, room)
    store.presence.add_rooms("token", ["blue"])
    store.presence.add_rooms("token", ["blue", "red"])
    worked_in(store, 60)
    return store


def test_presence_is_known_in_the_rooms_of_the_source_only(two_rooms):
    assert known_presence(two_rooms.presence, D, "token", [], at(60)) == {
        ("blue", "blue-ann"): KnownPresence(at(1))
    }
    assert known_presence(two_rooms.presence, D, "another", [], at(60)) == {}


def test_presence_of_further_rooms_is_included_on_request(two_rooms):
    assert set(known_presence(two_rooms.presence, D, "token", [], at(60), ["other"])) == {
        ("blue", "blue-ann"), ("other", "other-ann"),
    }  # fmt: skip


def test_unprocessed_entries_make_a_room_active(two_rooms):
    said(two_rooms, "leave", "blue-ann", 70)
    said(two_rooms, "join", "blue-bob", 71)
    listed = [PresentParticipant("blue", "blue-bob"), PresentParticipant("blue", "blue-carol")]
    assert known_presence(two_rooms.presence, D, "token", listed, at(72)) == {
        ("blue", "blue-ann"): KnownPresence(at(70), at(70)), ("blue", "blue-bob"): KnownPresence(at(71)),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("inferred", "surely"), [(None, True), (Inferred.ROOM_RESTARTED, True), (Inferred.SNAPSHOT, False)]
)
def test_the_end_of_a_room_ends_the_stays_of_its_session(two_rooms, inferred, surely):
    for who, session in (("bob", "s-1"), ("carol", "s-2")):
        said(two_rooms, "join", who, 61, source_session=session)
    two_rooms.log.append(
        [[entry_of(Event(Kind.END, "blue", at(80), source_session="s-1", inferred=inferred), at(81))]]
    )
    listed = [PresentParticipant("blue", "bob"), PresentParticipant("blue", "carol")]
    found = known_presence(two_rooms.presence, D, "token", listed, at(90))
    assert found["blue", "bob"] == KnownPresence(at(81), at(80), surely)
    assert found["blue", "carol"] == KnownPresence(at(61))


def ids(rows):
    return [row[2] for row in rows]


def test_presence_merges_pending_stays_and_the_past_has_them_too(two_rooms):
    said(two_rooms, "join", "blue-bob", 55)
    said(two_rooms, "join", "red-cid", 56, "red")
    worked_in(two_rooms, 60)
    meetings = two_rooms.meetings
    everybody, _ = meetings.presence(D)
    assert ids(everybody) == ["blue-ann", "blue-bob", "other-ann", "red-cid"]
    assert ids(meetings.presence(D, "blue")[0]) == ["blue-ann", "blue-bob"]
    with meetings.presence_pages(D, 1) as (pages, _):
        assert [ids(page) for page in pages] == [[who] for who in ids(everybody)] + [[]]
    past = meetings.stays_between(D, "blue", at(55), at(55) + 1)
    assert [(stay.participant_id, stay.leave, stay.left_by) for stay in past] == [
        ("blue-ann", None, None), ("blue-bob", None, None),
    ]  # fmt: skip
    assert [stay.participant_id for stay in meetings.open_stays(D)] == ["blue-ann", "other-ann"]
    assert meetings.count_active_rooms(D, 10) == 3
    assert meetings.count_active_rooms(D, 2) == 2
    worked_in(two_rooms, 70)
    assert meetings.presence(D)[0] == everybody
    assert [stay.participant_id for stay in meetings.open_stays(D)] == ids(everybody)


def test_rooms_have_the_time_of_their_first_event(two_rooms):
    said(two_rooms, "join", "bob", 30, "red")
    said(two_rooms, "join", "bob", 20, "red")
    worked_in(two_rooms, 60)
    meetings = two_rooms.meetings
    assert meetings.room(D, "red") == ("red", at(20))
    assert meetings.room(D, "nowhere") is None
    total, rooms = meetings.rooms(D, 10)
    assert (total, rooms) == (3, [("red", at(20)), ("other", at(1)), ("blue", at(1))])
    assert meetings.rooms(D, 1, after=rooms[0])[1] == rooms[1:2]
    assert meetings.rooms(D, 1, before=rooms[2])[1] == rooms[1:2]
    assert meetings.rooms(D, 2, oldest=True)[1] == rooms[1:]


def test_attributes_are_those_of_the_participants_who_are_asked_for(two_rooms):
    host, guest = '{"role":"host"}', '{"role":"guest"}'
    said(two_rooms, "join", "cy", 61, attributes=host)
    said(two_rooms, "join", "dan", 62, attributes=guest)
    said(two_rooms, "join", "cy", 62, "other", attributes=guest)
    said(two_rooms, "join", "left", 62, attributes=guest)
    said(two_rooms, "leave", "left", 80)
    worked_in(two_rooms, 90)
    said(two_rooms, "join", "young", 91, attributes=host)
    worked_in(two_rooms, 93)
    asked = [("blue", who) for who in ("cy", "young", "left", "blue-ann", "nobody")]
    known = {("blue", "cy"): host, ("blue", "young"): host}
    assert two_rooms.meetings.attributes_of_present(D, asked) == known
    assert two_rooms.meetings.attributes_of_present(D, []) == {}
    assert two_rooms.meetings.attributes_of_present("another", asked) == {}
