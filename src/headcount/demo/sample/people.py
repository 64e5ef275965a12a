"""What people do: plan, come early, look in, hand over, stay behind alone, lose their connection.

It sits near the rules' boundaries because that is where errors live, and knows none of the rules.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from headcount.demo.sample.world import DAY, EARLIEST, HOUR, MINUTE, SECOND, Ints, Meetings, Stays, World

_HOURS: Final = np.array([8, 9, 9, 10, 10, 10, 11, 11, 12, 13, 14, 14, 14, 15, 15, 16, 17, 19])
_LENGTHS: Final = np.array([15, 15, 25, 30, 30, 30, 45, 50, 60, 60, 60, 90, 120, 240]) * MINUTE


def plans(world: World, midnight: int, how_many: int) -> Meetings:
    chance = world.chance
    room = np.searchsorted(world.fame, chance.random(how_many) * world.fame[-1])
    local = chance.choice(_HOURS, how_many) * HOUR
    past_the_hour = np.where(chance.random(how_many) < 0.3, HOUR // 2, 0)
    anytime = chance.random(how_many) < 0.06
    past_the_hour[anytime] = chance.integers(HOUR, size=int(anytime.sum()))
    begin = midnight + (local + past_the_hour - world.time_zone_ms[room]) % DAY
    length = chance.choice(_LENGTHS, how_many)
    size = 3 + chance.gamma(1.6, 4.8, how_many).astype(np.int64)
    kind = chance.random(how_many)
    size[kind < 0.32] = 2
    size[kind > 0.985] *= 4
    size[kind < 0.08] = 1
    return Meetings(room, begin, np.where(size == 1, _lone_waits(world, how_many), length), size)


def _lone_waits(world: World, how_many: int) -> Ints:
    """How long somebody waits alone: mostly around 30 s, at times exactly, rarely very long."""
    chance = world.chance
    wait = chance.integers(9 * SECOND, 60 * SECOND, how_many)
    patient = chance.random(how_many)
    wait = np.where(patient < 0.3, chance.integers(30 * SECOND, 2 * HOUR, how_many), wait)
    sharp = chance.choice([9_999, 10_000, 29_999, 30_000, 30_001], how_many)
    return np.where(patient > 0.9, sharp, wait)


def come_and_go(world: World, meetings: Meetings) -> Stays:
    """Everybody comes around the hour, a few early, some late, and leaves when it is over or before."""
    chance = world.chance
    meeting = np.repeat(np.arange(len(meetings.size)), meetings.size)
    n = len(meeting)
    begin, length = meetings.begin[meeting], meetings.length[meeting]
    punctual = chance.random(n)
    join = begin + (chance.exponential(50.0, n) * SECOND).astype(np.int64)
    join = np.where(punctual < 0.2, begin - chance.integers(EARLIEST - MINUTE, size=n), join)
    join = np.where(punctual > 0.85, begin + (chance.random(n) * 0.6 * length).astype(np.int64), join)
    end = begin + length + (chance.exponential(25.0, n) * SECOND).astype(np.int64)
    patient = chance.random(n)
    leave = np.where(patient < 0.15, join + (chance.random(n) * (end - join)).astype(np.int64), end)
    leave = np.where(patient > 0.95, end + (chance.exponential(150.0, n) * SECOND).astype(np.int64), leave)
    leave = np.where(meetings.size[meeting] == 1, join + length, np.maximum(leave, join + 300))
    room = meetings.room[meeting]
    return Stays(room, meeting, _people_of(world, room), world.connect(n), join, leave)


def _people_of(world: World, room: Ints) -> Ints:
    """Mostly a room's regulars, sometimes anybody."""
    regular = (
        world.first_regular[room] + (world.chance.random(len(room)) ** 2 * 24).astype(np.int64)
    ) % world.users
    anybody = world.chance.integers(world.users, size=len(room))
    return np.where(world.chance.random(len(room)) < 0.85, regular, anybody)


