"""Meetings of one room from its stays, and the entries of each meeting, compiled.

Responsible for calling the compiled rules with one head count after the other (R4-R8), for what is undecided (R14),
and for the entries of each meeting and their order (R11): the counterpart of `kernel/sittings.py` and
`kernel/meetings.py`, which properties hold equal to it. Must not know events.
"""

from typing import Any

import numpy as np

from headcount.batch.passes.jit import compiled, due, expire, falls_due, is_too_short, step
from headcount.batch.passes.layout import (
    ABOVE,
    ABOVE_LEFT_BY,
    BELOW,
    DROPPED,
    JOIN,
    LEAVE,
    NAME_ROWS,
    ROW_AND_LEFT_BY,
    STILL_IN,
    WORDS,
    Bytes,
    Closings,
    Cutoff,
    Int32s,
    Int64Rows,
    Int64s,
    Meetings,
    Stays,
)
from headcount.kernel.events import Ms
from headcount.kernel.rules import EMPTY, NEVER, Rules, State


@compiled
def counts(join: Ms, leave: Ms, left_by: int, rules: Rules, as_of: Ms) -> Any:
    """Return whether a stay counts as of `as_of`: neither too short (R4) nor pending (R14) nor dropped (R3a)."""
    if left_by == DROPPED:
        return False
    return not is_too_short(join, as_of if left_by == STILL_IN else leave, rules)


@compiled
def undecided_from(stays: Stays, size: int, rules: Rules, as_of: Ms) -> Any:
    """Return the time from which on nothing is decided: the earliest pending join, or after `as_of` (R14)."""
    time = as_of + 1
    for stay in range(size - 1, -1, -1):
        if as_of - stays.join[stay] >= rules.min_stay_ms:
            break
        if stays.left_by[stay] == STILL_IN:
            time = stays.join[stay]
    return time


@compiled
def fold(
    stays: Stays, size: int, closings: Closings, n_closings: int, cutoff: Cutoff, meetings: Meetings, at: int
) -> Any:
    """Write the meetings of `size` stays to `meetings` from position `at` on; return the position behind the last."""
    join, leave, left_by = stays.join, stays.leave, stays.left_by
    closing_at, closing_stay = closings.at, closings.stay
    rules, horizon, as_of = cutoff.rules, cutoff.horizon, cutoff.as_of
    state = EMPTY
    due_at = NEVER
    n = 0
    i = 0
    c = 0
    while True:
        while i < size and not counts(join[i], leave[i], left_by[i], rules, as_of):
            i += 1
        # A closing does not count if its leave was overridden, or if its stay does not count.
        while c < n_closings and not (
            leave[closing_stay[c]] == closing_at[c]
            and counts(join[closing_stay[c]], leave[closing_stay[c]], left_by[closing_stay[c]], rules, as_of)
        ):
            c += 1
        t = join[i] if i < size else NEVER
        if c < n_closings and closing_at[c] < t:
            t = closing_at[c]
        if t >= horizon:
            break
        while i < size and join[i] == t:
            n += counts(join[i], leave[i], left_by[i], rules, as_of)
            i += 1
        while c < n_closings and closing_at[c] == t:
            stay = closing_stay[c]
            n -= leave[stay] == t and counts(join[stay], t, left_by[stay], rules, as_of)
            c += 1
        if n == state.head_count:
            continue
        if falls_due(state, due_at, t, n):
            before = state
            state = expire(before, rules)
            if before.is_meeting:
                at = write_meeting(meetings, at, before, due_at)
        before = state
        state = step(before, t, n)
        if n == 0 and before.is_meeting:
            at = write_meeting(meetings, at, before, t)
        due_at = due(state, rules)
    if due_at < horizon:
        before = state
        state = expire(before, rules)
        if before.is_meeting:
            at = write_meeting(meetings, at, before, due_at)
    if state.is_meeting:
        at = write_meeting(meetings, at, state, NEVER)
    return at


@compiled
def write_meeting(meetings: Meetings, at: int, state: State, end: Ms) -> Any:
    """Write one meeting at position `at`, without entries; return the next position."""
    meetings.start[at] = state.start
    meetings.end[at] = end
    meetings.max_participants[at] = state.max_participants
    meetings.entries[at] = 0
    meetings.participant_ms[at] = 0
    return at + 1


@compiled
def count_entries(stays: Stays, size: int, cutoff: Cutoff, meetings: Meetings, at: int, until: int) -> Any:
    """Count the entries of meetings at..until-1 and add up their durations (R11). Return the number of stays in none."""
    joins, leaves, left_by = stays.join, stays.leave, stays.left_by
    rules, horizon, as_of = cutoff.rules, cutoff.horizon, cutoff.as_of
    start, end, entries, participant_ms = (
        meetings.start,
        meetings.end,
        meetings.entries,
        meetings.participant_ms,
    )
    m = at
    apart = 0
    for stay in range(size):
        join, leave = joins[stay], leaves[stay]
        if join >= horizon or not counts(join, leave, left_by[stay], rules, as_of):
            continue
        while m < until and end[m] <= join:
            m += 1
        k = m
        while k < until and start[k] < leave:
            entries[k] += 1
            participant_ms[k] += min(leave, end[k], as_of) - max(join, start[k])
            k += 1
        apart += k == m
    return apart


