"""Sorting: events to the stretches of their rooms, and rooms to their meetings.

A counting sort by room keeps the order of the input, which is nearly always that of time;
only a room that is not in order is sorted. Measured: gathering all that is asked of an event
into 32 bytes, written once, is what keeps every later pass within the cache.
"""

from typing import Any

import numpy as np

from headcount.batch.passes.hash_keys import key_of
from headcount.batch.passes.jit import compiled
from headcount.batch.passes.layout import (
    DROPPED,
    ENTRIES,
    IMPLIED,
    INFERRED_SHIFT,
    KEY_HIGH,
    KEY_LOW,
    KIND_END,
    MEETINGS,
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
from headcount.batch.passes.meetings import (
    count_entries,
    counts,
    decided_before,
    fold,
    list_entries,
    order_ties,
)
from headcount.batch.passes.stays import pair
from headcount.batch.passes.transitions import CLOSINGS, CURSORS, STAYS
from headcount.kernel.rules import NEVER


@compiled
def count_rooms(
    first: Any, last: Any, room: Any, rank: Any, at: Any, joined_at: Any, as_of: Any, sizes: Any
) -> None:
    """How many facts there are of each room. A leave that knows its join is two (R1)."""
    for row in range(first, last):
        if at[row] <= as_of:
            sizes[rank[room[row]]] += 2 if joined_at.shape[0] and joined_at[row] != NEVER else 1


@compiled
def scatter(
    first: Any,
    last: Any,
    room: Any,
    rank: Any,
    at: Any,
    kind: Any,
    inferred: Any,
    joined_at: Any,
    names: Any,
    as_of: Any,
    position: Any,
    events: Any,
) -> None:
    """Write each event into the stretch of its room, from `position[room]` on."""
    participant, offsets, words = names.participant, names.offsets, names.words
    user_id, user_name = names.user_id, names.user_name
    has_guesses, has_joins, has_codes = (
        inferred.shape[0] > 0,
        joined_at.shape[0] > 0,
        participant.shape[0] > 0,
    )
    has_ids, has_names = user_id.shape[0] > 0, user_name.shape[0] > 0
    for row in range(first, last):
        t = at[row]
        if t > as_of:
            continue
        marks = np.int64(kind[row])
        if has_guesses:
            marks |= np.int64(inferred[row]) << INFERRED_SHIFT
        if has_ids and user_id[row] != NO_ROW:
            marks |= USER_ID_KNOWN
        if has_names and user_name[row] != NO_ROW:
            marks |= USER_NAME_KNOWN
        low, high = np.uint64(0), np.uint64(0)
        if kind[row] != KIND_END:
            if has_codes:
                low = np.uint64(participant[row])
            else:
                low, high = key_of(offsets[row], offsets[row + 1], words)
        place = rank[room[row]]
        p = position[place]
        position[place] = p + 1
        events[p, WORD] = np.uint64((t << MOMENT_SHIFT) | marks)
        events[p, KEY_LOW] = low
        events[p, KEY_HIGH] = high
        events[p, ROW] = np.uint64(row)
        if has_joins and joined_at[row] != NEVER:
            # The same event once more, as a join: the kind is in the lowest bits, and a join's is 0.
            marks = ((marks >> INFERRED_SHIFT) << INFERRED_SHIFT) | IMPLIED
            position[place] = p + 2
            events[p + 1, WORD] = np.uint64((joined_at[row] << MOMENT_SHIFT) | marks)
            events[p + 1, KEY_LOW] = low
            events[p + 1, KEY_HIGH] = high
            events[p + 1, ROW] = np.uint64(row)


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
def work(
    first: Any,
    last: Any,
    starts: Any,
    events: Any,
    entries: Any,
    people: Any,
    said: Any,
    active: Any,
    stays: Any,
    closings: Any,
    closed: Any,
    names: Any,
    rules: Any,
    as_of: Any,
    meetings: Any,
    found: Any,
    tallies: Any,
    careful: Any,
) -> Any:
    """Work out the meetings of rooms first..last-1 and their entries, and write to `found` how many
    there are. `entries` are the same words as `events`: a room's entries take the place of its
    events. Returns the number of meetings.

    Stays are forgotten room by room, so that memory which is not needed is never touched.
    """
    cursor = np.zeros(CURSORS, np.int64)
    next_meeting = 0
    for room in range(first, last):
        start, end = starts[room], starts[room + 1]
        own = events[start:end]
        put_in_order(own)
        size = 2
        while size < 2 * (end - start):
            size *= 2
        people.taken[:size] = 0
        cursor[:] = 0
        pair(
            own,
            people,
            np.uint64(size - 1),
            said,
            active,
            stays,
            closings,
            closed,
            names,
            cursor,
            tallies,
            careful,
        )
        until = cursor[STAYS]
        horizon = decided_before(stays, 0, until, rules, as_of)
        meeting = fold(
            stays,
            0,
            until,
            closings,
            closed,
            cursor[CLOSINGS],
            rules,
            horizon,
            as_of,
            meetings,
            next_meeting,
        )
        count_entries(stays, 0, until, rules, horizon, as_of, meetings, next_meeting, meeting)
        tally_stays(stays, 0, until, rules, as_of, tallies)
        needed = place_entries(meetings, next_meeting, meeting, start)
        if needed <= end - start:
            list_entries(stays, 0, until, rules, horizon, as_of, meetings, next_meeting, meeting, entries)
            order_all_ties(meetings, next_meeting, meeting, entries, names)
        found[room, MEETINGS], found[room, ENTRIES] = meeting - next_meeting, needed
        next_meeting = meeting
    return next_meeting


@compiled
def place_entries(meetings: Any, first: Any, last: Any, start: Any) -> Any:
    """Let the entries of a room's meetings lie one behind the other from `start` on; how many they are."""
    place = start
    for m in range(first, last):
        meetings.until[m] = place
        place += meetings.entries[m]
    return place - start


@compiled
def order_all_ties(meetings: Any, first: Any, last: Any, entries: Any, names: Any) -> None:
    for m in range(first, last):
        until = meetings.until[m]
        order_ties(entries, until - meetings.entries[m], until, names.participant, names.offsets, names.text)


@compiled
def tally_stays(stays: Any, first: Any, last: Any, rules: Any, as_of: Any, tallies: Any) -> None:
    join, leave, left_by = stays.join, stays.leave, stays.left_by
    for stay in range(first, last):
        if left_by[stay] != DROPPED and not counts(join[stay], leave[stay], left_by[stay], rules, as_of):
            tallies[PENDING_STAYS if left_by[stay] == STILL_IN else VOID_STAYS] += 1
