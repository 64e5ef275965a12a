"""Meetings: how stays are clipped and ordered, when a reset carries one over, and the record of changes (R7, R11)."""

import pytest

from headcount.kernel.changes import (
    EventIgnored,
    MeetingEnded,
    MeetingsCorrected,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantNamed,
    Reason,
    StayIgnored,
)
from headcount.kernel.events import Kind
from headcount.kernel.materialize import Projection
from headcount.kernel.meetings import Entry, Meeting, Stay, carries_into, clip_stay, entries
from headcount.kernel.stay_table import LeftBy

LEFT = LeftBy.REPORTED


@pytest.mark.parametrize(
    ("join", "leave", "carried"),
    [
        (99, None, True),
        (99, 101, True),
        (99, 100, False),
        (100, None, False),
        (100, 101, False),
        (101, None, False),
        (50, 60, False),
    ],
)
def test_a_stay_is_carried_into_a_meeting_that_begins_while_it_lasts(join, leave, carried):
    assert carries_into(Stay("a", join, leave), 100) is carried


def entry(join, leave, left_by):
    return Entry("a", "u", "Ann", join, leave, left_by)


@pytest.mark.parametrize(
    ("join", "leave", "shown"),
    [
        (100, 200, entry(100, 200, LEFT)),
        (99, 199, entry(100, 199, LEFT)),
        (101, 201, entry(101, 200, None)),  # the stay continues: left_by is null
        (50, 250, entry(100, 200, None)),
        (50, None, entry(100, 200, None)),
        (50, 100, None),
        (50, 101, entry(100, 101, LEFT)),
        (200, 250, None),
        (199, 250, entry(199, 200, None)),
        (200, None, None),
    ],
)
def test_a_meeting_that_is_over_shows_of_a_stay_what_lies_in_it(join, leave, shown):
    left_by = None if leave is None else LEFT
    assert clip_stay(Stay("a", join, leave, left_by, "u", "Ann"), 100, 200) == shown


@pytest.mark.parametrize(
    ("join", "leave", "shown"),
    [
        (150, None, entry(150, None, None)),
        (50, None, entry(100, None, None)),
        (50, 150, entry(100, 150, LEFT)),
        (50, 100, None),
    ],
)
def test_a_meeting_that_is_ongoing_shows_of_a_stay_what_lies_after_its_start(join, leave, shown):
    left_by = None if leave is None else LEFT
    assert clip_stay(Stay("a", join, leave, left_by, "u", "Ann"), 100, None) == shown


def test_entries_stand_by_join_time_and_then_by_participant():
    stays = [
        Stay("c", 120),
        Stay("b", 90),
        Stay("a", 110),
        Stay("d", 50, 60, LEFT),
        Stay("a", 100, 105, LEFT),
    ]
    shown = [(one.join, one.participant_id) for one in entries(stays, 100, None)]
    assert shown == [(100, "a"), (100, "b"), (110, "a"), (120, "c")]


def test_a_meeting_is_ongoing_until_it_has_an_end():
    assert Meeting("m", "d", "r", 0, None, 1).ongoing is True
    assert Meeting("m", "d", "r", 0, 0, 1).ongoing is False


# Changes, and the record of them.


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (ParticipantJoined(0, Stay("a", 0)), "min_duration_reached"),
        (ParticipantNamed(0, Stay("a", 0)), "name_learned"),
        (ParticipantLeft(0, Stay("a", 0)), "left"),
        (StayIgnored(0, Stay("a", 0)), "too_short"),
    ],
)
def test_changes_of_stays_have_default_reasons(change, reason):
    assert change.reason.value == reason


def test_the_values_of_reasons_are_stable():
    assert {reason.name: reason.value for reason in Reason} == {
        "NAME_LEARNED": "name_learned",
        "LEFT": "left",
        "DUPLICATE_JOIN": "duplicate_join",
        "LEAVE_WITHOUT_JOIN": "leave_without_join",
        "ROOM_ALREADY_EMPTY": "room_already_empty",
        "CANCELLED_OUT": "cancelled_out",
        "DUPLICATE_EVENT": "duplicate_event",
        "INFERRED_EVENT_OUTRANKED": "inferred_event_outranked",
        "INFERRED_LEAVE_OVERRIDDEN": "inferred_leave_overridden",
        "MIN_DURATION_REACHED": "min_duration_reached",
        "TOO_SHORT": "too_short",
        "TWO_PARTICIPANTS": "two_participants",
        "SOLO_DURATION_REACHED": "solo_duration_reached",
        "LEFT_ALONE": "left_alone",
        "ROOM_EMPTY": "room_empty",
        "LATE_EVENT": "late_event",
    }
    assert Reason.CANCELLED_OUT.rule == "R2"


