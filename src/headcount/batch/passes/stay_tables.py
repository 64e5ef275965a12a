"""Stays from the entries of meetings: each stay once, as long as it lasted.

An entry is a stay clipped to one meeting, and a reset divides a stay among meetings (R7). So a stay is its first entry, with the
leave of its last one. A stay that counts and is in no meeting has an entry of its own.

Responsible for the order of stays, by room, join and `participant_id`, and for which stay continued into which meeting. Must not
know how entries are stored, or the columns of tables.
"""

from typing import Any, NamedTuple

import numpy as np

from headcount.batch.passes.jit import compiled, entry
from headcount.batch.passes.layout import NO_ROW, STILL_IN, Bytes, Int8s, Int32s, Int64s
from headcount.batch.passes.parallel import Result
from headcount.kernel.rules import NEVER


class Sittings(NamedTuple):
    """Meetings, and stays that are in none, each a sitting of its own: by room, then start.

    `begins` is the place of the first entry and `counts` their number. `meeting` is the number of the meeting, or NO_ROW.
    """

    room: Int32s
    start: Int64s
    end: Int64s
    begins: Int64s
    counts: Int32s
    meeting: Int64s

    def between(self, first: int, last: int) -> "Sittings":
        """Return sittings first..last-1."""
        return Sittings._make(column[first:last] for column in self)


def sittings_of(result: Result, begins: Int64s, apart_begins: Int64s, apart_joins: Int64s) -> Sittings:
    """Return the meetings of a result, with entries from `begins` on, and its other stays, with theirs at `apart_begins`."""
    apart_room, _ = result.apart()
    size = len(apart_room)
    room, start = np.concatenate([result.room, apart_room]), np.concatenate([result.start, apart_joins])
    together = Sittings(
        room,
        start,
        np.concatenate([result.end, np.full(size, NEVER)]),
        np.concatenate([begins, apart_begins]),
        np.concatenate([result.counts, np.ones(size, np.int32)]),
        np.concatenate([np.arange(len(result.start)), np.full(size, NO_ROW)]),
    )
    order = np.lexsort((start, room))
    return Sittings._make(column[order] for column in together)


class EntryColumns(NamedTuple):
    """The entries of some sittings, one behind the other. The ids of participants lie in `text`, from `offsets` on."""

    join: Int64s
    leave: Int64s
    left_by: Int8s
    offsets: Int64s
    text: Bytes


class FoundStays(NamedTuple):
    """Stays in their order. `first` is the first entry of each, `carried` the stay that continued into each sitting, or NO_ROW."""

    first: Int64s
    leave: Int64s
    left_by: Int8s
    carried: Int64s


def stays_in(sittings: Sittings, entries: EntryColumns) -> FoundStays:
    """Return the stays of complete rooms."""
    size = len(entries.join)
    found = FoundStays(
        np.empty(size, np.int64),
        np.empty(size, np.int64),
        np.empty(size, np.int8),
        np.empty(len(sittings.room), np.int64),
    )
    number = follow_stays(sittings, entries, np.empty(size, np.int64), found)
    return FoundStays(found.first[:number], found.leave[:number], found.left_by[:number], found.carried)


@entry
def follow_stays(sittings: Sittings, entries: EntryColumns, stay_of: Int64s, found: FoundStays) -> Any:
    """Write the stays to `found`, and the number of the stay of each entry; return the number of stays."""
    room, start, end, counts = sittings.room, sittings.start, sittings.end, sittings.counts
    join, leave, left_by = entries.join, entries.leave, entries.left_by
    stays = np.int64(0)
    first, last = np.int64(0), np.int64(0)
    for s in range(room.shape[0]):
        before, first = first, last
        last = first + counts[s]
        found.carried[s] = NO_ROW
        continued = np.int64(NO_ROW)
        if s and room[s] == room[s - 1] and end[s - 1] == start[s]:
            # A reset ended the meeting before, and one stay at most continued.
            for p in range(before, first):
                if leave[p] == start[s] and left_by[p] == STILL_IN:
                    continued = np.int64(p)
        for p in range(first, last):
            if continued != NO_ROW and join[p] == start[s] and is_same_participant(continued, p, entries):
                stay = stay_of[continued]
                found.carried[s] = stay
            else:
                stay = stays
                found.first[stay] = p
                stays += 1
            stay_of[p] = stay
            found.leave[stay], found.left_by[stay] = leave[p], left_by[p]
    return stays


@compiled
def is_same_participant(p: int, q: int, entries: EntryColumns) -> Any:
    """Return whether two entries are of one participant."""
    offsets, text = entries.offsets, entries.text
    size = offsets[p + 1] - offsets[p]
    if offsets[q + 1] - offsets[q] != size:
        return False
    for k in range(size):
        if text[offsets[p] + k] != text[offsets[q] + k]:
            return False
    return True
