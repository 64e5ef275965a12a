"""A live room: published changes, corrections, views and snapshots."""

import json

import pytest

from headcount import Event, Inferred, Kind, Meeting, Room, Rules, meeting_id
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
from headcount.kernel.journal import Journal, Mark
from headcount.kernel.materialize import Projection
from headcount.kernel.rules import NEVER

RULES = Rules(10, 30, 600, 15)


def join(at, participant_id="a", **known):
    return Event(Kind.JOIN, "r", at, participant_id, **known)


def leave(at, participant_id="a", **known):
    return Event(Kind.LEAVE, "r", at, participant_id, **known)


def room_after(*events, at=0, journal=None):
    room = Room("d", "r", RULES, journal)
    for event in events:
        room.handle(event, event.at)
    room.advance(at)
    return room


def kinds(changes):
    return [type(change) for change in changes]


def test_nothing_is_published_before_it_is_final():
    room = room_after(join(0), join(5, "b"))
    assert kinds(room.advance(29)) == [ParticipantJoined]
    assert kinds(room.advance(30)) == [ParticipantJoined, MeetingStarted]


def test_the_deadline_is_when_something_will_be_published():
    room = Room("d", "r", RULES)
    assert room.deadline == NEVER
    room.handle(join(0), 0)
    assert room.deadline == 15
    assert room.advance(15) == []
    assert room.deadline == 25
    assert kinds(room.advance(25)) == [ParticipantJoined]
    assert room.deadline == 45
    assert kinds(room.advance(45)) == [MeetingStarted]
    assert room.deadline == NEVER


def test_advancing_to_each_deadline_publishes_what_advancing_once_publishes():
    events = [join(0), join(100, "b"), leave(200, "b"), join(205, "c"), leave(209, "c"), leave(1000)]
    once = room_after(*events).advance(3000)
    room, published = room_after(*events), []
    while room.deadline < 3000:
        before = room.deadline
        published += room.advance(before)
        assert room.deadline > before
    assert Projection("d", "r").apply(published).meetings() == Projection("d", "r").apply(once).meetings()


def test_a_change_names_its_rule():
    room = room_after(join(0), join(100, "b"), leave(200, "b"), join(205, "c"), leave(209, "c"), leave(1000))
    reason = {(type(change), change.reason) for change in room.advance(3000)}
    assert (MeetingStarted, Reason.SOLO_DURATION_REACHED) in reason
    assert (MeetingEnded, Reason.LEFT_ALONE) in reason
    assert (MeetingStarted, Reason.LEFT_ALONE) in reason
    assert (MeetingEnded, Reason.ROOM_EMPTY) in reason
    assert (StayIgnored, Reason.TOO_SHORT) in reason
    assert Reason.LEFT_ALONE.rule == "R7"


def test_the_order_within_the_tail_does_not_matter():
    events = [join(0), join(3, "b"), leave(14, "b"), leave(13)]
    published = room_after(*events).advance(100)
    assert room_after(*reversed(events)).advance(100) == published


def test_a_late_event_causes_one_correction():
    room = room_after(join(0), leave(40), at=1000)
    (correction,) = room.handle(leave(50, "b", joined_at=20), 1000)
    assert isinstance(correction, MeetingsCorrected)
    assert (correction.reason, correction.late_ms) == (Reason.LATE_EVENT, 950)
    assert [stay.participant_id for stay in correction.stays_after] == ["b"]
    (before,), (after,) = correction.meetings_before, correction.meetings_after
    assert (before.end, after.end, before.id) == (40, 50, after.id)


def test_a_correction_leads_from_a_withdrawn_meeting_to_the_one_that_covers_its_start():
    room = room_after(join(100), leave(200), at=1000)
    (correction,) = room.handle(leave(150, "b", joined_at=50), 1000)
    (withdrawn,) = correction.meetings_before
    assert withdrawn.id == meeting_id("d", "r", 100)
    assert correction.successor(withdrawn).id == meeting_id("d", "r", 50)


def test_a_withdrawn_meeting_may_have_no_successor():
    room = room_after(join(100), leave(200), at=1000)
    (correction,) = room.handle(leave(105), 1000)
    assert correction.successor(correction.meetings_before[0]) is None