@compiled
def write_entries(
    stays: Stays,
    size: int,
    cutoff: Cutoff,
    meetings: Meetings,
    at: int,
    until: int,
    entries: Int64Rows,
    apart: int,
) -> None:
    """Write the entries of meetings at..until-1 from `meetings.until` on, and stays in none from `apart` on, by join (R11)."""
    joins, leaves, left_by = stays.join, stays.leave, stays.left_by
    rows, user_id_rows, user_name_rows = stays.row, stays.user_id_row, stays.user_name_row
    attributes = stays.attributes
    rules, horizon, as_of = cutoff.rules, cutoff.horizon, cutoff.as_of
    start, end, next_entry = meetings.start, meetings.end, meetings.until
    m = at
    for stay in range(size):
        join, leave = joins[stay], leaves[stay]
        if join >= horizon or not counts(join, leave, left_by[stay], rules, as_of):
            continue
        while m < until and end[m] <= join:
            m += 1
        known = ((np.int64(attributes[stay]) + 1) << ABOVE_LEFT_BY) | np.int64(rows[stay])
        name_rows = (np.int64(user_name_rows[stay]) << ABOVE) | (np.int64(user_id_rows[stay]) & BELOW)
        k = m
        while k < until and start[k] < leave:
            p = next_entry[k]
            next_entry[k] = p + 1
            ended_by = np.int64(STILL_IN if leave > end[k] else left_by[stay])
            entries[p, JOIN] = max(join, start[k])
            entries[p, LEAVE] = min(leave, end[k])
            entries[p, ROW_AND_LEFT_BY] = known | (ended_by << ABOVE)
            entries[p, NAME_ROWS] = name_rows
            k += 1
        if k == m:
            entries[apart, JOIN], entries[apart, LEAVE] = join, leave
            entries[apart, ROW_AND_LEFT_BY] = known | (np.int64(left_by[stay]) << ABOVE)
            entries[apart, NAME_ROWS] = name_rows
            apart += 1


@compiled
def order_ties(
    entries: Int64Rows, first: int, last: int, codes: Int32s, offsets: Int64s, text: Bytes
) -> None:
    """Sort the entries of one meeting that have the same join by `participant_id` (R11)."""
    i = first
    while i < last:
        j = i + 1
        while j < last and entries[j, JOIN] == entries[i, JOIN]:
            j += 1
        if j > i + 1:
            sort_by_name(entries, i, j, codes, offsets, text)
        i = j


@compiled
def sort_by_name(
    entries: Int64Rows, first: int, last: int, codes: Int32s, offsets: Int64s, text: Bytes
) -> None:
    """Sort entries by participant with a heap sort: many may join in one second, and it needs no memory."""
    size = last - first
    for root in range(size // 2 - 1, -1, -1):
        sift(entries, first, root, size, codes, offsets, text)
    for end in range(size - 1, 0, -1):
        swap(entries, first, first + end)
        sift(entries, first, 0, end, codes, offsets, text)


@compiled
def sift(
    entries: Int64Rows, first: int, root: int, size: int, codes: Int32s, offsets: Int64s, text: Bytes
) -> None:
    """Move the entry at `root` down the heap to its place."""
    while True:
        child = 2 * root + 1
        if child >= size:
            return
        if child + 1 < size and is_before(entries, first + child, first + child + 1, codes, offsets, text):
            child += 1
        if not is_before(entries, first + root, first + child, codes, offsets, text):
            return
        swap(entries, first + root, first + child)
        root = child


@compiled
def is_before(entries: Int64Rows, i: int, j: int, codes: Int32s, offsets: Int64s, text: Bytes) -> Any:
    """Return whether the participant of entry i precedes that of entry j."""
    a, b = entries[i, ROW_AND_LEFT_BY] & BELOW, entries[j, ROW_AND_LEFT_BY] & BELOW
    if codes.shape[0]:
        a, b = np.int64(codes[a]), np.int64(codes[b])
    x, y = np.int64(offsets[a]), np.int64(offsets[b])
    x_end, y_end = np.int64(offsets[a + 1]), np.int64(offsets[b + 1])
    while x < x_end and y < y_end:
        if text[x] != text[y]:
            return text[x] < text[y]
        x += 1
        y += 1
    return x_end - x < y_end - y


@compiled
def swap(entries: Int64Rows, i: int, j: int) -> None:
    """Exchange two entries."""
    for w in range(WORDS):
        entries[i, w], entries[j, w] = entries[j, w], entries[i, w]
