"""The correction that a late event causes, and the stretch of the past that it covers (R15)."""

import pytest

from headcount.kernel.changes import MeetingsCorrected, Reason
from headcount.kernel.checkpoints import Start
from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.journal import FIRST_MARK, Journal, Mark
from headcount.kernel.meetings import Stay, meeting_id
from headcount.kernel.refold import Stretch, stretches
from headcount.kernel.room import Room
from headcount.kernel.rules import NEVER, Rules
from headcount.kernel.stay_table import LeftBy

RULES = Rules(10, 30, 600, 15)
INFERRED = {"inferred": Inferred.SNAPSHOT}
RESET = meeting_id("d", "r", 700)


def join(at, participant_id="a", **known):
    return Event(Kind.JOIN, "r", at, participant_id, **known)


def leave(at, participant_id="a", **known):
    return Event(Kind.LEAVE, "r", at, participant_id, **known)


def left(participant_id, join, leave, name=None):
    return Stay(participant_id, join, leave, LeftBy.REPORTED, None, name)


def room_after(*events, at):
    room = Room("d", "r", RULES)
    for event in events:
        room.handle(event, event.at)
    room.advance(at)
    return room


def reset_at_700():
    """Return a room with Ann until 2000 and Bob until 100: [0, 700) and, with Ann carried into it, [700, 2000)."""
    return room_after(join(0), join(0, "b"), leave(100, "b"), leave(2_000), at=3_000)


def only(changes):
    (correction,) = changes
    assert isinstance(correction, MeetingsCorrected)
    return correction


# Stays carried into a meeting that a reset began (R7).


def test_a_changed_stay_is_carried_into_an_unchanged_meeting():
    correction = only(reset_at_700().handle(join(-5), 3_000))
    assert RESET not in {meeting.id for meeting in correction.meetings_after}
    assert correction.carried == ((RESET, left("a", -5, 2_000)),)


def test_a_changed_meeting_has_its_carried_stay():
    correction = only(reset_at_700().handle(leave(900, "c", joined_at=800), 3_000))
    assert RESET in {meeting.id for meeting in correction.meetings_after}
    assert correction.carried == (
        (RESET, left("a", 0, 2_000)),
        (meeting_id("d", "r", 1_500), left("a", 0, 2_000)),
    )


def test_an_unchanged_reset_carries_nothing():
    correction = only(reset_at_700().handle(leave(60, "c", joined_at=20), 3_000))
    assert [meeting.start for meeting in correction.meetings_after] == [0]
    assert correction.carried == ()


def test_a_meeting_that_no_reset_began_carries_nobody():
    room = room_after(join(0), join(0, "b"), leave(100), leave(100, "b"), at=1_000)
    assert only(room.handle(leave(90, "c", joined_at=20), 1_000)).carried == ()


# The published correction.


def test_a_correction_orders_stays_by_join_and_participant():
    room = room_after(join(0, "x"), leave(100, "x"), at=1_000)
    late = [leave(90, "b", joined_at=20), leave(90, "a", joined_at=20), leave(90, "z", joined_at=10)]
    correction = only(room.handle_late(late, 1_000))
    assert [stay.participant_id for stay in correction.stays_after] == ["z", "a", "b"]
    assert correction.stays_before == ()


def test_a_correction_orders_withdrawn_stays_alike():
    room = room_after(
        *(join(at, participant_id) for at, participant_id in [(10, "z"), (20, "b"), (20, "a")]),
        leave(100, "z"),
        at=1_000,
    )
    correction = only(room.handle(Event(Kind.END, "r", 95), 1_000))
    assert [stay.participant_id for stay in correction.stays_before] == ["z", "a", "b"]
    assert [(stay.leave, stay.left_by) for stay in correction.stays_after] == [(95, LeftBy.ROOM_ENDED)] * 3


def test_a_correction_names_its_event_and_delay():
    event = leave(50, "b", joined_at=20)
    correction = only(room_after(join(0), leave(40), at=1_000).handle(event, 1_100))
    assert (correction.at, correction.event, correction.late_ms, correction.reason) == (
        985,
        event,
        1_050,
        Reason.LATE_EVENT,
    )


def test_a_correction_of_several_late_events_names_the_earliest():
    events = [leave(60, "c", joined_at=21), leave(50, "b", joined_at=20)]
    correction = only(room_after(join(0), leave(40), at=1_000).handle_late(events, 1_100))
    assert (correction.event, correction.late_ms) == (events[1], 1_050)