def test_the_successor_is_the_meeting_that_covers_the_start():
    room = room_after(join(100), leave(200), join(300), leave(400), at=1000)
    (correction,) = room.handle(leave(350, "b", joined_at=50), 1000)
    first, second = correction.meetings_before
    assert correction.successor(first) == correction.successor(second) == correction.meetings_after[0]
    assert correction.successor(first._replace(start=10**6)) is None


def test_a_late_end_may_cut_a_meeting_in_two():
    room = room_after(join(0), join(0, "b"), leave(400), leave(400, "b"), join(500), leave(600), at=2000)
    (correction,) = room.handle(Event(Kind.END, "r", 200), 2000)
    (withdrawn,) = correction.meetings_before
    assert (withdrawn.end, correction.successor(withdrawn).end) == (400, 200)
    (again,) = room.handle(leave(700, "c", joined_at=190), 2000)
    assert again.successor(again.meetings_before[-1]).start == 0


def test_a_late_event_that_changes_nothing_publishes_nothing():
    room = room_after(join(0), leave(40), at=1000)
    assert room.handle(join(0), 1000) == []


def test_later_sittings_are_not_folded_again():
    events = [event for start in range(0, 100_000, 1000) for event in (join(start), leave(start + 100))]
    asked = []

    class Asked(Journal):
        def between(self, after, to):
            asked.append((after, to))
            return super().between(after, to)

    room = room_after(*events, at=200_000, journal=Asked())
    (correction,) = room.handle(leave(50_080, "b", joined_at=50_050), 200_000)
    assert len(correction.meetings_after) == 1
    assert asked == [(49_100, 50_100)]


def test_a_late_leave_overrides_an_inferred_one():
    inferred_leave = Event(Kind.LEAVE, "r", 60, "a", inferred=Inferred.SNAPSHOT)
    room = room_after(join(0), inferred_leave, join(100, "b"), leave(150, "b"), at=1000)
    (correction,) = room.handle(leave(200), 1000)
    (meeting,) = correction.meetings_after
    assert (meeting.start, meeting.end, meeting.max_participants) == (0, 200, 2)


def test_a_reported_leave_in_time_overrides_an_inferred_one():
    inferred_leave = Event(Kind.LEAVE, "r", 60, "a", inferred=Inferred.SNAPSHOT)
    room = room_after(join(0), inferred_leave, at=200)
    room.handle(leave(300), 300)
    changes = room.advance(400)
    assert [change.reason for change in changes if isinstance(change, MeetingsCorrected)] == [
        Reason.INFERRED_LEAVE_OVERRIDDEN
    ]
    assert isinstance(changes[-1], MeetingEnded)


def test_a_leave_with_the_known_join_changes_nothing_else():
    room = room_after(join(0), at=100)
    room.handle(leave(100, joined_at=0), 100)
    assert kinds(room.advance(200)) == [ParticipantLeft, MeetingEnded]


def test_a_join_known_only_from_its_leave_causes_a_correction_as_late_as_the_join():
    room = room_after(join(0, "x"), at=100)
    event = leave(200, "b", joined_at=50)
    room.handle(event, 200)
    (correction,) = [change for change in room.advance(300) if isinstance(change, MeetingsCorrected)]
    assert (correction.event, correction.late_ms, correction.reason) == (event, 250, Reason.LATE_EVENT)


def test_a_leave_may_add_the_name_that_its_join_lacked():
    room = room_after(join(0), at=100)
    room.handle(leave(100, joined_at=0, user_name="Ann"), 100)
    changes = room.advance(200)
    assert kinds(changes) == [ParticipantNamed, ParticipantLeft, MeetingEnded]
    assert changes[1].stay.user_name == "Ann"


def test_ignored_events_are_published_with_their_reason():
    room = room_after(leave(0), join(5), join(20), join(30, "b"), join(30, "b"), Event(Kind.END, "x", 1))
    ignored = [change.reason for change in room.advance(100) if isinstance(change, EventIgnored)]
    assert set(ignored) == {
        Reason.ROOM_ALREADY_EMPTY, Reason.LEAVE_WITHOUT_JOIN, Reason.DUPLICATE_JOIN, Reason.DUPLICATE_EVENT,
    }  # fmt: skip


