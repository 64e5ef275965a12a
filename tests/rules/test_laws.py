"""Laws that hold of all meetings, whoever found them (R9-R14), and what is never taken back."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import headcount
from headcount.kernel import stay_table
from headcount.kernel.changes import ParticipantJoined, ParticipantLeft
from headcount.kernel.replay import changes_of
from support.engines import in_the_calendar, kernel, table_of
from support.strategies import SCALED, histories, tidy_histories

MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
LONG_AFTER = 10_000


def meetings_of(said, as_of=LONG_AFTER):
    return kernel(said, as_of=as_of, rules=SCALED)


def end_of(meeting, as_of=LONG_AFTER):
    return as_of if meeting.end is None else meeting.end


@MANY
@given(histories())
def test_meetings_of_a_room_never_overlap(said):
    meetings = meetings_of(said)
    for before, after in zip(meetings, meetings[1:], strict=False):
        assert before.end is not None
        assert before.start < before.end <= after.start


@MANY
@given(histories())
def test_every_millisecond_of_a_stay_in_a_sitting_with_meetings_is_listed_once(said):
    meetings = meetings_of(said)
    for stay in counted_stays(said):
        leave = LONG_AFTER if stay.leave is None else stay.leave
        parts = sorted(
            (entry.join, LONG_AFTER if entry.leave is None else entry.leave)
            for meeting in meetings
            for entry in meeting.participants
            if entry.participant_id == stay.participant_id and stay.join <= entry.join < leave
        )
        if parts:
            assert parts[0][0] == stay.join
            assert parts[-1][1] == leave
            assert all(a[1] == b[0] for a, b in zip(parts, parts[1:], strict=False))
        else:
            assert not any(m.start <= stay.join < end_of(m) for m in meetings)


def counted_stays(said):
    stay_table = {}
    for change in changes_of(said, as_of=LONG_AFTER, rules=SCALED):
        if isinstance(change, ParticipantJoined | ParticipantLeft):
            stay_table[change.stay.participant_id, change.stay.join] = change.stay
    return stay_table.values()


@MANY
@given(histories())
def test_nobody_is_listed_beyond_a_meeting_and_never_more_at_once_than_are_listed(said):
    for meeting in meetings_of(said):
        assert 1 <= meeting.max_participants <= len(meeting.participants)
        for entry in meeting.participants:
            assert meeting.start <= entry.join < end_of(meeting)
            assert entry.leave is None or entry.join < entry.leave <= end_of(meeting)


@MANY
@given(histories())
def test_the_most_at_once_are_counted_and_not_guessed(said):
    for meeting in meetings_of(said):
        moments = [entry.join for entry in meeting.participants]
        at_once = [
            sum(e.join <= t and (e.leave is None or t < e.leave) for e in meeting.participants)
            for t in moments
        ]
        assert meeting.max_participants == max(at_once)


@MANY
@given(histories())
def test_whole_seconds_never_overstate_anybody(said):
    sessions = headcount.sessionize(table_of(map(in_the_calendar, said)), rules=SCALED)
    rows = {row["id"]: row for row in sessions.meetings.to_pylist()}
    for meeting in sessions.to_daily():
        row = rows[meeting["id"]]
        listed = sum(entry["duration"] for entry in meeting["participants"])
        assert listed * 1000 <= row["participant_ms"]
        assert meeting["start_time"] * 1000 <= row["start"].timestamp() * 1000
        assert all(entry["duration"] <= meeting["duration"] + 1 for entry in meeting["participants"])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tidy_histories(latest=900))
def test_what_was_shown_is_never_taken_back_as_time_passes(said):
    shown = {}
    for now in range(max((event.at for event in said), default=0) + 700):
        found = {meeting.id: meeting for meeting in meetings_of(said, now)}
        for name, before in shown.items():
            assert name in found
            assert found[name].start == before.start
            assert found[name].max_participants >= before.max_participants
            if before.end is not None:
                assert found[name].end == before.end
        shown = found


@MANY
@given(st.data())
def test_what_was_said_after_the_moment_does_not_exist(data):
    said = data.draw(histories())
    now = data.draw(st.sampled_from(sorted({event.at for event in said})))
    assert meetings_of(said, now) == meetings_of([event for event in said if event.at <= now], now)


@MANY
@given(histories())
def test_events_that_do_not_fit_into_memory_give_the_same(said):
    events = table_of(map(in_the_calendar, said))
    whole, divided = (headcount.sessionize(events, rules=SCALED, max_memory=limit) for limit in (None, 1))
    assert divided.meetings.to_pylist() == whole.meetings.to_pylist()
    assert divided.participants.to_pylist() == whole.participants.to_pylist()
    assert divided.summary == whole.summary


def test_a_stay_is_opened_by_a_join_and_ended_by_something_else():
    """So a room has at most as many entries as events: every entry but a stay's first was begun by a
    reset, and before each reset somebody left. The compiled pass writes entries over the events.
    """
    joins = stay_table.JOIN | stay_table.INFERRED_JOIN
    for case, meaning in enumerate(stay_table.TRANSITIONS):
        signs = case % stay_table.SIGNS
        if meaning & stay_table.OPENS:
            assert signs & joins
        elif meaning & (stay_table.CLOSES | stay_table.OVERRIDES):
            assert signs & ~joins
