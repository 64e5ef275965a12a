"""Sample events: as many as you like, as messy as the real ones, the same for the same seed.

To measure a pass over ten million events, or to try the product before any vendor is
connected, one needs events that look like those of a real company: popular rooms and
quiet ones, meetings on the hour in several time zones, people who come early, look in for
nine seconds, lose their connection, hand over to each other, stay behind alone. This
module makes them up, a day at a time, so that memory does not grow with the file.

It knows what people do and what sources report, and nothing of the rules: what it makes
up sits near the rules' boundaries (9,999 ms and 10,000 ms, alone for 600 s sharp) because
that is where errors live, and not because it works out any meeting.

What it promises: all events of one connection carry the same user and name; a connection
belongs to one room. Everything else that sources get wrong, it gets wrong, too, rarely:
lost joins, lost leaves, joins and leaves said twice, exact duplicates.
"""

from collections.abc import Callable, Iterator
from itertools import chain, repeat
from os import PathLike
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_Ints: TypeAlias = npt.NDArray[np.int64]
_Mask: TypeAlias = npt.NDArray[np.bool_]

SCHEMA: Final = pa.schema(
    [
        ("room", pa.dictionary(pa.int32(), pa.string())),
        ("participant_id", pa.string()),
        ("kind", pa.dictionary(pa.int32(), pa.string())),
        ("at", pa.timestamp("ms", tz="UTC")),
        ("user_id", pa.dictionary(pa.int32(), pa.string())),
        ("user_name", pa.dictionary(pa.int32(), pa.string())),
    ]
)
"""The columns of a sample, in order."""

ROW_GROUP: Final = 1_000_000
EVENTS_PER_ROOM: Final = 500
EVENTS_PER_USER: Final = 50
DAYS: Final = 91

_SECOND: Final = 1_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_FIRST_DAY: Final = 20_454 * _DAY  # Thursday, 1 January 2026
_EARLIEST: Final = 5 * _MINUTE  # nobody comes earlier before the hour than this

_KINDS: Final = ("join", "leave", "end")
_JOIN, _LEAVE, _END = range(3)
_NOBODY: Final = -1

_TIME_ZONES: Final = np.array([-8, -5, -5, -3, 0, 0, 1, 1, 1, 2, 5.5, 8, 9])
_HOURS: Final = np.array([8, 9, 9, 10, 10, 10, 11, 11, 12, 13, 14, 14, 14, 15, 15, 16, 17, 19])
_LENGTHS: Final = np.array([15, 15, 25, 30, 30, 30, 45, 50, 60, 60, 60, 90, 120, 240]) * _MINUTE


def _words(text: str) -> list[str]:
    return text.split()


_ADJECTIVES: Final = _words("amber brisk calm daring eager fair gentle hidden ivory jolly keen lucid")
_NOUNS: Final = _words("review standup planning retro clinic lesson sync interview demo office lounge desk")
_FIRST_NAMES: Final = _words(
    "Ada Bo Chidi Dana Elif Femi Grace Hugo Ines Jun Kofi Lena Mei Noor Omar Pia "
    "Quinn Rosa Sami Tove Uma Vik Wren Ximena Yara Zoë"
)
_LAST_NAMES: Final = _words(
    "Abebe Berg Costa Diaz Eriksen Fischer García Haddad Ito Jensen Kaur Lopez Müller "
    "Nguyen Okafor Park Rossi Sato Tanaka Ueda Varga Weber Xu Yilmaz Zhang"
)
_NAMES: Final = pa.array([f"{first} {last}" for first in _FIRST_NAMES for last in _LAST_NAMES], pa.string())
_BASE62: Final = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
_PAIRS: Final = np.stack([np.repeat(_BASE62, 62), np.tile(_BASE62, 62)], axis=1)


