"""Usage agrees with the meetings, for events in any order."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.kernel.rules import Rules
from support.engines import NEW_YEAR, kernel
from support.stored import DOMAIN, IN_MEMORY, StoredEngine
from support.strategies import histories

TICK = 3_000
"""So that a history of 2,500 ticks goes over some quarters of an hour."""
RULES = Rules(10 * TICK, 30 * TICK, 600 * TICK, 15 * TICK)
QUARTER = 900_000
FIRST = NEW_YEAR // QUARTER - 2
QUARTERS = range(FIRST, FIRST + 16)
ROOMS = ("red", "blue")


def stretched(event, room):
    joined_at = None if event.joined_at is None else event.joined_at * TICK + NEW_YEAR
    return replace(event, room=room, at=event.at * TICK + NEW_YEAR, joined_at=joined_at)


def slow_sum(meetings, now):
    """The same from meetings with their participants, by looking at every quarter of everybody."""
    entries = [
        (one.join, now if one.leave is None else one.leave)
        for meeting in meetings
        for one in meeting.participants
    ]
    found = {}
    for number in QUARTERS:
        start, end = number * QUARTER, (number + 1) * QUARTER
        began = sum(start <= meeting.start < end for meeting in meetings)
        time = sum(max(0, min(leave, end) - max(join, start)) for join, leave in entries)
        moments = sorted({start, *(join for join, _ in entries if start <= join < end)})
        crowds = [(sum(join <= at < leave for join, leave in entries), -at) for at in moments]
        most, at = max(crowds)
        if began or time:
            found[number] = (began, time, most, -at)
    return found


def fast(stored, now, room=None):
    used = stored.store.usage.by_quarter(DOMAIN, room, QUARTERS[0], QUARTERS[-1] + 1, now)
    return {number: tuple(one) for number, one in used.items()}


def rooms_of(stored, now):
    rooms, _ = stored.store.usage.by_room(DOMAIN, None, QUARTERS[0], QUARTERS[-1] + 1, now)
    return {one.room: tuple(one)[1:] for one in rooms}


def check(stored, meetings, now):
    """What is answered of all rooms, of each, and by room, is what the meetings come to."""
    assert fast(stored, now) == slow_sum(meetings, now)
    for room in ROOMS:
        theirs = slow_sum([one for one in meetings if one.room == room], now)
        assert fast(stored, now, room) == theirs
        assert rooms_of(stored, now).get(room) == (summed(theirs) if theirs else None)


def tallied(stored):
    """All that is stored of it."""
    with stored.store.database.reading() as connection:
        return {
            table: sorted(connection.query(f"select * from {table}", {}))
            for table in ("room_quarters", "domain_quarters", "domain_steps", "room_totals")
        }


def waiting(stored):
    with stored.store.database.reading() as connection:
        return connection.query("select count(*) from pending_rollups", {})[0][0]


def summed(quarters):
    began, time, most, _ = zip(*quarters.values(), strict=True)
    return sum(began), sum(time), max(most)


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as made:
        yield Path(made)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_usage_is_that_of_the_meetings_in_any_order_with_restarts_anywhere(folder, data):
    said = [stretched(event, room) for room in ROOMS for event in data.draw(histories(max_events=8))]
    order = data.draw(st.permutations(said))
    moments = st.integers(0, 3_000).map(lambda ticks: NEW_YEAR + ticks * TICK)
    ticks = sorted(data.draw(st.lists(moments, max_size=len(order))))
    restarts = data.draw(st.sets(st.integers(0, len(order)), max_size=3))
    tallies = data.draw(st.lists(st.integers(0, 3), min_size=len(order), max_size=len(order)))
    now = data.draw(moments)
    stored = StoredEngine(folder, RULES)
    try:
        for number, event in enumerate(order):
            if number < len(ticks):
                stored.show(min(ticks[number], now))
            if number in restarts:
                stored.start()
            stored.append(event)
            if tallies[number]:
                stored.store.usage_rollup.step(tallies[number])
        stored.show(now)
        meetings = kernel(said, as_of=now, rules=RULES)
        assert stored.meetings() == meetings
        check(stored, meetings, now)
        stored.store.usage_rollup.finish()
        assert waiting(stored) == 0
        check(stored, meetings, now)
        tables = tallied(stored)
        stored.store.usage_rollup.reset()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("headcount.store.usage.rollup._LONGEST", data.draw(st.integers(1, 5)))
            stored.store.usage_rollup.finish()
        assert tallied(stored) == tables
    finally:
        stored.close()
