"""The oracle agrees with the worked examples, and with its own docstring where the rules leave room."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.meetings import meeting_id
from headcount.kernel.rules import Rules
from headcount.kernel.stay_table import LeftBy
from support.oracle import oracle, striding_oracle
from support.strategies import SCALED, asked_as_of, histories, tidy_histories
from support.worked_examples import WORKED, stays_said

EVERY_SITTING = Rules(10, 0, 600, 15)
"""The same, but no sitting is too short to be a meeting, so that every stay has an entry."""

LATER = 10**6


def join(at, who="A", **more):
    return Event(Kind.JOIN, "room", at, who, **more)


def leave(at, who="A", **more):
    return Event(Kind.LEAVE, "room", at, who, **more)


def end(at, **more):
    return Event(Kind.END, "room", at, **more)


def inferred(make_event, at, *rest, why="snapshot", **more):
    return make_event(at, *rest, inferred=Inferred(why), **more)


def meetings_of(*events, as_of=LATER, rules=SCALED):
    return oracle(events, as_of=as_of, rules=rules)


def spans(*events, **more):
    return [(meeting.start, meeting.end) for meeting in meetings_of(*events, **more)]


def entries_of(*events, **more):
    """Return every entry of every meeting, as (participant, join, leave, left_by)."""
    return [
        (entry.participant_id, entry.join, entry.leave, entry.left_by)
        for meeting in meetings_of(*events, **more)
        for entry in meeting.participants
    ]


def as_table(meetings, unit=1):
    return [
        (
            (meeting.start / unit, meeting.end / unit),
            meeting.max_participants,
            {
                entry.participant_id: (entry.join / unit, (entry.leave - entry.join) / unit)
                for entry in meeting.participants
            },
        )
        for meeting in meetings
    ]


@pytest.mark.parametrize("number", WORKED)
def test_the_oracle_agrees_with_the_worked_examples(number):
    stays, meetings = WORKED[number]
    assert as_table(meetings_of(*stays_said(stays))) == meetings


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_the_oracle_agrees_with_the_short_examples_in_milliseconds(number):
    stays, meetings = WORKED[number]
    assert as_table(oracle(stays_said(stays, unit=1000), as_of=100_000), unit=1000) == meetings


@pytest.mark.parametrize("number", WORKED)
def test_longer_ticks_find_the_same_meetings(number):
    stays, meetings = WORKED[number]
    found = striding_oracle(stays_said(stays, unit=1000), as_of=LATER * 1000)
    assert as_table(found, unit=1000) == meetings
    assert [meeting.id for meeting in found] == [meeting_id("default", "room", m.start) for m in found]


def test_without_stays_there_is_no_meeting():
    assert meetings_of() == []
    assert meetings_of(end(5)) == []
    assert meetings_of(leave(5)) == []


def test_inferred_events_are_ignored_beside_reported_ones_of_the_same_instant():
    assert entries_of(join(0), leave(50), inferred(leave, 50)) == [("A", 0, 50, LeftBy.REPORTED)]
    assert entries_of(join(0), inferred(leave, 40), join(40), leave(50)) == [("A", 0, 50, LeftBy.REPORTED)]


@pytest.mark.parametrize("reported", [True, False])
def test_a_leave_and_a_join_of_one_instant_cancel(reported):
    how = {} if reported else {"inferred": Inferred.SNAPSHOT}
    assert entries_of(join(0), leave(40, **how), join(40, **how), leave(50)) == [
        ("A", 0, 50, LeftBy.REPORTED)
    ]
    assert entries_of(leave(0, **how), join(0, **how), leave(50)) == []


def test_the_end_comes_before_the_joins_of_its_instant():
    assert entries_of(join(0), end(40), join(40), leave(80)) == [
        ("A", 0, 40, LeftBy.ROOM_ENDED),
        ("A", 40, 80, LeftBy.REPORTED),
    ]


def test_the_end_closes_a_stay_with_a_cancelled_leave():
    assert entries_of(join(0), end(40), leave(40), join(40)) == [("A", 0, 40, LeftBy.ROOM_ENDED)]


def test_of_a_leave_and_an_end_the_better_evidence_counts():
    assert entries_of(join(0), leave(40), end(40)) == [("A", 0, 40, LeftBy.REPORTED)]
    assert entries_of(join(0), inferred(leave, 40), end(40)) == [("A", 0, 40, LeftBy.ROOM_ENDED)]
    superseded = inferred(end, 40, why="room_restarted")
    assert entries_of(join(0), superseded) == [("A", 0, 40, LeftBy.ROOM_RESTARTED)]
    assert entries_of(join(0), superseded, inferred(leave, 40, why="timeout")) == [
        ("A", 0, 40, LeftBy.TIMEOUT)
    ]
    two = [inferred(leave, 40, why="timeout"), inferred(leave, 40, why="snapshot")]
    assert entries_of(join(0), *two) == [("A", 0, 40, LeftBy.SNAPSHOT)]


def test_an_end_concerns_its_own_source_session_where_both_are_known():
    assert entries_of(join(0, source_session="x"), end(40, source_session="y"), leave(50)) == [
        ("A", 0, 50, LeftBy.REPORTED)
    ]
    for theirs, ends in [("x", "x"), (None, "x"), ("x", None)]:
        assert entries_of(join(0, source_session=theirs), end(40, source_session=ends)) == [
            ("A", 0, 40, LeftBy.ROOM_ENDED)
        ]


def test_the_session_of_a_stay_is_the_first_known_before_the_end():
    late = join(40, source_session="x")
    assert spans(join(0), join(20, source_session="x"), end(40, source_session="y"), leave(50)) == [(0, 50)]
    assert entries_of(join(0), late, end(40, source_session="y"), leave(90))[0] == (
        "A",
        0,
        40,
        LeftBy.ROOM_ENDED,
    )


def test_a_reported_leave_overrides_an_inferred_one():
    assert entries_of(join(0), inferred(leave, 40), leave(60)) == [("A", 0, 60, LeftBy.REPORTED)]
    assert entries_of(join(0), inferred(leave, 40)) == [("A", 0, 40, LeftBy.SNAPSHOT)]


def test_a_reported_join_or_end_confirms_an_inferred_leave():
    confirmed = ("A", 0, 40, LeftBy.SNAPSHOT)
    unconfirmed = [join(0, source_session="x"), inferred(leave, 40)]
    assert entries_of(*unconfirmed, join(45), leave(60), rules=EVERY_SITTING) == [
        confirmed,
        ("A", 45, 60, LeftBy.REPORTED),
    ]
    assert entries_of(*unconfirmed, end(45, source_session="x"), leave(60), rules=EVERY_SITTING) == [
        confirmed
    ]
    assert entries_of(*unconfirmed, end(45, source_session="y"), leave(60), rules=EVERY_SITTING) == [
        ("A", 0, 60, LeftBy.REPORTED)
    ]
    assert entries_of(*unconfirmed, end(60), leave(60), rules=EVERY_SITTING) == [
        ("A", 0, 60, LeftBy.REPORTED)
    ]


def test_an_inferred_end_with_a_join_is_confirmed_at_once():
    assert entries_of(join(0), inferred(end, 40), join(40), leave(60), rules=EVERY_SITTING) == [
        ("A", 0, 40, LeftBy.SNAPSHOT),
        ("A", 40, 60, LeftBy.REPORTED),
    ]


def test_a_chain_of_inferred_leaves_is_overridden_as_one():
    chain = [join(0), inferred(leave, 40), inferred(join, 50), inferred(leave, 70), inferred(join, 80)]
    assert entries_of(*chain, leave(99), rules=EVERY_SITTING) == [("A", 0, 99, LeftBy.REPORTED)]
    assert entries_of(*chain, join(90), leave(99), rules=EVERY_SITTING) == [
        ("A", 0, 40, LeftBy.SNAPSHOT),
        ("A", 50, 70, LeftBy.SNAPSHOT),
        ("A", 80, 99, LeftBy.REPORTED),
    ]


def test_an_end_concerns_the_open_stay_and_not_the_unconfirmed_one():
    chain = [join(0, source_session="x"), inferred(leave, 40), inferred(join, 50, source_session="y")]
    assert entries_of(*chain, end(70, source_session="x"), leave(99), rules=EVERY_SITTING) == [
        ("A", 0, 99, LeftBy.REPORTED)
    ]
    assert entries_of(*chain, end(70, source_session="y"), leave(99), rules=EVERY_SITTING) == [
        ("A", 0, 40, LeftBy.SNAPSHOT),
        ("A", 50, 70, LeftBy.ROOM_ENDED),
    ]


def test_an_end_while_a_participant_is_out_concerns_the_stay_that_they_left_last():
    chain = [join(0, source_session="x"), inferred(leave, 40)]
    chain += [inferred(join, 50, source_session="y"), inferred(leave, 70)]
    assert entries_of(*chain, end(80, source_session="x"), leave(99)) == [("A", 0, 99, LeftBy.REPORTED)]
    assert entries_of(*chain, end(80, source_session="y"), leave(99), rules=EVERY_SITTING) == [
        ("A", 0, 40, LeftBy.SNAPSHOT),
        ("A", 50, 70, LeftBy.SNAPSHOT),
    ]


def test_a_cancelled_pair_neither_overrides_nor_confirms():
    unconfirmed = [join(0), inferred(leave, 40), leave(50), join(50)]
    assert entries_of(*unconfirmed) == [("A", 0, 40, LeftBy.SNAPSHOT)]
    assert entries_of(*unconfirmed, leave(60)) == [("A", 0, 60, LeftBy.REPORTED)]


def names(*events):
    return [entry.user_name for meeting in meetings_of(*events) for entry in meeting.participants]


def test_the_first_known_name_counts_even_of_an_ignored_event():
    assert names(join(0), join(10, user_name="Ann"), leave(50, user_name="Zoe")) == ["Ann"]
    assert names(join(0), leave(20, user_name="Ann"), join(20, user_name="Abe"), leave(50)) == ["Abe"]
    assert names(join(0), leave(50), leave(60, user_name="Ann")) == [None]
    assert names(join(0), inferred(leave, 40), leave(60, user_name="Ann")) == ["Ann"]
    assert names(join(0), leave(50, joined_at=30, user_name="Ann")) == ["Ann"]


def attributes(*events):
    return [entry.attributes for meeting in meetings_of(*events) for entry in meeting.participants]


def test_the_first_known_value_of_each_attribute_counts():
    host, late = '{"role":"host"}', '{"role":"guest","seat":7}'
    assert attributes(join(0, attributes=host), join(10, attributes=late), leave(50)) == [
        '{"role":"host","seat":7}'
    ]
    assert attributes(join(0), leave(50, attributes=late)) == [late]
    assert attributes(join(0), leave(50), leave(60, attributes=late)) == [None]
    assert attributes(join(0, attributes=late), join(0, attributes=host), leave(50)) == [late]


def test_where_one_stay_follows_another_joins_name_the_new_one():
    follows = [join(0), end(40), join(40, user_name="New"), inferred(leave, 40, user_name="Old"), leave(80)]
    assert names(*follows) == ["Old", "New"]


def test_events_after_as_of_do_not_exist():
    lasting = [join(0), leave(50, joined_at=20, who="B")]
    assert entries_of(*lasting, as_of=49) == [("A", 0, None, None)]
    assert entries_of(*lasting, as_of=50) == [("A", 0, None, None), ("B", 20, 50, LeftBy.REPORTED)]


def test_what_is_due_at_a_pending_join_is_not_decided_yet():
    lonely = [join(0), join(100, "B"), leave(1000, "B")]
    assert spans(*lonely, join(1600, "C"), as_of=1609) == [(0, None)]
    assert spans(*lonely, join(1601, "C"), as_of=1609) == [(0, 1600), (1600, None)]
    assert spans(*lonely, join(1600, "C"), as_of=1610) == [(0, 1600), (1600, None)]


def test_a_meeting_ongoing_at_a_pending_join_stays_ongoing_with_known_leaves():
    assert entries_of(join(0), join(60, "B"), leave(65), as_of=69) == [("A", 0, 65, LeftBy.REPORTED)]
    assert spans(join(0), join(60, "B"), leave(65), as_of=69) == [(0, None)]
    assert spans(join(0), join(60, "B"), leave(65), as_of=70) == [(0, None)]


def test_exactly_thirty_seconds_are_enough():
    assert spans(join(0), as_of=29) == []
    assert spans(join(0), as_of=30) == [(0, None)]
    assert spans(join(0), join(30, "B"), as_of=32) == []
    assert spans(join(0), join(31, "B"), as_of=32) == [(0, None)]


def test_without_a_minimum_stay_nothing_is_pending():
    every = Rules(0, 30, 600, 15)
    assert spans(join(0), join(5, "B"), as_of=5, rules=every) == [(0, None)]
    assert spans(join(0), join(5, "B"), leave(6, "B"), leave(7), rules=every) == [(0, 7)]


few = settings(max_examples=60, deadline=None)


@few
@given(st.data())
def test_order_and_repetition_do_not_matter(data):
    history = data.draw(histories())
    shuffled = data.draw(st.permutations([*history, *history]))
    as_of = data.draw(asked_as_of(history))
    assert oracle(shuffled, as_of=as_of, rules=SCALED) == oracle(history, as_of=as_of, rules=SCALED)


@few
@given(st.data())
def test_meetings_do_not_change_back_as_time_passes(data):
    history = data.draw(tidy_histories())
    sooner, later = sorted([data.draw(asked_as_of(history)), data.draw(asked_as_of(history))])
    then, now = (oracle(history, as_of=as_of, rules=SCALED) for as_of in (sooner, later))
    over = [meeting for meeting in then if not meeting.ongoing]
    assert now[: len(over)] == over
    assert {meeting.id for meeting in then} <= {meeting.id for meeting in now}
