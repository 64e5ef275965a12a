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