def test_a_correction_leaves_out_unchanged_meetings():
    room = room_after(join(0), leave(40), join(100), leave(140), join(200), leave(240), at=1_000)
    correction = only(room.handle(leave(130, "b", joined_at=110), 1_000))
    assert [meeting.start for meeting in correction.meetings_before] == [100]
    assert [meeting.start for meeting in correction.meetings_after] == [100]


# The bounds of a stretch.


def marked(*times):
    journal = Journal()
    for at in times:
        journal.mark(Mark(at))
    return journal


@pytest.mark.parametrize(
    ("since", "until", "tried"),
    [
        (5, 5, [(FIRST_MARK.at, 10), (FIRST_MARK.at, 20), (FIRST_MARK.at, 40), (FIRST_MARK.at, None)]),
        (10, 10, [(FIRST_MARK.at, 10), (FIRST_MARK.at, 20), (FIRST_MARK.at, 40), (FIRST_MARK.at, None)]),
        (11, 11, [(10, 20), (10, 30), (10, 50), (10, None)]),
        (11, 35, [(10, 40), (10, 50), (10, None)]),
        (45, 60, [(40, None)]),
        (55, 55, [(50, None)]),
    ],
)
def test_ever_longer_stretches_are_tried_from_the_mark_before_to_one_after(since, until, tried):
    found = list(stretches(marked(10, 20, 30, 40, 50), since, until, 60))
    assert [(first.at, last and last.at) for first, last, _ in found] == tried
    assert [to for _, _, to in found] == [60 if last is None else last.at for _, last, _ in found]


def test_a_mark_at_the_end_of_the_range_ends_no_stretch():
    assert [last for _, last, _ in stretches(marked(10, 60), 11, 11, 60)] == [None]


def stretch(*events, to=1_000, mark=FIRST_MARK, never_left=()):
    return Stretch("d", "r", RULES, Start.at_mark(mark), events, to, never_left)


def test_a_stretch_has_marks_where_the_room_is_empty():
    marks = stretch(join(0), leave(20), join(30), join(35, "b"), leave(40), leave(50, "b"), leave(60)).marks
    assert marks == [Mark(20), Mark(50), Mark(60)]


def test_a_mark_has_the_unconfirmed_leaves():
    stretch_with_leave = stretch(join(0), leave(20, **INFERRED))
    (mark,) = stretch_with_leave.marks
    assert mark.at == 20
    assert [packed[0][0] for packed in mark.unconfirmed] == ["a"]
    assert stretch_with_leave.ends_as(mark)
    assert not stretch_with_leave.ends_as(Mark(20))
    overridden = stretch(leave(30), mark=mark)
    assert overridden.people.earliest_override == 0


def test_an_overridden_leave_removes_the_marks_since_the_join():
    marks = stretch(join(0), leave(5), join(10), leave(20, **INFERRED), leave(40)).marks
    assert [mark.at for mark in marks if mark.at < 40] == [5]
    assert stretch(join(0), leave(0, "x"), leave(20, **INFERRED), never_left=["a"]).marks == []


def test_marks_after_an_overridden_leave_remain():
    room = room_after(join(0), leave(20, **INFERRED), join(100, "b"), leave(150, "b"), at=1_000)
    room.handle(leave(60), 1_000)
    assert [mark.at for mark in room.journal.marks_after(FIRST_MARK.at)] == [60, 150]


def test_a_reopened_stay_is_open():
    reopened = stretch(join(0), leave(20, **INFERRED), never_left=["a"])
    assert [stay.to_stay() for stay in reopened.people.open_stays.values()] == [Stay("a", 0)]
    assert not reopened.ends_as(Mark(20))
    assert reopened.all_stays() == [Stay("a", 0)]


def test_all_stays_are_in_their_final_form():
    found = stretch(
        join(0),
        leave(5),
        join(7, "b"),
        leave(20, "b", **INFERRED),
        join(25, "b", **INFERRED),
        leave(40, "b"),
        join(995),
    )
    assert found.all_stays() == [left("a", 0, 5), left("b", 7, 40), Stay("a", 995)]
    assert found.stays() == {left("b", 7, 40)}


def test_the_meetings_of_a_stretch_are_those_decided_with_the_head_count_so_far():
    (meeting,) = stretch(join(0), join(5, "b")).meetings().values()
    assert (meeting.id, meeting.end, meeting.max_participants) == (meeting_id("d", "r", 0), None, 2)


# A room with a tail out of order.


