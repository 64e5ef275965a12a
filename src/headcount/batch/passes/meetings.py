"""Folding: the stays of one room to its meetings, and who is listed in each.

Feeds the compiled rules with one head count after the other, as `kernel/sittings.py` does
for the live room.
"""

from typing import Any

import numpy as np

from headcount.batch.passes.jit import compiled, due, expire, falls_due, is_too_short, step
from headcount.batch.passes.layout import (
    ABOVE,
    BELOW,
    DROPPED,
    JOIN,
    LEAVE,
    NAME_ROWS,
    ROW_AND_LEFT_BY,
    STILL_IN,
    WORDS,
)
from headcount.kernel.rules import EMPTY, NEVER

# Everything that these loops touch is a local name: see `pair` in `pairing.py`.


@compiled
def counts(join: Any, leave: Any, left_by: Any, rules: Any, as_of: Any) -> Any:
    """Whether a stay counts as of `as_of`: neither void (R4) nor pending (R14) nor taken back."""
    if left_by == DROPPED:
        return False
    return not is_too_short(join, as_of if left_by == STILL_IN else leave, rules)


@compiled
def decided_before(stays: Any, first: Any, last: Any, rules: Any, as_of: Any) -> Any:
    """The moment from which on nothing is decided: the earliest pending join, or after `as_of` (R14)."""
    moment = as_of + 1
    for stay in range(last - 1, first - 1, -1):
        if as_of - stays.join[stay] >= rules.min_stay_ms:
            break
        if stays.left_by[stay] == STILL_IN:
            moment = stays.join[stay]
    return moment


@compiled
def fold(
    stays: Any,
    first: Any,
    last: Any,
    closings: Any,
    closed: Any,
    n_closings: Any,
    rules: Any,
    horizon: Any,
    as_of: Any,
    meetings: Any,
    at: Any,
) -> Any:
    """Write the meetings decided before `horizon` to `meetings` from `at` on; return where they end."""
    join, leave, left_by = stays.join, stays.leave, stays.left_by
    state = EMPTY
    moment = NEVER
    n = 0
    i = first
    c = 0
    while True:
        while i < last and not counts(join[i], leave[i], left_by[i], rules, as_of):
            i += 1
        # A closing is none if the leave was overturned, or if the stay does not count.
        while c < n_closings and not (
            leave[closed[c]] == closings[c]
            and counts(join[closed[c]], leave[closed[c]], left_by[closed[c]], rules, as_of)
        ):
            c += 1
        t = join[i] if i < last else NEVER
        if c < n_closings and closings[c] < t:
            t = closings[c]
        if t >= horizon:
            break
        while i < last and join[i] == t:
            n += counts(join[i], leave[i], left_by[i], rules, as_of)
            i += 1
        while c < n_closings and closings[c] == t:
            stay = closed[c]
            n -= leave[stay] == t and counts(join[stay], t, left_by[stay], rules, as_of)
            c += 1
        if n == state.head_count:
            continue
        if falls_due(state, moment, t, n):
            before = state
            state = expire(before, rules)
            if before.is_meeting:
                at = write(meetings, at, before, moment)
        before = state
        state = step(before, t, n)
        if n == 0 and before.is_meeting:
            at = write(meetings, at, before, t)
        moment = due(state, rules)
    if moment < horizon:
        before = state
        state = expire(before, rules)
        if before.is_meeting:
            at = write(meetings, at, before, moment)
    if state.is_meeting:
        at = write(meetings, at, state, NEVER)
    return at


@compiled
def write(meetings: Any, at: Any, state: Any, end: Any) -> Any:
    meetings.start[at] = state.start
    meetings.end[at] = end
    meetings.most[at] = state.max_participants
    meetings.entries[at] = 0
    meetings.participant_ms[at] = 0
    return at + 1


@compiled
def count_entries(
    stays: Any,
    first: Any,
    last: Any,
    rules: Any,
    horizon: Any,
    as_of: Any,
    meetings: Any,
    at: Any,
    until: Any,
) -> None:
    """How many stays each meeting lists, and for how long in all (R11)."""
    joins, leaves, left_by = stays.join, stays.leave, stays.left_by
    start, end, entries, participant_ms = (
        meetings.start,
        meetings.end,
        meetings.entries,
        meetings.participant_ms,
    )
    m = at
    for stay in range(first, last):
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


@compiled
def list_entries(
    stays: Any,
    first: Any,
    last: Any,
    rules: Any,
    horizon: Any,
    as_of: Any,
    meetings: Any,
    at: Any,
    until: Any,
    entries: Any,
) -> None:
    """Write the entries of each meeting before `until[meeting]`, by join (R11)."""
    joins, leaves, left_by = stays.join, stays.leave, stays.left_by
    rows, user_id_rows, user_name_rows = stays.row, stays.user_id_row, stays.user_name_row
    start, end, next_entry = meetings.start, meetings.end, meetings.until
    m = at
    for stay in range(first, last):
        join, leave = joins[stay], leaves[stay]
        if join >= horizon or not counts(join, leave, left_by[stay], rules, as_of):
            continue
        while m < until and end[m] <= join:
            m += 1
        k = m
        while k < until and start[k] < leave:
            p = next_entry[k]
            next_entry[k] = p + 1
            way = np.int64(STILL_IN if leave > end[k] else left_by[stay])
            entries[p, JOIN] = max(join, start[k])
            entries[p, LEAVE] = min(leave, end[k])
            entries[p, ROW_AND_LEFT_BY] = (way << ABOVE) | np.int64(rows[stay])
            entries[p, NAME_ROWS] = (np.int64(user_name_rows[stay]) << ABOVE) | (
                np.int64(user_id_rows[stay]) & BELOW
            )
            k += 1


@compiled
def order_ties(entries: Any, first: Any, last: Any, codes: Any, offsets: Any, text: Any) -> None:
    """Put the entries of one meeting that joined at one moment in order of `participant_id` (R11)."""
    i = first
    while i < last:
        j = i + 1
        while j < last and entries[j, JOIN] == entries[i, JOIN]:
            j += 1
        if j > i + 1:
            sort_by_name(entries, i, j, codes, offsets, text)
        i = j


@compiled
def sort_by_name(entries: Any, first: Any, last: Any, codes: Any, offsets: Any, text: Any) -> None:
    """A heap sort: many may join in one second, and it needs no room of its own."""
    size = last - first
    for root in range(size // 2 - 1, -1, -1):
        sift(entries, first, root, size, codes, offsets, text)
    for end in range(size - 1, 0, -1):
        swap(entries, first, first + end)
        sift(entries, first, 0, end, codes, offsets, text)


@compiled
def sift(entries: Any, first: Any, root: Any, size: Any, codes: Any, offsets: Any, text: Any) -> None:
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
def is_before(entries: Any, i: Any, j: Any, codes: Any, offsets: Any, text: Any) -> Any:
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
def swap(entries: Any, i: Any, j: Any) -> None:
    for w in range(WORDS):
        entries[i, w], entries[j, w] = entries[j, w], entries[i, w]
