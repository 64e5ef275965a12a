"""Projecting: each change of a room becomes these rows of a round, and no others."""

import json

import pytest

from headcount.engine.projecting import Projection
from headcount.kernel.changes import (
    Because,
    EventIgnored,
    MeetingEnded,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantNamed,
    Revised,
    StayVoided,
)
from headcount.kernel.events import Event, Kind
from headcount.kernel.meetings import Meeting, Stay, meeting_id
from headcount.kernel.room import Room
from headcount.kernel.rules import Rules
from headcount.kernel.stays import LeftBy
from headcount.store.rows import Correction, MeetingRow, Round, StayRow, Superseded

RULES = Rules(10, 30, 600, 15)
NOW = 5_000
PUBLISHED = 15
A = Stay("a", 10, 90, LeftBy.SNAPSHOT, "u1", "Ann")
A_ROW = StayRow("d", "r", 10, "a", 90, "snapshot", "u1", "Ann")


def room_with(*people):
    """A room in which these have been together since 0."""
    room = Room("d", "r", RULES)
    for who in people:
        room.handle(Event(Kind.JOIN, "r", 0, who), 0)
    room.advance(60)
    return room


def projected(changes, known_leaves=(), room=None, round_=None, *, imported=False):
    round_ = round_ or Round(1)
    projection = Projection(round_, room or Room("d", "r", RULES), NOW, PUBLISHED)
    projection.apply(changes, known_leaves, imported=imported)
    return round_


def started(at=100, name="m", because=Because.COMPANY):
    return MeetingStarted(at + 5, name, at, because)


def test_a_stay_that_counts_is_a_row_and_its_name_and_its_leave_are_the_same_row():
    open_row = StayRow("d", "r", 10, "a", None, None, None, None)
    assert projected([ParticipantJoined(10, Stay("a", 10))]).stays == {("d", "r", 10, "a"): open_row}
    named = Stay("a", 10, None, None, "u1", "Ann")
    for change in (ParticipantNamed(50, named), ParticipantLeft(90, A)):
        found = projected([ParticipantJoined(10, Stay("a", 10)), change]).stays
        assert found == {("d", "r", 10, "a"): StayRow("d", "r", 10, "a", *expected_of(change.stay))}


def expected_of(stay):
    return stay.leave, stay.left_by and stay.left_by.value, stay.user_id, stay.user_name


def test_a_leave_that_is_known_and_not_decided_shows_in_its_row():
    assert projected([], [ParticipantLeft(90, A)]).stays == {("d", "r", 10, "a"): A_ROW}


def test_what_is_void_or_was_said_in_vain_is_no_row():
    round_ = projected(
        [StayVoided(15, Stay("a", 10, 15)), EventIgnored(1, "a", Kind.JOIN, Because.REPEATED_JOIN)]
    )
    assert round_ == Round(1)


def test_a_meeting_begins_with_one_and_nobody_carried_into_it():
    room = room_with("a", "b")
    for because in (Because.COMPANY, Because.WAITED_ALONE):
        round_ = projected([started(100, because=because)], room=room)
        assert round_.meetings == {("d", "m"): MeetingRow("d", "m", "r", 100, None, 1, None, None)}


def test_whoever_is_in_is_carried_into_a_meeting_that_a_reset_began():
    round_ = projected([started(100, because=Because.LEFT_ALONE)], room=room_with("a"))
    assert round_.meetings["d", "m"] == MeetingRow("d", "m", "r", 100, None, 1, 0, "a")


@pytest.mark.parametrize("decided", [True, False])
def test_whoever_left_since_is_carried_into_a_meeting_that_a_reset_began(decided):
    left = [ParticipantLeft(90, Stay("b", 50, 90)), ParticipantLeft(120, Stay("a", 10, 120))]
    begun = started(100, because=Because.LEFT_ALONE)
    round_ = projected([begun, *left]) if decided else projected([begun], left)
    assert round_.meetings["d", "m"] == MeetingRow("d", "m", "r", 100, None, 1, 10, "a")


def test_a_meeting_that_is_known_goes_on_to_its_end():
    round_ = projected([MeetingEnded(300, "m", 100, 4, Because.EMPTY)])
    assert round_.progress == {("d", "m"): (300, 4)}
    assert round_.meetings == {}


