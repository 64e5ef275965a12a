"""The world of a sample: rooms, users and randomness, which stay the same from day to day, and the arrays of a day.

Responsible for the parameters of a sample. Must not know what happens in it.
"""

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
EARLIEST: Final = 5 * MINUTE  # nobody joins earlier than this before the hour

KINDS: Final = ("join", "leave", "end")
JOIN, LEAVE, END = range(3)
NOBODY: Final = -1

_TIME_ZONES: Final = np.array([-8, -5, -5, -3, 0, 0, 1, 1, 1, 2, 5.5, 8, 9])


class World:
    """The rooms and users of a sample, and its random generator."""

    def __init__(self, events: int, seed: int, disorder: float, ends: float) -> None:
        if events < 0 or not 0 <= disorder <= 1 or not 0 <= ends <= 1:
            raise ValueError(
                f"cannot generate {events} events, {disorder} of them late, {ends} of the meetings with an end"
            )
        self.events = events
        self.disorder = disorder
        self.ends = ends
        self.rng = np.random.default_rng(seed)
        self.scramble = np.uint64(self.rng.integers(2**63))
        self.users = max(8, events // EVENTS_PER_USER)
        self.connections = 0
        rooms = max(2, events // EVENTS_PER_ROOM)
        popularity = 1.0 / (self.rng.permutation(rooms) / rooms + 0.007)
        self.popularity = np.cumsum(popularity / popularity.sum())
        self.time_zone_ms = (self.rng.choice(_TIME_ZONES, rooms) * HOUR).astype(np.int64)
        self.first_regular = self.rng.integers(self.users, size=rooms)
        self.in_whole_seconds: Mask = self.rng.random(rooms) < 0.1
        self.width = len(str(rooms - 1))

    def connect(self, count: int) -> Ints:
        """Return the numbers of new connections."""
        self.connections += count
        return np.arange(self.connections - count, self.connections)


class Meetings(NamedTuple):
    """Rooms, starts (ms) and lengths (ms) of planned meetings, and their numbers of participants."""

    room: Ints
    start: Ints
    length: Ints
    size: Ints


class Stays(NamedTuple):
    """Stays of users in rooms (ms). The stays of one meeting are adjacent."""

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
    """Reported events, in columns. `arrival` (ms) is when a source sends them."""

    room: Ints
    connection: Ints
    user: Ints
    kind: Ints
    at: Ints
    arrival: Ints

    @classmethod
    def empty(cls) -> "Events":
        return cls(*(np.empty(0, np.int64) for _ in cls._fields))

    @classmethod
    def concatenated(cls, parts: "list[Events]") -> "Events":
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def where(self, which: Mask | Ints | slice) -> "Events":
        return Events(*(column[which] for column in self))
