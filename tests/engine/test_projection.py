"""Projection: the rows that each change of a room writes."""

import json

import pytest

from headcount.engine.projection import Projection
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
from headcount.kernel.events import Event, Kind
from headcount.kernel.meetings import Meeting, Stay, meeting_id
from headcount.kernel.room import Room
from headcount.kernel.rules import Rules
from headcount.kernel.stay_table import LeftBy
from headcount.store.records import BatchChanges, Correction, MeetingRow, StayRow, SupersededMeeting

RULES = Rules(10, 30, 600, 15)
NOW = 5_000
PUBLISHED = 15
A = Stay("a", 10, 90, LeftBy.SNAPSHOT, "u1", "Ann")
A_ROW = StayRow("d", "r", 10, "a", 90, "snapshot", "u1", "Ann")


def room_with(*people):
    """A room with these participants, present since 0."""
    room = Room("d", "r", RULES)
    for who in people:
        room.handle(Event(Kind.JOIN, "r", 0, who), 0)
    room.advance(60)
    return room


def projected(changes, known_leaves=(), room=None, batch=None, *, imported=False):
    batch = batch or BatchChanges(1)
    projection = Projection(batch, room or Room("d", "r", RULES), NOW, PUBLISHED)
    projection.apply(changes, known_leaves, imported=imported)
    return batch


def started(at=100, name="m", reason=Reason.TWO_PARTICIPANTS):
    return MeetingStarted(at + 5, name, at, reason)


def test_join_name_and_leave_of_a_stay_write_one_row():
    open_row = StayRow("d", "r", 10, "a", None, None, None, None)
    assert projected([ParticipantJoined(10, Stay("a", 10))]).stays == {("d", "r", 10, "a"): open_row}
    named = Stay("a", 10, None, None, "u1", "Ann")
    for change in (ParticipantNamed(50, named), ParticipantLeft(90, A)):
        found = projected([ParticipantJoined(10, Stay("a", 10)), change]).stays
        assert found == {("d", "r", 10, "a"): StayRow("d", "r", 10, "a", *expected_of(change.stay))}


def expected_of(stay):
    return stay.leave, stay.left_by and stay.left_by.value, stay.user_id, stay.user_name


def test_a_known_undecided_leave_is_in_the_row():
    assert projected([], [ParticipantLeft(90, A)]).stays == {("d", "r", 10, "a"): A_ROW}


LEFT_A = ParticipantLeft(50, Stay("a", 0, 50, LeftBy.SNAPSHOT, "u1", "Ann", '{"role":"host"}'))
LEFT_ROW = StayRow("d", "r", 0, "a", 50, "snapshot", "u1", "Ann", '{"role":"host"}')


def withdrawn(undecided=(), **written):
    """Return a batch with these rows after a leave that was stored is one of the undecided leaves, or is not."""
    batch = BatchChanges(1, **written)
    Projection(batch, room_with("a", "b"), NOW, PUBLISHED).withdraw_leaves([LEFT_A], undecided)
    return batch


def test_a_withdrawn_leave_opens_the_stay_again():
    batch = withdrawn()
    assert batch.stays == {("d", "r", 0, "a"): StayRow("d", "r", 0, "a", None, None, None, None)}
    assert batch.corrections == []


def test_a_leave_that_is_known_is_not_withdrawn():
    assert withdrawn([LEFT_A]) == BatchChanges(1)


@pytest.mark.parametrize("row", [None, LEFT_ROW, LEFT_ROW._replace(leave=40)])
def test_a_withdrawn_leave_is_as_another_change_has_written_it(row):
    assert withdrawn(stays={("d", "r", 0, "a"): row}).stays == {("d", "r", 0, "a"): row}


@pytest.mark.parametrize(
    ("row", "is_lost"),
    [
        (None, True),
        (LEFT_ROW._replace(attributes=None), True),
        (LEFT_ROW._replace(attributes='{"role":"guest"}'), True),
        (LEFT_ROW._replace(attributes='{"kind":"person","role":"host"}'), False),
        (LEFT_ROW, False),
    ],
)
def test_attributes_of_a_withdrawn_leave_are_removed_from_the_meetings_since_the_join(row, is_lost):
    batch = withdrawn(stays={("d", "r", 0, "a"): row})
    assert batch.reindexed == batch.pending_rollups == ({("d", "r"): (0, NOW)} if is_lost else {})


def test_short_stays_and_ignored_events_write_no_row():
    batch = projected(
        [StayIgnored(15, Stay("a", 10, 15)), EventIgnored(1, "a", Kind.JOIN, Reason.DUPLICATE_JOIN)]
    )
    assert batch == BatchChanges(1)


