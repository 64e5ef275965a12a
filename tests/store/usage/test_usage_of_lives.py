"""Usage agrees with the meetings, for events in any order, of everybody and by attributes."""

import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.kernel.attributes import text_of, values_of
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.store.usage.totals import QuarterUsage, total_of_value
from support.engines import NEW_YEAR, kernel
from support.stored import DOMAIN, IN_MEMORY, StoredEngine
from support.strategies import histories

TICK = 3_000
"""So that a history of 2,500 ticks goes over some quarters of an hour."""
RULES = Rules(10 * TICK, 30 * TICK, 600 * TICK, 15 * TICK)
QUARTER = 900_000
NOTHING = QuarterUsage(0, 0, 0, 0)
FIRST = NEW_YEAR // QUARTER - 2
QUARTERS = range(FIRST, FIRST + 16)
ROOMS = ("red", "blue")
CONDITIONS = (
    (("role", "host"),),
    (("customer", "Zürich"),),
    (("seat", "7"),),
    (("role", "guest"), ("vip", "true")),
    (("role", "nobody"),),
)
"""On attributes of which usage is stored and of which it is not, and of which nobody has one."""


def stretched(event, room):
    joined_at = None if event.joined_at is None else event.joined_at * TICK + NEW_YEAR
    return replace(event, room=room, at=event.at * TICK + NEW_YEAR, joined_at=joined_at)


def texts(entry):
    return {key: text_of(value) for key, value in values_of(entry.attributes).items()}


def fulfills(conditions):
    return lambda entry: dict(conditions).items() <= texts(entry).items()


def slow_sum(meetings, now, fits=bool):
    """The same from meetings with their participants, by looking at every quarter of everybody who fits."""
    fitting = [(meeting.start, [one for one in meeting.participants if fits(one)]) for meeting in meetings]
    entries = [(one.join, now if one.leave is None else one.leave) for _, some in fitting for one in some]
    found = {}
    for number in QUARTERS:
        start, end = number * QUARTER, (number + 1) * QUARTER
        began = sum(start <= moment < end and bool(some) for moment, some in fitting)
        time = sum(max(0, min(leave, end) - max(join, start)) for join, leave in entries)
        moments = sorted({start, *(join for join, _ in entries if start <= join < end)})
        crowds = [(sum(join <= at < leave for join, leave in entries), -at) for at in moments]
        most, at = max(crowds)
        if began or time:
            found[number] = (began, time, most, -at)
    return found


def fast(stored, now, room=None, conditions=()):
    used = stored.store.usage.by_quarter(DOMAIN, room, QUARTERS[0], QUARTERS[-1] + 1, now, conditions)
    return {number: tuple(one) for number, one in used.items()}


def check_sums(stored, now, edges, room=None, conditions=()):
    """Sums between edges are those of the quarters between them, and none extends beyond an edge."""
    selection = (DOMAIN, room, QUARTERS[0], QUARTERS[-1] + 1, now, conditions)
    single, found = (stored.store.usage.by_quarter(*selection, edges=some) for some in ((), edges))
    for first, until in pairwise(sorted({QUARTERS[0], *edges, QUARTERS[-1] + 1})):
        parts, sums = (
            [used for number, used in one.items() if first <= number < until] for one in (single, found)
        )
        assert len(sums) <= len(parts)
        assert total_of_value(None, sums or [NOTHING]) == total_of_value(None, parts or [NOTHING])


def rooms_of(stored, now, conditions=()):
    rooms, _ = stored.store.usage.by_room(DOMAIN, None, QUARTERS[0], QUARTERS[-1] + 1, now, conditions)
    return {one.room: tuple(one)[1:] for one in rooms}


def values_of_key(stored, now, key, room=None, conditions=()):
    values, quarters = stored.store.usage.by_value(
        DOMAIN, key, room, QUARTERS[0], QUARTERS[-1] + 1, now, conditions
    )
    assert sum(one.participant_ms for one in values) == sum(one.participant_ms for one in quarters.values())
    assert quarters == stored.store.usage.by_quarter(
        DOMAIN, room, QUARTERS[0], QUARTERS[-1] + 1, now, conditions
    )
    return {one.value: tuple(one)[1:] for one in values}


def slow_values(meetings, now, key, conditions=()):
    """Meetings, time, the most at once and when, of each value that somebody has, and of those without one."""
    keys = {texts(one).get(key) for meeting in meetings for one in meeting.participants}
    found = {}
    for value in keys:
        fits = fulfills(conditions)
        theirs = slow_sum(meetings, now, lambda one, v=value, f=fits: f(one) and texts(one).get(key) == v)
        if theirs:
            most = max((one[2], -one[3]) for one in theirs.values())
            found[value] = (*summed(theirs)[:2], most[0], -most[1])
    return found


