"""Roll calls: at their thresholds, and compared with counting milliseconds."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.kernel.meetings import Entry
from headcount.reporting.attendance import people_in
from headcount.reporting.roster import Status, roll_call, schedule_of

NOW = 100
HALF = Fraction(1, 2)


def entry(user, join, leave, connection="c"):
    return Entry(connection, user, None, join, leave, None)


def status(*spans, starts=0, ends=60, over=60, now=NOW, threshold=HALF, late=5, early=5):
    """Return the status of user u, who was in the meeting for these spans."""
    people = people_in([entry("u", *span) for span in spans], now)
    (one,) = roll_call(people, {"u": None}, schedule_of(starts, ends, over, now, threshold, late, early))
    return one.status.value, one.late_by_ms, one.left_early_by_ms


@pytest.mark.parametrize(
    ("join", "leave", "expected"),
    [
        (0, 60, ("present", 0, 0)),
        (5, 55, ("present", 0, 0)),
        (6, 60, ("late", 6, 0)),
        (0, 54, ("left_early", 0, 6)),
        (6, 54, ("late", 6, 6)),
        (30, 60, ("late", 30, 0)),
        (31, 60, ("partial", 31, 0)),
        (0, 29, ("partial", 0, 31)),
    ],
)
def test_statuses_change_at_their_thresholds(join, leave, expected):
    assert status((join, leave)) == expected


def test_time_before_the_schedule_does_not_count():
    assert status((0, 10), starts=10) == ("absent", None, None)
    assert status((0, 10), (40, 60), starts=10) == ("partial", 30, 0)


def test_nobody_leaves_early_when_the_meeting_ends_early():
    assert status((0, 40), ends=60, over=40) == ("present", 0, 0)


def test_the_schedule_of_an_ongoing_meeting_ends_now():
    assert status((0, None), ends=1_000, over=None) == ("present", 0, 0)
    assert status((0, 70), ends=1_000, over=None) == ("left_early", 0, 30)


def test_before_the_schedule_starts_attendees_are_present():
    assert status((0, 10), starts=200, ends=300, over=None) == ("present", None, None)


def test_ratios_are_compared_exactly():
    third = Fraction("0.3")
    assert status((0, 3), ends=10, over=10, threshold=third, late=99, early=99)[0] == "present"
    assert status((0, 2), ends=10, over=10, threshold=third, late=99, early=99)[0] == "partial"


# Any meeting and any roster.

MOMENT = st.integers(0, 60)


@st.composite
def entries(draw):
    join = draw(MOMENT)
    leave = draw(st.one_of(st.none(), st.integers(join + 1, 80)))
    user = draw(st.sampled_from((None, "u", "v", "w")))
    return entry(user, join, leave, draw(st.sampled_from("abc")))


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_any_roll_call_agrees_with_counting_milliseconds(data):
    meeting_entries = data.draw(st.lists(entries(), max_size=8))
    roster = dict.fromkeys(data.draw(st.lists(st.sampled_from("uvwxyz"), unique=True)))
    starts = data.draw(MOMENT)
    ends = data.draw(st.integers(starts + 1, 120))
    ongoing = any(one.leave is None for one in meeting_entries)
    over = None if ongoing else max([one.leave for one in meeting_entries], default=60)
    late, early = data.draw(st.integers(0, 20)), data.draw(st.integers(0, 20))
    threshold = data.draw(st.fractions(0, 1, max_denominator=9))
    schedule = schedule_of(starts, ends, over, NOW, threshold, late, early)
    people = people_in(meeting_entries, NOW)
    attendees = roll_call(people, roster, schedule)

    counts = Counter(one.status for one in attendees)
    assert sum(counts[s] for s in Status if s is not Status.UNEXPECTED) == len(roster)
    assert counts[Status.UNEXPECTED] == sum(person.user_id not in roster for person in people)
    assert len(attendees) == len({id(one) for one in attendees}) == len(roster) + counts[Status.UNEXPECTED]
    assert [one.person for one in attendees if one.person is not None] == people

    until = min(ends, NOW if over is None else over)
    scheduled = list(range(starts, until))
    for one in attendees:
        own_entries = [
            e
            for e in meeting_entries
            if one.person is not None
            and ((e.user_id == one.user_id) if one.user_id else (e.user_id, e.participant_id) == (None, one.person.participant_id))
        ]  # fmt: skip
        attended = [
            ms
            for ms in scheduled
            if any(e.join <= ms < (NOW if e.leave is None else e.leave) for e in own_entries)
        ]
        assert one.attended_ms == len(attended) <= max(0, until - starts)
        assert one.status is status_by_counting(
            one, attended, scheduled, own_entries, roster, threshold, late, early
        )


def status_by_counting(one, attended, scheduled, own_entries, roster, threshold, late, early):
    if one.user_id is None or one.user_id not in roster:
        return Status.UNEXPECTED
    if not attended:
        return Status.ABSENT
    if Fraction(len(attended), len(scheduled)) < threshold:
        return Status.PARTIAL
    if attended[0] - scheduled[0] > late:
        return Status.LATE
    if scheduled[-1] - attended[-1] > early:
        return Status.LEFT_EARLY
    return Status.PRESENT
