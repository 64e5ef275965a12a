"""Partition of events by room, and the passes over each room, compiled.

Responsible for a counting sort by room, which keeps the order of the input (nearly always that of time; only a room
out of order is sorted), and for calling the passes of each room in their order. Must not know what they decide.
Measured: gathering all that is needed of an event into 32 bytes, written once, keeps every later pass within the
cache.
"""

from typing import Any

import numpy as np

from headcount.batch.passes.attributes import IS_FULL
from headcount.batch.passes.hash_keys import key_of
from headcount.batch.passes.jit import compiled, entry
from headcount.batch.passes.layout import (
    APART_COUNT,
    ATTRIBUTES_KNOWN,
    CLOSINGS,
    COUNTERS,
    CURSORS,
    DROPPED,
    EMPTY_AT,
    ENTRY_COUNT,
    FIRST_AT,
    FIRST_INFERRED,
    IMPLIED,
    INFERRED_SHIFT,
    IS_CLOSED,
    KEY_HIGH,
    KEY_LOW,
    KIND_END,
    LAST_AT,
    MEETING_COUNT,
    NO_ROW,
    PENDING_STAYS,
    ROW,
    SHORT_STAYS,
    STAYS,
    STILL_IN,
    TIME_SHIFT,
    USER_ID_KNOWN,
    USER_NAME_KNOWN,
    WORD,
    WORDS,
    Cutoff,
    EventColumns,
    Int8s,
    Int64Rows,
    Int64s,
    Meetings,
    Names,
    PairingState,
    RoomEvents,
    Stays,
    WordRows,
)
from headcount.batch.passes.meetings import (
    count_entries,
    counts,
    fold,
    order_ties,
    undecided_from,
    write_entries,
)
from headcount.batch.passes.stays import pair
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER, Rules


@entry
def count_rooms(first: int, last: int, columns: EventColumns, as_of: Ms, sizes: Int64s) -> None:
    """Count the events of each room in rows first..last-1. A leave with `joined_at` is two (R1)."""
    at, joined_at, room, rank = columns.at, columns.joined_at, columns.room, columns.rank
    for row in range(first, last):
        if at[row] <= as_of:
            sizes[rank[room[row]]] += 2 if joined_at.shape[0] and joined_at[row] != NEVER else 1


@entry
def scatter(
    first: int, last: int, columns: EventColumns, as_of: Ms, position: Int64s, events: WordRows
) -> None:
    """Write the events of rows first..last-1 among those of their rooms, from `position[room]` on."""
    at, kind, inferred, joined_at = columns.at, columns.kind, columns.inferred, columns.joined_at
    room, rank, names = columns.room, columns.rank, columns.names
    participant, offsets, words = names.participant, names.offsets, names.words
    user_id, user_name, attributes = names.user_id, names.user_name, names.attributes
    has_inferred, has_joins, has_codes = (
        inferred.shape[0] > 0,
        joined_at.shape[0] > 0,
        participant.shape[0] > 0,
    )
    has_ids, has_names = user_id.shape[0] > 0, user_name.shape[0] > 0
    has_attributes = attributes.shape[0] > 0
    for row in range(first, last):
        t = at[row]
        if t > as_of:
            continue
        flags = np.int64(kind[row])
        if has_inferred:
            flags |= np.int64(inferred[row]) << INFERRED_SHIFT
        if has_ids and user_id[row] != NO_ROW:
            flags |= USER_ID_KNOWN
        if has_names and user_name[row] != NO_ROW:
            flags |= USER_NAME_KNOWN
        if has_attributes and attributes[row] != NO_ROW:
            flags |= ATTRIBUTES_KNOWN
        low, high = np.uint64(0), np.uint64(0)
        if kind[row] != KIND_END:
            if has_codes:
                low = np.uint64(participant[row])
            else:
                low, high = key_of(offsets[row], offsets[row + 1], words)
        place = rank[room[row]]
        p = position[place]
        position[place] = p + 1
        events[p, WORD] = np.uint64((t << TIME_SHIFT) | flags)
        events[p, KEY_LOW] = low
        events[p, KEY_HIGH] = high
        events[p, ROW] = np.uint64(row)
        if has_joins and joined_at[row] != NEVER:
            # The same event as a join: the kind is in the lowest bits, and a join's is 0.
            flags = ((flags >> INFERRED_SHIFT) << INFERRED_SHIFT) | IMPLIED
            position[place] = p + 2
            events[p + 1, WORD] = np.uint64((joined_at[row] << TIME_SHIFT) | flags)
            events[p + 1, KEY_LOW] = low
            events[p + 1, KEY_HIGH] = high
            events[p + 1, ROW] = np.uint64(row)


@compiled
def sort_by_time(events: WordRows, spare: WordRows) -> None:
    """Sort the events of one room by time, by merging runs that are twice as long each time, with `spare` for a copy of one."""
    size = events.shape[0]
    width = 1
    while width < size:
        first = 0
        while first + width < size:
            middle, last = first + width, min(first + 2 * width, size)
            if events[middle - 1, WORD] > events[middle, WORD]:
                merge_runs(events, first, middle, last, spare)
            first = last
        width *= 2


@compiled
def merge_runs(events: WordRows, first: int, middle: int, last: int, spare: WordRows) -> None:
    """Merge the sorted events first..middle-1 and middle..last-1."""
    for i in range(first, middle):
        copy_event(events, i, spare, i - first)
    left, right, to = 0, middle, first
    while left < middle - first and right < last:
        if events[right, WORD] < spare[left, WORD]:
            copy_event(events, right, events, to)
            right += 1
        else:
            copy_event(spare, left, events, to)
            left += 1
        to += 1
    while left < middle - first:
        copy_event(spare, left, events, to)
        left += 1
        to += 1