def test_a_new_meeting_has_one_participant_and_no_carried_stay():
    room = room_with("a", "b")
    for reason in (Reason.TWO_PARTICIPANTS, Reason.SOLO_DURATION_REACHED):
        batch = projected([started(100, reason=reason)], room=room)
        assert batch.meetings == {("d", "m"): MeetingRow("d", "m", "r", 100, None, 1, None, None)}


def test_a_reset_carries_a_present_stay_into_the_new_meeting():
    batch = projected([started(100, reason=Reason.LEFT_ALONE)], room=room_with("a"))
    assert batch.meetings["d", "m"] == MeetingRow("d", "m", "r", 100, None, 1, 0, "a")


@pytest.mark.parametrize("decided", [True, False])
def test_a_reset_carries_a_stay_that_has_ended_since_into_the_new_meeting(decided):
    left = [ParticipantLeft(90, Stay("b", 50, 90)), ParticipantLeft(120, Stay("a", 10, 120))]
    begun = started(100, reason=Reason.LEFT_ALONE)
    batch = projected([begun, *left]) if decided else projected([begun], left)
    assert batch.meetings["d", "m"] == MeetingRow("d", "m", "r", 100, None, 1, 10, "a")


def test_the_end_of_a_stored_meeting_is_written_as_progress():
    batch = projected([MeetingEnded(300, "m", 100, 4, Reason.ROOM_EMPTY)])
    assert batch.progress == {("d", "m"): (300, 4)}
    assert batch.meetings == {}


def test_a_meeting_that_starts_and_ends_in_one_batch_is_one_row():
    batch = projected([started(100), MeetingEnded(300, "m", 100, 4, Reason.ROOM_EMPTY)])
    assert batch.meetings == {("d", "m"): MeetingRow("d", "m", "r", 100, 300, 4)}
    assert batch.progress == {}


def test_a_rollup_is_requested_from_the_first_start_to_the_last_end():
    ends = [
        MeetingEnded(300, "m", 100, 1, Reason.ROOM_EMPTY),
        MeetingEnded(200, "n", 50, 1, Reason.ROOM_EMPTY),
    ]
    for changes in (ends, ends[::-1]):
        assert projected(changes).pending_rollups == {("d", "r"): (50, 300)}
    assert projected([started(100)]).pending_rollups == {}


@pytest.mark.parametrize(
    ("shown", "progress"),
    [
        (None, True),
        (("other", 2), True),
        (("ongoing", 1), True),
        (("ongoing", 2), False),
    ],
)
def test_the_peak_of_the_ongoing_meeting_is_written_when_it_changes(shown, progress):
    room = room_with("a", "b")
    name = meeting_id("d", "r", 0)
    batch = BatchChanges(1)
    shown = shown and (name if shown[0] == "ongoing" else shown[0], shown[1])
    assert Projection(batch, room, NOW, PUBLISHED).update_peak(shown) == (name, 2)
    assert batch.progress == ({("d", name): (None, 2)} if progress else {})


def test_no_peak_is_written_without_a_meeting():
    batch = BatchChanges(1)
    assert Projection(batch, Room("d", "r", RULES), NOW, PUBLISHED).update_peak(("m", 3)) is None
    assert batch == BatchChanges(1)


def test_a_meeting_written_in_this_batch_gets_its_peak():
    room = room_with("a", "b")
    name = meeting_id("d", "r", 0)
    batch = projected([started(0, name)], room=room)
    Projection(batch, room, NOW, PUBLISHED).update_peak((name, 2))
    assert batch.meetings["d", name].max_participants == 2
    assert batch.progress == {}


def test_a_meeting_deleted_in_this_batch_gets_no_progress():
    room = room_with("a", "b")
    name = meeting_id("d", "r", 0)
    batch = BatchChanges(1)
    batch.meetings["d", name] = None
    Projection(batch, room, NOW, PUBLISHED).update_peak((name, 2))
    assert batch.progress == {}


# Corrections.

GONE = Meeting("gone", "d", "r", 20, 80, 2)
CHANGED = Meeting("same", "d", "r", 100, 200, 3)
NEW = Meeting("new", "d", "r", 300, 400, 2)


def revised(*, late_ms=PUBLISHED + 1, reason=Reason.LATE_EVENT, event=None, **what):
    nothing = dict.fromkeys(("stays_before", "stays_after", "meetings_before", "meetings_after"), ())
    carried = what.pop("carried", ())
    return MeetingsCorrected(NOW, event, late_ms, **{**nothing, **what}, reason=reason, carried=carried)


