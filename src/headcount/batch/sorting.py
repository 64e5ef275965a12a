"""Sorting: events to the stretches of their rooms, and rooms to their meetings.

A counting sort by room keeps the order of the input, which is nearly always that of time;
only a room that is not in order is sorted. Measured: gathering all that is asked of an event
into 32 bytes, written once, is what keeps every later pass within the cache.
"""

from typing import Any

import numpy as np

from headcount.batch.compiled import compiled
from headcount.batch.folding import (
    count_entries,
    counts,
    decided_before,
    fold,
    list_entries,
    order_ties,
)
from headcount.batch.keys import key_of
from headcount.batch.layout import (
    DROPPED,
    INFERRED_SHIFT,
    KEY_HIGH,
    KEY_LOW,
    KIND_END,
    KIND_JOIN,
    MOMENT_SHIFT,
    NO_ROW,
    PENDING_STAYS,
    ROW,
    STILL_IN,
    USER_ID_KNOWN,
    USER_NAME_KNOWN,
    VOID_STAYS,
    WORD,
    WORDS,
)
from headcount.batch.pairing import CLOSINGS, CURSORS, STAYS, pair
from headcount.kernel.rules import NEVER


@compiled
def count_rooms(first: Any, last: Any, room: Any, rank: Any, at: Any, joined_at: Any, as_of: Any,
                sizes: Any) -> None:
    """How many facts there are of each room. A leave that knows its join is two (R1)."""
    for row in range(first, last):
        if at[row] <= as_of:
            sizes[rank[room[row]]] += 2 if joined_at.shape[0] and joined_at[row] != NEVER else 1


@compiled
def scatter(first: Any, last: Any, room: Any, rank: Any, at: Any, kind: Any, inferred: Any,
            joined_at: Any, names: Any, as_of: Any, position: Any, events: Any) -> None:
    """Write each event into the stretch of its room, from `position[room]` on."""
    for row in range(first, last):
        if at[row] > as_of:
            continue
        marks = np.int64(kind[row])
        if inferred.shape[0]:
            marks |= np.int64(inferred[row]) << INFERRED_SHIFT
        if names.user_id.shape[0] and names.user_id[row] != NO_ROW:
            marks |= USER_ID_KNOWN
        if names.user_name.shape[0] and names.user_name[row] != NO_ROW:
            marks |= USER_NAME_KNOWN
        low, high = np.uint64(0), np.uint64(0)
        if kind[row] != KIND_END:
            if names.participant.shape[0]:
                low = np.uint64(names.participant[row])
            else:
                low, high = key_of(names.offsets[row], names.offsets[row + 1], names.text)
        place = rank[room[row]]
        p = position[place]
        position[place] = p + 1
        write(events, p, at[row], marks, low, high, row)
        if joined_at.shape[0] and joined_at[row] != NEVER:
            position[place] = p + 2
            # The kind is in the lowest bits, and that of a join is 0.
            write(events, p + 1, joined_at[row], (marks >> INFERRED_SHIFT) << INFERRED_SHIFT, low, high, row)


@compiled
def write(events: Any, p: Any, at: Any, marks: Any, low: Any, high: Any, row: Any) -> None:
    events[p, WORD] = np.uint64((at << MOMENT_SHIFT) | marks)
    events[p, KEY_LOW] = low
    events[p, KEY_HIGH] = high
    events[p, ROW] = np.uint64(row)


@compiled
def put_in_order(events: Any) -> None:
    """Sort the events of one room by time, if they are not."""
    size = events.shape[0]
    shift = np.uint64(MOMENT_SHIFT)
    i = 1
    while i < size and events[i - 1, WORD] >> shift <= events[i, WORD] >> shift:
        i += 1
    if i >= size:
        return
    order = np.argsort(events[:, WORD].copy(), kind="mergesort")
    unsorted = events.copy()
    for k in range(size):
        for w in range(WORDS):
            events[k, w] = unsorted[order[k], w]


@compiled
def work(first: Any, last: Any, starts: Any, events: Any, people: Any, said: Any, active: Any, stays: Any,
         closings: Any, closed: Any, names: Any, rules: Any, as_of: Any, meetings: Any, stay_ends: Any,
         meeting_ends: Any, horizons: Any, tallies: Any, careful: Any) -> None:
    """Work out the stays and meetings of rooms first..last-1."""
    cursor = np.zeros(CURSORS, np.int64)
    for room in range(first, last):
        start, end = starts[room], starts[room + 1]
        own = events[start:end]
        put_in_order(own)
        size = 2
        while size < 2 * (end - start):
            size *= 2
        people.taken[:size] = 0
        cursor[:] = 0
        cursor[STAYS] = start
        pair(own, people, np.uint64(size - 1), said, active, stays, closings, closed, names, cursor,
             tallies, careful)
        until = cursor[STAYS]
        stay_ends[room] = until
        horizon = decided_before(stays, start, until, rules, as_of)
        horizons[room] = horizon
        meeting_ends[room] = fold(stays, start, until, closings, closed, cursor[CLOSINGS], rules, horizon,
                                  as_of, meetings, start)
        count_entries(stays, start, until, rules, horizon, as_of, meetings, start, meeting_ends[room])
        tally_stays(stays, start, until, rules, as_of, tallies)


@compiled
def tally_stays(stays: Any, first: Any, last: Any, rules: Any, as_of: Any, tallies: Any) -> None:
    for stay in range(first, last):
        if stays.left_by[stay] != DROPPED and not counts(stays, stay, rules, as_of):
            tallies[PENDING_STAYS if stays.left_by[stay] == STILL_IN else VOID_STAYS] += 1


@compiled
def collect(rooms: Any, starts: Any, meeting_ends: Any, where: Any, room_of: Any) -> None:
    """The positions of all meetings, and their rooms, room after room."""
    k = 0
    for room in range(rooms):
        for m in range(starts[room], meeting_ends[room]):
            where[k] = m
            room_of[k] = room
            k += 1


@compiled
def list_rooms(first: Any, last: Any, starts: Any, stay_ends: Any, meeting_ends: Any, horizons: Any,
               stays: Any, rules: Any, as_of: Any, meetings: Any, position: Any, entries: Any) -> None:
    for room in range(first, last):
        list_entries(stays, starts[room], stay_ends[room], rules, horizons[room], as_of, meetings,
                     starts[room], meeting_ends[room], position, entries)


@compiled
def order_all_ties(first: Any, last: Any, bounds: Any, entries: Any, names: Any) -> None:
    for m in range(first, last):
        order_ties(entries, bounds[m], bounds[m + 1], names.participant, names.offsets, names.text)
