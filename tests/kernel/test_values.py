"""Validation of events, names and rules, with their messages."""

import uuid

import pytest

from headcount import Event, InvalidEvent, InvalidName, InvalidRules, Kind, Room, Rules, meeting_id
from headcount.kernel.stay_table import NEXT_PHASE, PHASES, SIGNS, TRANSITIONS, transition


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": Kind.JOIN, "room": "", "at": 0, "participant_id": "a"}, "an event must name its room"),
        ({"kind": Kind.JOIN, "room": "r", "at": 0}, "a 'join' must name its participant_id"),
        (
            {"kind": Kind.LEAVE, "room": "r", "at": 0, "participant_id": ""},
            "a 'leave' must name its participant_id",
        ),
        (
            {"kind": Kind.END, "room": "r", "at": 0, "participant_id": "a"},
            "an 'end' applies to the whole room and has no participant_id; send a leave instead",
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
def test_an_event_with_contradictory_fields_is_refused(fields, message):
    with pytest.raises(InvalidEvent) as refused:
        Event(**fields)
    assert str(refused.value) == message


def test_an_empty_name_is_null():
    event = Event(Kind.JOIN, "r", 0, "a", user_id="", user_name="", source_session="")
    assert (event.user_id, event.user_name, event.source_session) == (None, None, None)


@pytest.mark.parametrize("name", ["user_id", "user_name", "source_session"])
def test_each_empty_name_is_null_and_the_others_remain(name):
    known = {"user_id": "u", "user_name": "Ann", "source_session": "s"}
    event = Event(Kind.JOIN, "r", 0, "a", **{**known, name: ""})
    assert {text: getattr(event, text) for text in known} == {**known, name: None}


TEXTS = ("room", "participant_id", "user_id", "user_name", "source_session", "id")


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("text", ["\0", "a\0", "\0b", "a\0b"])
def test_a_text_of_an_event_must_not_contain_nul(name, text):
    with pytest.raises(InvalidEvent) as refused:
        Event(**{"kind": Kind.JOIN, "room": "r", "at": 0, "participant_id": "a", name: text})
    assert str(refused.value) == f"{name} contains the character U+0000: remove it"


def test_of_several_texts_with_nul_the_first_is_reported():
    with pytest.raises(InvalidEvent, match=r"^user_id contains"):
        Event(Kind.JOIN, "r", 0, "a", user_id="\0", user_name="\0")


@pytest.mark.parametrize("named", [meeting_id, Room])
@pytest.mark.parametrize(("domain", "room", "name"), [("a\0b", "c", "domain"), ("a", "b\0c", "room")])
def test_domain_and_room_must_not_contain_nul(named, domain, room, name):
    with pytest.raises(InvalidName) as refused:
        named(domain, room, 0) if named is meeting_id else named(domain, room)
    assert str(refused.value) == f"{name} contains the character U+0000: remove it"


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"min_stay_ms": -1}, "min_stay_ms must be 0 or more, not -1"),
        ({"reset_alone_ms": 0}, "reset_alone_ms must be 1 or more, not 0"),
        ({"start_alone_ms": 1.5}, "start_alone_ms must be a whole number of milliseconds, not 1.5"),
        ({"late_grace_ms": True}, "late_grace_ms must be a whole number of milliseconds, not True"),
    ],
)
def test_rules_out_of_range_are_refused(numbers, message):
    with pytest.raises(InvalidRules) as refused:
        Rules(**numbers)
    assert str(refused.value) == message


def test_the_defaults_are_dailys():
    assert tuple(Rules()) == (10_000, 30_000, 600_000, 15_000)


def test_an_id_is_a_uuid5_of_domain_room_and_start():
    own = uuid.uuid5(
        uuid.uuid5(uuid.NAMESPACE_URL, "urn:headcount:meeting"), "acme\0blue room\x001767225600000"
    )
    assert meeting_id("acme", "blue room", 1767225600000) == str(own)
    assert uuid.UUID(meeting_id("", "é", -5)).version == 5


def test_the_table_has_every_transition():
    assert len(TRANSITIONS) == PHASES * SIGNS
    assert all(
        TRANSITIONS[phase * SIGNS + signs] == transition(phase, signs)
        for phase in range(PHASES)
        for signs in range(SIGNS)
    )


def test_without_signs_the_phase_is_unchanged():
    assert all(TRANSITIONS[phase * SIGNS] & NEXT_PHASE == phase for phase in range(PHASES))
