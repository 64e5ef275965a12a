"""What is reported of what people did: not all of it, some of it twice, and some of it late."""

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
    chance = world.chance
    n = len(stays.join)
    join, leave = _as_measured(world, stays)
    closed, ends = _closings(world, meetings, stays)
    lost_join = chance.random(n) < 2e-4
    lost_leave = (chance.random(n) < 2e-6) | closed
    again = np.flatnonzero(chance.random(n) < 0.003)
    again_at = join[again] + (chance.random(len(again)) * (leave[again] - join[again])).astype(np.int64)
    orphan = np.flatnonzero(chance.random(n) < 0.001)
    orphan_at = leave[orphan] + chance.integers(20 * SECOND, size=len(orphan))
    told = Events.concatenated(
        [
            _told(stays.where(~lost_join), JOIN, join[~lost_join]),
            _told(stays.where(~lost_leave), LEAVE, leave[~lost_leave]),
            _told(stays.where(again), JOIN, again_at),
            _told(stays.where(orphan), LEAVE, orphan_at),
            ends,
        ]
    )
    twice = np.flatnonzero(chance.random(len(told.at)) < 0.002)
    return _on_the_way(world, Events.concatenated([told, told.where(twice)]))


def _as_measured(world: World, stays: Stays) -> tuple[Ints, Ints]:
    """Joins and leaves by the room's clock; some clocks know whole seconds only."""
    coarse = world.in_whole_seconds[stays.room]
    join = np.where(coarse, stays.join // SECOND * SECOND, stays.join)
    leave = np.where(coarse, stays.leave // SECOND * SECOND, stays.leave)
    return join, leave


def _told(stays: Stays, kind: int, at: Ints) -> Events:
    return Events(stays.room, stays.connection, stays.user, np.full(len(at), kind), at, at)


def _closings(world: World, meetings: Meetings, stays: Stays) -> tuple[Mask, Events]:
    """Whose leave is not told because the room was closed at the planned end, and the ends of the rooms."""
    if not world.ends:
        return np.zeros(len(stays.join), np.bool_), Events.none()
    closed = world.chance.random(len(meetings.room)) < world.ends
    end = meetings.begin + meetings.length
    at = end[closed]
    nobody = np.full(len(at), NOBODY)
    ends = Events(meetings.room[closed], nobody, nobody, np.full(len(at), END), at, at)
    still_in = (stays.join < end[stays.meeting]) & (stays.leave > end[stays.meeting])
    return closed[stays.meeting] & still_in, ends


def _on_the_way(world: World, told: Events) -> Events:
    if not world.disorder:
        return told
    late = world.chance.random(len(told.at)) < world.disorder
    delay = world.chance.integers(500, 8 * SECOND, len(told.at))
    return told._replace(delivered=told.at + np.where(late, delay, 0))
