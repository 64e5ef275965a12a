"""The world of a sample: what stays the same from day to day, and the words of what is made up."""

from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

EVENTS_PER_ROOM: Final = 500
EVENTS_PER_USER: Final = 50

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
FIRST_DAY: Final = 20_454 * DAY  # Thursday, 1 January 2026
EARLIEST: Final = 5 * MINUTE  # nobody comes earlier before the hour than this

KINDS: Final = ("join", "leave", "end")
JOIN, LEAVE, END = range(3)
NOBODY: Final = -1

_TIME_ZONES: Final = np.array([-8, -5, -5, -3, 0, 0, 1, 1, 1, 2, 5.5, 8, 9])


class World:
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
        self.time_zone_ms = (self.chance.choice(_TIME_ZONES, rooms) * HOUR).astype(np.int64)
        self.first_regular = self.chance.integers(self.users, size=rooms)
        self.in_whole_seconds: Mask = self.chance.random(rooms) < 0.1
        self.width = len(str(rooms - 1))

    def connect(self, how_many: int) -> Ints:
        """The numbers of so many new connections."""
        self.connections += how_many
        return np.arange(self.connections - how_many, self.connections)


class Meetings(NamedTuple):
    """Rooms, begins (ms) and lengths (ms) of what people have planned, and how many come."""

    room: Ints
    begin: Ints
    length: Ints
    size: Ints


class Stays(NamedTuple):
    """Who is where from when to when (ms). The stays of one meeting are neighbours."""

    room: Ints
    meeting: Ints
    user: Ints
    connection: Ints
    join: Ints
    leave: Ints

    def where(self, which: Mask | Ints) -> "Stays":
        return Stays(*(column[which] for column in self))

    def and_also(self, *others: "Stays") -> "Stays":
        return Stays(*(np.concatenate(columns) for columns in zip(self, *others, strict=True)))


class Events(NamedTuple):
    """What is reported, in columns; `delivered` (ms) is when it is heard of."""

    room: Ints
    connection: Ints
    user: Ints
    kind: Ints
    at: Ints
    delivered: Ints

    @classmethod
    def none(cls) -> "Events":
        return cls(*(np.empty(0, np.int64) for _ in cls._fields))

    @classmethod
    def concatenated(cls, parts: "list[Events]") -> "Events":
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def where(self, which: Mask | Ints | slice) -> "Events":
        return Events(*(column[which] for column in self))
