"""Sittings: the changes that joins and leaves make, and when they are decided (R4-R8, R14)."""

import pytest

from headcount.kernel.changes import (  # fmt: skip
    MeetingEnded,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    Reason,
    StayIgnored,
)
from headcount.kernel.events import Event, Kind
from headcount.kernel.meetings import Stay, meeting_id
from headcount.kernel.open_stay import OpenStay
from headcount.kernel.replay import changes_of, meetings_of
from headcount.kernel.rules import NEVER, Rules
from headcount.kernel.sittings import Sittings
from headcount.kernel.stay_table import LeftBy

RULES = Rules(10, 30, 600, 15)
ID = meeting_id("d", "r", 0)


def sittings_of(*stays):
    """Return sittings with the moves of these stays: (participant, join, leave or None)."""
    moves = []
    for participant_id, join, leave in stays:
        stay = OpenStay(participant_id, join, None, None, None, True)
        moves.append((join, stay, True))
        if leave is not None:
            stay.leave, stay.left_by = leave, LeftBy.REPORTED
            moves.append((leave, stay, False))
    moves.sort(key=lambda move: move[0])
    return Sittings("d", "r", RULES, moves)


def finalized(to, *stays):
    sittings = sittings_of(*stays)
    sittings.finalize(to, [])
    return sittings


def changes_after(to, *stays):
    changes = []
    sittings_of(*stays).finalize(to, changes)
    return changes


def left(participant_id, join, leave):
    return ParticipantLeft(leave, Stay(participant_id, join, leave, LeftBy.REPORTED))


def test_a_meeting_of_two_makes_these_changes_in_order():
    assert changes_after(100, ("a", 0, 50), ("b", 20, 40)) == [
        ParticipantJoined(0, Stay("a", 0)),
        ParticipantJoined(20, Stay("b", 20)),
        MeetingStarted(20, ID, 0, Reason.TWO_PARTICIPANTS),
        left("b", 20, 40),
        left("a", 0, 50),
        MeetingEnded(50, ID, 0, 2, Reason.ROOM_EMPTY),
    ]


def test_waiting_alone_long_enough_makes_a_meeting():
    assert changes_after(100, ("a", 0, 30)) == [
        ParticipantJoined(0, Stay("a", 0)),
        left("a", 0, 30),
        MeetingStarted(30, ID, 0, Reason.SOLO_DURATION_REACHED),
        MeetingEnded(30, ID, 0, 1, Reason.ROOM_EMPTY),
    ]
    assert not any(isinstance(change, MeetingStarted) for change in changes_after(100, ("a", 0, 29)))


def test_a_reset_ends_a_meeting_and_begins_the_next_at_one_instant():
    assert changes_after(1_000, ("a", 0, None), ("b", 0, 100))[-3:] == [
        left("b", 0, 100),
        MeetingEnded(700, ID, 0, 2, Reason.LEFT_ALONE),
        MeetingStarted(700, meeting_id("d", "r", 700), 700, Reason.LEFT_ALONE),
    ]


def test_a_short_stay_is_ignored_when_it_ends():
    ignored = StayIgnored(59, Stay("b", 50, 59, LeftBy.REPORTED))
    stays = ("a", 0, None), ("b", 50, 59)
    changes = sorted(changes_after(1_000, *stays)[1:], key=lambda change: change.at)
    assert changes == [MeetingStarted(30, ID, 0, Reason.SOLO_DURATION_REACHED), ignored]
    assert finalized(1_000, *stays).state.head_count == 1


def test_what_is_due_happens_at_its_instant():
    assert finalized(29, ("a", 0, None)).state.is_meeting is False
    assert finalized(30, ("a", 0, None)).state.is_meeting is True


@pytest.mark.parametrize(("to", "decided"), [(9, []), (10, ["a"]), (14, ["a"]), (15, ["a", "b"])])
def test_nothing_is_decided_from_a_pending_join_on(to, decided):
    changes = changes_after(to, ("a", 0, None), ("b", 5, None))
    assert [
        change.stay.participant_id for change in changes if isinstance(change, ParticipantJoined)
    ] == decided


def test_a_pending_join_delays_what_falls_due_at_its_instant_or_after():
    assert finalized(39, ("a", 0, None), ("b", 30, None)).state.is_meeting is False
    assert finalized(39, ("a", 0, None), ("b", 31, None)).state.is_meeting is True


def test_an_ended_stay_is_not_pending():
    assert changes_after(12, ("a", 5, 12)) == [StayIgnored(12, Stay("a", 5, 12, LeftBy.REPORTED))]


def test_of_those_who_join_at_one_instant_each_may_be_pending():
    for stays in ([("a", 5, 9), ("b", 5, None)], [("b", 5, None), ("a", 5, 9)]):
        assert changes_after(12, *stays) == []


