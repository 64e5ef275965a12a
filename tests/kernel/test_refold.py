"""Refold: the revision that a late event makes, and the stretch of the past that it covers (R15)."""

import pytest

from headcount.kernel.changes import Because, Revised
from headcount.kernel.checkpoints import Start
from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.journal import DAWN, Journal, Mark
from headcount.kernel.meetings import Stay, meeting_id
from headcount.kernel.refold import Stretch, stretches
from headcount.kernel.room import Room
from headcount.kernel.rules import NEVER, Rules
from headcount.kernel.stay_table import LeftBy

RULES = Rules(10, 30, 600, 15)
GUESS = {"inferred": Inferred.SNAPSHOT}
RESET = meeting_id("d", "r", 700)


def join(at, who="a", **known):
    return Event(Kind.JOIN, "r", at, who, **known)


def leave(at, who="a", **known):
    return Event(Kind.LEAVE, "r", at, who, **known)


def left(who, join, leave, name=None):
    return Stay(who, join, leave, LeftBy.REPORTED, None, name)


def room_after(*events, at):
    room = Room("d", "r", RULES)
    for event in events:
        room.handle(event, event.at)
    room.advance(at)
    return room


def reset_at_700():
    """Ann is there until 2000, Bob until 100: [0, 700) and, with Ann carried into it, [700, 2000)."""
    return room_after(join(0), join(0, "b"), leave(100, "b"), leave(2_000), at=3_000)


def only(changes):
    (revised,) = changes
    assert isinstance(revised, Revised)
    return revised


# Who was carried into a meeting that a reset began (R7).


def test_a_changed_stay_is_carried_into_an_unchanged_meeting():
    revised = only(reset_at_700().handle(join(-5), 3_000))
    assert RESET not in {meeting.id for meeting in revised.meetings_after}
    assert revised.carried == ((RESET, left("a", -5, 2_000)),)


def test_a_changed_meeting_has_its_carried_stay():
    revised = only(reset_at_700().handle(leave(900, "c", joined_at=800), 3_000))
    assert RESET in {meeting.id for meeting in revised.meetings_after}
    assert revised.carried == (
        (RESET, left("a", 0, 2_000)),
        (meeting_id("d", "r", 1_500), left("a", 0, 2_000)),
    )


def test_an_unchanged_reset_carries_nothing():
    revised = only(reset_at_700().handle(leave(60, "c", joined_at=20), 3_000))
    assert [meeting.start for meeting in revised.meetings_after] == [0]
    assert revised.carried == ()


def test_a_meeting_that_no_reset_began_carries_nobody():
    room = room_after(join(0), join(0, "b"), leave(100), leave(100, "b"), at=1_000)
    assert only(room.handle(leave(90, "c", joined_at=20), 1_000)).carried == ()


# What is told.


def test_a_revision_orders_stays_by_join_and_participant():
    room = room_after(join(0, "x"), leave(100, "x"), at=1_000)
    late = [leave(90, "b", joined_at=20), leave(90, "a", joined_at=20), leave(90, "z", joined_at=10)]
    revised = only(room.handle_late(late, 1_000))
    assert [stay.participant_id for stay in revised.stays_after] == ["z", "a", "b"]
    assert revised.stays_before == ()


def test_a_revision_orders_withdrawn_stays_alike():
    room = room_after(
        *(join(at, who) for at, who in [(10, "z"), (20, "b"), (20, "a")]), leave(100, "z"), at=1_000
    )
    revised = only(room.handle(Event(Kind.END, "r", 95), 1_000))
    assert [stay.participant_id for stay in revised.stays_before] == ["z", "a", "b"]
    assert [(stay.leave, stay.left_by) for stay in revised.stays_after] == [(95, LeftBy.ROOM_ENDED)] * 3


def test_a_revision_names_its_event_and_delay():
    event = leave(50, "b", joined_at=20)
    revised = only(room_after(join(0), leave(40), at=1_000).handle(event, 1_100))
    assert (revised.at, revised.event, revised.late_ms, revised.because) == (985, event, 1_050, Because.LATE)


