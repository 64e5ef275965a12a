"""Memory layout of events, stays and meetings in the compiled passes.

Responsible for names, types and sizes only. Must not know what the passes do. Events lie room by room, and within a
room in order of time; stays and meetings follow the same order of rooms. Int64Rows are positions in the input, from which
names are looked up at the very end.
"""

from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from headcount.kernel.events import Inferred, Ms
from headcount.kernel.rules import Rules

Int8s: TypeAlias = NDArray[np.int8]
Int32s: TypeAlias = NDArray[np.int32]
Int64s: TypeAlias = NDArray[np.int64]
Bytes: TypeAlias = NDArray[np.uint8]
Words: TypeAlias = NDArray[np.uint64]
WordRows: TypeAlias = Annotated[NDArray[np.uint64], 2]
Int64Rows: TypeAlias = Annotated[NDArray[np.int64], 2]

NO_ROW = -1

# One event is four words: (time and flags, key of the participant (two words), row).
WORDS = 4
WORD, KEY_LOW, KEY_HIGH, ROW = range(WORDS)

# The first word: milliseconds shifted up, and below them the flags that every event needs.
TIME_SHIFT = 8
KIND_BITS = 3
KIND_JOIN, KIND_LEAVE, KIND_END = range(3)
INFERRED_SHIFT = 2
INFERRED_BITS = 3 << INFERRED_SHIFT
USER_ID_KNOWN = 1 << 4
USER_NAME_KNOWN = 1 << 5
IMPLIED = 1 << 6
"""The join was not reported as an event: a leave with `joined_at` implies it (R1)."""
NAMES_KNOWN = USER_ID_KNOWN | USER_NAME_KNOWN
ATTRIBUTES_KNOWN = 1 << 7

# The way in which a stay ended. STILL_IN: it is open. DROPPED: it is part of another stay.
STILL_IN, REPORTED, ROOM_ENDED, SNAPSHOT, TIMEOUT, ROOM_RESTARTED, DROPPED = range(7)
LEFT_BY_NAMES = ("reported", "room_ended", "snapshot", "timeout", "room_restarted")
FIRST_INFERRED = SNAPSHOT - 1
"""Difference between an event's `inferred` (1 snapshot, 2 timeout, 3 room_restarted) and the way in which the stay ended."""

_REASONS = (Inferred.SNAPSHOT, Inferred.TIMEOUT, Inferred.ROOM_RESTARTED)
REASON_RANK = np.array([9, *map(sorted(_REASONS).index, _REASONS)], dtype=np.int64)
"""The rank of each `inferred` value: of several reasons the first by alphabet counts, as in the kernel."""

# An entry of a meeting is four words, too: it is written over the events of its room, which are no
# longer needed by then. The row, the way the stay ended and the code of its attributes plus 1 share a word,
# each above the one before; so do the row with the user's id and, above, the row with the name.
JOIN, LEAVE, ROW_AND_LEFT_BY, NAME_ROWS = range(WORDS)
ABOVE = 32
BELOW = (1 << ABOVE) - 1
LEFT_BY_BITS = 7
ABOVE_LEFT_BY = ABOVE + 3
MAX_ATTRIBUTES = (1 << (63 - ABOVE_LEFT_BY)) - 2
"""The largest code of attributes that an entry has room for."""

# Columns of the array of counts by room.
MEETING_COUNT, ENTRY_COUNT, APART_COUNT, FIRST_AT, LAST_AT, EMPTY_AT, IS_CLOSED = range(7)
ROOM_COUNTS = 7

# Positions in the array of counters: events that changed nothing, stays that do not count, and ties of names.
DUPLICATE_JOINS, ORPHAN_LEAVES, DUPLICATES, CANCELLED, OUTRANKED = range(5)
OVERRIDDEN, ENDS_OF_EMPTY_ROOMS, SHORT_STAYS, PENDING_STAYS, NAME_TIES = range(5, 10)
COUNTERS = 10

# Positions in `PairingState.cursor`: lengths that grow as a room is walked.
STAYS, CLOSINGS, ACTIVE, SIGNS_USED = range(4)
CURSORS = 4

# Columns of `InstantSigns.names`: those from joins, and FROM_LEAVES further those from leaves.
USER_ID, USER_NAME, SESSION, ATTRIBUTES = range(4)
FROM_LEAVES = 4
NAME_COLUMNS = 2 * FROM_LEAVES


class Names(NamedTuple):
    """The names in the rows: dictionary codes, -1 where unknown; empty where the input has no such column.

    The ranks order the codes by alphabet and are empty until needed. A participant's id is its code,
    if there are codes, else a part of `text`.
    """

    participant: Int32s
    offsets: Int64s
    text: Bytes
    words: Words
    user_id: Int32s
    user_name: Int32s
    session: Int32s
    attributes: Int32s
    user_id_rank: Int32s
    user_name_rank: Int32s
    session_rank: Int32s