def test_a_meeting_that_begins_and_ends_in_one_round_is_one_row():
    round_ = projected([started(100), MeetingEnded(300, "m", 100, 4, Because.EMPTY)])
    assert round_.meetings == {("d", "m"): MeetingRow("d", "m", "r", 100, 300, 4)}
    assert round_.progress == {}


def test_meetings_that_are_over_are_to_be_tallied_from_the_first_to_the_last():
    ends = [MeetingEnded(300, "m", 100, 1, Because.EMPTY), MeetingEnded(200, "n", 50, 1, Because.EMPTY)]
    for changes in (ends, ends[::-1]):
        assert projected(changes).to_tally == {("d", "r"): (50, 300)}
    assert projected([started(100)]).to_tally == {}


@pytest.mark.parametrize(
    ("shown", "progress"),
    [
        (None, True),
        (("other", 2), True),
        (("ongoing", 1), True),
        (("ongoing", 2), False),
    ],
)
def test_the_head_count_of_the_ongoing_meeting_is_written_where_it_is_not_shown(shown, progress):
    room = room_with("a", "b")
    name = meeting_id("d", "r", 0)
    round_ = Round(1)
    shown = shown and (name if shown[0] == "ongoing" else shown[0], shown[1])
    assert Projection(round_, room, NOW, PUBLISHED).show_most(shown) == (name, 2)
    assert round_.progress == ({("d", name): (None, 2)} if progress else {})


def test_no_head_count_is_shown_where_no_meeting_stands():
    round_ = Round(1)
    assert Projection(round_, Room("d", "r", RULES), NOW, PUBLISHED).show_most(("m", 3)) is None
    assert round_ == Round(1)


def test_a_meeting_that_this_round_wrote_gets_its_head_count_though_it_was_shown():
    room = room_with("a", "b")
    name = meeting_id("d", "r", 0)
    round_ = projected([started(0, name)], room=room)
    Projection(round_, room, NOW, PUBLISHED).show_most((name, 2))
    assert round_.meetings["d", name].max_participants == 2
    assert round_.progress == {}


def test_a_meeting_that_this_round_took_out_gets_its_head_count_where_it_is():
    room = room_with("a", "b")
    name = meeting_id("d", "r", 0)
    round_ = Round(1)
    round_.meetings["d", name] = None
    Projection(round_, room, NOW, PUBLISHED).show_most((name, 2))
    assert round_.progress == {}


# Corrections.

GONE = Meeting("gone", "d", "r", 20, 80, 2)
CHANGED = Meeting("same", "d", "r", 100, 200, 3)
NEW = Meeting("new", "d", "r", 300, 400, 2)


def revised(*, late_ms=PUBLISHED + 1, because=Because.LATE, event=None, **what):
    nothing = dict.fromkeys(("stays_before", "stays_after", "meetings_before", "meetings_after"), ())
    carried = what.pop("carried", ())
    return Revised(NOW, event, late_ms, **{**nothing, **what}, because=because, carried=carried)


def test_a_correction_takes_out_stays_and_puts_in_others():
    before, after = Stay("a", 5, 60), A
    round_ = projected([revised(stays_before=(before,), stays_after=(after,))])
    assert round_.stays == {("d", "r", 5, "a"): None, ("d", "r", 10, "a"): A_ROW}


def test_a_meeting_that_is_gone_is_taken_out_and_its_id_superseded():
    round_ = projected(
        [revised(meetings_before=(GONE, CHANGED), meetings_after=(CHANGED._replace(end=250), NEW))]
    )
    assert round_.meetings == {
        ("d", "gone"): None,
        ("d", "same"): MeetingRow("d", "same", "r", 100, 250, 3),
        ("d", "new"): MeetingRow("d", "new", "r", 300, 400, 2),
    }
    assert round_.superseded == [Superseded("d", "gone", "r", 20, NOW)]