def test_a_revision_of_several_late_events_names_the_earliest():
    events = [leave(60, "c", joined_at=21), leave(50, "b", joined_at=20)]
    revised = only(room_after(join(0), leave(40), at=1_000).handle_late(events, 1_100))
    assert (revised.event, revised.late_ms) == (events[1], 1_050)


def test_a_revision_leaves_out_unchanged_meetings():
    room = room_after(join(0), leave(40), join(100), leave(140), join(200), leave(240), at=1_000)
    revised = only(room.handle(leave(130, "b", joined_at=110), 1_000))
    assert [meeting.start for meeting in revised.meetings_before] == [100]
    assert [meeting.start for meeting in revised.meetings_after] == [100]


# Where a stretch begins and ends.


def marked(*moments):
    journal = Journal()
    for at in moments:
        journal.mark(Mark(at))
    return journal


@pytest.mark.parametrize(
    ("since", "until", "tried"),
    [
        (5, 5, [(DAWN.at, 10), (DAWN.at, 20), (DAWN.at, 40), (DAWN.at, None)]),
        (10, 10, [(DAWN.at, 10), (DAWN.at, 20), (DAWN.at, 40), (DAWN.at, None)]),
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


def test_a_mark_at_the_end_of_time_ends_no_stretch():
    assert [last for _, last, _ in stretches(marked(10, 60), 11, 11, 60)] == [None]


def stretch(*events, to=1_000, mark=DAWN, never_left=()):
    return Stretch("d", "r", RULES, Start.at_mark(mark), events, to, never_left)


def test_a_stretch_marks_where_nobody_is_in():
    marks = stretch(join(0), leave(20), join(30), join(35, "b"), leave(40), leave(50, "b"), leave(60)).marks
    assert marks == [Mark(20), Mark(50), Mark(60)]


def test_a_mark_knows_the_guesses_that_may_still_be_wrong():
    guessed = stretch(join(0), leave(20, **GUESS))
    (mark,) = guessed.marks
    assert mark.at == 20
    assert [doubt[0][0] for doubt in mark.doubts] == ["a"]
    assert guessed.ends_like(mark)
    assert not guessed.ends_like(Mark(20))
    overturned = stretch(leave(30), mark=mark)
    assert overturned.people.reaches_back == 0


def test_a_guess_that_was_wrong_leaves_no_mark_since_the_join():
    marks = stretch(join(0), leave(5), join(10), leave(20, **GUESS), leave(40)).marks
    assert [mark.at for mark in marks if mark.at < 40] == [5]
    assert stretch(join(0), leave(0, "x"), leave(20, **GUESS), never_left=["a"]).marks == []


def test_what_comes_after_a_guess_that_was_wrong_is_marked_as_before():
    room = room_after(join(0), leave(20, **GUESS), join(100, "b"), leave(150, "b"), at=1_000)
    room.handle(leave(60), 1_000)
    assert [mark.at for mark in room.journal.marks_after(DAWN.at)] == [60, 150]


def test_a_reopened_stay_is_present():
    reopened = stretch(join(0), leave(20, **GUESS), never_left=["a"])
    assert [stay.frozen() for stay in reopened.people.present.values()] == [Stay("a", 0)]
    assert not reopened.ends_like(Mark(20))
    assert reopened.visits() == [Stay("a", 0)]


def test_visits_include_all_stays_in_their_final_form():
    found = stretch(
        join(0),
        leave(5),
        join(7, "b"),
        leave(20, "b", **GUESS),
        join(25, "b", **GUESS),
        leave(40, "b"),
        join(995),
    )
    assert found.visits() == [left("a", 0, 5), left("b", 7, 40), Stay("a", 995)]
    assert found.stays() == {left("b", 7, 40)}


def test_the_meetings_of_a_stretch_are_those_decided_with_the_head_count_so_far():
    (meeting,) = stretch(join(0), join(5, "b")).meetings().values()
    assert (meeting.id, meeting.end, meeting.max_participants) == (meeting_id("d", "r", 0), None, 2)


# The room while its tail is in disorder.


def test_the_deadline_is_that_of_the_earliest_in_a_tail_that_is_in_disorder():
    room = Room("d", "r", RULES)
    for at, who in [(20, "a"), (30, "b"), (25, "c")]:
        room.handle(join(at, who), at)
    assert room.deadline == 35
    room.advance(35)
    assert room.deadline == 40  # c, who came at 25, settles then
    room.advance(40)
    assert room.deadline == 45  # a, who came at 20, counts, and b settles


def test_an_event_that_is_earlier_than_all_others_brings_the_deadline_forward():
    room = Room("d", "r", RULES)
    room.handle(join(20), 20)
    room.handle(join(10, "b"), 20)
    assert room.deadline == 25
    room.handle(join(15, "c"), 20)
    assert room.deadline == 25


def test_presence_includes_the_disordered_tail():
    room = room_after(join(0, user_name="Ann"), at=15)
    for event in (join(10, "b"), leave(11, "c"), join(5, "c", user_name="Cid"), leave(12, "d", joined_at=3)):
        room.handle(event, event.at)
    assert room.in_room_at(4) == {"a": "Ann", "d": None}, "a leave brings its join, though it is later itself"
    assert room.in_room_at(5) == {"a": "Ann", "c": "Cid", "d": None}
    assert room.in_room_at(10) == {"a": "Ann", "c": "Cid", "b": None, "d": None}
    assert room.in_room_at(11) == {"a": "Ann", "b": None, "d": None}
    assert room.in_room_at(12) == {"a": "Ann", "b": None}
    assert room.in_room_at(-1) == {}


def test_presence_includes_stays_known_from_their_leave():
    room = room_after(leave(12, "d", joined_at=3), at=100)
    assert room.in_room_at(11) == {"d": None}
    assert room.in_room_at(12) == {}


def test_an_empty_room_is_idle_until_something_is_to_come():
    room = Room("d", "r", RULES)
    assert room.is_idle()
    room.handle(join(0), 0)
    assert not room.is_idle()
    room.advance(100)
    assert room.deadline == NEVER
    assert not room.is_idle()
    assert (room.people(), room.size(), room.first_join()) == (1, 1, 0)
    room.handle(leave(200), 200)
    room.advance(300)
    assert room.is_idle()
    assert (room.people(), room.size(), room.first_join()) == (0, 0, None)


def test_the_size_of_a_room_counts_those_who_are_in_and_what_waits():
    room = room_after(join(0), join(1, "b"), leave(5, "b"), at=23)
    assert (room.people(), room.size()) == (1, 4)


def test_present_stays_exclude_pending_ones():
    room = room_after(join(0, "b"), join(0), join(80, "c"), at=100)
    assert [stay.participant_id for stay in room.stays_in()] == ["a", "b", "c"]
    assert [stay.participant_id for stay in room.present()] == ["a", "b"]
    assert room.meeting == (meeting_id("d", "r", 0), 0, 2)
    assert Room("d", "r").meeting is None


def test_a_recalled_room_is_the_room_that_it_was():
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
    journal = Journal(room.journal.between(DAWN.at, NEVER), [DAWN, mark])
    recalled = Room.recall("d", "r", RULES, journal, mark, room.settled, events[2:])
    assert recalled.settled == 125
    assert recalled.snapshot() == room.snapshot()
    assert recalled.journal is journal
    assert recalled.advance(1_000) == room.advance(1_000)


def test_a_late_event_may_bring_a_deadline():
    room = room_after(at=1_000)
    assert room.deadline == NEVER
    room.handle(join(980), 1_000)
    assert room.deadline == 1_005


def test_a_pending_stay_has_an_earlier_deadline_than_a_later_event():
    room = room_after(join(0), join(50, "b"), at=20)
    assert room.deadline == 25


def test_known_leaves_of_a_room_are_those_behind_a_pending_join():
    room = room_after(join(0), join(20, "b"), leave(22), at=40)
    assert [change.stay for change in room.known_leaves()] == [left("a", 0, 22)]