def look_in(world: World, stays: Stays) -> Stays:
    """Some only look in, for less than 10 s or a hair more."""
    chance = world.chance
    n = len(stays.join)
    glance = np.where(
        chance.random(n) < 0.15, chance.choice([9_999, 10_000, 10_001], n), chance.integers(300, 9_999, n)
    )
    hurried = chance.random(n) < 0.032
    return stays._replace(leave=np.where(hurried, stays.join + glance, stays.leave))


def hand_over(world: World, stays: Stays) -> Stays:
    """Some come at the very instant at which the one before them goes."""
    n = len(stays.join)
    follows = np.zeros(n, np.bool_)
    follows[1:] = (stays.meeting[1:] == stays.meeting[:-1]) & (world.chance.random(max(n - 1, 0)) < 0.012)
    follows[2:] &= ~follows[1:-1]
    join = np.where(follows, np.roll(stays.leave, 1), stays.join)
    short = join + world.chance.integers(9 * SECOND, 10 * MINUTE, n)
    return stays._replace(join=join, leave=np.where(follows, short, stays.leave))


def stay_behind(world: World, stays: Stays) -> Stays:
    """In some meetings one is left alone, often for more than 600 s; and sometimes somebody comes back."""
    chance = world.chance
    first = np.flatnonzero(np.append(True, stays.meeting[1:] != stays.meeting[:-1]))
    host = first[(np.diff(np.append(first, len(stays.join))) > 1) & (chance.random(len(first)) < 0.07)]
    n = len(host)
    leave = stays.leave.copy()
    leave[host] = 0
    alone = np.maximum.reduceat(leave, first)[np.searchsorted(first, host)]
    leave[host] = alone + _around_600_s(world, n)
    join = stays.join.copy()
    join[host] = np.minimum(join[host], alone - MINUTE)
    visited = np.flatnonzero(chance.random(n) < 0.4)
    came = alone[visited] + _around_600_s(world, len(visited))
    room = stays.room[host[visited]]
    visitors = Stays(
        room,
        stays.meeting[host[visited]],
        _people_of(world, room),
        world.connect(len(visited)),
        came,
        came + chance.integers(5 * SECOND, 15 * MINUTE, len(visited)),
    )
    return stays._replace(join=join, leave=leave).and_also(visitors)


def _around_600_s(world: World, how_many: int) -> Ints:
    chance = world.chance
    long = MINUTE + (chance.exponential(1_500.0, how_many) * SECOND).astype(np.int64)
    sharp = chance.choice([599_999, 600_000, 600_001], how_many)
    return np.where(chance.random(how_many) < 0.1, sharp, long)


def come_again(world: World, stays: Stays, how_often: float, part: "Parting") -> Stays:
    """Some stays come in two parts; the second is mostly a new connection, now and then the old one."""
    chance = world.chance
    broken = np.flatnonzero(
        (chance.random(len(stays.join)) < how_often) & (stays.leave - stays.join > MINUTE)
    )
    before = stays.where(broken)
    left, back = part(world, before)
    leave = stays.leave.copy()
    leave[broken] = left
    same = chance.random(len(broken)) < 0.05
    connection = np.where(same, before.connection, world.connect(len(broken)))
    after = before._replace(connection=connection, join=back, leave=np.maximum(before.leave, back + SECOND))
    return stays._replace(leave=leave).and_also(after)


def reconnect(world: World, stays: Stays) -> tuple[Ints, Ints]:
    """Cut off somewhere, and back within seconds, at times at the same instant."""
    n = len(stays.join)
    left = stays.join + (world.chance.random(n) * (stays.leave - stays.join)).astype(np.int64)
    gap = 200 + (world.chance.exponential(4.0, n) * SECOND).astype(np.int64)
    return left, left + np.where(world.chance.random(n) < 0.03, 0, gap)


def return_later(world: World, stays: Stays) -> tuple[Ints, Ints]:
    """Away for some minutes, after the first half or at the end."""
    n = len(stays.join)
    half = stays.join + (stays.leave - stays.join) // 2
    left = np.where(world.chance.random(n) < 0.8, half, stays.leave)
    return left, left + world.chance.integers(MINUTE, 12 * MINUTE, n)


Parting: TypeAlias = Callable[[World, Stays], tuple[Ints, Ints]]