def test_the_deadline_is_that_of_the_earliest_event_in_an_unordered_tail():
    room = Room("d", "r", RULES)
    for at, participant_id in [(20, "a"), (30, "b"), (25, "c")]:
        room.handle(join(at, participant_id), at)
    assert room.deadline == 35
    room.advance(35)
    assert room.deadline == 40  # the join of c at 25 is finalized then
    room.advance(40)
    assert room.deadline == 45  # the stay of a counts, and the join of b is finalized


def test_an_event_earlier_than_all_others_moves_the_deadline_forward():
    room = Room("d", "r", RULES)
    room.handle(join(20), 20)
    room.handle(join(10, "b"), 20)
    assert room.deadline == 25
    room.handle(join(15, "c"), 20)
    assert room.deadline == 25


def test_presence_includes_an_unordered_tail():
    room = room_after(join(0, user_name="Ann"), at=15)
    for event in (join(10, "b"), leave(11, "c"), join(5, "c", user_name="Cid"), leave(12, "d", joined_at=3)):
        room.handle(event, event.at)
    assert room.participants_at(4) == {"a": "Ann", "d": None}, (
        "a leave implies its join, though it is later itself"
    )
    assert room.participants_at(5) == {"a": "Ann", "c": "Cid", "d": None}
    assert room.participants_at(10) == {"a": "Ann", "c": "Cid", "b": None, "d": None}
    assert room.participants_at(11) == {"a": "Ann", "b": None, "d": None}
    assert room.participants_at(12) == {"a": "Ann", "b": None}
    assert room.participants_at(-1) == {}


def test_presence_includes_stays_known_from_their_leave():
    room = room_after(leave(12, "d", joined_at=3), at=100)
    assert room.participants_at(11) == {"d": None}
    assert room.participants_at(12) == {}


def test_an_empty_room_is_idle_until_it_has_an_event():
    room = Room("d", "r", RULES)
    assert room.is_idle()
    room.handle(join(0), 0)
    assert not room.is_idle()
    room.advance(100)
    assert room.deadline == NEVER
    assert not room.is_idle()
    assert (room.open_stay_count(), room.stay_count(), room.earliest_join()) == (1, 1, 0)
    room.handle(leave(200), 200)
    room.advance(300)
    assert room.is_idle()
    assert (room.open_stay_count(), room.stay_count(), room.earliest_join()) == (0, 0, None)


def test_the_stay_count_includes_open_and_undecided_stays():
    room = room_after(join(0), join(1, "b"), leave(5, "b"), at=23)
    assert (room.open_stay_count(), room.stay_count()) == (1, 4)


def test_counted_stays_exclude_pending_ones():
    room = room_after(join(0, "b"), join(0), join(80, "c"), at=100)
    assert [stay.participant_id for stay in room.open_stays()] == ["a", "b", "c"]
    assert [stay.participant_id for stay in room.counted_stays()] == ["a", "b"]
    assert room.meeting == (meeting_id("d", "r", 0), 0, 2)
    assert Room("d", "r").meeting is None


def test_a_replayed_room_equals_the_original():
    events = [
        join(0),
        leave(50),
        leave(60, "a", joined_at=30),
        join(118, "b"),
        leave(124, "a", joined_at=119),
        join(130, "c"),
        leave(131, "d", joined_at=129),
    ]
    room = room_after(*events, at=140)
    (mark,) = [mark for mark in room.journal.marks_after(0) if mark.at == 50]
    journal = Journal(room.journal.between(FIRST_MARK.at, NEVER), [FIRST_MARK, mark])
    replayed = Room.replay("d", "r", RULES, journal, mark, room.finalized, events[2:])
    assert replayed.finalized == 125
    assert replayed.snapshot() == room.snapshot()
    assert replayed.journal is journal
    assert replayed.advance(1_000) == room.advance(1_000)


def test_a_late_event_may_set_a_deadline():
    room = room_after(at=1_000)
    assert room.deadline == NEVER
    room.handle(join(980), 1_000)
    assert room.deadline == 1_005


def test_a_pending_stay_has_an_earlier_deadline_than_a_later_event():
    room = room_after(join(0), join(50, "b"), at=20)
    assert room.deadline == 25


def test_undecided_leaves_of_a_room_are_those_behind_a_pending_join():
    room = room_after(join(0), join(20, "b"), leave(22), at=40)
    assert [change.stay for change in room.undecided_leaves()] == [left("a", 0, 22)]