def test_a_leave_beside_a_pending_join_is_not_decided_with_it():
    sittings = finalized(45, ("a", 0, 40), ("b", 40, None))
    assert sittings.state.head_count == 1
    assert sittings.undecided_leaves() == [left("a", 0, 40)]
    sittings.finalize(50, [])
    assert sittings.undecided_leaves() == []


def test_undecided_leaves_are_those_of_stays_that_count():
    sittings = finalized(25, ("a", 0, 22), ("b", 20, None), ("c", 21, 24))
    assert sittings.undecided_leaves() == [left("a", 0, 22)]


@pytest.mark.parametrize(
    ("to", "stays", "next_decision"),
    [
        (0, [], NEVER),
        (5, [("a", 0, None)], 10),
        (10, [("a", 0, None)], 30),
        (30, [("a", 0, None)], NEVER),
        (12, [("a", 0, None), ("b", 5, None)], 15),
        (150, [("a", 0, None), ("b", 0, 100)], 700),
    ],
)
def test_the_next_decision_is_when_the_first_counts_or_time_runs_out(to, stays, next_decision):
    assert finalized(to, *stays).next_decision() == next_decision


def test_decided_moves_are_dropped_and_undecided_ones_remain():
    stays = [(f"p{n}", n, None) for n in range(8)]
    sittings = sittings_of(*stays)
    for now in range(10, 18):
        sittings.finalize(now, [])
        undecided = [stay.participant_id for _, stay, _ in sittings.moves]
        assert undecided == [f"p{n}" for n in range(now - 9, 8)]
        assert sittings.next_decision() == (now + 1 if now < 17 else NEVER)


def test_sittings_resume_from_a_restored_state():
    first = finalized(150, ("a", 0, None), ("b", 0, 100))
    again = Sittings("d", "r", RULES, [])
    again.restore(first.state, first.meeting_id)
    assert again.next_decision() == 700
    changes = []
    again.finalize(700, changes)
    assert changes[0] == MeetingEnded(700, ID, 0, 2, Reason.LEFT_ALONE)


def test_a_room_that_was_left_and_joined_at_one_instant_was_never_empty():
    stays = ("a", 0, 40), ("b", 40, None)
    sittings = finalized(100, *stays)
    assert not any(isinstance(change, MeetingEnded) for change in changes_after(100, *stays))
    assert sittings.state.max_participants == 1


# A whole history.


def event(kind, at, participant_id, **known):
    return Event(kind, "r", at, participant_id, **known)


EVENTS = [
    event(Kind.LEAVE, 60, "b", joined_at=20), event(Kind.JOIN, 0, "a"), event(Kind.JOIN, 75, "c"), event(Kind.LEAVE, 78, "a"),
]  # fmt: skip


def test_the_order_of_a_history_does_not_matter():
    (meeting,) = meetings_of(EVENTS, as_of=70, domain="d", rules=RULES)
    assert (meeting.id, meeting.start, meeting.end, meeting.max_participants) == (ID, 0, None, 2)
    assert [(entry.participant_id, entry.join, entry.leave) for entry in meeting.participants] == [
        ("a", 0, None),
        ("b", 20, 60),
    ]


def test_a_leave_behind_a_pending_join_shows_in_a_history_and_in_its_changes_in_order():
    (meeting,) = meetings_of(EVENTS, as_of=80, domain="d", rules=RULES)
    assert (meeting.end, meeting.participants[0].leave) == (None, 78)
    changes = changes_of(EVENTS, as_of=80, domain="d", rules=RULES)
    assert changes[-1] == left("a", 0, 78)
    assert [change.at for change in changes] == sorted(change.at for change in changes)


def test_events_at_as_of_exist_and_later_ones_do_not():
    assert meetings_of(EVENTS, as_of=-1) == []
    later = [event(Kind.JOIN, 0, "a"), event(Kind.LEAVE, 40, "a")]
    assert meetings_of(later, as_of=40, rules=RULES)[0].end == 40
    assert meetings_of(later, as_of=39, rules=RULES)[0].end is None


def test_a_history_uses_the_default_domain_and_rules():
    events = [event(Kind.JOIN, 0, "a"), event(Kind.LEAVE, 30_000, "a")]
    (meeting,) = meetings_of(events, as_of=100_000)
    assert (meeting.domain, meeting.room, meeting.id) == ("default", "r", meeting_id("default", "r", 0))
    assert [
        change.id for change in changes_of(events, as_of=100_000) if isinstance(change, MeetingStarted)
    ] == [meeting.id]
    assert meetings_of([*events[:1], event(Kind.LEAVE, 29_999, "a")], as_of=100_000) == []