def test_a_correction_replaces_stays():
    before, after = Stay("a", 5, 60), A
    batch = projected([revised(stays_before=(before,), stays_after=(after,))])
    assert batch.stays == {("d", "r", 5, "a"): None, ("d", "r", 10, "a"): A_ROW}


def test_a_removed_meeting_leaves_a_superseded_id():
    batch = projected(
        [revised(meetings_before=(GONE, CHANGED), meetings_after=(CHANGED._replace(end=250), NEW))]
    )
    assert batch.meetings == {
        ("d", "gone"): None,
        ("d", "same"): MeetingRow("d", "same", "r", 100, 250, 3),
        ("d", "new"): MeetingRow("d", "new", "r", 300, 400, 2),
    }
    assert batch.superseded == [SupersededMeeting("d", "gone", "r", 20, NOW)]


def test_a_correction_discards_pending_progress_of_its_meetings():
    changes = [
        MeetingEnded(200, "same", 100, 3, Reason.ROOM_EMPTY),
        MeetingEnded(80, "gone", 20, 2, Reason.ROOM_EMPTY),
    ]
    batch = BatchChanges(1)
    batch.carried.update({("d", "gone"): (1, "x"), ("d", "same"): (2, "y"), ("d", "other"): (3, "z")})
    projected([*changes, revised(meetings_before=(GONE, CHANGED), meetings_after=(CHANGED,))], batch=batch)
    assert batch.progress == {}
    assert batch.carried == {("d", "other"): (3, "z")}


def test_carried_stays_are_written_in_the_row_or_alone():
    carried = (("new", Stay("a", 10)), ("other", Stay("b", 20)))
    batch = projected([revised(meetings_after=(NEW, CHANGED), carried=carried)])
    assert batch.meetings["d", "new"] == MeetingRow("d", "new", "r", 300, 400, 2, 10, "a")
    assert batch.meetings["d", "same"] == MeetingRow("d", "same", "r", 100, 200, 3, None, None)
    assert batch.carried == {("d", "other"): (20, "b")}


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
def test_a_correction_spans_all_stays_and_meetings_it_touches(what, time):
    batch = projected([revised(**what)])
    assert batch.pending_rollups == {("d", "r"): time}
    (correction,) = batch.corrections
    assert (correction.first, correction.last) == time


@pytest.mark.parametrize(
    ("late_ms", "reason", "imported", "corrects"),
    [
        (PUBLISHED, Reason.LATE_EVENT, False, False),
        (PUBLISHED + 1, Reason.LATE_EVENT, False, True),
        (PUBLISHED + 1, Reason.LATE_EVENT, True, False),
        (0, Reason.INFERRED_LEAVE_OVERRIDDEN, False, True),
        (0, Reason.INFERRED_LEAVE_OVERRIDDEN, True, False),
    ],
)
def test_only_what_was_published_can_be_corrected(late_ms, reason, imported, corrects):
    change = revised(late_ms=late_ms, reason=reason, meetings_before=(GONE,))
    batch = projected([change], imported=imported)
    assert len(batch.corrections) == corrects
    assert batch.meetings == {("d", "gone"): None}


def test_changes_are_not_imported_by_default():
    batch = BatchChanges(1)
    Projection(batch, Room("d", "r", RULES), NOW, PUBLISHED).apply([revised(meetings_before=(GONE,))], ())
    assert len(batch.corrections) == 1


def test_a_correction_contains_the_late_event_and_both_states():
    event = Event(Kind.LEAVE, "r", 60, "a")
    change = revised(
        event=event, late_ms=99, stays_before=(Stay("a", 5),), stays_after=(A,), meetings_before=(GONE,), meetings_after=(NEW,)
    )  # fmt: skip
    (correction,) = projected([change]).corrections
    assert correction[:7] == Correction("d", "r", NOW, 5, NOW, 99, "late_event", "")[:7]
    assert json.loads(correction.before_and_after) == {
        "event": {"kind": "leave", "participant_id": "a", "at": 60},
        "stays_before": [Stay("a", 5)._asdict()],
        "stays_after": [{**A._asdict(), "left_by": "snapshot"}],
        "meetings_before": [{"id": "gone", "start": 20, "end": 80, "max_participants": 2}],
        "meetings_after": [{"id": "new", "start": 300, "end": 400, "max_participants": 2}],
    }


def test_a_correction_of_an_inferred_leave_has_no_event():
    (correction,) = projected(
        [revised(reason=Reason.INFERRED_LEAVE_OVERRIDDEN, meetings_before=(GONE,))]
    ).corrections
    assert json.loads(correction.before_and_after)["event"] is None
