"""Folding: the stays of one room to its meetings, and who is listed in each.

Feeds the compiled rules with one head count after the other, as `kernel/sittings.py` does
for the live room.
"""

from typing import Any

import numpy as np

from headcount.batch.compiled import compiled, count, due, falls_due, is_void, lapse
from headcount.batch.layout import DROPPED, STILL_IN
from headcount.kernel.rules import EMPTY, NEVER


@compiled
def counts(stays: Any, stay: Any, rules: Any, as_of: Any) -> Any:
    """Whether a stay counts as of `as_of`: neither void (R4) nor pending (R14) nor taken back."""
    left_by = stays.left_by[stay]
    if left_by == DROPPED:
        return False
    leave = as_of if left_by == STILL_IN else stays.leave[stay]
    return not is_void(stays.join[stay], leave, rules)


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
def fold(stays: Any, first: Any, last: Any, closings: Any, closed: Any, n_closings: Any, rules: Any,
         horizon: Any, as_of: Any, meetings: Any, at: Any) -> Any:
    """Write the meetings decided before `horizon` to `meetings` from `at` on; return where they end."""
    state = EMPTY
    moment = NEVER
    n = 0
    i = first
    c = 0
    while True:
        while i < last and not counts(stays, i, rules, as_of):
            i += 1
        while c < n_closings and not is_closing(stays, closed[c], closings[c], rules):
            c += 1
        t = NEVER
        if i < last:
            t = stays.join[i]
        if c < n_closings and closings[c] < t:
            t = closings[c]
        if t >= horizon:
            break
        while i < last and stays.join[i] == t:
            if counts(stays, i, rules, as_of):
                n += 1
            i += 1
        while c < n_closings and closings[c] == t:
            if is_closing(stays, closed[c], t, rules):
                n -= 1
            c += 1
        if n == state.people:
            continue
        if falls_due(state, moment, t, n):
            before = state
            state = lapse(before, rules)
            if before.stands:
                at = write(meetings, at, before, moment)
        before = state
        state = count(before, t, n)
        if n == 0 and before.stands:
            at = write(meetings, at, before, t)
        moment = due(state, rules)
    if moment < horizon:
        before = state
        state = lapse(before, rules)
        if before.stands:
            at = write(meetings, at, before, moment)
    if state.stands:
        at = write(meetings, at, state, NEVER)
    return at


@compiled
def is_closing(stays: Any, stay: Any, t: Any, rules: Any) -> Any:
    """Whether at `t` a stay that counts ended: a leave that was overturned is none."""
    if stays.left_by[stay] == DROPPED or stays.leave[stay] != t:
        return False
    return not is_void(stays.join[stay], t, rules)


@compiled
def write(meetings: Any, at: Any, state: Any, end: Any) -> Any:
    meetings.start[at] = state.began
    meetings.end[at] = end
    meetings.most[at] = state.most
    meetings.entries[at] = 0
    meetings.participant_ms[at] = 0
    return at + 1


@compiled
def count_entries(stays: Any, first: Any, last: Any, rules: Any, horizon: Any, as_of: Any, meetings: Any,
                  at: Any, until: Any) -> None:
    """How many stays each meeting lists, and for how long in all (R11)."""
    m = at
    for stay in range(first, last):
        join = stays.join[stay]
        if join >= horizon or not counts(stays, stay, rules, as_of):
            continue
        while m < until and meetings.end[m] <= join:
            m += 1
        leave = stays.leave[stay]
        k = m
        while k < until and meetings.start[k] < leave:
            meetings.entries[k] += 1
            meetings.participant_ms[k] += min(leave, meetings.end[k], as_of) - max(join, meetings.start[k])
            k += 1


@compiled
def list_entries(stays: Any, first: Any, last: Any, rules: Any, horizon: Any, as_of: Any, meetings: Any,
                 at: Any, until: Any, position: Any, entries: Any) -> None:
    """Write the entries of each meeting from `position[meeting]` on, by join (R11)."""
    m = at
    for stay in range(first, last):
        join = stays.join[stay]
        if join >= horizon or not counts(stays, stay, rules, as_of):
            continue
        while m < until and meetings.end[m] <= join:
            m += 1
        leave = stays.leave[stay]
        k = m
        while k < until and meetings.start[k] < leave:
            p = position[k]
            position[k] = p + 1
            end = meetings.end[k]
            entries.join[p] = max(join, meetings.start[k])
            entries.leave[p] = min(leave, end)
            goes_on = leave > end
            entries.left_by[p] = STILL_IN if goes_on else stays.left_by[stay]
            entries.row[p] = stays.row[stay]
            entries.user_id_row[p] = stays.user_id_row[stay]
            entries.user_name_row[p] = stays.user_name_row[stay]
            k += 1


@compiled
def order_ties(entries: Any, first: Any, last: Any, codes: Any, offsets: Any, text: Any) -> None:
    """Put the entries of one meeting that joined at one moment in order of `participant_id` (R11)."""
    i = first
    while i < last:
        j = i + 1
        while j < last and entries.join[j] == entries.join[i]:
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
    a, b = entries.row[i], entries.row[j]
    if codes.shape[0]:
        a, b = codes[a], codes[b]
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
    entries.leave[i], entries.leave[j] = entries.leave[j], entries.leave[i]
    entries.left_by[i], entries.left_by[j] = entries.left_by[j], entries.left_by[i]
    entries.row[i], entries.row[j] = entries.row[j], entries.row[i]
    entries.user_id_row[i], entries.user_id_row[j] = entries.user_id_row[j], entries.user_id_row[i]
    entries.user_name_row[i], entries.user_name_row[j] = entries.user_name_row[j], entries.user_name_row[i]