def write_sample(
    path: str | PathLike[str], *, events: int, seed: int = 1, disorder: float = 0.0, ends: float = 0.0
) -> None:
    """Write a Parquet file of `events` made-up events, in the order in which they are delivered.

    The file is in time order, except that the fraction `disorder` of the events comes up to
    8 s late. The fraction `ends` of the meetings is closed by an `end` of the room. Memory
    does not grow with `events`. Raises `ValueError` for a negative number or a fraction
    beyond 1.
    """
    world = _World(events, seed, disorder, ends)
    with pq.ParquetWriter(
        path, SCHEMA, use_dictionary=_ENCODED, dictionary_pagesize_limit=64 << 20, store_schema=True
    ) as file:
        for group in _row_groups(_delivered(world)):
            file.write_table(_table(group, world), row_group_size=ROW_GROUP)


_ENCODED: Final = ["room", "kind", "user_id", "user_name"]


def sample_table(events: int, seed: int = 1, *, disorder: float = 0.0, ends: float = 0.0) -> pa.Table:
    """The same events as `write_sample` would write, in memory."""
    world = _World(events, seed, disorder, ends)
    return _table(_Events.concatenated([_Events.none(), *_delivered(world)]), world)


# The things that are made up.


class _World:
    """What stays the same from day to day: the rooms and their habits, and the source of chance."""

    def __init__(self, events: int, seed: int, disorder: float, ends: float) -> None:
        if events < 0 or not 0 <= disorder <= 1 or not 0 <= ends <= 1:
            raise ValueError(
                f"cannot make up {events} events, {disorder} of them late, {ends} of the ends told"
            )
        self.events = events
        self.disorder = disorder
        self.ends = ends
        self.chance = np.random.default_rng(seed)
        self.scramble = np.uint64(self.chance.integers(2**63))
        self.users = max(8, events // EVENTS_PER_USER)
        self.connections = 0
        rooms = max(2, events // EVENTS_PER_ROOM)
        fame = 1.0 / (self.chance.permutation(rooms) / rooms + 0.007)
        self.fame = np.cumsum(fame / fame.sum())
        self.time_zone_ms = (self.chance.choice(_TIME_ZONES, rooms) * _HOUR).astype(np.int64)
        self.first_regular = self.chance.integers(self.users, size=rooms)
        self.in_whole_seconds: _Mask = self.chance.random(rooms) < 0.1
        self.width = len(str(rooms - 1))

    def connect(self, how_many: int) -> _Ints:
        """The numbers of so many new connections."""
        self.connections += how_many
        return np.arange(self.connections - how_many, self.connections)


class _Meetings(NamedTuple):
    """Rooms, begins (ms) and lengths (ms) of what people have planned, and how many come."""

    room: _Ints
    begin: _Ints
    length: _Ints
    size: _Ints


class _Stays(NamedTuple):
    """Who is where from when to when (ms). The stays of one meeting are neighbours."""

    room: _Ints
    meeting: _Ints
    user: _Ints
    connection: _Ints
    join: _Ints
    leave: _Ints

    def where(self, which: _Mask | _Ints) -> "_Stays":
        return _Stays(*(column[which] for column in self))

    def and_also(self, *others: "_Stays") -> "_Stays":
        return _Stays(*(np.concatenate(columns) for columns in zip(self, *others, strict=True)))


class _Events(NamedTuple):
    """What is reported, in columns; `delivered` (ms) is when it is heard of."""

    room: _Ints
    connection: _Ints
    user: _Ints
    kind: _Ints
    at: _Ints
    delivered: _Ints

    @classmethod
    def none(cls) -> "_Events":
        return cls(*(np.empty(0, np.int64) for _ in cls._fields))

    @classmethod
    def concatenated(cls, parts: "list[_Events]") -> "_Events":
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def where(self, which: _Mask | _Ints | slice) -> "_Events":
        return _Events(*(column[which] for column in self))


# From day to day.


def _delivered(world: _World) -> Iterator[_Events]:
    """The events of one day after the other, in order of delivery, until there are enough."""
    written = made_up = planned = 0
    waiting = _Events.none()
    for day, share in enumerate(chain(_shares(), repeat(1.0))):
        left = world.events - written
        if left == 0:
            return
        per_meeting = made_up / planned if planned > 100 else 17.0
        meetings = int(world.chance.poisson(max(left - len(waiting.at), 0) * share / per_meeting)) + 1
        today = _day_of_events(world, _FIRST_DAY + day * _DAY, meetings)
        planned += meetings
        made_up += len(today.at)
        waiting = _Events.concatenated([waiting, today])
        over = waiting.delivered < _FIRST_DAY + (day + 1) * _DAY - _EARLIEST
        heard = waiting.where(over)
        waiting = waiting.where(~over)
        heard = heard.where(np.argsort(heard.delivered, kind="stable")[:left])
        written += len(heard.at)
        yield heard


def _shares() -> list[float]:
    """For each day, how much of all that is still to come happens on it.

    More is planned for the last day than is wanted, so that the file ends in the middle of it,
    with people in the rooms.
    """
    busy = np.array([1.0 if (day + 3) % 7 < 5 else 0.08 for day in range(DAYS)])  # day 0 is a Thursday
    shares = busy / np.cumsum(busy[::-1])[::-1]
    shares[-1] = 1.6
    return [float(share) for share in shares]


def _day_of_events(world: _World, midnight: int, how_many: int) -> _Events:
    meetings = _plans(world, midnight, how_many)
    stays = _come_and_go(world, meetings)
    stays = _look_in(world, stays)
    stays = _hand_over(world, stays)
    stays = _stay_behind(world, stays)
    stays = _come_again(world, stays, 0.07, _reconnect)
    stays = _come_again(world, stays, 0.03, _return)
    return _reported(world, meetings, stays)


# What people do.


def _plans(world: _World, midnight: int, how_many: int) -> _Meetings:
    chance = world.chance
    room = np.searchsorted(world.fame, chance.random(how_many) * world.fame[-1])
    local = chance.choice(_HOURS, how_many) * _HOUR
    past_the_hour = np.where(chance.random(how_many) < 0.3, _HOUR // 2, 0)
    anytime = chance.random(how_many) < 0.06
    past_the_hour[anytime] = chance.integers(_HOUR, size=int(anytime.sum()))
    begin = midnight + (local + past_the_hour - world.time_zone_ms[room]) % _DAY
    length = chance.choice(_LENGTHS, how_many)
    size = 3 + chance.gamma(1.6, 4.8, how_many).astype(np.int64)
    kind = chance.random(how_many)
    size[kind < 0.32] = 2
    size[kind > 0.985] *= 4
    size[kind < 0.08] = 1
    return _Meetings(room, begin, np.where(size == 1, _lone_waits(world, how_many), length), size)


def _lone_waits(world: _World, how_many: int) -> _Ints:
    """How long somebody waits alone: mostly around 30 s, at times exactly, rarely very long."""
    chance = world.chance
    wait = chance.integers(9 * _SECOND, 60 * _SECOND, how_many)
    patient = chance.random(how_many)
    wait = np.where(patient < 0.3, chance.integers(30 * _SECOND, 2 * _HOUR, how_many), wait)
    sharp = chance.choice([9_999, 10_000, 29_999, 30_000, 30_001], how_many)
    return np.where(patient > 0.9, sharp, wait)


def _come_and_go(world: _World, meetings: _Meetings) -> _Stays:
    """Everybody comes around the hour, a few early, some late, and leaves when it is over or before."""
    chance = world.chance
    meeting = np.repeat(np.arange(len(meetings.size)), meetings.size)
    n = len(meeting)
    begin, length = meetings.begin[meeting], meetings.length[meeting]
    punctual = chance.random(n)
    join = begin + (chance.exponential(50.0, n) * _SECOND).astype(np.int64)
    join = np.where(punctual < 0.2, begin - chance.integers(_EARLIEST - _MINUTE, size=n), join)
    join = np.where(punctual > 0.85, begin + (chance.random(n) * 0.6 * length).astype(np.int64), join)
    end = begin + length + (chance.exponential(25.0, n) * _SECOND).astype(np.int64)
    patient = chance.random(n)
    leave = np.where(patient < 0.15, join + (chance.random(n) * (end - join)).astype(np.int64), end)
    leave = np.where(patient > 0.95, end + (chance.exponential(150.0, n) * _SECOND).astype(np.int64), leave)
    leave = np.where(meetings.size[meeting] == 1, join + length, np.maximum(leave, join + 300))
    room = meetings.room[meeting]
    return _Stays(room, meeting, _people_of(world, room), world.connect(n), join, leave)


def _people_of(world: _World, room: _Ints) -> _Ints:
    """Mostly a room's regulars, sometimes anybody."""
    regular = (
        world.first_regular[room] + (world.chance.random(len(room)) ** 2 * 24).astype(np.int64)
    ) % world.users
    anybody = world.chance.integers(world.users, size=len(room))
    return np.where(world.chance.random(len(room)) < 0.85, regular, anybody)


def _look_in(world: _World, stays: _Stays) -> _Stays:
    """Some only look in, for less than 10 s or a hair more."""
    chance = world.chance
    n = len(stays.join)
    glance = np.where(
        chance.random(n) < 0.15, chance.choice([9_999, 10_000, 10_001], n), chance.integers(300, 9_999, n)
    )
    hurried = chance.random(n) < 0.032
    return stays._replace(leave=np.where(hurried, stays.join + glance, stays.leave))


def _hand_over(world: _World, stays: _Stays) -> _Stays:
    """Some come at the very instant at which the one before them goes."""
    n = len(stays.join)
    follows = np.zeros(n, np.bool_)
    follows[1:] = (stays.meeting[1:] == stays.meeting[:-1]) & (world.chance.random(max(n - 1, 0)) < 0.012)
    follows[2:] &= ~follows[1:-1]
    join = np.where(follows, np.roll(stays.leave, 1), stays.join)
    short = join + world.chance.integers(9 * _SECOND, 10 * _MINUTE, n)
    return stays._replace(join=join, leave=np.where(follows, short, stays.leave))


def _stay_behind(world: _World, stays: _Stays) -> _Stays:
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
    join[host] = np.minimum(join[host], alone - _MINUTE)
    visited = np.flatnonzero(chance.random(n) < 0.4)
    came = alone[visited] + _around_600_s(world, len(visited))
    room = stays.room[host[visited]]
    visitors = _Stays(
        room,
        stays.meeting[host[visited]],
        _people_of(world, room),
        world.connect(len(visited)),
        came,
        came + chance.integers(5 * _SECOND, 15 * _MINUTE, len(visited)),
    )
    return stays._replace(join=join, leave=leave).and_also(visitors)


def _around_600_s(world: _World, how_many: int) -> _Ints:
    chance = world.chance
    long = _MINUTE + (chance.exponential(1_500.0, how_many) * _SECOND).astype(np.int64)
    sharp = chance.choice([599_999, 600_000, 600_001], how_many)
    return np.where(chance.random(how_many) < 0.1, sharp, long)


def _come_again(world: _World, stays: _Stays, how_often: float, part: "_Parting") -> _Stays:
    """Some stays come in two parts; the second is mostly a new connection, now and then the old one."""
    chance = world.chance
    broken = np.flatnonzero(
        (chance.random(len(stays.join)) < how_often) & (stays.leave - stays.join > _MINUTE)
    )
    before = stays.where(broken)
    left, back = part(world, before)
    leave = stays.leave.copy()
    leave[broken] = left
    same = chance.random(len(broken)) < 0.05
    connection = np.where(same, before.connection, world.connect(len(broken)))
    after = before._replace(connection=connection, join=back, leave=np.maximum(before.leave, back + _SECOND))
    return stays._replace(leave=leave).and_also(after)


def _reconnect(world: _World, stays: _Stays) -> tuple[_Ints, _Ints]:
    """Cut off somewhere, and back within seconds, at times at the same instant."""
    n = len(stays.join)
    left = stays.join + (world.chance.random(n) * (stays.leave - stays.join)).astype(np.int64)
    gap = 200 + (world.chance.exponential(4.0, n) * _SECOND).astype(np.int64)
    return left, left + np.where(world.chance.random(n) < 0.03, 0, gap)


def _return(world: _World, stays: _Stays) -> tuple[_Ints, _Ints]:
    """Away for some minutes, after the first half or at the end."""
    n = len(stays.join)
    half = stays.join + (stays.leave - stays.join) // 2
    left = np.where(world.chance.random(n) < 0.8, half, stays.leave)
    return left, left + world.chance.integers(_MINUTE, 12 * _MINUTE, n)


_Parting: TypeAlias = Callable[[_World, _Stays], tuple[_Ints, _Ints]]


# What is reported of it.


def _reported(world: _World, meetings: _Meetings, stays: _Stays) -> _Events:
    chance = world.chance
    n = len(stays.join)
    join, leave = _as_measured(world, stays)
    closed, ends = _closings(world, meetings, stays)
    lost_join = chance.random(n) < 2e-4
    lost_leave = (chance.random(n) < 2e-6) | closed
    again = np.flatnonzero(chance.random(n) < 0.003)
    again_at = join[again] + (chance.random(len(again)) * (leave[again] - join[again])).astype(np.int64)
    orphan = np.flatnonzero(chance.random(n) < 0.001)
    orphan_at = leave[orphan] + chance.integers(20 * _SECOND, size=len(orphan))
    told = _Events.concatenated(
        [
            _told(stays.where(~lost_join), _JOIN, join[~lost_join]),
            _told(stays.where(~lost_leave), _LEAVE, leave[~lost_leave]),
            _told(stays.where(again), _JOIN, again_at),
            _told(stays.where(orphan), _LEAVE, orphan_at),
            ends,
        ]
    )
    twice = np.flatnonzero(chance.random(len(told.at)) < 0.002)
    return _on_the_way(world, _Events.concatenated([told, told.where(twice)]))


def _as_measured(world: _World, stays: _Stays) -> tuple[_Ints, _Ints]:
    """Joins and leaves by the room's clock; some clocks know whole seconds only."""
    coarse = world.in_whole_seconds[stays.room]
    join = np.where(coarse, stays.join // _SECOND * _SECOND, stays.join)
    leave = np.where(coarse, stays.leave // _SECOND * _SECOND, stays.leave)
    return join, leave


def _told(stays: _Stays, kind: int, at: _Ints) -> _Events:
    return _Events(stays.room, stays.connection, stays.user, np.full(len(at), kind), at, at)


def _closings(world: _World, meetings: _Meetings, stays: _Stays) -> tuple[_Mask, _Events]:
    """Whose leave is not told because the room was closed at the planned end, and the ends of the rooms."""
    if not world.ends:
        return np.zeros(len(stays.join), np.bool_), _Events.none()
    closed = world.chance.random(len(meetings.room)) < world.ends
    end = meetings.begin + meetings.length
    at = end[closed]
    nobody = np.full(len(at), _NOBODY)
    ends = _Events(meetings.room[closed], nobody, nobody, np.full(len(at), _END), at, at)
    still_in = (stays.join < end[stays.meeting]) & (stays.leave > end[stays.meeting])
    return closed[stays.meeting] & still_in, ends


def _on_the_way(world: _World, told: _Events) -> _Events:
    if not world.disorder:
        return told
    late = world.chance.random(len(told.at)) < world.disorder
    delay = world.chance.integers(500, 8 * _SECOND, len(told.at))
    return told._replace(delivered=told.at + np.where(late, delay, 0))


# Into columns.


def _row_groups(parts: Iterator[_Events]) -> Iterator[_Events]:
    """The same events in groups of `ROW_GROUP`; the last group may be smaller."""
    held = _Events.none()
    for part in parts:
        held = _Events.concatenated([held, part])
        while len(held.at) >= ROW_GROUP:
            yield held.where(slice(ROW_GROUP))
            held = held.where(slice(ROW_GROUP, None))
    if len(held.at):
        yield held


def _table(events: _Events, world: _World) -> pa.Table:
    user_id, user_name = _users(events.user)
    columns = [
        _encoded(events.room, lambda rooms: _room_names(rooms, world.width)),
        _participant_ids(events.connection, world.scramble),
        _kinds(events.kind),
        pa.array(events.at, pa.int64()).cast(SCHEMA.field("at").type),
        user_id,
        user_name,
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _encoded(numbers: _Ints, names: Callable[[_Ints], pa.Array], unknown: _Mask | None = None) -> pa.Array:
    """A dictionary-encoded column with only those names in its dictionary that occur in it."""
    occurs = np.zeros(int(numbers.max(initial=0)) + 1, np.bool_)
    occurs[numbers] = True
    place = np.cumsum(occurs, dtype=np.int32) - np.int32(1)
    indices = pa.array(place[numbers], pa.int32(), mask=unknown)
    return pa.DictionaryArray.from_arrays(indices, names(np.flatnonzero(occurs)))


def _kinds(kinds: _Ints) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(kinds, pa.int32()), pa.array(_KINDS, pa.string()))


def _room_names(rooms: _Ints, width: int) -> pa.Array:
    adjective = pa.array(_ADJECTIVES).take(pa.array(rooms // len(_NOUNS) % len(_ADJECTIVES)))
    noun = pa.array(_NOUNS).take(pa.array(rooms % len(_NOUNS)))
    return pc.binary_join_element_wise(adjective, noun, _digits(rooms, width), "-")


def _users(users: _Ints) -> tuple[pa.Array, pa.Array]:
    """Ids and names: most users have both, guests no id, some no name, some neither."""
    habit = _mixed(users.astype(np.uint64)) % np.uint64(100)
    nobody = users == _NOBODY
    somebody = np.where(nobody, 0, users)
    ids = _encoded(somebody, _user_ids, nobody | (habit < 3))
    name = (_mixed(users.astype(np.uint64) + np.uint64(7)) % np.uint64(len(_NAMES))).astype(np.int64)
    names = _encoded(
        name, lambda numbers: _NAMES.take(pa.array(numbers)), nobody | ((habit >= 2) & (habit < 10))
    )
    return ids, names


def _user_ids(users: _Ints) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar("user"), _digits(users, 7), "-")


def _digits(numbers: _Ints, width: int) -> pa.Array:
    return pc.utf8_lpad(pa.array(numbers, pa.int64()).cast(pa.string()), width, "0")


def _participant_ids(connections: _Ints, scramble: np.uint64) -> pa.Array:
    """'PA_' and 12 characters: the connection's number, scrambled one to one."""
    n = len(connections)
    letters = np.empty((n, 15), np.uint8)
    letters[:, :3] = np.frombuffer(b"PA_", np.uint8)
    mixed = rest = _mixed(connections.astype(np.uint64) ^ scramble)
    for column in range(3, 13, 2):
        rest, pair = np.divmod(rest, np.uint64(len(_PAIRS)))
        letters[:, column : column + 2] = _PAIRS[pair.astype(np.int64)]
    # 22 values are left for 3,844 pairs: any of 174 will do for each of them.
    pair = rest + np.uint64(22) * (_mixed(mixed) % np.uint64(174))
    letters[:, 13:] = _PAIRS[pair.astype(np.int64)]
    offsets = np.arange(0, 15 * (n + 1), 15, dtype=np.int32)
    ids = pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(letters))
    nobody = connections == _NOBODY
    return pc.if_else(pa.array(nobody), None, ids) if nobody.any() else ids


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The numbers scrambled, different ones differently (the finalizer of splitmix64)."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