def meeting(name, start, end):
    return Meeting(name, "d", "r", start, end, 2)


def revised(**what):
    nothing = dict.fromkeys(("stays_before", "stays_after", "meetings_before", "meetings_after"), ())
    return MeetingsCorrected(9, None, 0, **{**nothing, **what}, reason=Reason.LATE_EVENT)


@pytest.mark.parametrize(
    ("start", "covers"),
    [(99, None), (100, "first"), (199, "first"), (200, None), (300, "last"), (900, "last")],
)
def test_the_successor_covers_the_start_from_its_own_to_before_its_end(start, covers):
    change = revised(meetings_after=(meeting("first", 100, 200), meeting("last", 300, None)))
    found = change.successor(meeting("gone", start, 1_000))
    assert (found and found.id) == covers


def test_a_revision_carries_nobody_unless_it_says_so():
    assert revised().carried == ()


def test_a_record_shows_meetings_by_start_and_the_ongoing_one_with_the_head_count_given():
    record = Projection("d", "r").apply(
        [
            MeetingStarted(300, "late", 300, Reason.TWO_PARTICIPANTS),
            MeetingStarted(100, "early", 100, Reason.TWO_PARTICIPANTS),
            MeetingEnded(200, "early", 100, 3, Reason.ROOM_EMPTY),
        ]
    )
    assert [(one.id, one.start, one.end, one.max_participants) for one in record.meetings(7)] == [
        ("early", 100, 200, 3), ("late", 300, None, 7),
    ]  # fmt: skip
    assert [one.max_participants for one in record.meetings()] == [3, 0]
    assert [(one.domain, one.room) for one in record.meetings()] == [("d", "r")] * 2


def test_a_record_has_the_latest_state_of_each_stay():
    changes = [
        ParticipantJoined(0, Stay("a", 0)),
        ParticipantNamed(5, Stay("a", 0, None, None, None, "Ann")),
        ParticipantLeft(20, Stay("a", 0, 20, LEFT, None, "Ann")),
        ParticipantJoined(30, Stay("a", 30)),
        StayIgnored(40, Stay("b", 35, 40, LEFT)),
        EventIgnored(41, "a", Kind.JOIN, Reason.DUPLICATE_JOIN),
    ]
    assert list(Projection("d", "r").apply(changes).stays.values()) == [
        Stay("a", 0, 20, LEFT, None, "Ann"),
        Stay("a", 30),
    ]


def test_a_record_applies_a_revision():
    record = Projection("d", "r").apply(
        [
            ParticipantJoined(0, Stay("a", 0)),
            ParticipantJoined(0, Stay("b", 0)),
            MeetingStarted(0, "old", 0, Reason.TWO_PARTICIPANTS),
            MeetingStarted(900, "other", 900, Reason.TWO_PARTICIPANTS),
        ]
    )
    record.apply(
        [
            revised(
                stays_before=(Stay("a", 0),),
                stays_after=(Stay("a", 5, 50, LEFT),),
                meetings_before=(meeting("old", 0, None),),
                meetings_after=(meeting("new", 5, 50)._replace(participants=(entry(5, 50, LEFT),)),),
            )
        ]
    )
    assert list(record.stays.values()) == [Stay("b", 0), Stay("a", 5, 50, LEFT)]
    assert [one.id for one in record.meetings()] == ["new", "other"]
    assert [one.participant_id for one in record.meetings()[0].participants] == ["a", "b"]


def test_a_copy_of_a_record_goes_its_own_way():
    record = Projection("d", "r").apply(
        [ParticipantJoined(0, Stay("a", 0)), MeetingStarted(0, "m", 0, Reason.TWO_PARTICIPANTS)]
    )
    copy = record.copy()
    assert copy.meetings() == record.meetings()
    copy.apply([ParticipantJoined(5, Stay("b", 5)), MeetingEnded(9, "m", 0, 2, Reason.ROOM_EMPTY)])
    assert (len(record.stays), record.meetings()[0].end) == (1, None)