def test_a_view_has_present_and_pending_stays():
    room = room_after(join(0), join(35, "b"), at=20)
    view = room.view(40)
    assert [stay.participant_id for stay in view.present] == ["a"]
    assert [stay.participant_id for stay in view.pending] == ["b"]
    assert (view.meeting_id, view.meeting_start, view.max_participants) == (meeting_id("d", "r", 0), 0, 1)


def test_a_view_of_a_room_without_a_meeting_has_none():
    view = room_after(join(0), at=20).view(29)
    assert (view.meeting_id, view.meeting_start, view.max_participants) == (None, None, 0)
    assert [stay.participant_id for stay in view.present] == ["a"]


def test_reading_a_view_changes_nothing():
    room = room_after(join(0), join(35, "b"), leave(30, "c", joined_at=2), at=20)
    before = room.snapshot()
    room.view(40)
    room.view(4000)
    assert room.snapshot() == before
    assert len(room.journal.between(-NEVER, NEVER)) == 1


def test_a_room_resumes_from_a_snapshot_in_json():
    inferred_leave = Event(Kind.LEAVE, "r", 60, "a", inferred=Inferred.SNAPSHOT)
    room = room_after(
        join(0, user_name="Ann"), inferred_leave, join(70, "b"), join(80, "c"), join(78, "d"), at=90
    )
    snapshot = json.loads(json.dumps(room.snapshot()))
    assert snapshot["version"] == 1
    again = Room.resume(snapshot, Journal(room.journal.between(-NEVER, NEVER)))
    assert again.snapshot() == room.snapshot()
    assert again.advance(5000) == room.advance(5000)


def test_a_room_resumes_with_its_tail_from_a_snapshot_in_json():
    room = room_after(join(0), at=20)
    for event in (join(30, "b"), leave(35), leave(60, "b")):
        room.handle(event, event.at)
    again = Room.resume(json.loads(json.dumps(room.snapshot())), Journal())
    assert again.deadline == room.deadline
    assert again.advance(500) == room.advance(500)


def test_a_snapshot_has_ended_stays_behind_a_pending_join():
    room = room_after(join(0), join(1, "b"), leave(5, "b"), at=23)
    again = Room.resume(json.loads(json.dumps(room.snapshot())), Journal())
    assert [stay.participant_id for stay in again.open_stays()] == ["a"]
    assert kinds(again.advance(100)) == [ParticipantJoined, StayIgnored, MeetingStarted]


def test_a_projection_of_the_changes_yields_the_meetings():
    room = room_after(join(0), join(20, "b"), leave(50, "b"), leave(60))
    (meeting,) = Projection("d", "r").apply(room.advance(1000)).meetings()
    assert isinstance(meeting, Meeting)
    assert not meeting.ongoing
    assert [(e.participant_id, e.join, e.leave) for e in meeting.participants] == [
        ("a", 0, 60),
        ("b", 20, 50),
    ]


def test_marks_are_found_strictly_before_a_time():
    journal = Journal()
    journal.mark(Mark(10))
    journal.mark(Mark(20))
    assert [journal.mark_before(at).at for at in (10, 11, 20, 21)] == [-(2**62), 10, 10, 20]


@pytest.mark.parametrize("resumed", [False, True])
def test_pending_stays_are_published_one_by_one(resumed):
    room = Room("d", "r")
    for second in range(9):
        room.handle(join(1000 * second, f"p{second}"), 1000 * second)
    published = []
    for second in range(9):
        assert len(room.view(1000 * second + 10_000).present) == second + 1
        published += room.advance(1000 * second + 25_000)
        assert room.deadline == (1000 * second + 26_000 if second < 8 else NEVER)
        if resumed:
            room = Room.resume(json.loads(json.dumps(room.snapshot())), room.journal)
    joined = [change.stay.participant_id for change in published if isinstance(change, ParticipantJoined)]
    assert joined == [f"p{second}" for second in range(9)]


@pytest.mark.parametrize("people", [100, 20_000])
def test_the_number_of_participants_does_not_change_what_a_room_publishes(people):
    events = [join(i, f"p{i:06}") for i in range(people)]
    room = room_after(*events)
    room.handle(Event(Kind.END, "r", people + 100), 0)
    changes = room.advance(people + 1000)
    assert kinds(changes[-1:]) == [MeetingEnded]
    assert changes[-1].max_participants == people