def test_what_was_to_be_written_of_a_meeting_that_is_revised_is_not():
    changes = [
        MeetingEnded(200, "same", 100, 3, Because.EMPTY),
        MeetingEnded(80, "gone", 20, 2, Because.EMPTY),
    ]
    round_ = Round(1)
    round_.carried.update({("d", "gone"): (1, "x"), ("d", "same"): (2, "y"), ("d", "other"): (3, "z")})
    projected([*changes, revised(meetings_before=(GONE, CHANGED), meetings_after=(CHANGED,))], round_=round_)
    assert round_.progress == {}
    assert round_.carried == {("d", "other"): (3, "z")}


def test_whoever_is_carried_into_a_revised_meeting_stands_in_its_row_and_else_alone():
    carried = (("new", Stay("a", 10)), ("other", Stay("b", 20)))
    round_ = projected([revised(meetings_after=(NEW, CHANGED), carried=carried)])
    assert round_.meetings["d", "new"] == MeetingRow("d", "new", "r", 300, 400, 2, 10, "a")
    assert round_.meetings["d", "same"] == MeetingRow("d", "same", "r", 100, 200, 3, None, None)
    assert round_.carried == {("d", "other"): (20, "b")}


@pytest.mark.parametrize(
    ("what", "time"),
    [
        ({"stays_before": (Stay("a", 5, 60),), "meetings_after": (NEW,)}, (5, 400)),
        ({"stays_after": (Stay("a", 350, 460),), "meetings_before": (GONE,)}, (20, 460)),
        ({"meetings_before": (NEW,), "stays_after": (Stay("a", 50),)}, (50, NOW)),
        ({"meetings_before": (NEW,), "stays_before": (Stay("a", 50),)}, (50, NOW)),
        ({"meetings_before": (GONE,), "meetings_after": (NEW._replace(end=None),)}, (20, NOW)),
        ({"meetings_before": (GONE, NEW)}, (20, 400)),
    ],
)
def test_a_correction_is_of_the_time_from_the_first_to_the_last_that_it_touches(what, time):
    round_ = projected([revised(**what)])
    assert round_.to_tally == {("d", "r"): time}
    (correction,) = round_.corrections
    assert (correction.first, correction.last) == time


@pytest.mark.parametrize(
    ("late_ms", "because", "imported", "corrects"),
    [
        (PUBLISHED, Because.LATE, False, False),
        (PUBLISHED + 1, Because.LATE, False, True),
        (PUBLISHED + 1, Because.LATE, True, False),
        (0, Because.GUESS_OVERTURNED, False, True),
        (0, Because.GUESS_OVERTURNED, True, False),
    ],
)
def test_only_what_was_published_can_be_corrected(late_ms, because, imported, corrects):
    change = revised(late_ms=late_ms, because=because, meetings_before=(GONE,))
    round_ = projected([change], imported=imported)
    assert len(round_.corrections) == corrects
    assert round_.meetings == {("d", "gone"): None}


def test_what_is_not_said_to_be_imported_is_not():
    round_ = Round(1)
    Projection(round_, Room("d", "r", RULES), NOW, PUBLISHED).apply([revised(meetings_before=(GONE,))], ())
    assert len(round_.corrections) == 1


def test_a_correction_says_what_came_late_and_what_was_and_is():
    event = Event(Kind.LEAVE, "r", 60, "a")
    change = revised(
        event=event, late_ms=99, stays_before=(Stay("a", 5),), stays_after=(A,), meetings_before=(GONE,), meetings_after=(NEW,)
    )  # fmt: skip
    (correction,) = projected([change]).corrections
    assert correction[:7] == Correction("d", "r", NOW, 5, NOW, 99, "R15 late", "")[:7]
    assert json.loads(correction.before_and_after) == {
        "event": {"kind": "leave", "participant_id": "a", "at": 60},
        "stays_before": [Stay("a", 5)._asdict()],
        "stays_after": [{**A._asdict(), "left_by": "snapshot"}],
        "meetings_before": [{"id": "gone", "start": 20, "end": 80, "max_participants": 2}],
        "meetings_after": [{"id": "new", "start": 300, "end": 400, "max_participants": 2}],
    }


def test_a_correction_of_a_guess_is_about_no_event():
    (correction,) = projected(
        [revised(because=Because.GUESS_OVERTURNED, meetings_before=(GONE,))]
    ).corrections
    assert json.loads(correction.before_and_after)["event"] is None
