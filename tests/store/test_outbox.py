"""Outbox: due rows, and the state of a meeting that a message needs, on both databases."""

import pytest

from headcount.kernel.rules import NEVER
from headcount.store.records import BatchChanges, MeetingRow, PendingNotification, PublishedMeeting, StayRow
from support.engines import NEW_YEAR
from support.outbox_messages import put

T = NEW_YEAR
D = "default"


def meeting(name, start, end=None, most=2):
    return MeetingRow(D, name, "r", T + start, None if end is None else T + end, most)


def stay(who, join, leave=None):
    return StayRow(
        D, "r", T + join, who, None if leave is None else T + leave, leave and "reported", None, None
    )


def published(name, start, end=None):
    return PublishedMeeting(D, name, "r", T + start, None if end is None else T + end, 2, 2, 1)


def about(name, start=0, due=50, reason=None):
    return PendingNotification(D, name, T + due, "r", T + start, reason)


def commit(store, *rows, notifications=(), handled=()):
    done = BatchChanges(0, handled=list(handled))
    for row in rows:
        if isinstance(row, StayRow):
            done.stays[row[:4]] = row
        elif isinstance(row, MeetingRow):
            done.meetings[row.domain, row.id] = row
        else:
            done.published[row.domain, row.id] = row
    done.notifications = {(row.domain, row.id, row.due): row for row in notifications}
    store.projections.commit(done, store.projections.cursor()[1])


def test_due_rows_are_ordered_and_removed_once_published(store):
    rows = [about("c", due=70, reason="late_event"), about("a", due=50), about("b", due=60)]
    assert store.notifications.next_due() == NEVER
    commit(store, notifications=rows)
    assert store.notifications.next_due() == T + 50
    assert store.notifications.due(T + 49, 10) == []
    assert store.notifications.due(T + 70, 10) == [rows[1], rows[2], rows[0]]
    assert store.notifications.due(T + 60, 10) == rows[1:]
    assert store.notifications.due(T + 70, 2) == rows[1:]
    commit(store, handled=rows[1:])
    assert store.notifications.next_due() == T + 70
    assert store.notifications.due(T + 70, 10) == rows[:1]


def state_of(store, name, horizon, start=0):
    return store.notifications.states({(D, name): [about(name, start)]}, T + horizon)[D, name]


def test_an_unknown_meeting_has_nothing_to_publish(store):
    assert state_of(store, "m", 100) == (None, None, None, 0, False)


def test_participants_are_not_counted_for_a_start(store):
    commit(store, meeting("m", 0), stay("a", 0))
    assert state_of(store, "m", 100) == (None, meeting("m", 0), None, 0, False)
    commit(store, published("m", 0))
    assert state_of(store, "m", 100) == (published("m", 0), meeting("m", 0), None, 0, False)


@pytest.mark.parametrize(("horizon", "people"), [(99, 0), (100, 3), (200, 3)])
def test_participants_of_an_ended_meeting_are_counted(store, horizon, people):
    commit(
        store,
        meeting("m", 0, 100),
        stay("a", 0, 100),
        stay("b", 10, 20),
        stay("c", 99, 300),
        stay("d", 100, 200),
    )
    commit(store, published("m", 0))
    assert state_of(store, "m", horizon) == (published("m", 0), meeting("m", 0, 100), None, people, False)


def test_participants_of_a_reopened_meeting_are_counted_up_to_the_horizon(store):
    commit(store, meeting("m", 0), stay("a", 0), stay("b", 100), stay("c", 101), published("m", 0, 50))
    assert state_of(store, "m", 100).participants == 2
    assert state_of(store, "m", 101).participants == 3


def test_participants_of_a_meeting_that_ends_after_the_horizon_are_counted_to_the_horizon(store):
    commit(store, meeting("m", 0, 500), stay("a", 0, 500), stay("b", 300, 400), published("m", 0, 50))
    assert state_of(store, "m", 100).participants == 1


@pytest.mark.parametrize(("start", "reset"), [(100, True), (101, False), (300, False)])
def test_a_meeting_was_reset_if_another_begins_where_it_ends(store, start, reset):
    commit(store, meeting("m", 0, 100), meeting("n", start, 500), published("m", 0))
    assert state_of(store, "m", 100).ended_by_reset is reset


def test_a_meeting_is_not_reset_before_its_end_is_published(store):
    commit(store, meeting("m", 0, 100), meeting("n", 100, 500), published("m", 0))
    assert state_of(store, "m", 99).ended_by_reset is False


@pytest.mark.parametrize(("start", "covers"), [(29, False), (30, True), (99, True), (100, False)])
def test_a_removed_meeting_is_covered_by_the_one_at_its_start(store, start, covers):
    other = meeting("other", 30, 100)
    commit(store, other, stay("a", 30, 100), stay("b", 40, 60), published("removed", start))
    expected = (
        (published("removed", start), None, other, 2, False)
        if covers
        else (published("removed", start), None, None, 0, False)
    )
    assert state_of(store, "removed", 200, start) == expected


def test_participants_of_an_ongoing_meeting_that_covers_a_removed_one_are_counted(store):
    commit(store, meeting("other", 30), stay("a", 30), stay("b", 40, 60), published("removed", 50))
    assert state_of(store, "removed", 200, 50) == (
        published("removed", 50),
        None,
        meeting("other", 30),
        2,
        False,
    )


def test_the_messages_of_a_domain_are_complete_since_its_first_stream(store):
    assert store.messages.stream_opened(D, T) == 0
    put(store, "a", "b", domain=D)
    end = store.messages.end()
    assert store.messages.stream_opened(D, T + 7_200_000) == 0
    assert store.messages.stream_opened("another", T) == end
    store.messages.forget_streams(T + 7_200_000)
    assert store.messages.stream_opened(D, T) == 0
    store.messages.forget_streams(NEVER)
    assert store.messages.stream_opened(D, T) == end
