"""Behavior of people: they plan meetings, join early, stay briefly, take over, stay alone, lose their connection.

Responsible for stays, often with durations at the boundaries of rules, because that is where errors are. Must not know the
rules.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from headcount.demo.sample.world import DAY, EARLIEST, HOUR, MINUTE, SECOND, Ints, Meetings, Stays, World

_HOURS: Final = np.array([8, 9, 9, 10, 10, 10, 11, 11, 12, 13, 14, 14, 14, 15, 15, 16, 17, 19])
_LENGTHS: Final = np.array([15, 15, 25, 30, 30, 30, 45, 50, 60, 60, 60, 90, 120, 240]) * MINUTE


def plan_meetings(world: World, midnight: int, number: int) -> Meetings:
    rng = world.rng
    room = np.searchsorted(world.popularity, rng.random(number) * world.popularity[-1])
    local = rng.choice(_HOURS, number) * HOUR
    past_the_hour = np.where(rng.random(number) < 0.3, HOUR // 2, 0)
    anytime = rng.random(number) < 0.06
    past_the_hour[anytime] = rng.integers(HOUR, size=int(anytime.sum()))
    start = midnight + (local + past_the_hour - world.time_zone_ms[room]) % DAY
    length = rng.choice(_LENGTHS, number)
    size = 3 + rng.gamma(1.6, 4.8, number).astype(np.int64)
    kind = rng.random(number)
    size[kind < 0.32] = 2
    size[kind > 0.985] *= 4
    size[kind < 0.08] = 1
    return Meetings(room, start, np.where(size == 1, _lone_waits(world, number), length), size)


def _lone_waits(world: World, number: int) -> Ints:
    """Durations of waiting alone: mostly around 30 s, sometimes exactly 30 s, rarely very long."""
    rng = world.rng
    wait = rng.integers(9 * SECOND, 60 * SECOND, number)
    patient = rng.random(number)
    wait = np.where(patient < 0.3, rng.integers(30 * SECOND, 2 * HOUR, number), wait)
    sharp = rng.choice([9_999, 10_000, 29_999, 30_000, 30_001], number)
    return np.where(patient > 0.9, sharp, wait)


def attend(world: World, meetings: Meetings) -> Stays:
    """Return the stays of meetings: people join around the start, some early, some late, and leave at the end or before."""
    rng = world.rng
    meeting = np.repeat(np.arange(len(meetings.size)), meetings.size)
    n = len(meeting)
    start, length = meetings.start[meeting], meetings.length[meeting]
    punctual = rng.random(n)
    join = start + (rng.exponential(50.0, n) * SECOND).astype(np.int64)
    join = np.where(punctual < 0.2, start - rng.integers(EARLIEST - MINUTE, size=n), join)
    join = np.where(punctual > 0.85, start + (rng.random(n) * 0.6 * length).astype(np.int64), join)
    end = start + length + (rng.exponential(25.0, n) * SECOND).astype(np.int64)
    patient = rng.random(n)
    leave = np.where(patient < 0.15, join + (rng.random(n) * (end - join)).astype(np.int64), end)
    leave = np.where(patient > 0.95, end + (rng.exponential(150.0, n) * SECOND).astype(np.int64), leave)
    leave = np.where(meetings.size[meeting] == 1, join + length, np.maximum(leave, join + 300))
    room = meetings.room[meeting]
    return Stays(room, meeting, _people_of(world, room), world.connect(n), join, leave)


def _people_of(world: World, room: Ints) -> Ints:
    """Mostly the regular users of a room, sometimes others."""
    regular = (
        world.first_regular[room] + (world.rng.random(len(room)) ** 2 * 24).astype(np.int64)
    ) % world.users
    anybody = world.rng.integers(world.users, size=len(room))
    return np.where(world.rng.random(len(room)) < 0.85, regular, anybody)


def visit_briefly(world: World, stays: Stays) -> Stays:
    """Shorten some stays to less than 10 s, or just above."""
    rng = world.rng
    n = len(stays.join)
    brief = np.where(
        rng.random(n) < 0.15, rng.choice([9_999, 10_000, 10_001], n), rng.integers(300, 9_999, n)
    )
    is_brief = rng.random(n) < 0.032
    return stays._replace(leave=np.where(is_brief, stays.join + brief, stays.leave))


def hand_over(world: World, stays: Stays) -> Stays:
    """Let some people join at the instant at which the one before them leaves."""
    n = len(stays.join)
    follows = np.zeros(n, np.bool_)
    follows[1:] = (stays.meeting[1:] == stays.meeting[:-1]) & (world.rng.random(max(n - 1, 0)) < 0.012)
    follows[2:] &= ~follows[1:-1]
    join = np.where(follows, np.roll(stays.leave, 1), stays.join)
    short = join + world.rng.integers(9 * SECOND, 10 * MINUTE, n)
    return stays._replace(join=join, leave=np.where(follows, short, stays.leave))


def stay_behind(world: World, stays: Stays) -> Stays:
    """In some meetings let one person stay alone, often for more than 600 s, and sometimes let somebody join them."""
    rng = world.rng
    first = np.flatnonzero(np.append(True, stays.meeting[1:] != stays.meeting[:-1]))
    host = first[(np.diff(np.append(first, len(stays.join))) > 1) & (rng.random(len(first)) < 0.07)]
    n = len(host)
    leave = stays.leave.copy()
    leave[host] = 0
    alone = np.maximum.reduceat(leave, first)[np.searchsorted(first, host)]
    leave[host] = alone + _around_600_s(world, n)
    join = stays.join.copy()
    join[host] = np.minimum(join[host], alone - MINUTE)
    visited = np.flatnonzero(rng.random(n) < 0.4)
    came = alone[visited] + _around_600_s(world, len(visited))
    room = stays.room[host[visited]]
    visitors = Stays(
        room,
        stays.meeting[host[visited]],
        _people_of(world, room),
        world.connect(len(visited)),
        came,
        came + rng.integers(5 * SECOND, 15 * MINUTE, len(visited)),
    )
    return stays._replace(join=join, leave=leave).and_also(visitors)


def _around_600_s(world: World, number: int) -> Ints:
    rng = world.rng
    long = MINUTE + (rng.exponential(1_500.0, number) * SECOND).astype(np.int64)
    sharp = rng.choice([599_999, 600_000, 600_001], number)
    return np.where(rng.random(number) < 0.1, sharp, long)


def split_stays(world: World, stays: Stays, ratio: float, split: "Split") -> Stays:
    """Split some stays in two; the second is mostly a new connection, sometimes the old one."""
    rng = world.rng
    broken = np.flatnonzero((rng.random(len(stays.join)) < ratio) & (stays.leave - stays.join > MINUTE))
    before = stays.where(broken)
    left, back = split(world, before)
    leave = stays.leave.copy()
    leave[broken] = left
    same = rng.random(len(broken)) < 0.05
    connection = np.where(same, before.connection, world.connect(len(broken)))
    after = before._replace(connection=connection, join=back, leave=np.maximum(before.leave, back + SECOND))
    return stays._replace(leave=leave).and_also(after)


def reconnect(world: World, stays: Stays) -> tuple[Ints, Ints]:
    """Return a leave at any time and a join within seconds, sometimes at the same instant."""
    n = len(stays.join)
    left = stays.join + (world.rng.random(n) * (stays.leave - stays.join)).astype(np.int64)
    gap = 200 + (world.rng.exponential(4.0, n) * SECOND).astype(np.int64)
    return left, left + np.where(world.rng.random(n) < 0.03, 0, gap)


def return_later(world: World, stays: Stays) -> tuple[Ints, Ints]:
    """Return a leave after the first half or at the end, and a join some minutes later."""
    n = len(stays.join)
    half = stays.join + (stays.leave - stays.join) // 2
    left = np.where(world.rng.random(n) < 0.8, half, stays.leave)
    return left, left + world.rng.integers(MINUTE, 12 * MINUTE, n)


Split: TypeAlias = Callable[[World, Stays], tuple[Ints, Ints]]