@compiled
def copy_event(source: WordRows, row: int, to: WordRows, place: int) -> None:
    """Copy an event to another place."""
    for w in range(WORDS):
        to[place, w] = source[row, w]


@compiled
def is_in_order(events: WordRows) -> bool:
    """Return whether events are in order of time, the instant being all that matters."""
    shift = np.uint64(TIME_SHIFT)
    for i in range(1, events.shape[0]):
        if events[i - 1, WORD] >> shift > events[i, WORD] >> shift:
            return False
    return True


@entry
def sessionize_rooms(
    first: int,
    last: int,
    rooms: RoomEvents,
    state: PairingState,
    spare: WordRows,
    rules: Rules,
    as_of: Ms,
    empty_before: Ms,
    meetings: Meetings,
    next_meeting: int,
    careful: bool,
) -> tuple[int, int]:
    """Write the meetings, entries and other stays of rooms first..last-1, and their numbers to `rooms.counts`.

    Meetings are written from `next_meeting` on. Returns the room behind the last one that is complete, and the position
    behind the last meeting: before a room whose merged attributes have no room in `state.merges`, it returns early.
    `empty_before`: see `end_of_past`. `careful`: see `pair`. Stays are overwritten room by room, so that memory which is not needed is never touched.
    """
    stays, cursor = state.stays, state.cursor
    for room in range(first, last):
        start, end = rooms.starts[room], rooms.starts[room + 1]
        events = rooms.events[start:end]
        if not is_in_order(events):
            sort_by_time(events, spare)
        if end > start:
            # Entries replace the events below.
            rooms.counts[room, FIRST_AT] = events[0, WORD] >> np.uint64(TIME_SHIFT)
            rooms.counts[room, LAST_AT] = events[end - start - 1, WORD] >> np.uint64(TIME_SHIFT)
        size = 2
        while size < 2 * (end - start):
            size *= 2
        clear(state.participants.used, size)
        for k in range(CURSORS):
            cursor[k] = 0
        if state.names.attributes.shape[0]:
            copy_counters(state.counters, state.counters_before)
        pair(events, np.uint64(size - 1), state, careful)
        if state.merges.lengths[IS_FULL]:
            copy_counters(state.counters_before, state.counters)
            return room, next_meeting
        n_stays = cursor[STAYS]
        cutoff = Cutoff(rules, undecided_from(stays, n_stays, rules, as_of), as_of)
        meeting = fold(stays, n_stays, state.closings, cursor[CLOSINGS], cutoff, meetings, next_meeting)
        apart = count_entries(stays, n_stays, cutoff, meetings, next_meeting, meeting)
        count_ignored_stays(stays, n_stays, rules, as_of, state.counters)
        empty_at, is_closed = end_of_past(stays, n_stays, empty_before)
        needed = place_entries(meetings, next_meeting, meeting, start)
        if needed + apart <= end - start:
            write_entries(
                stays, n_stays, cutoff, meetings, next_meeting, meeting, rooms.entries, start + needed
            )
            order_all_ties(meetings, next_meeting, meeting, rooms.entries, state.names)
        rooms.counts[room, MEETING_COUNT], rooms.counts[room, ENTRY_COUNT] = meeting - next_meeting, needed
        rooms.counts[room, APART_COUNT] = apart
        rooms.counts[room, EMPTY_AT], rooms.counts[room, IS_CLOSED] = empty_at, is_closed
        next_meeting = meeting
    return last, next_meeting


@compiled
def clear(used: Int8s, size: int) -> None:
    """Empty the first places of a hash table."""
    for place in range(size):
        used[place] = 0


@compiled
def copy_counters(counters: Int64s, to: Int64s) -> None:
    """Copy all counters."""
    for k in range(COUNTERS):
        to[k] = counters[k]


@compiled
def place_entries(meetings: Meetings, first: int, last: int, start: int) -> Any:
    """Place the entries of a room's meetings one behind the other from `start` on; return their number."""
    place = start
    for m in range(first, last):
        meetings.until[m] = place
        place += meetings.entries[m]
    return place - start


@compiled
def order_all_ties(meetings: Meetings, first: int, last: int, entries: Int64Rows, names: Names) -> None:
    """Sort the entries with the same join in each of meetings first..last-1."""
    for m in range(first, last):
        until = meetings.until[m]
        order_ties(entries, until - meetings.entries[m], until, names.participant, names.offsets, names.text)


@compiled
def end_of_past(stays: Stays, size: int, before: Ms) -> Any:
    """Return when the room last became empty before a time, and whether it is empty for good.

    It is empty where nobody is in it, and every inferred leave until then is confirmed: nothing before has an effect on later stays.
    The time is NO_ROW if there is none.
    """
    empty_at, until = np.int64(NO_ROW), np.int64(NO_ROW)
    for stay in range(size):
        left_by = stays.left_by[stay]
        if left_by == DROPPED:
            continue
        if until < stays.join[stay] and until < before:
            empty_at = until
        end = stays.confirmed[stay] if left_by > FIRST_INFERRED else stays.leave[stay]
        until = max(until, end)
    if until < before:
        empty_at = until
    return empty_at, until < NEVER


@compiled
def count_ignored_stays(stays: Stays, size: int, rules: Rules, as_of: Ms, counters: Int64s) -> None:
    """Count the stays that are too short or pending."""
    join, leave, left_by = stays.join, stays.leave, stays.left_by
    for stay in range(size):
        if left_by[stay] != DROPPED and not counts(join[stay], leave[stay], left_by[stay], rules, as_of):
            counters[PENDING_STAYS if left_by[stay] == STILL_IN else SHORT_STAYS] += 1