class EventColumns(NamedTuple):
    """The columns of all events, one row each. `rank[room[row]]` is the number of the row's room."""

    at: Int64s
    kind: Int8s
    room: Int32s
    rank: Int32s
    inferred: Int8s
    joined_at: Int64s
    names: Names


class Stays(NamedTuple):
    """One row for each stay of a room, by join."""

    join: Int64s
    leave: Int64s
    left_by: Int8s
    row: Int32s
    user_id_row: Int32s
    user_name_row: Int32s
    session: Int32s
    attributes: Int32s
    follows: Int32s
    """The stay before, in a chain of stays that a reported leave would merge; else -1."""
    confirmed: Int64s
    """When an inferred leave was confirmed, or NEVER. Other stays have no value."""


class Closings(NamedTuple):
    """One row for each leave of a room, in order of time: when, and which stay."""

    at: Int64s
    stay: Int32s


class Meetings(NamedTuple):
    """One row for each meeting; room by room, by start."""

    start: Int64s
    end: Int64s
    max_participants: Int32s
    entries: Int32s
    participant_ms: Int64s
    until: Int64s
    """The position behind the last entry."""


class Participants(NamedTuple):
    """A hash table of the participants of one room, with the state of each."""

    low: Words
    high: Words
    used: Int8s
    row: Int32s
    phase: Int8s
    stay: Int32s
    unconfirmed: Int32s
    unconfirmed_last: Int32s
    merged_user_id_row: Int32s
    merged_user_name_row: Int32s
    merged_attributes: Int32s
    active_at: Int32s
    signs_at: Int32s


class InstantSigns(NamedTuple):
    """The signs of one instant, one row for each participant who has any."""

    place: Int32s
    signs: Int32s
    events: Int32s
    reason: Int32s
    implied: Int32s
    names: Annotated[NDArray[np.int32], 2]
    """Int64Rows (user id, user name) and codes (session, attributes), from joins and from leaves: 8 columns."""


class Merges(NamedTuple):
    """A hash table of attributes that result from two: see `attributes.py`. Expression n is `first[n]`, `second[n]`, `kind[n]`.

    `slots` has numbers plus 1, and 0 where it is free. `lengths` has the number of expressions, the number of codes, which
    expressions follow, and 1 if an expression had no room.
    """

    slots: Int32s
    first: Int32s
    second: Int32s
    kind: Int8s
    lengths: Int64s


class PairingState(NamedTuple):
    """The arrays that pairing the events of one room reads and writes."""

    participants: Participants
    signs: InstantSigns
    active: Int32s
    """The participants that an end of the room may affect."""
    stays: Stays
    closings: Closings
    names: Names
    merges: Merges
    cursor: Int64s
    counters: Int64s
    counters_before: Int64s
    """A copy of the counters, from which a room is walked again."""


class Cutoff(NamedTuple):
    """The rules and the time up to which they apply: nothing is decided from `horizon` on (R14)."""

    rules: Rules
    horizon: Ms
    as_of: Ms


class RoomEvents(NamedTuple):
    """The events of all rooms: those of room r lie in `events` from starts[r] to starts[r + 1].

    `entries` are the same words: the entries of a room replace its events, and after them come its stays in no meeting.
    `counts` has the number of meetings, of entries, and of these stays of each room, the times of the first and the last event,
    when it last became empty before some time (NO_ROW if never), and whether it is empty for good: see `end_of_past`.
    """

    starts: Int64s
    events: WordRows
    entries: Int64Rows
    counts: Int64Rows


def new_signs(size: int) -> InstantSigns:
    """Return room for the signs of `size` participants."""
    place, signs, events, reason, implied = _arrays(size, "44444")
    return InstantSigns(place, signs, events, reason, implied, np.empty((size, NAME_COLUMNS), np.int32))


def new_participants(size: int) -> Participants:
    """Return an empty table of `size` places, a power of two."""
    participants = Participants(*_arrays(size, "UU14144444444"))
    participants.used[:] = 0
    return participants


def new_stays(size: int) -> Stays:
    """Return room for `size` stays."""
    return Stays(*_arrays(size, "8814444448"))


def new_meetings(size: int) -> Meetings:
    """Return room for `size` meetings."""
    return Meetings(*_arrays(size, "884488"))


_TYPES: Final = {"1": np.int8, "4": np.int32, "8": np.int64, "U": np.uint64}


def _arrays(size: int, types: str) -> Any:
    """Return one array of `size` for each letter: the bytes of its numbers, or U for words of bits."""
    return tuple(np.empty(size, _TYPES[letter]) for letter in types)
