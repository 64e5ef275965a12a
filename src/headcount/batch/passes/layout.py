"""Layout: how events, stays and meetings lie in memory while they are worked on.

Only names, types and sizes. Events lie room by room, and within a room in order of time;
stays and meetings follow the same order of rooms. Rows are positions in the input, from which
names are fetched at the very end.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Int8s = NDArray[np.int8]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]

NO_ROW = -1

# One event is four words: (moment and marks, key of the participant (two words), row).
WORDS = 4
WORD, KEY_LOW, KEY_HIGH, ROW = range(WORDS)

# The first word: milliseconds shifted up, and below them what is asked of every event.
MOMENT_SHIFT = 8
KIND_BITS = 3
KIND_JOIN, KIND_LEAVE, KIND_END = range(3)
INFERRED_SHIFT = 2
INFERRED_BITS = 3 << INFERRED_SHIFT
USER_ID_KNOWN = 1 << 4
USER_NAME_KNOWN = 1 << 5
IMPLIED = 1 << 6
"""This join was not reported by itself: a leave that knows its join stands for it, too (R1)."""
NAMES_KNOWN = USER_ID_KNOWN | USER_NAME_KNOWN

# How a stay was left. The first is no way: it goes on.
STILL_IN, REPORTED, ROOM_ENDED, SNAPSHOT, TIMEOUT, SUPERSEDED, DROPPED = range(7)
LEFT_BY_WORDS = ("reported", "room_ended", "snapshot", "timeout", "superseded")
FIRST_INFERRED = SNAPSHOT - 1
"""What to add to an event's `inferred` (1 snapshot, 2 timeout, 3 superseded) to say how a stay was left."""

ALPHABETICAL = np.array([9, 0, 2, 1], dtype=np.int64)
"""The rank of each `inferred` word: of several reasons the first by alphabet is told."""

# An entry of a meeting is four words, too: it is written over the events of its room, which are no
# longer needed by then. The row and how it was left share a word, the way it was left being above;
# so do the rows that know the user's id and, above, the name.
JOIN, LEAVE, ROW_AND_LEFT_BY, NAME_ROWS = range(WORDS)
ABOVE = 32
BELOW = (1 << ABOVE) - 1

# How many meetings a room has, and how many entries these have.
MEETINGS, ENTRIES = range(2)
FOUND = 2

# What was ignored, and why: positions in an array of counts.
REPEATED_JOINS, ORPHAN_LEAVES, DELIVERED_TWICE, CANCELLED, OUTRANKED = range(5)
OVERTURNED, ENDS_OF_NOBODY, VOID_STAYS, PENDING_STAYS, NAME_TIES = range(5, 10)
TALLIES = 10


class Names(NamedTuple):
    """What the rows say of names: dictionary codes, -1 where it is not known; no rows at all where
    the input has no such column. The ranks order the codes by alphabet and are empty until needed.
    A participant's id is its code, if there are codes, else a stretch of `text`.
    """

    participant: Int32s
    offsets: Int64s
    text: NDArray[np.uint8]
    words: NDArray[np.uint64]
    user_id: Int32s
    user_name: Int32s
    session: Int32s
    user_id_rank: Int32s
    user_name_rank: Int32s
    session_rank: Int32s


class Stays(NamedTuple):
    """One row for every stay of a room, by join."""

    join: Int64s
    leave: Int64s
    left_by: Int8s
    row: Int32s
    user_id_row: Int32s
    user_name_row: Int32s
    session: Int32s
    follows: Int32s
    """The stay before, in a chain of stays that a reported leave would turn into one; else -1."""


class Meetings(NamedTuple):
    """One row for every meeting; room by room, by start."""

    start: Int64s
    end: Int64s
    most: Int32s
    entries: Int32s
    participant_ms: Int64s
    until: Int64s
    """Where the entries end."""


class People(NamedTuple):
    """A hash table of the participants of one room, and where each of them stands."""

    low: NDArray[np.uint64]
    high: NDArray[np.uint64]
    taken: Int8s
    row: Int32s
    phase: Int8s
    stay: Int32s
    doubted: Int32s
    doubted_last: Int32s
    whole_user_id_row: Int32s
    whole_user_name_row: Int32s
    active_at: Int32s
    said_at: Int32s


class Said(NamedTuple):
    """What was said at one instant, one row for every participant of whom something was."""

    place: Int32s
    signs: Int32s
    times: Int32s
    reason: Int32s
    implied: Int32s
    names: NDArray[np.int32]
    """Rows (user id, user name) and session code, from joins and from leaves: 6 columns."""


def said_of(size: int) -> Said:
    place, signs, times, reason, implied = _rows(size, "44444")
    return Said(place, signs, times, reason, implied, np.empty((size, 6), np.int32))


def people_of(size: int) -> People:
    """An empty table of `size` places, a power of two."""
    people = People(*_rows(size, "UU1414444444"))
    people.taken[:] = 0
    return people


def stays_of(size: int) -> Stays:
    return Stays(*_rows(size, "88144444"))


def meetings_of(size: int) -> Meetings:
    return Meetings(*_rows(size, "884488"))


_TYPES: Final = {"1": np.int8, "4": np.int32, "8": np.int64, "U": np.uint64}


def _rows(size: int, types: str) -> Any:
    """One array of `size` for each letter: the bytes of its numbers, or U for words of bits."""
    return tuple(np.empty(size, _TYPES[letter]) for letter in types)
