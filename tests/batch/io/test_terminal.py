"""The summary: counts of what was found and of what was ignored."""

import pytest

from headcount import Event, Inferred, Kind, sessionize
from support.engines import DAILY_RULES, NEW_YEAR, table_of, to_calendar_time

pytestmark = pytest.mark.usefixtures("each_lane")


def join(at, who="a", **known):
    return Event(Kind.JOIN, "r", at * 1000, who, **known)


def leave(at, who="a", **known):
    return Event(Kind.LEAVE, "r", at * 1000, who, **known)


def summary_of(*events):
    return sessionize(table_of(map(to_calendar_time, events)), rules=DAILY_RULES).summary


GUESS = Event(Kind.LEAVE, "r", 60_000, "a", inferred=Inferred.SNAPSHOT)


@pytest.mark.parametrize(
    ("events", "counted"),
    [
        ((join(0), leave(9)), {"short_stays": 1}),
        ((join(0), join(95, "b"), leave(100)), {"pending_stays": 1}),
        ((leave(0), join(5), leave(50)), {"leaves_without_join": 1}),
        ((join(0), join(20), leave(50)), {"duplicate_joins": 1}),
        ((join(0), join(0), leave(50), leave(50)), {"duplicate_events": 2}),
        ((join(0), join(20), leave(20), leave(50)), {"cancelled_out": 2}),
        ((join(0), GUESS, join(60), leave(90)), {"inferred_events_outranked": 1, "duplicate_joins": 1}),
        ((join(0), GUESS, leave(90)), {"inferred_leaves_overridden": 1}),
        ((join(0), leave(50), Event(Kind.END, "r", 60_000)), {"ends_of_empty_rooms": 1}),
        ((join(0), leave(50, joined_at=0)), {}),
        ((join(0), leave(50)), {}),
    ],
)
def test_each_ignored_event_is_counted_once_by_its_reason(events, counted):
    summary = summary_of(*events)
    reasons = (
        "short_stays", "pending_stays", "leaves_without_join", "duplicate_joins", "duplicate_events", "cancelled_out",
        "inferred_events_outranked", "inferred_leaves_overridden", "ends_of_empty_rooms", "after_as_of", "rejected",
    )  # fmt: skip
    assert {name: getattr(summary, name) for name in reasons if getattr(summary, name)} == counted


def test_the_summary_counts_what_was_found():
    summary = summary_of(join(0), join(10, "b"), leave(50), leave(60, "b"))
    assert (summary.events, summary.rooms, summary.meetings, summary.participants) == (4, 1, 1, 2)
    assert (summary.participant_ms, summary.busiest_room, summary.busiest_room_ms) == (100_000, "r", 100_000)
    assert (summary.first_at, summary.last_at) == (NEW_YEAR, NEW_YEAR + 60_000)


def test_events_after_as_of_are_counted():
    events = table_of(map(to_calendar_time, [join(0), leave(50)]))
    sessions = sessionize(events, as_of=NEW_YEAR + 20_000)
    assert sessions.summary.after_as_of == 1
