"""Reports of sources: not all stays, some of them twice, and some late.

Responsible for what sources get wrong. Must not know the rules.
"""

import numpy as np

from headcount.demo.sample.world import (
    END,
    JOIN,
    LEAVE,
    NOBODY,
    SECOND,
    Events,
    Ints,
    Mask,
    Meetings,
    Stays,
    World,
)


def reported(world: World, meetings: Meetings, stays: Stays) -> Events:
    """Return the events that sources report about stays."""
    rng = world.rng
    n = len(stays.join)
    join, leave = _by_clock_of_room(world, stays)
    closed, ends = _closings(world, meetings, stays)
    lost_join = rng.random(n) < 2e-4
    lost_leave = (rng.random(n) < 2e-6) | closed
    again = np.flatnonzero(rng.random(n) < 0.003)
    again_at = join[again] + (rng.random(len(again)) * (leave[again] - join[again])).astype(np.int64)
    orphan = np.flatnonzero(rng.random(n) < 0.001)
    orphan_at = leave[orphan] + rng.integers(20 * SECOND, size=len(orphan))
    events = Events.concatenated(
        [
            _events(stays.where(~lost_join), JOIN, join[~lost_join]),
            _events(stays.where(~lost_leave), LEAVE, leave[~lost_leave]),
            _events(stays.where(again), JOIN, again_at),
            _events(stays.where(orphan), LEAVE, orphan_at),
            ends,
        ]
    )
    twice = np.flatnonzero(rng.random(len(events.at)) < 0.002)
    return _with_arrival(world, Events.concatenated([events, events.where(twice)]))


def _by_clock_of_room(world: World, stays: Stays) -> tuple[Ints, Ints]:
    """Joins and leaves by the clock of the room; some clocks have whole seconds only."""
    coarse = world.in_whole_seconds[stays.room]
    join = np.where(coarse, stays.join // SECOND * SECOND, stays.join)
    leave = np.where(coarse, stays.leave // SECOND * SECOND, stays.leave)
    return join, leave


def _events(stays: Stays, kind: int, at: Ints) -> Events:
    return Events(stays.room, stays.connection, stays.user, np.full(len(at), kind), at, at)


def _closings(world: World, meetings: Meetings, stays: Stays) -> tuple[Mask, Events]:
    """Stays without a reported leave because the room ended as planned, and the ends of the rooms."""
    if not world.ends:
        return np.zeros(len(stays.join), np.bool_), Events.empty()
    closed = world.rng.random(len(meetings.room)) < world.ends
    end = meetings.start + meetings.length
    at = end[closed]
    nobody = np.full(len(at), NOBODY)
    ends = Events(meetings.room[closed], nobody, nobody, np.full(len(at), END), at, at)
    still_in = (stays.join < end[stays.meeting]) & (stays.leave > end[stays.meeting])
    return closed[stays.meeting] & still_in, ends


def _with_arrival(world: World, events: Events) -> Events:
    if not world.disorder:
        return events
    late = world.rng.random(len(events.at)) < world.disorder
    delay = world.rng.integers(500, 8 * SECOND, len(events.at))
    return events._replace(arrival=events.at + np.where(late, delay, 0))
