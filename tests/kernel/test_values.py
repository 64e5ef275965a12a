"""What an event and the rules may say, and what they refuse, in words."""

import uuid

import pytest

from headcount import Event, InvalidEvent, InvalidName, InvalidRules, Kind, Room, Rules, meeting_id
from headcount.kernel.stay_table import NEXT_PHASE, PHASES, SIGNS, TRANSITIONS, transition


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"kind": Kind.JOIN, "room": "", "at": 0, "participant_id": "a"}, "an event must name its room"),
        ({"kind": Kind.JOIN, "room": "r", "at": 0}, "a 'join' must name its participant_id"),
        (
            {"kind": Kind.LEAVE, "room": "r", "at": 0, "participant_id": ""},
            "a 'leave' must name its participant_id",
        ),
        (
            {"kind": Kind.END, "room": "r", "at": 0, "participant_id": "a"},
            "an 'end' is about the whole room: leave participant_id out",
        ),
        (
            {"kind": Kind.JOIN, "room": "r", "at": 5, "participant_id": "a", "joined_at": 1},
            "joined_at belongs to a 'leave', not to a 'join'",
        ),
        (
            {"kind": Kind.LEAVE, "room": "r", "at": 5, "participant_id": "a", "joined_at": 6},
            "joined_at (6) is after at (5)",
        ),
    ],
)
def test_an_event_that_contradicts_itself_is_refused(fields, sentence):
    with pytest.raises(InvalidEvent) as refused:
        Event(**fields)
    assert str(refused.value) == sentence


def test_an_empty_name_is_not_known():
    event = Event(Kind.JOIN, "r", 0, "a", user_id="", user_name="", source_session="")
    assert (event.user_id, event.user_name, event.source_session) == (None, None, None)


@pytest.mark.parametrize("name", ["user_id", "user_name", "source_session"])
def test_each_text_that_is_empty_is_not_known_and_the_others_are(name):
    known = {"user_id": "u", "user_name": "Ann", "source_session": "s"}
    event = Event(Kind.JOIN, "r", 0, "a", **{**known, name: ""})
    assert {text: getattr(event, text) for text in known} == {**known, name: None}


TEXTS = ("room", "participant_id", "user_id", "user_name", "source_session", "id")


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("text", ["\0", "a\0", "\0b", "a\0b"])
def test_a_text_of_an_event_does_not_hold_what_divides_ids(name, text):
    with pytest.raises(InvalidEvent) as refused:
        Event(**{"kind": Kind.JOIN, "room": "r", "at": 0, "participant_id": "a", name: text})
    assert str(refused.value) == f"{name} holds the character U+0000: remove it"


def test_of_several_texts_that_hold_it_the_first_is_told():
    with pytest.raises(InvalidEvent, match=r"^user_id holds"):
        Event(Kind.JOIN, "r", 0, "a", user_id="\0", user_name="\0")


@pytest.mark.parametrize("named", [meeting_id, Room])
@pytest.mark.parametrize(("domain", "room", "name"), [("a\0b", "c", "domain"), ("a", "b\0c", "room")])
def test_no_domain_and_no_room_hold_what_divides_ids(named, domain, room, name):
    with pytest.raises(InvalidName) as refused:
        named(domain, room, 0) if named is meeting_id else named(domain, room)
    assert str(refused.value) == f"{name} holds the character U+0000: remove it"


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"min_stay_ms": -1}, "min_stay_ms must be 0 or more, and less than a lifetime, not -1"),
        ({"reset_alone_ms": 0}, "reset_alone_ms must be 1 or more, and less than a lifetime, not 0"),
        ({"start_alone_ms": 1.5}, "start_alone_ms must be a whole number of milliseconds, not 1.5"),
        ({"settling_ms": True}, "settling_ms must be a whole number of milliseconds, not True"),
    ],
)
def test_rules_that_make_no_sense_are_refused(numbers, sentence):
    with pytest.raises(InvalidRules) as refused:
        Rules(**numbers)
    assert str(refused.value) == sentence


def test_the_defaults_are_dailys():
    assert tuple(Rules()) == (10_000, 30_000, 600_000, 15_000)


def test_an_id_can_be_worked_out_by_anybody():
    own = uuid.uuid5(
        uuid.uuid5(uuid.NAMESPACE_URL, "urn:headcount:meeting"), "acme\0blue room\x001767225600000"
    )
    assert meeting_id("acme", "blue room", 1767225600000) == str(own)
    assert uuid.UUID(meeting_id("", "é", -5)).version == 5


def test_the_table_of_meanings_is_what_the_prose_says_of_each_case():
    assert len(TRANSITIONS) == PHASES * SIGNS
    assert all(
        TRANSITIONS[phase * SIGNS + signs] == transition(phase, signs)
        for phase in range(PHASES)
        for signs in range(SIGNS)
    )


def test_saying_nothing_changes_nothing():
    assert all(TRANSITIONS[phase * SIGNS] & NEXT_PHASE == phase for phase in range(PHASES))