def check(stored, meetings, now):
    """What is answered of all rooms, of each, and by room, is what the meetings come to."""
    assert fast(stored, now) == slow_sum(meetings, now)
    for room in ROOMS:
        theirs = slow_sum([one for one in meetings if one.room == room], now)
        assert fast(stored, now, room) == theirs
        assert rooms_of(stored, now).get(room) == (summed(theirs) if theirs else None)


def check_attributes(stored, meetings, now, conditions, key):
    """The same of those who fulfill conditions, and by the values of an attribute."""
    fits = fulfills(conditions)
    assert fast(stored, now, None, conditions) == slow_sum(meetings, now, fits)
    by_room = rooms_of(stored, now, conditions)
    assert values_of_key(stored, now, key) == slow_values(meetings, now, key)
    assert values_of_key(stored, now, key, None, conditions) == slow_values(meetings, now, key, conditions)
    for room in ROOMS:
        held = [one for one in meetings if one.room == room]
        theirs = slow_sum(held, now, fits)
        assert fast(stored, now, room, conditions) == theirs
        assert by_room.get(room) == (summed(theirs) if theirs else None)
        assert values_of_key(stored, now, key, room) == slow_values(held, now, key)


def tallied(stored):
    """All that is stored of it."""
    with stored.store.database.reading() as connection:
        return {
            table: sorted(connection.query(f"select * from {table}", {}))
            for table in ("room_quarters", "domain_quarters", "domain_steps", "room_totals", "value_totals")
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
    lives = histories(max_events=8, with_attributes=True)
    said = [stretched(event, room) for room in ROOMS for event in data.draw(lives)]
    order = data.draw(st.permutations(said))
    moments = st.integers(0, 3_000).map(lambda ticks: NEW_YEAR + ticks * TICK)
    ticks = sorted(data.draw(st.lists(moments, max_size=len(order))))
    restarts = data.draw(st.sets(st.integers(0, len(order)), max_size=3))
    tallies = data.draw(st.lists(st.integers(0, 3), min_size=len(order), max_size=len(order)))
    now = data.draw(moments)
    conditions = data.draw(st.sampled_from(CONDITIONS))
    key = data.draw(st.sampled_from(("role", "customer", "vip")))
    edges = sorted(data.draw(st.sets(st.sampled_from(QUARTERS), min_size=1)))
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
        check_attributes(stored, meetings, now, conditions, key)
        check_sums(stored, now, edges)
        check_sums(stored, now, edges, conditions=conditions)
        stored.store.usage_rollup.finish()
        assert waiting(stored) == 0
        check(stored, meetings, now)
        check_attributes(stored, meetings, now, conditions, key)
        check_sums(stored, now, edges)
        check_sums(stored, now, edges, conditions=conditions)
        tables = tallied(stored)
        stored.store.usage_rollup.reset()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("headcount.store.usage.rollup._LONGEST", data.draw(st.integers(1, 5)))
            stored.store.usage_rollup.finish()
        assert tallied(stored) == tables
    finally:
        stored.close()


@pytest.mark.parametrize("late", [790, 801])
def test_usage_lacks_an_attribute_of_a_leave_that_was_withdrawn_before_it_was_decided(folder, late):
    host = {"attributes": '{"role":"host"}'}
    said = [
        stretched(Event(kind, "red", at, who, **known), "red")
        for kind, at, who, known in [
            (Kind.JOIN, 0, "a", {}),
            (Kind.JOIN, 0, "b", {}),
            (Kind.LEAVE, 20, "b", {}),
            (Kind.JOIN, 700, "b", {}),
            (Kind.JOIN, 800, "c", {}),
            (Kind.LEAVE, 802, "a", host),
            (Kind.LEAVE, late, "a", {}),
        ]
    ]
    now = NEW_YEAR + 803 * TICK
    stored = StoredEngine(folder, RULES)
    try:
        for first, last in ((0, 6), (6, 7)):
            stored.append(*said[first:last])
            stored.show(now)
            stored.store.usage_rollup.finish()
            meetings = kernel(said[:last], as_of=now, rules=RULES)
            assert len(meetings) == 2
            check_attributes(stored, meetings, now, CONDITIONS[0], "role")
    finally:
        stored.close()
