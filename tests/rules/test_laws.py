"""Invariants of all meetings (R9-R14), and what never changes as time passes."""

from dataclasses import replace
from operator import itemgetter
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import headcount
from headcount.batch import compiled
from headcount.batch.passes import spill
from headcount.http.serializer import Serializer
from headcount.kernel import stay_table
from headcount.kernel.changes import ParticipantJoined, ParticipantLeft
from headcount.kernel.replay import changes_of
from headcount.kernel.rules import Rules
from headcount.reporting.attendance import person_of
from headcount.store.records import MeetingRow
from support import ROOT
from support.engines import kernel, table_of, to_calendar_time
from support.lanes import lane
from support.strategies import SCALED, histories, tidy_histories

MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
LONG_AFTER = 10_000


def meetings_of(history, as_of=LONG_AFTER):
    return kernel(history, as_of=as_of, rules=SCALED)


def end_of(meeting, as_of=LONG_AFTER):
    return as_of if meeting.end is None else meeting.end


@MANY
@given(histories())
def test_meetings_of_a_room_never_overlap(history):
    meetings = meetings_of(history)
    for before, after in zip(meetings, meetings[1:], strict=False):
        assert before.end is not None
        assert before.start < before.end <= after.start


@MANY
@given(histories())
def test_every_millisecond_of_a_stay_in_a_sitting_with_meetings_is_in_one_entry(history):
    meetings = meetings_of(history)
    for stay in counted_stays(history):
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


def counted_stays(history):
    stay_table = {}
    for change in changes_of(history, as_of=LONG_AFTER, rules=SCALED):
        if isinstance(change, ParticipantJoined | ParticipantLeft):
            stay_table[change.stay.participant_id, change.stay.join] = change.stay
    return stay_table.values()


@MANY
@given(histories())
def test_entries_lie_within_their_meeting_and_bound_max_participants(history):
    for meeting in meetings_of(history):
        assert 1 <= meeting.max_participants <= len(meeting.participants)
        for entry in meeting.participants:
            assert meeting.start <= entry.join < end_of(meeting)
            assert entry.leave is None or entry.join < entry.leave <= end_of(meeting)


@MANY
@given(histories())
def test_max_participants_is_the_largest_number_of_entries_at_one_time(history):
    for meeting in meetings_of(history):
        times = [entry.join for entry in meeting.participants]
        present = [
            sum(e.join <= t and (e.leave is None or t < e.leave) for e in meeting.participants) for t in times
        ]
        assert meeting.max_participants == max(present)


@pytest.mark.usefixtures("each_lane")
@MANY
@given(histories())
def test_whole_seconds_never_overstate_a_duration(history):
    sessions = headcount.sessionize(table_of(map(to_calendar_time, history)), rules=SCALED)
    rows = {row["id"]: row for row in sessions.meetings.to_pylist()}
    for meeting in sessions.to_daily():
        row = rows[meeting["id"]]
        total = sum(entry["duration"] for entry in meeting["participants"])
        assert total * 1000 <= row["participant_ms"]
        assert meeting["start_time"] * 1000 <= row["start"].timestamp() * 1000


@pytest.mark.usefixtures("each_lane")
@MANY
@given(histories(), st.integers(1, 60), st.sampled_from([0, 1, 500, 999]))
def test_no_participant_is_shown_beyond_the_end_of_the_meeting(history, granularity_s, offset):
    events = [to_calendar_time(event) for event in history]
    events = [
        replace(event, at=event.at + offset, joined_at=event.joined_at and event.joined_at + offset)
        for event in events
    ]
    sessions = headcount.sessionize(table_of(events), rules=SCALED)
    serializer = Serializer(sessions.as_of, granularity_s)
    live = []
    for meeting in kernel(events, as_of=sessions.as_of, rules=SCALED):
        row = MeetingRow(meeting.domain, meeting.id, *meeting[2:6])
        entries = meeting.participants
        live.append(msgspec.to_builtins(serializer.meeting_with_participants(row, entries)))
        shown_end = live[-1]["start_time"] + live[-1]["duration"]
        for entry in live[-1]["participants"]:
            assert entry["duration"] >= 0
            assert entry["join_time"] + entry["duration"] <= shown_end
        for entry in entries:
            attended = serializer.attended(person_of([entry], sessions.as_of), row)
            assert attended.join_time + attended.duration <= shown_end
            assert attended.leave_time is None or attended.leave_time <= shown_end
    newest_first = sorted(sessions.to_daily(granularity_s), key=itemgetter("room", "id"))
    assert sorted(live, key=itemgetter("room", "id")) == newest_first


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tidy_histories(latest=900))
def test_meetings_never_change_back_as_time_passes(history):
    earlier = {}
    for now in range(max((event.at for event in history), default=0) + 700):
        found = {meeting.id: meeting for meeting in meetings_of(history, now)}
        for name, before in earlier.items():
            assert name in found
            assert found[name].start == before.start
            assert found[name].max_participants >= before.max_participants
            if before.end is not None:
                assert found[name].end == before.end
        earlier = found


@MANY
@given(st.data())
def test_events_after_as_of_do_not_exist(data):
    history = data.draw(histories())
    now = data.draw(st.sampled_from(sorted({event.at for event in history})))
    assert meetings_of(history, now) == meetings_of([event for event in history if event.at <= now], now)


@MANY
@given(histories())
def test_events_larger_than_memory_give_the_same_result(history):
    with patch.object(spill, "DIVISIONS", 8):  # with fewer divisions, rooms share one more often
        assert_divided_is_in_memory(table_of(map(to_calendar_time, history)), SCALED)


def test_a_file_larger_than_memory_gives_the_same_result_with_all_divisions():
    assert_divided_is_in_memory(str(ROOT / "docs/examples/monday.csv"), Rules())


def assert_divided_is_in_memory(events, rules):
    with lane("compiled"):
        in_memory = headcount.sessionize(events, rules=rules)
        with patch.object(compiled, "ENTRIES_AT_ONCE", 2):  # participants are read in many windows
            divided = headcount.sessionize(events, rules=rules, max_memory=1)
            assert divided.participants.num_rows == in_memory.participants.num_rows
    assert divided.meetings.to_pylist() == in_memory.meetings.to_pylist()
    assert divided.participants.to_pylist() == in_memory.participants.to_pylist()
    assert divided.summary == in_memory.summary


def test_a_join_opens_a_stay_and_another_event_ends_it():
    """Then a room has at most as many entries as events, as the compiled pass needs, which writes entries over events:
    every entry but a stay's first was begun by a reset, and before each reset a participant left.
    """
    joins = stay_table.JOIN | stay_table.INFERRED_JOIN
    for case, transition in enumerate(stay_table.TRANSITIONS):
        signs = case % stay_table.SIGNS
        if transition & stay_table.OPENS:
            assert signs & joins
        elif transition & (stay_table.CLOSES | stay_table.OVERRIDES):
            assert signs & ~joins
